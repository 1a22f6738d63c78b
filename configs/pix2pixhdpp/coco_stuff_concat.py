# Park et al., SPADE, CVPR 2019: Pix2PixHD++ with the map at the input of every residual block ("++ w/ Concat"), on COCO-Stuff.
# python tools/train.py configs/pix2pixhdpp/coco_stuff_concat.py   (data: docs/data.md)
# Time: 100 epochs of 118,287 images, batch 32. Metric: mIoU 32.9 by DeepLabV2 (table 3).
_base_ = './coco_stuff.py'

model = dict(G=dict(concat=True))
