# Park et al., SPADE, CVPR 2019: ADE20K, 150 classes, 256x256.
# python tools/train.py configs/spade/ade20k.py   (data: docs/data.md)
# Time: 200 epochs of 20,210 images, batch 32. Metric: FID 33.9, mIoU 38.5 and accuracy 79.9 by UperNet101, which is not here.
_base_ = ['../_base_/models/spade.py', '../_base_/datasets/semantic_256.py', '../_base_/schedules/linear_200e.py']

data_root = 'data/ade20k'
# The released code of SPADE has a class for pixels without one: classes='ade20k_raw'. Only the order of the planes differs.
train_dataloader = dict(dataset=dict(classes='ade20k', instances=False))
