# Ledig et al., SRGAN, CVPR 2017: SRResNet, four times the side, on DIV2K (the paper: 350,000 images of ImageNet).
# python tools/train.py configs/srgan/srresnet_x4.py --cfg-options data_root=data/sr
# Time: 1,000,000 iterations, batch 16. Metric: PSNR / SSIM 32.05 / .9019 on Set5, 28.49 / .8184 on Set14 (the paper's, on ImageNet).
_base_ = ['../_base_/models/srresnet.py', '../_base_/datasets/div2k_x4.py']

data_root = 'data/sr'
train_cfg = dict(max_iters=1_000_000, val_interval=10_000)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=10_000, save_best='PSNR'), samples=dict(type='SampleHook', interval=10_000))
