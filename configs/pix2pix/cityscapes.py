# Isola et al., Pix2Pix, CVPR 2017: label maps -> street photographs.
# python tools/prepare_data.py pix2pix_cityscapes && python tools/train.py configs/pix2pix/cityscapes.py
# Time: 200 epochs of 2975 images, batch 1. Metric: per-pixel accuracy .66, class IoU .17 (FCN score of the paper).
_base_ = ['../_base_/models/pix2pix.py', '../_base_/datasets/paired_256.py', '../_base_/schedules/linear_200e.py']

data_root = 'data/pix2pix_cityscapes'
train_dataloader = dict(dataset=dict(swap=True))  # B -> A: from labels to photographs
val_dataloader = dict(dataset=dict(swap=True))
