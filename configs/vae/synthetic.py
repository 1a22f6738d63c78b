# A convolutional VAE on the embedded world of shapes. No download, no GPU.
# python tools/train.py configs/vae/synthetic.py
# Metric: PSNR of the reconstruction.
_base_ = ['../_base_/datasets/shapes.py']

model = dict(
    type='VAE',
    E=dict(type='ConvEncoder', in_channels=3, base_channels=16, size=32, features=64, norm=dict(type='BN')),
    G=dict(type='DCGANGenerator', z_dim=32, out_channels=3, base_channels=16, size=32, norm=dict(type='BN')),
    likelihood='gaussian',
    sigma=0.2)
optim_wrapper = dict(EG=dict(nets=('E', 'G'), optimizer=dict(type='Adam', lr=2e-3, fused=True)))
val_evaluator = [dict(type='PSNR', pred='rec', target='img'), dict(type='SSIM', pred='rec', target='img'),
                 dict(type='KID', pred='fake', target='img', size=512, features=dict(type='RandomFeatures'))]
train_cfg = dict(max_iters=1500, val_interval=500)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=500, save_best='PSNR'),
                     samples=dict(type='SampleHook', interval=500))
