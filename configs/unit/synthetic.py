# UNIT on the embedded world with many styles: flat blobs <-> striped blobs, in any colours. No download, no GPU.
# python tools/train.py configs/unit/synthetic.py
# Metric: mIoU of the layouts seen in translations with those of their sources. UNIT has one answer for each image, so that the
# colours are its own choice. Networks and rates are chosen for a short run (the paper's are in the other configs).
_base_ = ['../_base_/models/unit.py']

_encoder, _decoder = dict(base_channels=16, downs=1, blocks=2), dict(base_channels=16, ups=1, blocks=2)
_judge = dict(base_channels=16, scales=1, layers=3)
model = dict(E_A=_encoder, E_B=_encoder, G_A=_decoder, G_B=_decoder, D_A=_judge, D_B=_judge)
_adam = dict(lr=1e-3, weight_decay=0.0)
optim_wrapper = dict(G=dict(optimizer=_adam), D=dict(optimizer=_adam))
custom_hooks = [dict(type='EMAHook', nets=('E_A', 'E_B', 'G_A', 'G_B'), decay=0.99)]

_data = dict(type='SyntheticStyles', size=32)
train_dataloader = dict(batch_size=2, num_workers=0, dataset=dict(**_data, length=2000, split='train'))
val_dataloader = dict(batch_size=16, num_workers=0, dataset=dict(**_data, length=64, split='val'))
val_evaluator = [dict(type='SegmentationScore', num_classes=2, features=dict(type='PaletteReader'), pred='fake_B',
                      target='layout_A')]

train_cfg = dict(max_iters=3000, val_interval=500)
param_scheduler = dict(type='LinearDecayLR', constant=1500, decay=1500, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=500, save_best='mIoU'),
                     samples=dict(type='SampleHook', interval=500))
