# Pix2PixHD++ on the embedded world: label maps of scenes -> pictures. No download, no GPU.
# python tools/train.py configs/pix2pixhdpp/synthetic.py
# Metric: mIoU of the world's own reader of classes, and L1 to the picture that was drawn. Networks and length are chosen for a short run
# (the paper's are in the other configs).
# Its variants: --cfg-options model.G.concat=True, or model.G.norm.type=SPADE
_base_ = ['../_base_/models/pix2pixhdpp.py']

# No pretrained network: the distance to the picture itself in place of VGG's.
model = dict(G=dict(base_channels=16, downs=2, blocks=3), D=dict(base_channels=16),
             perceptual=dict(_delete_=True, type='L1Loss'), w_feat=2.0, w_vgg=100.0,
             init=dict(gain=1.0))
optim_wrapper = dict(G=dict(optimizer=dict(lr=2e-3)), D=dict(optimizer=dict(lr=1e-3)))

_data = dict(type='SyntheticScenes', size=32, instances=True)
train_dataloader = dict(batch_size=8, num_workers=0, dataset=dict(**_data, length=2000, split='train', style=(0.0, 0.0, 0.0)))
val_dataloader = dict(batch_size=8, num_workers=0, dataset=dict(**_data, length=32, split='val', style=(0.0, 0.0, 0.0)))
_reader = dict(type='SceneReader')
val_evaluator = [dict(type='SegmentationScore', num_classes=8, features=_reader), dict(type='L1')]

train_cfg = dict(max_iters=1400, val_interval=700)
param_scheduler = dict(type='LinearDecayLR', constant=700, decay=700, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=700, save_best='mIoU'),
                     samples=dict(type='SampleHook', interval=350))
