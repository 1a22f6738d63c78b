# StarGAN v2 (Choi et al., CVPR 2020) on emoji: the same symbols as Google and as Twitter draw them, two domains.
# toolbox prepare emoji && python tools/train.py configs/starganv2/emoji.py
# Time: 3000 iterations of batch 8, half an hour on one core. Metric: KID to the other maker's (toolbox test).
_base_ = ['../_base_/models/starganv2.py']

data_root = 'data/emoji'
_sizes = dict(size=32, base_channels=16, max_channels=64)
model = dict(diversity_iters=3000, G=dict(style=16, **_sizes), F=dict(latent=4, style=16, hidden=64),
             E=dict(style=16, **_sizes), D=_sizes)
_adam = dict(lr=1e-3, weight_decay=0.0)
optim_wrapper = dict(G=dict(optimizer=_adam, lr_mult=dict(F=1.0)), D=dict(optimizer=_adam))
custom_hooks = [dict(type='EMAHook', nets=('G', 'F', 'E'), decay=0.99)]

_data = dict(type='DomainFolders', pipeline=[dict(type='Resize', size=32)])
train_dataloader = dict(batch_size=8, num_workers=0, dataset=dict(
    **_data, split='train', domains=('google', 'twitter'), references=2, balanced=True))
val_dataloader = dict(batch_size=16, num_workers=0, dataset=dict(**_data, split='test', references=1))
# toolbox test: KID from each maker to the other.
test_evaluator = [dict(type='BetweenDomains', metric=dict(type='KID', target='img', size=100, features=dict(type='RandomFeatures')))]

train_cfg = dict(max_iters=3000)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1000), samples=dict(type='SampleHook', interval=500))
