# Ledig et al., SRGAN, CVPR 2017: four times the side, on DIV2K: SRResNet's training, then SRGAN-VGG54's.
# python tools/train.py configs/srgan/srgan_x4.py --cfg-options data_root=data/sr
# From a trained SRResNet: model.pretrain_iters=0 load_from=FILE train_cfg.max_iters=200_000 param_scheduler.milestones=[100_000]
# Time: 1,000,000 + 200,000 iterations, batch 16. Metric: PSNR / SSIM 29.40 / .8472 on Set5, 26.02 / .7397 on Set14, MOS 3.58, 3.72.
_base_ = ['../_base_/models/srgan.py', '../_base_/datasets/div2k_x4.py']

data_root = 'data/sr'
model = dict(pretrain_iters=1_000_000)
train_cfg = dict(max_iters=1_200_000, val_interval=10_000)
# 1e-5 in the last 100,000 iterations.
param_scheduler = dict(type='MultiStepLR', milestones=[1_100_000], gamma=0.1, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=10_000), samples=dict(type='SampleHook', interval=10_000))
