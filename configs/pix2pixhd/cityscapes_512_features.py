# Wang et al., Pix2PixHD, CVPR 2018: as cityscapes_512, with the encoder of objects, whose looks can then be chosen.
# python tools/train.py configs/pix2pixhd/cityscapes_512_features.py   (data: docs/data.md)
# Time: 200 epochs of 2,975 images, batch 1. Metric: none published.
_base_ = ['../_base_/models/pix2pixhd_features.py', '../_base_/datasets/cityscapes_1024.py',
          '../_base_/schedules/linear_200e.py']
