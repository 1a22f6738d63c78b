# A convolutional autoencoder of MNIST with 32 numbers per digit, after Hinton, Salakhutdinov, Science 2006.
# python tools/train.py configs/autoencoder/mnist.py
# Time: 20 epochs of 469 iterations, batch 128. Metric: PSNR of the reconstruction; none published for this network.
_base_ = ['../_base_/datasets/mnist.py']

data_root = 'data/mnist'
model = dict(
    type='Autoencoder',
    E=dict(type='ConvEncoder', in_channels=1, base_channels=32, size=32, features=32, norm=dict(type='BN')),
    G=dict(type='DCGANGenerator', z_dim=32, out_channels=1, base_channels=32, size=32, norm=dict(type='BN')),
    reconstruction=dict(type='L2Loss'))
optim_wrapper = dict(EG=dict(nets=('E', 'G'), optimizer=dict(type='Adam', lr=1e-3, fused=True)))

_pipeline = [dict(type='Pad', size=32, mode='constant')]
train_dataloader = dict(dataset=dict(pipeline=_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_pipeline))
val_evaluator = [dict(type='PSNR', pred='rec', target='img'), dict(type='SSIM', pred='rec', target='img')]
train_cfg = dict(max_epochs=20)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1), samples=dict(type='SampleHook', interval=500))
