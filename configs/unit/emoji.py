# UNIT (Liu et al., NIPS 2017) on emoji: Google's drawings <-> Twitter's of the same symbols, learnt without the pairs.
# toolbox prepare emoji && python tools/train.py configs/unit/emoji.py
# Time: 800 iterations of batch 4, two minutes on one core. Metric: L1 to the true partner, and of the untranslated source.
_base_ = ['../_base_/models/unit.py', '../_base_/datasets/emoji_32.py']

data_root = 'data/emoji'
_norm = dict(type='LN', form='munit')  # instance norm would take away the colours of large areas
_encoder = dict(base_channels=16, downs=1, blocks=1, norm=_norm)
_decoder = dict(base_channels=16, ups=1, blocks=1, norm=_norm)
_judge = dict(base_channels=16, scales=1, layers=2)
model = dict(E_A=_encoder, E_B=_encoder, G_A=_decoder, G_B=_decoder, D_A=_judge, D_B=_judge, w_adv=0.5)
_adam = dict(lr=1e-3, weight_decay=0.0)
optim_wrapper = dict(G=dict(optimizer=_adam), D=dict(optimizer=dict(_adam, lr=2e-4)))
custom_hooks = [dict(type='EMAHook', nets=('E_A', 'E_B', 'G_A', 'G_B'), decay=0.995)]

train_cfg = dict(max_iters=800, val_interval=200)
param_scheduler = dict(type='LinearDecayLR', constant=400, decay=400, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=200), samples=dict(type='SampleHook', interval=200))
