# CycleGAN (Zhu et al., ICCV 2017) on emoji: Google's drawings <-> Twitter's of the same symbols, learnt without the pairs.
# toolbox prepare emoji && python tools/train.py configs/cyclegan/emoji.py
# Time: 2000 iterations of batch 4, a minute on one core. Metric: L1 to the true partner, and of the untranslated source.
_base_ = ['../_base_/models/cyclegan.py', '../_base_/datasets/emoji_32.py']

data_root = 'data/emoji'
_generator = dict(type='UnetGenerator', _delete_=True, base_channels=16, downs=3, dropout=0.0, norm=dict(type='IN'))
_discriminator = dict(base_channels=16, layers=2)
model = dict(G_AB=_generator, G_BA=_generator, D_A=_discriminator, D_B=_discriminator,
             w_identity_A=10.0, w_identity_B=10.0)
optim_wrapper = dict(G=dict(optimizer=dict(lr=1e-3)))
custom_hooks = [dict(type='EMAHook', nets=('G_AB', 'G_BA'), decay=0.995)]

train_cfg = dict(max_iters=2000, val_interval=500)
param_scheduler = dict(type='LinearDecayLR', constant=1000, decay=1000, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=500), samples=dict(type='SampleHook', interval=500))
