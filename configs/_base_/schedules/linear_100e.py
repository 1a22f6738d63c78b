# 50 epochs at the full rate, 50 of linear decay.
train_cfg = dict(max_epochs=100)
param_scheduler = dict(type='LinearDecayLR', constant=50, decay=50)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=5), samples=dict(type='SampleHook', interval=1000))
