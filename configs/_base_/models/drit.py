# The networks and weights of the authors' code, for images of 216x216 (contents of 54x54): the concat variant, for domains of
# like shapes. Two encoders and a generator serve both domains. model.w_ms=1: DRIT++, the default of the code since April 2019.
_judge = dict(type='MultiscaleLogits', base_channels=64, scales=3, layers=4, slope=0.01)

model = dict(
    type='DRIT',
    content=dict(type='DRITContentEncoder', base_channels=64, blocks=3),
    attribute=dict(type='DRITConcatAttributeEncoder', base_channels=64, style=8),
    G=dict(type='DRITConcatGenerator', base_channels=64, style=8, blocks=3),
    D_A=_judge,
    D_B=_judge,
    D_A2=_judge,
    D_B2=_judge,
    D_content=dict(type='ContentDiscriminator', size=54, layers=3, kernel=7),
    w_content=1.0,
    w_adv=1.0,
    w_cycle=10.0,
    w_rec=10.0,
    w_kl=0.01,
    w_latent=10.0,
    w_ms=0.0,
    d_iter=3,
    init=dict(type='normal', gain=0.02, only='convolution weights'))

_adam = dict(type='Adam', lr=1e-4, betas=(0.5, 0.999), weight_decay=1e-4, fused=True)
optim_wrapper = dict(
    G=dict(nets=('content', 'attribute', 'G'), optimizer=_adam),
    D=dict(nets=('D_A', 'D_B', 'D_A2', 'D_B2'), optimizer=_adam),
    D_content=dict(nets=('D_content',), optimizer=dict(_adam, lr=4e-5), clip_grad=dict(max_norm=5.0)))
