# The GAN of fully connected layers (Goodfellow et al., NeurIPS 2014) on Fashion-MNIST, with Adam in place of SGD.
# toolbox prepare fashion_mnist && python tools/train.py configs/gan/fashion_mnist.py
# Time: 8000 iterations of batch 64, 4 minutes on one core. Metric: KID on a classifier of these clothes, see docs/proofs.md.
_base_ = ['../_base_/datasets/fashion_mnist_32.py']

data_root = 'data/fashion_mnist'
model = dict(
    type='GAN',
    G=dict(type='MLPGenerator', z_dim=64, out_channels=1, size=32, hidden=256, layers=2),
    D=dict(type='MLPDiscriminator', in_channels=1, size=32, hidden=256, layers=2, activation='leaky_relu', dropout=0.3),
    init=dict(type='default'))
_adam = dict(type='Adam', lr=2e-4, betas=(0.5, 0.999), fused=True)
optim_wrapper = dict(D=dict(nets=('D',), optimizer=_adam), G=dict(nets=('G',), optimizer=_adam))
train_cfg = dict(max_iters=8000, val_interval=2000)
custom_hooks = [dict(type='EMAHook', nets=('G',), decay=0.99)]
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=2000), samples=dict(type='SampleHook', interval=1000))
