# 100 epochs at the full rate.
train_cfg = dict(max_epochs=100)
param_scheduler = None
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=5), samples=dict(type='SampleHook', interval=1000))
