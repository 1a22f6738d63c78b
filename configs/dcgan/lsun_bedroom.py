# Radford, Metz, Chintala, DCGAN, ICLR 2016: bedrooms of LSUN.
# data_root: the published folder bedroom_train_lmdb (pip install lmdb), or a folder of image files.
# python tools/train.py configs/dcgan/lsun_bedroom.py
# Time: 5 epochs of 3,033,042 images, batch 128 (fig. 3 of the paper). Metric: none published.
_base_ = ['../_base_/models/dcgan.py', '../_base_/datasets/images_64.py']

data_root = 'data/lsun_bedroom'
train_cfg = dict(max_epochs=5)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1), samples=dict(type='SampleHook', interval=1000))
