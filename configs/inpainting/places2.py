# Demir, Unal, Patch-based image inpainting with GANs, arXiv 1803.07422, 2018: Places2 (Places365), 256x256.
# python tools/train.py configs/inpainting/places2.py --cfg-options data_root=PATH
# Time: 10 epochs of 1.8 million images, batch 8; no time is published. Metric: none is quoted (see paris_streetview.py); holes are
# rectangles anywhere and strokes of a brush.
_base_ = ['../_base_/models/inpainting.py', '../_base_/datasets/holes_256.py']

data_root = 'data/places365_standard'  # train and val, with a folder per class
_holes = [dict(type='RectangleHoles', share=(0.2, 0.5), count=(0, 2)), dict(type='StrokeHoles', area=(0.05, 0.2))]
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='ResizeShort', size=256), dict(type='RandomCrop', size=256), dict(type='RandomFlip'), *_holes]))
val_dataloader = dict(dataset=dict(max_samples=1000, pipeline=[
    dict(type='ResizeShort', size=256), dict(type='CenterCrop', size=256), *_holes]))
test_dataloader = dict(dataset=dict(pipeline=[
    dict(type='ResizeShort', size=256), dict(type='CenterCrop', size=256), *_holes]))
train_cfg = dict(max_epochs=10)
param_scheduler = dict(type='LinearDecayLR', constant=5, decay=5)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1), samples=dict(type='SampleHook', interval=1000))
