# Cityscapes as Pix2PixHD trains on it: all 35 ids and the borders of objects, whole images of 1024x512, flips.
data_root = 'data/cityscapes'
_resize = dict(type='ScaleWidth', width=1024)
train_dataloader = dict(batch_size=1, num_workers=4, dataset=dict(
    type='SemanticDataset', split='train', classes='cityscapes', instances=True,
    pipeline=[_resize, dict(type='RandomFlip')]))
_val = dict(type='SemanticDataset', split='val', pipeline=[_resize])
val_dataloader = dict(batch_size=1, num_workers=2, dataset=dict(**_val, max_samples=64))
val_evaluator = [dict(type='L1')]
test_dataloader = dict(batch_size=1, num_workers=2, dataset=_val)
# The segmenter knows 19 of the ids.
test_evaluator = [dict(type='FID', target='img'), dict(
    type='SegmentationScore', num_classes=19, features=dict(type='DRNSegmenter'),
    ids=(7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33))]
