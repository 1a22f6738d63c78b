# A convolutional autoencoder of Fashion-MNIST with 32 numbers per image, after Hinton, Salakhutdinov, Science 2006.
# toolbox prepare fashion_mnist && python tools/train.py configs/autoencoder/fashion_mnist.py
# Time: 3000 iterations of batch 64, 4 minutes on one core. Metric: PSNR of reconstructions.
_base_ = ['../_base_/datasets/fashion_mnist_32.py']

data_root = 'data/fashion_mnist'
model = dict(
    type='Autoencoder',
    E=dict(type='ConvEncoder', in_channels=1, base_channels=16, size=32, features=32, norm=dict(type='BN')),
    G=dict(type='DCGANGenerator', z_dim=32, out_channels=1, base_channels=16, size=32, norm=dict(type='BN')),
    reconstruction=dict(type='L2Loss'))
optim_wrapper = dict(EG=dict(nets=('E', 'G'), optimizer=dict(type='Adam', lr=1e-3, fused=True)))
val_evaluator = [dict(type='PSNR', pred='rec', target='img'), dict(type='SSIM', pred='rec', target='img')]
train_cfg = dict(max_iters=3000, val_interval=1000)
param_scheduler = dict(type='LinearDecayLR', constant=1500, decay=1500, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1000), samples=dict(type='SampleHook', interval=500))
