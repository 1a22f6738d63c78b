# Pix2Pix on the embedded world: label maps -> pictures. No download, no GPU.
# python tools/train.py configs/pix2pix/synthetic.py
# Metric: PSNR against the picture that was drawn for the labels.
_base_ = ['../_base_/models/pix2pix.py']

model = dict(G=dict(base_channels=16, downs=6), D=dict(base_channels=16))

train_dataloader = dict(batch_size=1, num_workers=0, dataset=dict(type='SyntheticPaired', task='labels', size=64, length=1000, split='train'))
val_dataloader = dict(batch_size=4, num_workers=0, dataset=dict(type='SyntheticPaired', task='labels', size=64, length=32, split='val'))
val_evaluator = [dict(type='PSNR'), dict(type='SSIM'), dict(type='L1')]

train_cfg = dict(max_iters=2000, val_interval=1000)
param_scheduler = dict(type='LinearDecayLR', constant=1000, decay=1000, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1000, save_best='PSNR'),
                     samples=dict(type='SampleHook', interval=500))
