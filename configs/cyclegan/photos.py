# CycleGAN (Zhu et al., ICCV 2017) on two folders of your own photographs, for a laptop or a small GPU: a template to copy and change.
# python tools/train.py configs/cyclegan/photos.py --cfg-options data_root=path/to/my/set
# Time: 4000 iterations of batch 1; --dry-run estimates it for your machine. Metric: none without the true answers; look at samples/latest.png.
_base_ = ['../_base_/models/cyclegan.py']

data_root = None  # a folder with trainA and trainB, some hundred images each, and testA and testB, some for the samples

_generator = dict(base_channels=24, blocks=4, upsample='nearest')
_discriminator = dict(base_channels=24, layers=3)
model = dict(G_AB=_generator, G_BA=_generator, D_A=_discriminator, D_B=_discriminator)
optim_wrapper = dict(G=dict(optimizer=dict(lr=5e-4)))
custom_hooks = [dict(type='EMAHook', nets=('G_AB', 'G_BA'), decay=0.995)]

# A file that cannot be read is named and left out: up to a tenth of them.
train_dataloader = dict(batch_size=1, num_workers=0, dataset=dict(
    type='UnpairedDataset', split='train', on_bad_image='skip', max_bad=0.1, pipeline=[
    dict(type='ResizeShort', size=108), dict(type='RandomCrop', size=96), dict(type='RandomFlip')]))
val_dataloader = dict(batch_size=1, num_workers=0, dataset=dict(type='UnpairedDataset', split='test', pipeline=[
    dict(type='ResizeShort', size=96), dict(type='CenterCrop', size=96)]))
val_evaluator = []

train_cfg = dict(max_iters=4000)
param_scheduler = dict(type='LinearDecayLR', constant=2000, decay=2000, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=500), samples=dict(type='SampleHook', interval=200))
