# Wang et al., Pix2PixHD, CVPR 2018: Cityscapes, 35 ids and the borders of objects, 1024x512 with the global generator.
# python tools/train.py configs/pix2pixhd/cityscapes_512.py   (data: docs/data.md)
# Time: 200 epochs of 2,975 images, batch 1. Metric: none published at this size.
_base_ = ['../_base_/models/pix2pixhd.py', '../_base_/datasets/cityscapes_1024.py', '../_base_/schedules/linear_200e.py']
