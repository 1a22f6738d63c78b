# A million iterations; the rate is halved every 100,000, and as in the code of UNIT and MUNIT one iteration early.
train_cfg = dict(max_iters=1_000_000)
param_scheduler = dict(type='StepDecayLR', every=100_000, gamma=0.5, off_by_one=True)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=20_000), samples=dict(type='SampleHook', interval=1000))
