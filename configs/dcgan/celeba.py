# Radford, Metz, Chintala, DCGAN, ICLR 2016: faces of CelebA (img_align_celeba).
# python tools/train.py configs/dcgan/celeba.py
# Time: 25 epochs of 202,599 images, batch 128. Metric: SWD 23.3 and MS-SSIM .29 (MMGeneration, CelebA cropped).
_base_ = ['../_base_/models/dcgan.py', '../_base_/datasets/images_64.py']

data_root = 'data/celeba/img_align_celeba'
train_cfg = dict(max_epochs=25)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1), samples=dict(type='SampleHook', interval=1000))
