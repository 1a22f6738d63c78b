# All images below <data_root>: the shorter side resized to 64, the middle cut out. The first 10,000 are what samples are
# compared with.
_pipeline = [dict(type='ResizeShort', size=64), dict(type='CenterCrop', size=64)]
train_dataloader = dict(batch_size=128, num_workers=4, dataset=dict(type='ImageFolder', pipeline=_pipeline))
val_dataloader = dict(batch_size=64, num_workers=4, dataset=dict(type='ImageFolder', pipeline=_pipeline, max_samples=10000))
val_evaluator = []
# tools/test.py: as many generated images against these; FID needs the weights of an Inception network (docs/features.md).
test_evaluator = [dict(type='FID', pred='fake', target='img'), dict(type='SWD', pred='fake', target='img')]
