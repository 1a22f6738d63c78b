# WGAN (weight clipping) on the embedded world of shapes. No download, no GPU.
# python tools/train.py configs/wgan/synthetic.py
# Metric: see docs/proofs.md. The rate is ten times the paper's, for a short run.
_base_ = ['../_base_/models/wgan.py', '../_base_/datasets/shapes.py']

model = dict(G=dict(z_dim=64, base_channels=16, size=32), D=dict(base_channels=16, size=32),
             long_runs=dict(long=25, first=5, period=500))
optim_wrapper = dict(D=dict(optimizer=dict(lr=5e-4)), G=dict(optimizer=dict(lr=5e-4)))
val_evaluator = [dict(type='KID', pred='fake', target='img', size=512, features=dict(type='RandomFeatures'))]
train_cfg = dict(max_iters=1800, val_interval=900)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=500), samples=dict(type='SampleHook', interval=500))
