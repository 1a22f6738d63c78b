# DCGAN (Radford et al., ICLR 2016) on Fashion-MNIST, with networks that a CPU trains in minutes.
# toolbox prepare fashion_mnist && python tools/train.py configs/dcgan/fashion_mnist.py
# Time: 3000 iterations of batch 64, 4 minutes on one core. Metric: KID on a classifier of these clothes, see docs/proofs.md.
_base_ = ['../_base_/models/dcgan.py', '../_base_/datasets/fashion_mnist_32.py']

data_root = 'data/fashion_mnist'
model = dict(G=dict(z_dim=64, out_channels=1, base_channels=16, size=32), D=dict(in_channels=1, base_channels=16, size=32),
             prior='normal')
optim_wrapper = dict(G=dict(optimizer=dict(lr=5e-4)), D=dict(optimizer=dict(lr=5e-4)))
train_cfg = dict(max_iters=3000, val_interval=1000)
param_scheduler = dict(type='LinearDecayLR', constant=1500, decay=1500, by_epoch=False)
custom_hooks = [dict(type='EMAHook', nets=('G',), decay=0.99)]
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1000), samples=dict(type='SampleHook', interval=500))
