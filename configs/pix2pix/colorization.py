# Isola et al., Pix2Pix, CVPR 2017: lightness -> colours (CIE L*a*b*) of photographs.
# python tools/train.py configs/pix2pix/colorization.py
# Time: 6 epochs of 1.28 M images of ImageNet, batch 4. Metric: 22.5 +- 1.6 % of the results taken for real by people (paper).
# <data_root>/train, val hold photographs in any folders below; any photographs will do: --cfg-options data_root=path/to/photographs
_base_ = ['../_base_/models/pix2pix.py', '../_base_/schedules/linear_200e.py']

# One channel to two; D sees three. G sees photographs of any size with their shorter side resized to 256.
model = dict(type='Colorization', side=256)

data_root = 'data/imagenet'
_resize = dict(type='Resize', size=256)
train_dataloader = dict(batch_size=4, num_workers=4, dataset=dict(
    type='ImageFolder', split='train', gray='bad', on_bad_image='skip', max_bad=0.05, pipeline=[_resize, dict(type='RandomFlip')]))
val_dataloader = dict(batch_size=4, num_workers=4, dataset=dict(type='ImageFolder', split='val', max_samples=1000, pipeline=[_resize]))
val_evaluator = [dict(type='LabError'), dict(type='LabError', pred='gray', prefix='gray'), dict(type='PSNR')]

train_cfg = dict(max_epochs=6)
param_scheduler = None  # the rate stays constant
default_hooks = dict(checkpoint=dict(interval=1))
