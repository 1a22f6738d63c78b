# Wang et al., Pix2PixHD, CVPR 2018: Cityscapes at 2048x1024: an enhancer around the global generator of cityscapes_512.
# python tools/train.py configs/pix2pixhd/cityscapes_1024_local.py   (data: docs/data.md)
# Time: 100 epochs of 2,975 images, batch 1, 24 GB. Metric: mIoU 0.639 and accuracy 83.8 by PSPNet (table 1), which is not here.
_base_ = ['../_base_/models/pix2pixhd.py', '../_base_/datasets/cityscapes_1024.py', '../_base_/schedules/linear_100e.py']

# For 10 epochs the enhancer trains alone, then all of G.
model = dict(G=dict(base_channels=32, enhancers=1, enhancer_blocks=3), D=dict(scales=3), fix_global=10,
             coarse_from='work_dirs/pix2pixhd/cityscapes_512')

_resize = dict(type='ScaleWidth', width=2048)
train_dataloader = dict(dataset=dict(pipeline=[_resize, dict(type='RandomFlip')]))
val_dataloader = dict(dataset=dict(pipeline=[_resize]))
test_dataloader = dict(dataset=dict(pipeline=[_resize]))
