# AGGAN (Mejjati et al., NeurIPS 2018) on emoji: Google's drawings <-> Twitter's of the same symbols, learnt without the pairs.
# toolbox prepare emoji && python tools/train.py configs/aggan/emoji.py
# Time: 600 iterations of batch 4, a minute and a half on one core. Metric: L1 to the true partner, and of the untranslated source.
_base_ = ['../_base_/models/aggan.py', '../_base_/datasets/emoji_32.py']

data_root = 'data/emoji'
_generator = dict(base_channels=12, blocks=2)
_attention, _discriminator = dict(base_channels=8), dict(base_channels=16, layers=2)
model = dict(G_AB=_generator, G_BA=_generator, A_A=_attention, A_B=_attention, D_A=_discriminator, D_B=_discriminator,
             w_cycle=3.0)  # no second stage: that begins after 30 epochs
optim_wrapper = dict(G=dict(optimizer=dict(lr=1e-3)), D=dict(optimizer=dict(lr=1e-3)))
custom_hooks = [dict(type='EMAHook', nets=('G_AB', 'G_BA', 'A_A', 'A_B'), decay=0.995)]

train_cfg = dict(max_iters=600, val_interval=200)
param_scheduler = dict(type='LinearDecayLR', constant=300, decay=300, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=200), samples=dict(type='SampleHook', interval=200))
