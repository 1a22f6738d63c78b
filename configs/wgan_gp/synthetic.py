# WGAN-GP on the embedded world of shapes. No download, no GPU.
# python tools/train.py configs/wgan_gp/synthetic.py
# Metric: see docs/proofs.md.
_base_ = ['../_base_/datasets/shapes.py']

model = dict(
    type='WGAN',
    G=dict(type='DCGANGenerator', z_dim=64, out_channels=3, base_channels=16, size=32, norm=dict(type='BN')),
    D=dict(type='DCGANDiscriminator', in_channels=3, base_channels=16, size=32, norm=dict(type='none')),
    adversarial=dict(type='AdversarialLoss', mode='wgan-gp', penalty_weight=10.0),
    n_critic=3)
_adam = dict(type='Adam', lr=5e-4, betas=(0.0, 0.9), fused=True)
optim_wrapper = dict(D=dict(nets=('D',), optimizer=_adam), G=dict(nets=('G',), optimizer=_adam))
val_evaluator = [dict(type='KID', pred='fake', target='img', size=512, features=dict(type='RandomFeatures'))]
train_cfg = dict(max_iters=1500, val_interval=750)
custom_hooks = [dict(type='EMAHook', nets=('G',), decay=0.99)]
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=500), samples=dict(type='SampleHook', interval=500))
