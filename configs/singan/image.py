# SinGAN of one image of your own, whose path is all that it needs (docs/singan.md).
# python tools/train.py configs/singan/image.py --cfg-options data_root=photo.jpg
# Metric: SIFID 0.09 in the paper for samples from the coarsest scale on, the mean of 50 images.
_base_ = ['../_base_/models/singan.py']

data_root = 'photo.jpg'
_image = dict(type='SingleImageDataset', max_size=250)
train_dataloader = dict(dataset=dict(**_image, length=1000))
val_dataloader = dict(dataset=dict(**_image, length=8))
val_evaluator = [dict(type='PSNR', pred='rec', target='img')]
