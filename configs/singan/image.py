# SinGAN (Rott Shaham et al., ICCV 2019) of an image of your own, whose path is all that it needs (docs/singan.md).
# python tools/train.py configs/singan/image.py --cfg-options data_root=photo.jpg
# Time: 30 min on one GTX 1080 Ti in the paper, of 256 pixels; the start of a run says how long it takes on this machine.
# Metric: SIFID 0.09 in the paper for samples from the coarsest scale on, the mean of 50 images.
_base_ = ['../_base_/models/singan.py']

data_root = 'photo.jpg'
_image = dict(type='SingleImageDataset', min_size=25, max_size=250)
train_dataloader = dict(dataset=dict(**_image, length=1000))
val_dataloader = dict(dataset=dict(**_image, length=8))
val_evaluator = [dict(type='PSNR', pred='rec', target='img')]
