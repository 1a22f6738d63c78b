# Zhu et al., CycleGAN, ICCV 2017: facade photographs <-> label maps.
# python tools/prepare_data.py facades && python tools/train.py configs/cyclegan/facades.py
# Time: 200 epochs of batch 1 (400 iterations each). Metric: FID 123.6, official code re-evaluated by MMGeneration.
_base_ = ['../_base_/models/cyclegan.py', '../_base_/datasets/unpaired_256.py', '../_base_/schedules/linear_200e.py']

data_root = 'data/facades'

# The test folders hold pairs in the same order: the translation to B is scored against the truth.
val_evaluator = [dict(type='PSNR'), dict(type='SSIM'), dict(type='L1')]
train_cfg = dict(val_interval=20)
