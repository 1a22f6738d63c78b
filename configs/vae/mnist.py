# Kingma, Welling, Auto-encoding variational Bayes, ICLR 2014: MNIST, in the form of the usual PyTorch example.
# python tools/train.py configs/vae/mnist.py
# Time: 10 epochs of 469 iterations, batch 128. Metric: EG/rec + EG/kl, the negative evidence lower bound in nats; about 105.
_base_ = ['../_base_/datasets/mnist.py']

data_root = 'data/mnist'
model = dict(
    type='VAE',
    E=dict(type='MLPEncoder', in_channels=1, size=28, features=40, hidden=400, layers=1),
    G=dict(type='MLPGenerator', z_dim=20, out_channels=1, size=28, hidden=400, layers=1, activation='none'),
    likelihood='bernoulli',
    beta=1.0,
    init=dict(type='default'))
optim_wrapper = dict(EG=dict(nets=('E', 'G'), optimizer=dict(type='Adam', lr=1e-3, fused=True)))

val_evaluator = [dict(type='PSNR', pred='rec', target='img')]
train_cfg = dict(max_epochs=10)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1), samples=dict(type='SampleHook', interval=500))
