# The networks and weights of the authors' PyTorch code. Global discriminators have 5 layers of stride 2, local ones 3.
_generator = dict(type='UGATITGenerator', base_channels=64, blocks=4, image_size=256,
                  light=False, norm=dict(type='AdaLIN'), up_norm=dict(type='ILN'))
_global = dict(type='UGATITDiscriminator', base_channels=64, layers=5)
_local = dict(type='UGATITDiscriminator', base_channels=64, layers=3)

model = dict(
    type='UGATIT',
    G_AB=_generator,
    G_BA=_generator,
    D_GA=_global,
    D_LA=_local,
    D_GB=_global,
    D_LB=_local,
    adversarial=dict(type='AdversarialLoss', mode='lsgan'),
    w_adv=1.0,
    w_cycle=10.0,
    w_identity=10.0,
    w_cam=1000.0,
    init=dict(type='default'))

_adam = dict(type='Adam', lr=1e-4, betas=(0.5, 0.999), weight_decay=1e-4, fused=True)
optim_wrapper = dict(
    G=dict(nets=('G_AB', 'G_BA'), optimizer=_adam),
    D=dict(nets=('D_GA', 'D_LA', 'D_GB', 'D_LB'), optimizer=_adam))
