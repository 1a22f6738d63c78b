# 600 epochs at the full rate, 600 of linear decay, by the formula of DRIT's code: the first epoch of the decay has the full
# rate, the last one 2/601 of it.
train_cfg = dict(max_epochs=1200)
param_scheduler = dict(type='LinearDecayLR', constant=601, decay=600)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=50), samples=dict(type='SampleHook', interval=1000))
