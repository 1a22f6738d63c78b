# Isola et al., Pix2Pix, CVPR 2017: edges -> shoes.
# python tools/prepare_data.py pix2pix_edges2shoes && python tools/train.py configs/pix2pix/edges2shoes.py
# Time: 15 epochs of 49,825 images, batch 4. Metric: FID 75.8, official code re-evaluated by MMGeneration.
_base_ = ['../_base_/models/pix2pix.py', '../_base_/datasets/paired_256.py', '../_base_/schedules/linear_200e.py']

data_root = 'data/pix2pix_edges2shoes'
_pipeline = [dict(type='Resize', size=256)]  # neither jitter nor mirroring
train_dataloader = dict(batch_size=4, dataset=dict(pipeline=_pipeline))
train_cfg = dict(max_epochs=15)
param_scheduler = None  # the rate stays constant
default_hooks = dict(checkpoint=dict(interval=1))
