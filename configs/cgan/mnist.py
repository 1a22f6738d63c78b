# Mirza, Osindero, Conditional generative adversarial nets, 2014: MNIST digits by label.
# python tools/train.py configs/cgan/mnist.py
# Time: 300 epochs of 600 iterations, batch 100. Metric: log-likelihood by Parzen windows 132 (as the paper reports it).
_base_ = ['../_base_/datasets/mnist.py']

data_root = 'data/mnist'
model = dict(
    type='GAN',
    G=dict(type='MLPGenerator', z_dim=100, out_channels=1, size=28, hidden=1200, layers=1, classes=10, branches=(200, 1000)),
    D=dict(type='MLPDiscriminator', in_channels=1, size=28, hidden=240, layers=1, activation='maxout', pieces=5,
           dropout=0.5, classes=10, branches=(240, 50)),
    prior='uniform',
    init=dict(G=dict(type='uniform', gain=0.05), D=dict(type='uniform', gain=0.005)))

_sgd = dict(type='SGD', lr=0.1, momentum=0.7)
optim_wrapper = dict(D=dict(nets=('D',), optimizer=_sgd), G=dict(nets=('G',), optimizer=_sgd))
# The rate is divided by 1.00004 per update; the momentum grows from 0.5 to 0.7.
param_scheduler = [dict(type='ExponentialLR', gamma=1 / 1.00004, by_epoch=False),
                   dict(type='LinearMomentum', start_factor=0.5 / 0.7, end=150000, by_epoch=False)]
train_dataloader = dict(batch_size=100)
train_cfg = dict(max_epochs=300)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=10), samples=dict(type='SampleHook', interval=3000))
