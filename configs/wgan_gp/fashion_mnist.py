# WGAN-GP (Gulrajani et al., NeurIPS 2017) on Fashion-MNIST, with networks that a CPU trains in minutes.
# toolbox prepare fashion_mnist && python tools/train.py configs/wgan_gp/fashion_mnist.py
# Time: 8000 critic steps of batch 64, 6 minutes on one core. Metric: KID on a classifier of these clothes, see docs/proofs.md.
_base_ = ['../_base_/datasets/fashion_mnist_32.py']

data_root = 'data/fashion_mnist'
model = dict(
    type='WGAN',
    G=dict(type='DCGANGenerator', z_dim=64, out_channels=1, base_channels=16, size=32, norm=dict(type='BN')),
    D=dict(type='DCGANDiscriminator', in_channels=1, base_channels=16, size=32, norm=dict(type='none')),
    adversarial=dict(type='AdversarialLoss', mode='wgan-gp', penalty_weight=10.0),
    n_critic=3)
_adam = dict(type='Adam', lr=5e-4, betas=(0.0, 0.9), fused=True)
optim_wrapper = dict(D=dict(nets=('D',), optimizer=_adam), G=dict(nets=('G',), optimizer=_adam))
train_cfg = dict(max_iters=8000, val_interval=2000)
param_scheduler = dict(type='LinearDecayLR', constant=4000, decay=4000, by_epoch=False)
custom_hooks = [dict(type='EMAHook', nets=('G',), decay=0.99)]
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=2000), samples=dict(type='SampleHook', interval=500))
