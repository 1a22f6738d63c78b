# SinGAN (ICCV 2019) whose last scale enlarges its own image: scales differ by the third root of 2, 4x is six of them.
# python tools/train.py configs/singan/super_resolution.py --cfg-options data_root=photo.jpg
# Time: 30 min on one GTX 1080 Ti in the paper, of 256 pixels; the start of a run says how long it takes on this machine.
# Metric: RMSE 16.22, NIQE 3.71 in the paper, 4x, the mean of BSD100.
_base_ = ['../_base_/models/singan.py']

model = dict(w_rec=100.0)
data_root = 'photo.jpg'
_image = dict(type='SingleImageDataset', min_size=18, max_size=250, factor=0.5 ** (1 / 3), rounding='down')
train_dataloader = dict(dataset=dict(**_image, length=1000))
val_dataloader = dict(dataset=dict(**_image, length=8))
val_evaluator = [dict(type='PSNR', pred='rec', target='img')]
