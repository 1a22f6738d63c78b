# Park et al., SPADE, CVPR 2019: Pix2PixHD++ with SPADE in place of batch norm ("++ w/ SPADE"), on COCO-Stuff.
# python tools/train.py configs/pix2pixhdpp/coco_stuff_spade.py   (data: docs/data.md)
# Time: 100 epochs of 118,287 images, batch 32. Metric: mIoU 34.4 by DeepLabV2 (table 3).
_base_ = './coco_stuff.py'

model = dict(G=dict(norm=dict(_delete_=True, type='SPADE', base='SyncBN', hidden=128)))
