# Wang et al., Pix2PixHD, CVPR 2018: faces from the parts of faces. The paper has Helen's labels at 1024x1024; CelebAMask-HQ
# (Lee et al., CVPR 2020) has 19 classes at 512x512.
# python tools/train.py configs/pix2pixhd/celebamask.py   (data: docs/data.md)
# Time: 200 epochs of 28,000 images, batch 1. Metric: none published.
_base_ = ['../_base_/models/pix2pixhd_features.py', '../_base_/schedules/linear_200e.py']

data_root = 'data/celebamask_hq'
_set = dict(type='SemanticDataset', instances=False)
_resize = dict(type='ScaleWidth', width=512)
train_dataloader = dict(batch_size=1, num_workers=4, dataset=dict(
    **_set, split='train', classes='celebamask_hq', pipeline=[_resize, dict(type='RandomFlip')]))
val_dataloader = dict(batch_size=1, num_workers=2, dataset=dict(**_set, split='val', max_samples=64, pipeline=[_resize]))
val_evaluator = [dict(type='L1')]
test_dataloader = dict(batch_size=1, num_workers=2, dataset=dict(**_set, split='val', pipeline=[_resize]))
test_evaluator = [dict(type='FID', target='img')]
