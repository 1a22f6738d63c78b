# Park et al., SPADE, CVPR 2019: COCO-Stuff, 182 classes, 256x256.
# python tools/train.py configs/spade/coco_stuff.py   (data: docs/data.md)
# Time: 100 epochs of 118,287 images, batch 32. Metric: FID 22.6, mIoU 35.2 and accuracy 67.9 by DeepLabV2.
_base_ = ['../_base_/models/spade.py', '../_base_/datasets/semantic_256.py', '../_base_/schedules/constant_100e.py']

data_root = 'data/coco_stuff'
train_dataloader = dict(dataset=dict(classes='coco_stuff', instances=True))
test_evaluator = [dict(type='FID', target='img'),
                  dict(type='SegmentationScore', num_classes=182, features=dict(type='DeepLabSegmenter'))]
