# After Demir, Unal 2018; layers and rates that the abstract does not tell are reconstructed (docs/inpainting.md).
model = dict(
    type='Inpainting',
    G=dict(type='ResnetGenerator', base_channels=64, blocks=8, norm=dict(type='BN'), padding='zero', upsample='nearest',
           dilations=(2, 4, 8, 16)),
    D=dict(type='PGGANDiscriminator', base_channels=64, layers=3, global_layers=2, grid=8, norm=dict(type='BN')),
    adversarial=dict(type='AdversarialLoss', mode='vanilla'),
    w_rec=0.995, w_global=0.0025, w_patch=0.0025,
    init=dict(type='normal', gain=0.02))

optim_wrapper = dict(
    G=dict(nets=('G',), optimizer=dict(type='Adam', lr=2e-4, betas=(0.5, 0.999), fused=True)),
    D=dict(nets=('D',), optimizer=dict(type='Adam', lr=2e-4, betas=(0.5, 0.999), fused=True)))
