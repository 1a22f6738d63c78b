# A million iterations: half at the full rate, half of linear decay. decay=499_999 is what U-GAT-IT's authors do, whose last
# iteration has a rate of 0.
train_cfg = dict(max_iters=1_000_000)
param_scheduler = dict(type='LinearDecayLR', constant=500_000, decay=500_000, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=100_000), samples=dict(type='SampleHook', interval=1000))
