# DCGAN on the embedded world of shapes. No download, no GPU.
# python tools/train.py configs/dcgan/synthetic.py
# Metric: see docs/proofs.md for KID before and after.
_base_ = ['../_base_/models/dcgan.py', '../_base_/datasets/shapes.py']

model = dict(G=dict(z_dim=64, base_channels=16, size=32), D=dict(base_channels=16, size=32), prior='normal')
val_evaluator = [dict(type='KID', pred='fake', target='img', size=512, features=dict(type='RandomFeatures'))]
train_cfg = dict(max_iters=1200, val_interval=600)
custom_hooks = [dict(type='EMAHook', nets=('G',), decay=0.99)]
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=500), samples=dict(type='SampleHook', interval=500))
