# Radford, Metz, Chintala, DCGAN, ICLR 2016: MNIST, resized to 64x64.
# python tools/train.py configs/dcgan/mnist.py
# Time: 20 epochs of 469 iterations, batch 128. Metric: SWD 8.4 and MS-SSIM .14 (MMGeneration, MNIST at 64x64).
_base_ = ['../_base_/models/dcgan.py', '../_base_/datasets/mnist.py']

data_root = 'data/mnist'
model = dict(G=dict(out_channels=1), D=dict(in_channels=1))
_pipeline = [dict(type='Resize', size=64)]
train_dataloader = dict(dataset=dict(pipeline=_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_pipeline))
train_cfg = dict(max_epochs=20)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1), samples=dict(type='SampleHook', interval=500))
