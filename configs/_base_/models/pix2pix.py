# The networks and weights of the authors' PyTorch code; D sees input and output together (3 + 3 channels).
model = dict(
    type='Pix2Pix',
    G=dict(type='UnetGenerator', base_channels=64, downs=8, norm=dict(type='BN'), dropout=0.5),
    D=dict(type='PatchDiscriminator', base_channels=64, layers=3, norm=dict(type='BN')),
    adversarial=dict(type='AdversarialLoss', mode='vanilla'),
    w_rec=100.0,
    init=dict(type='normal', gain=0.02),
    test_cfg=dict(dropout=True, norm='batch', seed=0))

optim_wrapper = dict(
    G=dict(nets=('G',), optimizer=dict(type='Adam', lr=2e-4, betas=(0.5, 0.999), fused=True)),
    D=dict(nets=('D',), optimizer=dict(type='Adam', lr=2e-4, betas=(0.5, 0.999), fused=True)))
