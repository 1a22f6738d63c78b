# Zhu et al., CycleGAN, ICCV 2017: street photographs <-> label maps.
# python tools/prepare_data.py cityscapes && python tools/train.py configs/cyclegan/cityscapes.py
# Time: 200 epochs of batch 1 (2975 iterations each). Metric: per-pixel accuracy .52, class IoU .11 (labels to photo, FCN score of the paper at 128 px).
_base_ = ['../_base_/models/cyclegan.py', '../_base_/datasets/unpaired_256.py', '../_base_/schedules/linear_200e.py']

data_root = 'data/cityscapes'

# The test folders hold pairs in the same order: the translation to B is scored against the truth.
val_evaluator = [dict(type='PSNR'), dict(type='SSIM'), dict(type='L1')]
train_cfg = dict(val_interval=20)
