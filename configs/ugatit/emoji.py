# U-GAT-IT (Kim et al., ICLR 2020) on emoji: Google's drawings <-> Twitter's of the same symbols, learnt without the pairs.
# toolbox prepare emoji && python tools/train.py configs/ugatit/emoji.py
# Time: 1200 iterations of batch 4, 4 minutes on one core. Metric: L1 to the true partner, and of the untranslated source.
_base_ = ['../_base_/models/ugatit.py', '../_base_/datasets/emoji_32.py']

data_root = 'data/emoji'
_generator = dict(base_channels=12, blocks=2, image_size=32, light=True)
_global, _local = dict(base_channels=12, layers=3), dict(base_channels=12, layers=2)
model = dict(G_AB=_generator, G_BA=_generator, D_GA=_global, D_LA=_local, D_GB=_global, D_LB=_local,
             w_cycle=20.0, w_identity=50.0, w_cam=5.0)
optim_wrapper = dict(G=dict(optimizer=dict(lr=1e-3, weight_decay=0.0)), D=dict(optimizer=dict(lr=1e-3, weight_decay=0.0)))
custom_hooks = [dict(type='EMAHook', nets=('G_AB', 'G_BA'), decay=0.99)]

train_cfg = dict(max_iters=1200, val_interval=400)
param_scheduler = dict(type='LinearDecayLR', constant=600, decay=600, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=400), samples=dict(type='SampleHook', interval=400))
