# Park et al., SPADE, CVPR 2019: with its encoder, COCO-Stuff, 182 classes, 256x256.
# python tools/train.py configs/spade/coco_stuff_vae.py   (data: docs/data.md)
# Time: 100 epochs of 118,287 images, batch 32. Metric: none published.
_base_ = ['../_base_/models/spade_vae.py', '../_base_/datasets/semantic_256.py', '../_base_/schedules/constant_100e.py']

data_root = 'data/coco_stuff'
train_dataloader = dict(dataset=dict(classes='coco_stuff', instances=True))
test_evaluator = [dict(type='FID', target='img'),
                  dict(type='SegmentationScore', num_classes=182, features=dict(type='DeepLabSegmenter'))]
