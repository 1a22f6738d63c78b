# Photographs at any depth below <data_root>/train and val: the shorter side resized to 256, crops of 256, flips; a hole of
# 128x128 in the middle, in training anywhere.
_square = dict(type='ResizeShort', size=256)
train_dataloader = dict(batch_size=8, num_workers=4, dataset=dict(type='ImageFolder', split='train', pipeline=[
    _square, dict(type='RandomCrop', size=256), dict(type='RandomFlip'), dict(type='RectangleHoles', share=0.5)]))
_val = dict(type='ImageFolder', split='val', pipeline=[
    _square, dict(type='CenterCrop', size=256), dict(type='RectangleHoles', share=0.5, place='center')])
val_dataloader = dict(batch_size=8, num_workers=2, dataset=dict(**_val, max_samples=100))
_scores = [dict(type='L1'), dict(type='L2'), dict(type='PSNR'), dict(type='SSIM')]
_in_hole = dict(mask='mask', prefix='hole')
val_evaluator = [*_scores, *[dict(type=name, **_in_hole) for name in ('L1', 'L2', 'PSNR')]]
test_dataloader = dict(batch_size=8, num_workers=2, dataset=_val)
test_evaluator = val_evaluator
