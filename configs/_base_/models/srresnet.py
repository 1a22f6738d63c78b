# SRResNet as in the paper, for its PSNR. LR is in [0, 1] and HR in [-1, 1] inside G, which the data need not know.
model = dict(
    type='SRGAN',
    G=dict(type='SRResNet', base_channels=64, blocks=16, scale=4, norm=dict(type='BN')),
    w_content=0.0,
    reconstruction=dict(type='L2Loss'),
    w_rec=1.0,
    init=dict(type='default'))

optim_wrapper = dict(G=dict(nets=('G',), optimizer=dict(type='Adam', lr=1e-4, betas=(0.9, 0.999), fused=True)))
