# The networks and weights of the authors' TensorFlow code. After attention_epochs the attention networks rest, and the
# discriminators see masked images without their norms: these have no gradient then, hence find_unused_parameters.
_generator = dict(type='AGGANGenerator', base_channels=32, blocks=9)
_attention = dict(type='AttentionNetwork', base_channels=32)
_discriminator = dict(type='AGGANDiscriminator', base_channels=64, layers=3)

model = dict(
    type='AGGAN',
    G_AB=_generator,
    G_BA=_generator,
    A_A=_attention,
    A_B=_attention,
    D_A=_discriminator,
    D_B=_discriminator,
    adversarial=dict(type='AdversarialLoss', mode='lsgan'),
    w_cycle=10.0,
    attention_epochs=30,
    threshold=0.1,
    pool_size=50,
    init=dict(type='truncated', gain=0.02))

_adam = dict(type='Adam', lr=1e-4, betas=(0.5, 0.999), fused=True)
optim_wrapper = dict(
    G=dict(nets=('G_AB', 'G_BA', 'A_A', 'A_B'), optimizer=_adam),
    D=dict(nets=('D_A', 'D_B'), optimizer=_adam))
find_unused_parameters = True
