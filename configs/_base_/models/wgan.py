# The networks and settings of the authors' code. An iteration is a critic step.
model = dict(
    type='WGAN',
    G=dict(type='DCGANGenerator', z_dim=100, base_channels=64, size=64, norm=dict(type='BN')),
    D=dict(type='DCGANDiscriminator', base_channels=64, size=64, norm=dict(type='BN')),
    clip=0.01,
    n_critic=5,
    long_runs=dict(long=100, first=25, period=500),
    init=dict(type='normal', gain=0.02))

optim_wrapper = dict(
    D=dict(nets=('D',), optimizer=dict(type='RMSprop', lr=5e-5)),
    G=dict(nets=('G',), optimizer=dict(type='RMSprop', lr=5e-5)))
