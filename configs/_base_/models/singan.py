# The networks and settings of the authors' code. The number of scales, and with it the length of the run, follows from
# the size of the image, which the data set says.
model = dict(
    type='SinGAN',
    G=dict(type='SinGANGenerator', base_channels=32, max_channels=128, every=4, layers=5, norm=dict(type='BN')),
    D=dict(type='SinGANDiscriminator', base_channels=32, max_channels=128, every=4, layers=5, norm=dict(type='BN')),
    adversarial=dict(type='AdversarialLoss', mode='wgan-gp', penalty_weight=0.1, penalty_extent='pixel'),
    w_rec=10.0,
    scale_iters=2000,
    D_steps=3,
    G_steps=3)

_adam = dict(type='Adam', lr=5e-4, betas=(0.5, 0.999), fused=True)
optim_wrapper = dict(D=dict(nets=('D',), optimizer=_adam), G=dict(nets=('G',), optimizer=_adam))
param_scheduler = dict(type='EachStage', by_epoch=False, schedule=dict(type='MultiStepLR', milestones=[1600], gamma=0.1))
train_cfg = dict(max_iters='stages', val_interval=2000)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1000), samples=dict(type='SampleHook', interval=1000))
