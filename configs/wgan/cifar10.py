# Arjovsky, Chintala, Bottou, Wasserstein GAN, ICML 2017: CIFAR-10, with the settings of the authors' code.
# python tools/train.py configs/wgan/cifar10.py
# Time: 1000 epochs of 781 critic steps, batch 64. Metric: FID 159 (StudioGAN, weight clipping, with a residual network).
_base_ = ['../_base_/models/wgan.py', '../_base_/datasets/cifar10.py']

data_root = 'data/cifar10'
model = dict(G=dict(size=32), D=dict(size=32))
train_cfg = dict(max_epochs=1000)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=20), samples=dict(type='SampleHook', interval=1000))
