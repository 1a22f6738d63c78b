# Park et al., SPADE, CVPR 2019: Cityscapes, 35 ids and the borders of objects, 512x256.
# python tools/train.py configs/spade/cityscapes.py   (data: docs/data.md)
# Time: 200 epochs of 2,975 images, batch 16. Metric: FID 71.8, mIoU 62.3 and accuracy 81.9 by DRN-D-105.
_base_ = ['../_base_/models/spade.py', '../_base_/datasets/cityscapes_512x256.py', '../_base_/schedules/linear_200e.py']

model = dict(G=dict(upsamplings=6))
