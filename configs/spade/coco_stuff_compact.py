# Park et al., SPADE, CVPR 2019: the decoder with three quarters of the channels ("compact"), on COCO-Stuff.
# torchrun --nproc_per_node 8 tools/train.py configs/spade/coco_stuff_compact.py   (data: docs/data.md)
# Metric: mIoU 35.2 by DeepLabV2 (table 3).
_base_ = './coco_stuff.py'

model = dict(G=dict(base_channels=48))
