# SinGAN (ICCV 2019) to animate an image with: noise around the image, too, so that its border moves (section 4).
# python tools/train.py configs/singan/animation.py --cfg-options data_root=photo.jpg
# Time: 30 min on one GTX 1080 Ti in the paper, of 256 pixels; the start of a run says how long it takes on this machine.
# Metric: none published.
_base_ = ['../_base_/models/singan.py']

model = dict(padding='noise')
data_root = 'photo.jpg'
_image = dict(type='SingleImageDataset', min_size=20, max_size=250)
train_dataloader = dict(dataset=dict(**_image, length=1000))
val_dataloader = dict(dataset=dict(**_image, length=8))
val_evaluator = [dict(type='PSNR', pred='rec', target='img')]
