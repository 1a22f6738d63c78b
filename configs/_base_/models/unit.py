# The networks and weights of the authors' later code. Encoders and decoders begin by He's rule, discriminators by N(0, 0.02).
_encoder = dict(type='MUNITContentEncoder', base_channels=64, downs=2, blocks=4)
_decoder = dict(type='UNITDecoder', base_channels=64, ups=2, blocks=4)
_discriminator = dict(type='MultiscaleLogits', base_channels=64, scales=3, layers=4)
# The domain-invariant perceptual loss, which w_vgg switches on; it needs the Caffe weights of VGG16 (docs/features.md).
_same = dict(type='PerceptualLoss', layers={'relu5_3': 1.0}, distance='l2', instance_norm=True, features=dict(type='CaffeVGG16'))
_he, _normal = dict(type='kaiming'), dict(type='normal', gain=0.02)

model = dict(
    type='UNIT',
    E_A=_encoder,
    E_B=_encoder,
    G_A=_decoder,
    G_B=_decoder,
    D_A=_discriminator,
    D_B=_discriminator,
    adversarial=dict(type='AdversarialLoss', mode='lsgan', scales='sum'),
    perceptual=_same,
    w_adv=1.0,
    w_rec=10.0,
    w_kl=0.01,
    w_cycle=10.0,
    w_kl_cycle=0.01,
    w_vgg=0.0,
    init=dict(E_A=_he, E_B=_he, G_A=_he, G_B=_he, D_A=_normal, D_B=_normal))

_adam = dict(type='Adam', lr=1e-4, betas=(0.5, 0.999), weight_decay=1e-4, fused=True)
optim_wrapper = dict(
    G=dict(nets=('E_A', 'E_B', 'G_A', 'G_B'), optimizer=_adam),
    D=dict(nets=('D_A', 'D_B'), optimizer=_adam))
