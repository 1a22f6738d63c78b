# SinGAN of a drawn landscape of 64 pixels, with fewer and shorter scales. No download, no GPU.
# python tools/train.py configs/singan/synthetic.py
# Metric: see docs/singan.md.
_base_ = ['../_base_/models/singan.py']

model = dict(G=dict(base_channels=16, max_channels=32), D=dict(base_channels=16, max_channels=32), scale_iters=200)
_image = dict(type='SyntheticSingleImage', size=64, factor=0.6)
train_dataloader = dict(dataset=dict(**_image, length=200))
val_dataloader = dict(dataset=dict(**_image, length=8))
val_evaluator = [dict(type='PSNR', pred='rec', target='img')]
param_scheduler = dict(schedule=dict(milestones=[160]))
train_cfg = dict(val_interval=400)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=200), samples=dict(type='SampleHook', interval=200))
