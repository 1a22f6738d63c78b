# ESRGAN's network, trained for its PSNR on the absolute difference. Inside G images are in [0, 1]. L1Loss(0.5): the mean
# absolute difference of images in [-1, 1] is twice that of the authors' images in [0, 1].
model = dict(
    type='SRGAN',
    G=dict(type='RRDBNet', base_channels=64, blocks=23, growth=32, scale=4),
    w_content=0.0,
    reconstruction=dict(type='L1Loss', weight=0.5),
    w_rec=1.0,
    init=dict(type='default'))

optim_wrapper = dict(G=dict(nets=('G',), optimizer=dict(type='Adam', lr=2e-4, betas=(0.9, 0.99), fused=True)))
custom_hooks = [dict(type='EMAHook', nets=('G',), decay=0.999)]
