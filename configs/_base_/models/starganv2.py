# The networks and weights of the paper for 256x256 images; at other sizes the first layers are 2 ** 14 / size wide, as in
# the authors' code. The names of the domains come from the leaf, and their number in F, E and D from them.
model = dict(
    type='StarGANv2',
    G=dict(type='StarGANv2Generator', size=256, style=64, base_channels=None, max_channels=512, high_pass=0.0),
    F=dict(type='MappingNetwork', latent=16, style=64, hidden=512),
    E=dict(type='StyleEncoder', size=256, style=64, base_channels=None, max_channels=512),
    D=dict(type='StarGANv2Discriminator', size=256, base_channels=None, max_channels=512),
    w_style=1.0,
    w_diversity=1.0,
    w_cycle=1.0,
    w_r1=1.0,
    diversity_iters=100_000,
    init=dict(type='kaiming'))

# F learns a hundred times more slowly. weight_decay is L2 within Adam.
_adam = dict(type='Adam', lr=1e-4, betas=(0.0, 0.99), weight_decay=1e-4, fused=True)
optim_wrapper = dict(
    G=dict(nets=('G', 'F', 'E'), optimizer=_adam, lr_mult=dict(F=0.01)),
    D=dict(nets=('D',), optimizer=_adam))
custom_hooks = [dict(type='EMAHook', nets=('G', 'F', 'E'), decay=0.999)]

train_cfg = dict(max_iters=100_000)
val_evaluator = []  # no ground truth: the samples are what there is to look at
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=10_000), samples=dict(type='SampleHook', interval=5000))
