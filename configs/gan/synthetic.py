# The GAN of fully connected layers on the embedded world of shapes. No download, no GPU.
# python tools/train.py configs/gan/synthetic.py
# Metric: none; convolutions draw shapes much better, see configs/dcgan/synthetic.py.
_base_ = ['../_base_/datasets/shapes.py']

model = dict(
    type='GAN',
    G=dict(type='MLPGenerator', z_dim=64, out_channels=3, size=32, hidden=256, layers=2),
    D=dict(type='MLPDiscriminator', in_channels=3, size=32, hidden=256, layers=2, activation='leaky_relu', dropout=0.3),
    init=dict(type='default'))
_adam = dict(type='Adam', lr=2e-4, betas=(0.5, 0.999), fused=True)
optim_wrapper = dict(D=dict(nets=('D',), optimizer=_adam), G=dict(nets=('G',), optimizer=_adam))
val_evaluator = [dict(type='KID', pred='fake', target='img', size=512, features=dict(type='RandomFeatures'))]
train_cfg = dict(max_iters=1500, val_interval=750)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=500), samples=dict(type='SampleHook', interval=500))
