# Wang et al., ESRGAN, ECCV workshops 2018: its network trained for PSNR, from which the adversarial training starts.
# python tools/train.py configs/esrgan/psnr_x4.py --cfg-options data_root=data/sr
# Time: 1,000,000 iterations, batch 16. Metric: PSNR / SSIM 30.64 / .8559 on Set5, 27.05 / .7447 on Set14 (RGB, MMagic).
_base_ = ['../_base_/models/rrdb.py', '../_base_/datasets/div2k_x4.py']

data_root = 'data/sr'
train_dataloader = dict(dataset=dict(pipeline=[dict(type='ScaledCrop', size=128), dict(type='RandomFlip'), dict(type='RandomTurn')]))
train_cfg = dict(max_iters=1_000_000, val_interval=10_000)
# The paper: halved every 200,000 iterations.
param_scheduler = dict(type='StepLR', step_size=200_000, gamma=0.5, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=10_000, save_best='PSNR'), samples=dict(type='SampleHook', interval=10_000))
