# ESRGAN on drawn pictures, 16x16 to 64x64: its network trained for PSNR, then with a relativistic discriminator. No download, no GPU.
# python tools/train.py configs/esrgan/synthetic.py
# Metric: PSNR 20.4 dB (seed 0), bicubic interpolation 19.2. The content loss is on pixels here, so that it does not fall in the second stage.
_base_ = ['../_base_/models/esrgan.py']

# No pretrained network: the distance to the picture itself in place of VGG's.
model = dict(G=dict(base_channels=16, blocks=2, growth=8), D=dict(size=64, base_channels=8, levels=4, hidden=32),
             perceptual=dict(_delete_=True, type='L1Loss'), w_content=1.0, w_adv=1e-2, pretrain_iters=600)
optim_wrapper = dict(G=dict(optimizer=dict(lr=1e-3)), D=dict(optimizer=dict(lr=2e-4)))
custom_hooks = [dict(type='EMAHook', nets=('G',), decay=0.98)]

_pairs = dict(type='SuperResolutionOf', scale=4)
_pictures = dict(type='SyntheticPhotographs', size=64)
train_dataloader = dict(batch_size=8, num_workers=0, dataset=dict(
    **_pairs, hr=dict(**_pictures, length=1000, split='train'), pipeline=[dict(type='RandomFlip')]))
val_dataloader = dict(batch_size=8, num_workers=0, dataset=dict(**_pairs, hr=dict(**_pictures, length=32, split='val')))
val_evaluator = [dict(type='PSNR'), dict(type='SSIM'), dict(type='PSNR', pred='bicubic', target='HR', prefix='bicubic')]

train_cfg = dict(max_iters=900, val_interval=300)
param_scheduler = dict(type='MultiStepLR', milestones=[600], gamma=0.1, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=300, save_best='PSNR'), samples=dict(type='SampleHook', interval=300))
