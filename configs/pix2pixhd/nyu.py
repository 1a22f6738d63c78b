# Wang et al., Pix2PixHD, CVPR 2018: NYU Depth v2, rooms with 40 classes, whole images of 640x480.
# python tools/train.py configs/pix2pixhd/nyu.py   (data: docs/data.md, "folders of your own")
# Time: 200 epochs of 1,449 images, batch 1; the paper says no more about this set. Metric: none published; people were asked.
_base_ = ['../_base_/models/pix2pixhd.py', '../_base_/schedules/linear_200e.py']

data_root = 'data/nyu'
_set = dict(type='SemanticDataset', instances=True)
_resize = dict(type='ScaleWidth', width=640)
train_dataloader = dict(batch_size=1, num_workers=4, dataset=dict(
    **_set, split='train', classes=40, unknown=True, pipeline=[_resize, dict(type='RandomFlip')]))
val_dataloader = dict(batch_size=1, num_workers=2, dataset=dict(**_set, split='val', max_samples=64, pipeline=[_resize]))
val_evaluator = [dict(type='L1')]
test_dataloader = dict(batch_size=1, num_workers=2, dataset=dict(**_set, split='val', pipeline=[_resize]))
test_evaluator = [dict(type='FID', target='img')]
