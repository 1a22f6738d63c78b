# The networks and weights of the paper for 256x256 images, without an encoder. The channels of the maps come from the data.
model = dict(
    type='GauGAN',
    G=dict(type='SPADEGenerator', base_channels=64, upsamplings=5, norm=dict(type='SPADE', base='SyncBN', hidden=128)),
    D=dict(type='MultiscaleDiscriminator', base_channels=64, scales=2, layers=3, spectral=True),
    adversarial=dict(type='AdversarialLoss', mode='hinge', scales='mean'),
    perceptual=dict(type='PerceptualLoss'),
    w_feat=10.0,
    w_vgg=10.0,
    # What the authors' code does on a GPU: spectrally normalised layers keep torch's weights (docs/spade.md).
    init=dict(type='xavier', gain=0.02, spectral='kept'))

# The paper says betas (0, 0.999); the authors used these.
optim_wrapper = dict(
    G=dict(nets=('G',), optimizer=dict(type='Adam', lr=1e-4, betas=(0.0, 0.9), fused=True)),
    D=dict(nets=('D',), optimizer=dict(type='Adam', lr=4e-4, betas=(0.0, 0.9), fused=True)))
