# Liu et al., UNIT, NIPS 2017, in the authors' later code: drawn streets (SYNTHIA) <-> photographs (Cityscapes), 512x512.
# python tools/train.py configs/unit/synthia2cityscapes.py --cfg-options data_root=PATH   (PATH/trainA drawn, PATH/trainB, testA, testB)
# Time: 1,000,000 iterations of batch 1, the plan of the authors' code (not measured here). Metric: none published for these weights, which are those of the authors' gta2city and of MUNIT's synthia2cityscape.
_base_ = ['../_base_/models/unit.py', '../_base_/datasets/unpaired_short_256.py', '../_base_/schedules/steps_1m.py']

data_root = 'data/synthia2cityscapes'
model = dict(w_vgg=1.0)  # the domain-invariant perceptual loss; 0 goes without the file of its weights

_resize = dict(type='ResizeShort', size=512, filter='bilinear')
train_dataloader = dict(dataset=dict(pipeline=[dict(type='RandomFlip'), _resize, dict(type='RandomCrop', size=512)]))
val_dataloader = dict(dataset=dict(pipeline=[_resize, dict(type='CenterCrop', size=512)]))
