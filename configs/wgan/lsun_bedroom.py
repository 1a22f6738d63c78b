# Arjovsky, Chintala, Bottou, Wasserstein GAN, ICML 2017: bedrooms of LSUN, with the settings of the authors' code.
# data_root: the published folder bedroom_train_lmdb (pip install lmdb), or a folder of image files.
# python tools/train.py configs/wgan/lsun_bedroom.py
# Time: 25 epochs of 3,033,042 images, batch 64. Metric: the critic's loss, which falls as images improve (fig. 3 of the paper).
_base_ = ['../_base_/models/wgan.py', '../_base_/datasets/images_64.py']

data_root = 'data/lsun_bedroom'
train_dataloader = dict(batch_size=64)
train_cfg = dict(max_epochs=25)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1), samples=dict(type='SampleHook', interval=1000))
