# StarGAN (Choi et al., CVPR 2018) on emoji: the same symbols as Google and as Twitter draw them, two domains.
# toolbox prepare emoji && python tools/train.py configs/stargan/emoji.py
# Time: 5000 iterations of batch 16, a quarter of an hour on one core. Metric: KID to the other maker's (toolbox test).
_base_ = ['../_base_/models/stargan.py']

data_root = 'data/emoji'
model = dict(n_critic=2, G=dict(base_channels=16, blocks=2), D=dict(base_channels=16, size=32, layers=4))
optim_wrapper = dict(G=dict(optimizer=dict(lr=5e-4)), D=dict(optimizer=dict(lr=5e-4)))
custom_hooks = [dict(type='EMAHook', nets=('G',), decay=0.995)]

_data = dict(type='DomainFolders', pipeline=[dict(type='Resize', size=32)])
train_dataloader = dict(batch_size=16, num_workers=0, dataset=dict(**_data, split='train', domains=('google', 'twitter')))
val_dataloader = dict(batch_size=16, num_workers=0, dataset=dict(**_data, split='test'))
# toolbox test: KID from each maker to the other.
test_evaluator = [dict(type='BetweenDomains', metric=dict(type='KID', target='img', size=100, features=dict(type='RandomFeatures')))]

train_cfg = dict(max_iters=5000)
param_scheduler = dict(type='LinearDecayLR', constant=2500, decay=2500, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1000), samples=dict(type='SampleHook', interval=500))
