# Patch-based inpainting on the embedded world: landscapes with rectangular holes. No download, no GPU.
# python tools/train.py configs/inpainting/synthetic.py
# Metric: hole/PSNR, of the pixels in the holes alone. Networks, rates and norms are chosen for a short run.
_base_ = ['../_base_/models/inpainting.py']

model = dict(G=dict(base_channels=16, blocks=4, norm=dict(type='none'), bias=True, dilations=(1, 2, 4, 8)),
             D=dict(base_channels=16, grid=2, norm=dict(type='IN')), init=dict(type='kaiming'), region='hole')
optim_wrapper = dict(G=dict(optimizer=dict(lr=1e-3)))
custom_hooks = [dict(type='EMAHook', nets=('G',), decay=0.995)]

_scenes = dict(type='SyntheticScenes', size=64, instances=False, pipeline=[dict(type='RectangleHoles', share=(0.25, 0.5))])
train_dataloader = dict(batch_size=8, num_workers=0, dataset=dict(**_scenes, length=2000, split='train'))
val_dataloader = dict(batch_size=8, num_workers=0, dataset=dict(**_scenes, length=32, split='val'))
val_evaluator = [dict(type='PSNR'), dict(type='PSNR', mask='mask', prefix='hole'), dict(type='L1', mask='mask', prefix='hole')]

train_cfg = dict(max_iters=900, val_interval=300)
param_scheduler = dict(type='LinearDecayLR', constant=450, decay=450, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=300, save_best='hole/PSNR'),
                     samples=dict(type='SampleHook', interval=300))
