# Isola et al., Pix2Pix, CVPR 2017, on the embedded world: lightness of drawn scenes -> their colours. No download, no GPU.
# python tools/train.py configs/pix2pix/synthetic_colorization.py
# Time: 1000 iterations on a CPU. Metric: LabError, the distance of (a*, b*) to the true ones, beside those of gray and of the mean colour
# of the training. Networks and length are chosen for a short run.
_base_ = ['../_base_/models/pix2pix.py']

model = dict(type='Colorization', G=dict(base_channels=8, downs=5, dropout=0.0), D=dict(base_channels=8), test_cfg=dict(norm='running'))

_train = dict(type='SyntheticScenes', size=32, length=1000, split='train', style=(0.0, 0.0, 0.0))
_val = dict(type='SyntheticScenes', size=32, length=32, split='val', style=(0.0, 0.0, 0.0))
train_dataloader = dict(batch_size=8, num_workers=0, dataset=_train)
val_dataloader = dict(batch_size=8, num_workers=0, dataset=_val)
val_evaluator = [dict(type='LabError'), dict(type='LabError', pred='gray', prefix='gray'),
                 dict(type='LabError', real=dict(**_train), prefix='mean'), dict(type='PSNR')]

train_cfg = dict(max_iters=1000, val_interval=500)
param_scheduler = dict(type='LinearDecayLR', constant=500, decay=500, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=500, save_best='LabError'),
                     samples=dict(type='SampleHook', interval=250))
