# Wang et al., ESRGAN, ECCV workshops 2018: four times the side, on DIV2K (the authors: with Flickr2K and OutdoorSceneTraining).
# python tools/train.py configs/esrgan/x4.py --cfg-options data_root=data/sr load_from=work_dirs/esrgan/psnr_x4/iter_1000000.pth
# Time: 400,000 iterations, batch 16. Metric: PSNR / SSIM 28.27 / .7778 on Set5, 24.63 / .6491 on Set14 (RGB, MMagic).
_base_ = ['../_base_/models/esrgan.py', '../_base_/datasets/div2k_x4.py']

data_root = 'data/sr'
train_dataloader = dict(dataset=dict(pipeline=[dict(type='ScaledCrop', size=128), dict(type='RandomFlip'), dict(type='RandomTurn')]))
train_cfg = dict(max_iters=400_000, val_interval=10_000)
param_scheduler = dict(type='MultiStepLR', milestones=[50_000, 100_000, 200_000, 300_000], gamma=0.5, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=10_000), samples=dict(type='SampleHook', interval=10_000))
