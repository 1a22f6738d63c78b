# Park et al., SPADE, CVPR 2019: with its encoder, Cityscapes, 35 ids and the borders of objects, 512x256.
# python tools/train.py configs/spade/cityscapes_vae.py   (data: docs/data.md)
# Time: 200 epochs of 2,975 images, batch 16. Metric: none published.
_base_ = ['../_base_/models/spade_vae.py', '../_base_/datasets/cityscapes_512x256.py', '../_base_/schedules/linear_200e.py']

model = dict(G=dict(upsamplings=6, size=(256, 512)))
