# Isola et al., Pix2Pix, CVPR 2017: night -> day.
# python tools/prepare_data.py pix2pix_night2day && python tools/train.py configs/pix2pix/night2day.py
# Time: 17 epochs of 17,823 images, batch 4. Metric: none published.
_base_ = ['../_base_/models/pix2pix.py', '../_base_/datasets/paired_256.py', '../_base_/schedules/linear_200e.py']

data_root = 'data/pix2pix_night2day'
train_dataloader = dict(batch_size=4)
train_cfg = dict(max_epochs=17)
param_scheduler = None  # the rate stays constant
default_hooks = dict(checkpoint=dict(interval=1))
