# The networks and settings of the paper, with the 4x4 kernels of the usual PyTorch code.
model = dict(
    type='GAN',
    G=dict(type='DCGANGenerator', z_dim=100, base_channels=64, size=64, norm=dict(type='BN')),
    D=dict(type='DCGANDiscriminator', base_channels=64, size=64, norm=dict(type='BN')),
    adversarial=dict(type='AdversarialLoss', mode='vanilla'),
    prior='uniform',
    init=dict(type='normal', gain=0.02))

optim_wrapper = dict(
    G=dict(nets=('G',), optimizer=dict(type='Adam', lr=2e-4, betas=(0.5, 0.999), fused=True)),
    D=dict(nets=('D',), optimizer=dict(type='Adam', lr=2e-4, betas=(0.5, 0.999), fused=True)))
