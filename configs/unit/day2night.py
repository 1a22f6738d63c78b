# Liu et al., UNIT, NIPS 2017, in the authors' later code: driving by day <-> by night, 480x640.
# python tools/train.py configs/unit/day2night.py --cfg-options data_root=PATH   (PATH/trainA by day, PATH/trainB, testA, testB)
# Time: 1,000,000 iterations of batch 1, the plan of the authors' code (not measured here). Metric: none published. The sizes are
# those of the authors' experiment of 2017 (frames of 1280x720 times 0.68), whose networks and weights were others.
_base_ = ['../_base_/models/unit.py', '../_base_/datasets/unpaired_short_256.py', '../_base_/schedules/steps_1m.py']

data_root = 'data/day2night'

_resize = dict(type='ResizeShort', size=490, filter='bilinear')
train_dataloader = dict(dataset=dict(pipeline=[dict(type='RandomFlip'), _resize, dict(type='RandomCrop', size=(480, 640))]))
val_dataloader = dict(dataset=dict(pipeline=[_resize, dict(type='CenterCrop', size=(480, 640))]))
