# Park et al., SPADE, CVPR 2019, with its encoder, on the embedded world: label maps of scenes -> pictures in many styles.
# python tools/train.py configs/spade/synthetic_vae.py
# Time: 1400 iterations on a CPU. Metric: mIoU of the world's own reader of classes, L1, and StyleCorrelation, whether a picture in a
# photograph's style has the style that was drawn for it. Networks and length are chosen for a short run.
_base_ = ['../_base_/models/spade_vae.py']

# Codes are larger than their noise from the start, and no norm hides how bright and colourful a picture is.
_init = dict(type='xavier', gain=1.0, spectral='kept')
# No pretrained network: the distance to the picture itself in place of VGG's.
model = dict(G=dict(base_channels=8, upsamplings=4, z_dim=16, size=32, norm=dict(hidden=32)),
             E=dict(base_channels=16, z_dim=16, size=32, norm=dict(type='none'), spectral=False), D=dict(base_channels=16),
             perceptual=dict(_delete_=True, type='L1Loss'), w_feat=2.0, w_vgg=50.0,
             init=dict(_delete_=True, G=_init, D=_init, E=dict(type='xavier', gain=2.0)), w_kl=0.002)
optim_wrapper = dict(G=dict(optimizer=dict(lr=2e-3)), D=dict(optimizer=dict(lr=1e-3)))

_data = dict(type='SyntheticScenes', size=32, instances=True)
train_dataloader = dict(batch_size=8, num_workers=0, dataset=dict(**_data, length=2000, split='train'))
val_dataloader = dict(batch_size=8, num_workers=0, dataset=dict(**_data, length=32, split='val'))
_reader = dict(type='SceneReader')
val_evaluator = [dict(type='SegmentationScore', num_classes=8, features=_reader), dict(type='L1'),
                 dict(type='StyleCorrelation', pred='restyled', features=_reader)]

train_cfg = dict(max_iters=1400, val_interval=700)
param_scheduler = dict(type='LinearDecayLR', constant=840, decay=560, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=700, save_best='mIoU'),
                     samples=dict(type='SampleHook', interval=350))
