# Park et al., SPADE, CVPR 2019: the baseline Pix2PixHD++ on Cityscapes, 35 ids and the borders of objects, 512x256.
# python tools/train.py configs/pix2pixhdpp/cityscapes.py   (data: docs/data.md)
# Time: 200 epochs of 2,975 images, batch 16. Metric: mIoU 58.8 by DRN-D-105 (table 3).
_base_ = ['../_base_/models/pix2pixhdpp.py', '../_base_/datasets/cityscapes_512x256.py', '../_base_/schedules/linear_200e.py']
