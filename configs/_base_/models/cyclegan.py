# The networks and weights of the paper; D_A judges images of domain A. Identity: the authors' 0.5 is a fraction of the
# cycle weight 10, here weights are absolute.
_generator = dict(type='ResnetGenerator', base_channels=64, blocks=9, norm=dict(type='IN'))
_discriminator = dict(type='PatchDiscriminator', base_channels=64, layers=3, norm=dict(type='IN'))

model = dict(
    type='CycleGAN',
    G_AB=_generator,
    G_BA=_generator,
    D_A=_discriminator,
    D_B=_discriminator,
    adversarial=dict(type='AdversarialLoss', mode='lsgan'),
    w_cycle_A=10.0,
    w_cycle_B=10.0,
    w_identity_A=5.0,
    w_identity_B=5.0,
    pool_size=50,
    init=dict(type='normal', gain=0.02))

optim_wrapper = dict(
    G=dict(nets=('G_AB', 'G_BA'), optimizer=dict(type='Adam', lr=2e-4, betas=(0.5, 0.999), fused=True)),
    D=dict(nets=('D_A', 'D_B'), optimizer=dict(type='Adam', lr=2e-4, betas=(0.5, 0.999), fused=True)))
