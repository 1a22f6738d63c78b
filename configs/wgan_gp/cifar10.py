# Gulrajani et al., Improved training of Wasserstein GANs, NeurIPS 2017: CIFAR-10 without labels, residual networks.
# python tools/train.py configs/wgan_gp/cifar10.py
# Time: 100,000 generator steps, 5 critic steps each, batch 64 (generator 128). Metric: Inception Score 7.86, FID 29.3 (TTUR paper).
_base_ = ['../_base_/datasets/cifar10.py']

data_root = 'data/cifar10'
model = dict(
    type='WGAN',
    G=dict(type='ResnetGANGenerator', z_dim=128, out_channels=3, base_channels=128, size=32, norm=dict(type='BN')),
    D=dict(type='ResnetCritic', in_channels=3, base_channels=128, norm=dict(type='none')),
    adversarial=dict(type='AdversarialLoss', mode='wgan-gp', penalty_weight=10.0),
    n_critic=5,
    G_batches=2,
    dequantize=1 / 128,
    init=dict(type='xavier_uniform', gain=1.0))

_adam = dict(type='Adam', lr=2e-4, betas=(0.0, 0.9), fused=True)
optim_wrapper = dict(D=dict(nets=('D',), optimizer=_adam), G=dict(nets=('G',), optimizer=_adam))
train_cfg = dict(max_iters=500000, val_interval=50000)
param_scheduler = dict(type='LinearDecayLR', constant=0, decay=500000, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=10000), samples=dict(type='SampleHook', interval=5000))
