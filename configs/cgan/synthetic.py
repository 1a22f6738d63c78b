# A conditional DCGAN on the embedded world of shapes in gray: the class is given. No download, no GPU.
# python tools/train.py configs/cgan/synthetic.py
# Metric: share of samples that show the class asked for; see docs/proofs.md.
_base_ = ['../_base_/models/dcgan.py', '../_base_/datasets/shapes.py']

model = dict(G=dict(z_dim=32, out_channels=1, base_channels=16, size=32),
             D=dict(in_channels=1, base_channels=16, size=32), prior='normal', conditional=True)
optim_wrapper = dict(G=dict(optimizer=dict(lr=1e-3)), D=dict(optimizer=dict(lr=1e-3)))
train_dataloader = dict(dataset=dict(channels=1))
val_dataloader = dict(dataset=dict(channels=1))
val_evaluator = [dict(type='KID', pred='fake', target='img', size=512, features=dict(type='RandomFeatures'))]
train_cfg = dict(max_iters=3000, val_interval=1000)
param_scheduler = dict(type='LinearDecayLR', constant=1500, decay=1500, by_epoch=False)
custom_hooks = [dict(type='EMAHook', nets=('G',), decay=0.99)]
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=500), samples=dict(type='SampleHook', interval=500))
