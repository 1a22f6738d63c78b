# A convolutional VAE (Kingma, Welling, ICLR 2014) with a learnt prior (Dinh et al., Chen et al., ICLR 2017) on Fashion-MNIST.
# toolbox prepare fashion_mnist && python tools/train.py configs/vae/fashion_mnist.py
# Time: 4000 iterations of batch 64, 4 minutes on one core. Metric: PSNR of reconstructions; KID of samples, see docs/proofs.md.
_base_ = ['../_base_/datasets/fashion_mnist_32.py']

data_root = 'data/fashion_mnist'
model = dict(
    type='VAE',
    E=dict(type='ConvEncoder', in_channels=1, base_channels=16, size=32, features=64, norm=dict(type='BN')),
    G=dict(type='DCGANGenerator', z_dim=32, out_channels=1, base_channels=16, size=32, norm=dict(type='BN')),
    F=dict(type='CouplingFlow', z_dim=32, couplings=6, hidden=128),
    likelihood='gaussian',
    sigma=0.4,
    init=dict(F=dict(type='default')))
optim_wrapper = dict(EG=dict(nets=('E', 'G', 'F'), optimizer=dict(type='Adam', lr=2e-3, fused=True)))
val_evaluator = [dict(type='PSNR', pred='rec', target='img'),
                 dict(type='KID', pred='fake', target='img', features=dict(type='RandomFeatures'))]
train_cfg = dict(max_iters=4000, val_interval=1000)
param_scheduler = dict(type='LinearDecayLR', constant=2000, decay=2000, by_epoch=False)
custom_hooks = [dict(type='EMAHook', nets=('E', 'G', 'F'), decay=0.99)]
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1000), samples=dict(type='SampleHook', interval=500))
