# The balloons of SinGAN (Rott Shaham et al., ICCV 2019; from the authors' repository, Input/Images).
# python tools/train.py configs/singan/balloons.py
# Time: 30 min on one GTX 1080 Ti in the paper, of 256 pixels; the start of a run says how long it takes on this machine.
# Metric: none published for this image.
_base_ = ['../_base_/models/singan.py']

data_root = 'data/singan/balloons.png'
_image = dict(type='SingleImageDataset', min_size=25, max_size=250)
train_dataloader = dict(dataset=dict(**_image, length=1000))
val_dataloader = dict(dataset=dict(**_image, length=8))
val_evaluator = [dict(type='PSNR', pred='rec', target='img')]
