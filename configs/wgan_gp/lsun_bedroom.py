# Gulrajani et al., Improved training of Wasserstein GANs, NeurIPS 2017: bedrooms of LSUN, 64x64, residual networks.
# data_root: the published folder bedroom_train_lmdb (pip install lmdb), or a folder of image files.
# python tools/train.py configs/wgan_gp/lsun_bedroom.py
# Time: 200,000 generator steps, 5 critic steps each, batch 64. Metric: none published at this size.
_base_ = ['../_base_/datasets/images_64.py']

data_root = 'data/lsun_bedroom'
model = dict(
    type='WGAN',
    G=dict(type='ResnetGANGenerator', z_dim=128, out_channels=3, base_channels=64, size=64, doubling=True, norm=dict(type='BN')),
    D=dict(type='DeepResnetCritic', in_channels=3, base_channels=64, size=64, norm=dict(type='LN')),
    adversarial=dict(type='AdversarialLoss', mode='wgan-gp', penalty_weight=10.0),
    n_critic=5,
    init=dict(type='xavier_uniform', gain=1.0))

_adam = dict(type='Adam', lr=1e-4, betas=(0.0, 0.9), fused=True)
optim_wrapper = dict(D=dict(nets=('D',), optimizer=_adam), G=dict(nets=('G',), optimizer=_adam))
train_dataloader = dict(batch_size=64)
train_cfg = dict(max_iters=1000000, val_interval=50000)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=10000), samples=dict(type='SampleHook', interval=5000))
