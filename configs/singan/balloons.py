# The balloons of the paper (from the authors' repository, Input/Images).
# python tools/train.py configs/singan/balloons.py
# Metric: none published for this image.
_base_ = ['../_base_/models/singan.py']

data_root = 'data/singan'
_image = dict(type='SingleImageDataset', path='balloons.png', max_size=250)
train_dataloader = dict(dataset=dict(**_image, length=1000))
val_dataloader = dict(dataset=dict(**_image, length=8))
val_evaluator = [dict(type='PSNR', pred='rec', target='img')]
