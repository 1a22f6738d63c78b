# Pix2Pix (Isola et al., CVPR 2017) on OpenMoji: outlines -> coloured drawings of the same symbols, with small networks.
# toolbox prepare openmoji && python tools/train.py configs/pix2pix/openmoji.py
# Time: 2000 iterations of batch 4, 4 minutes on one core. Metric: L1 and SSIM on held-out symbols, see docs/proofs.md.
_base_ = ['../_base_/models/pix2pix.py']

data_root = 'data/openmoji'
model = dict(G=dict(base_channels=16, downs=6, dropout=0.0), D=dict(base_channels=16, layers=2),
             test_cfg=dict(dropout=False, norm='running'))
optim_wrapper = dict(G=dict(optimizer=dict(lr=1e-3)), D=dict(optimizer=dict(lr=1e-3)))
custom_hooks = [dict(type='EMAHook', nets=('G',), decay=0.99)]

_data = dict(type='PairedDataset', A='black', B='color')
train_dataloader = dict(batch_size=4, num_workers=0, dataset=dict(**_data, split='train', pipeline=[
    dict(type='Resize', size=68), dict(type='RandomCrop', size=64), dict(type='RandomFlip')]))
val_dataloader = dict(batch_size=8, num_workers=0, dataset=dict(**_data, split='test', pipeline=[dict(type='Resize', size=64)]))
val_evaluator = [dict(type='L1'), dict(type='SSIM'), dict(type='L1', pred='A', target='B', prefix='outline')]

train_cfg = dict(max_iters=2000, val_interval=500)
param_scheduler = dict(type='LinearDecayLR', constant=1000, decay=1000, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=500), samples=dict(type='SampleHook', interval=500))
