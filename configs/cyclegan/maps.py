# Zhu et al., CycleGAN, ICCV 2017: aerial photographs <-> maps.
# python tools/prepare_data.py maps && python tools/train.py configs/cyclegan/maps.py
# Time: 200 epochs of batch 1 (1096 iterations each). Metric: 26.8 % of Turkers fooled, map to photo (paper).
_base_ = ['../_base_/models/cyclegan.py', '../_base_/datasets/unpaired_256.py', '../_base_/schedules/linear_200e.py']

data_root = 'data/maps'

# The test folders hold pairs in the same order: the translation to B is scored against the truth.
val_evaluator = [dict(type='PSNR'), dict(type='SSIM'), dict(type='L1')]
train_cfg = dict(val_interval=20)
