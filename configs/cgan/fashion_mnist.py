# A conditional DCGAN (after Mirza, Osindero 2014) on Fashion-MNIST: the kind of clothes is given.
# toolbox prepare fashion_mnist && python tools/train.py configs/cgan/fashion_mnist.py
# Time: 4000 iterations of batch 64, 6 minutes on one core. Metric: share of samples that a classifier takes for the class asked for,
# and KID on its features, see docs/proofs.md.
_base_ = ['../_base_/models/dcgan.py', '../_base_/datasets/fashion_mnist_32.py']

data_root = 'data/fashion_mnist'
model = dict(G=dict(z_dim=64, out_channels=1, base_channels=16, size=32, classes=10), prior='normal',
             D=dict(in_channels=1, base_channels=16, size=32, classes=10, condition='projection'))
optim_wrapper = dict(G=dict(optimizer=dict(lr=5e-4)), D=dict(optimizer=dict(lr=5e-4)))
train_cfg = dict(max_iters=4000, val_interval=1000)
param_scheduler = dict(type='LinearDecayLR', constant=2000, decay=2000, by_epoch=False)
custom_hooks = [dict(type='EMAHook', nets=('G',), decay=0.99)]
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1000), samples=dict(type='SampleHook', interval=500))
