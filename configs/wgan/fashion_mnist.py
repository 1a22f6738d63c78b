# WGAN with clipped weights (Arjovsky et al., ICML 2017) on Fashion-MNIST, with networks that a CPU trains in minutes.
# toolbox prepare fashion_mnist && python tools/train.py configs/wgan/fashion_mnist.py
# Time: 6000 critic steps of batch 64, 4 minutes on one core. Metric: KID on a classifier of these clothes, see docs/proofs.md.
_base_ = ['../_base_/models/wgan.py', '../_base_/datasets/fashion_mnist_32.py']

data_root = 'data/fashion_mnist'
model = dict(G=dict(z_dim=64, out_channels=1, base_channels=16, size=32), D=dict(in_channels=1, base_channels=16, size=32),
             long_runs=dict(long=25, first=5, period=500))
optim_wrapper = dict(D=dict(optimizer=dict(lr=5e-4)), G=dict(optimizer=dict(lr=5e-4)))  # ten times the paper's
train_cfg = dict(max_iters=6000, val_interval=2000)
custom_hooks = [dict(type='EMAHook', nets=('G',), decay=0.99)]
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=2000), samples=dict(type='SampleHook', interval=1000))
