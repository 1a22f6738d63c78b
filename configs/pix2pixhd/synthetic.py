# Pix2PixHD on the embedded world: label maps of scenes -> pictures, an enhancer, looks of objects. No download, no GPU.
# python tools/train.py configs/pix2pixhd/synthetic.py
# Metric: mIoU of the world's own reader of classes, and L1 to the picture that was drawn, with the looks of its objects.
# Networks and length are chosen for a short run (the paper's are in the other configs).
_base_ = ['../_base_/models/pix2pixhd_features.py']

# No pretrained network: the distance to the picture itself in place of VGG's. No norm in E hides how bright and colourful a picture is.
model = dict(G=dict(base_channels=8, downs=2, blocks=3, enhancers=1, enhancer_blocks=1),
             E=dict(base_channels=8, downs=2, norm=dict(type='none')), D=dict(base_channels=16),
             perceptual=dict(_delete_=True, type='L1Loss'), w_feat=2.0, w_vgg=50.0)
optim_wrapper = dict(G=dict(optimizer=dict(lr=2e-3)), D=dict(optimizer=dict(lr=1e-3)))

_data = dict(type='SyntheticScenes', size=32, instances=True)
train_dataloader = dict(batch_size=8, num_workers=0, dataset=dict(**_data, length=2000, split='train'))
val_dataloader = dict(batch_size=8, num_workers=0, dataset=dict(**_data, length=32, split='val'))
_reader = dict(type='SceneReader')
val_evaluator = [dict(type='SegmentationScore', num_classes=8, features=_reader, pred='restyled'), dict(type='L1', pred='restyled')]

train_cfg = dict(max_iters=1400, val_interval=700)
param_scheduler = dict(type='LinearDecayLR', constant=700, decay=700, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=700, save_best='mIoU'),
                     samples=dict(type='SampleHook', interval=350))
