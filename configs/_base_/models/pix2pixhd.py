# The global generator and the weights of the paper, for images of 1024x512. The channels of the maps come from the data.
model = dict(
    type='Pix2PixHD',
    G=dict(type='Pix2PixHDGenerator', base_channels=64, downs=4, blocks=9, norm=dict(type='IN')),
    D=dict(type='MultiscaleDiscriminator', base_channels=64, scales=2, layers=3, norm=dict(type='IN')),
    adversarial=dict(type='AdversarialLoss', mode='lsgan', scales='sum'),
    perceptual=dict(type='PerceptualLoss'),
    w_feat=10.0,
    w_vgg=10.0,
    init=dict(type='normal', gain=0.02))

optim_wrapper = dict(
    G=dict(nets=('G',), optimizer=dict(type='Adam', lr=2e-4, betas=(0.5, 0.999), fused=True)),
    D=dict(nets=('D',), optimizer=dict(type='Adam', lr=2e-4, betas=(0.5, 0.999), fused=True)))
