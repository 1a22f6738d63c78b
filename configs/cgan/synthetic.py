# A conditional DCGAN on the embedded world of shapes: the class is given. No download, no GPU.
# python tools/train.py configs/cgan/synthetic.py
# Metric: share of samples that show the class asked for; see docs/proofs.md.
_base_ = ['../_base_/models/dcgan.py', '../_base_/datasets/shapes.py']

model = dict(G=dict(z_dim=64, base_channels=16, size=32, classes=6),
             D=dict(base_channels=16, size=32, classes=6, condition='projection'), prior='normal')
train_cfg = dict(max_iters=1200, val_interval=600)
custom_hooks = [dict(type='EMAHook', nets=('G',), decay=0.99)]
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=500), samples=dict(type='SampleHook', interval=500))
