# The networks and weights of the paper. The names of attributes or domains come from the leaf, and the number of labels
# from them.
model = dict(
    type='StarGAN',
    G=dict(type='StarGANGenerator', base_channels=64, blocks=6, norm=dict(type='IN', affine=True)),
    D=dict(type='StarGANDiscriminator', size=128, base_channels=64, layers=6),
    adversarial=dict(type='AdversarialLoss', mode='wgan-gp', penalty_weight=10.0),
    w_cls=1.0,
    w_rec=10.0,
    n_critic=5,
    init=dict(type='default'))

optim_wrapper = dict(
    G=dict(nets=('G',), optimizer=dict(type='Adam', lr=1e-4, betas=(0.5, 0.999), fused=True)),
    D=dict(nets=('D',), optimizer=dict(type='Adam', lr=1e-4, betas=(0.5, 0.999), fused=True)))

# Iterations are updates of D. The rate stays constant, as with the released weights (docs/stargan.md); the paper's decay is
# param_scheduler=dict(type='LinearDecayLR', constant=100_000, decay=100_000, by_epoch=False).
train_cfg = dict(max_iters=200_000)
val_evaluator = []  # no ground truth: the samples are what there is to look at
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=10_000), samples=dict(type='SampleHook', interval=1000))
