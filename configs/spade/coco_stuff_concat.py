# Park et al., SPADE, CVPR 2019: the decoder with the map beside the input of every convolution, and no SPADE ("decoder w/ Concat"), on COCO-Stuff.
# torchrun --nproc_per_node 8 tools/train.py configs/spade/coco_stuff_concat.py   (data: docs/data.md)
# Metric: mIoU 31.9 by DeepLabV2 (table 3).
_base_ = './coco_stuff.py'

model = dict(G=dict(norm=dict(_delete_=True, type='Concat', base='SyncBN')))
