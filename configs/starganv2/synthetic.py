# StarGAN v2 on the embedded world: toys, plain, striped or outlined; their hue is the style. No download, no GPU.
# python tools/train.py configs/starganv2/synthetic.py
# Metric: DomainAccuracy, the share of translations that are in the domain asked for. Networks, rates and weights are chosen for a
# short run (the paper's are in the other configs); the weight of the diversity falls by half in it,
# and F learns as fast as the other networks.
_base_ = ['../_base_/models/starganv2.py']

_sizes = dict(size=16, base_channels=16, max_channels=32)
model = dict(w_diversity=4.0, diversity_iters=4000, G=dict(style=16, **_sizes),
             F=dict(latent=4, style=16, hidden=64), E=dict(style=16, **_sizes), D=_sizes)
_adam = dict(lr=1e-3, weight_decay=0.0)
optim_wrapper = dict(G=dict(optimizer=_adam, lr_mult=dict(F=1.0)), D=dict(optimizer=_adam))
custom_hooks = [dict(type='EMAHook', nets=('G', 'F', 'E'), decay=0.99)]

train_dataloader = dict(batch_size=8, num_workers=0, dataset=dict(
    type='SyntheticDomains', domains=('plain', 'striped', 'outlined'), size=16, length=2000, split='train'))
val_dataloader = dict(batch_size=16, num_workers=0, dataset=dict(
    type='SyntheticDomains', size=16, length=48, split='val'))
val_evaluator = [dict(type='DomainAccuracy')]

train_cfg = dict(max_iters=2000, val_interval=500)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=500, save_best='DomainAccuracy'),
                     samples=dict(type='SampleHook', interval=500))
