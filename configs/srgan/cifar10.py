# Ledig et al., SRGAN, CVPR 2017: on CIFAR-10 (8x8 to 32x32), a first exercise: SRResNet of 5 blocks, then SRGAN-VGG22.
# python tools/train.py configs/srgan/cifar10.py --cfg-options data_root=data/cifar10
# Time: 60,000 iterations, batch 64. Metric: PSNR and SSIM beside bicubic interpolation; none is published.
_base_ = ['../_base_/models/srgan.py']

data_root = 'data/cifar10'
model = dict(
    G=dict(blocks=5),
    D=dict(size=32, levels=3, hidden=256),
    perceptual=dict(layers=dict(_delete_=True, relu2_2=1.0)),
    pretrain_iters=30_000)
_pairs = dict(type='SuperResolutionOf', scale=4)
train_dataloader = dict(batch_size=64, num_workers=2, dataset=dict(**_pairs, hr=dict(type='CIFAR10', split='train'), pipeline=[dict(type='RandomFlip')]))
val_dataloader = dict(batch_size=64, num_workers=2, dataset=dict(**_pairs, hr=dict(type='CIFAR10', split='test')))
val_evaluator = [dict(type='PSNR'), dict(type='SSIM'), dict(type='PSNR', pred='bicubic', target='HR', prefix='bicubic')]

train_cfg = dict(max_iters=60_000, val_interval=10_000)
param_scheduler = dict(type='MultiStepLR', milestones=[50_000], gamma=0.1, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=10_000), samples=dict(type='SampleHook', interval=5000))
