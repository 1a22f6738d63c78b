# Isola et al., Pix2Pix, CVPR 2017: label maps -> facades.
# python tools/prepare_data.py pix2pix_facades && python tools/train.py configs/pix2pix/facades.py
# Time: 200 epochs of 400 images, batch 1; the authors name 2 hours on a Titan X. Metric: FID 119.1, official code re-evaluated by MMGeneration.
_base_ = ['../_base_/models/pix2pix.py', '../_base_/datasets/paired_256.py', '../_base_/schedules/linear_200e.py']

data_root = 'data/pix2pix_facades'
train_dataloader = dict(dataset=dict(swap=True))  # B -> A: from labels to photographs
val_dataloader = dict(dataset=dict(swap=True))
