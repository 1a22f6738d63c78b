# 100 epochs at the full rate, 100 of linear decay; off_by_one=True is what the authors' code does since July 2020.
train_cfg = dict(max_epochs=200)
param_scheduler = dict(type='LinearDecayLR', constant=100, decay=100, off_by_one=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=5), samples=dict(type='SampleHook', interval=1000))
