# Park et al., SPADE, CVPR 2019: CMP Facades with 13 ids, 256x256, the example of the authors' code for data of one's own.
# python tools/train.py configs/spade/facades.py   (data: docs/data.md)
# Time: 200 epochs of 400 images, batch 4; neither is published for this set. Metric: none published.
_base_ = ['../_base_/models/spade.py', '../_base_/datasets/semantic_256.py', '../_base_/schedules/linear_200e.py']

data_root = 'data/facades'
train_dataloader = dict(dataset=dict(classes='facades', instances=False))
