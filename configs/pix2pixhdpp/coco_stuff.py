# Park et al., SPADE, CVPR 2019: the baseline Pix2PixHD++ on COCO-Stuff, 182 classes, 256x256.
# python tools/train.py configs/pix2pixhdpp/coco_stuff.py   (data: docs/data.md)
# Time: 100 epochs of 118,287 images, batch 32. Metric: mIoU 32.7 by DeepLabV2 (table 3).
_base_ = ['../_base_/models/pix2pixhdpp.py', '../_base_/datasets/semantic_256.py', '../_base_/schedules/constant_100e.py']

data_root = 'data/coco_stuff'
train_dataloader = dict(dataset=dict(classes='coco_stuff', instances=True))
test_evaluator = [dict(type='FID', target='img'),
                  dict(type='SegmentationScore', num_classes=182, features=dict(type='DeepLabSegmenter'))]
