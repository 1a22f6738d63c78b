# StarGAN on the embedded world: toys whose hue, stripes and outline are changed. No download, no GPU.
# python tools/train.py configs/stargan/synthetic.py
# Metric: AttributeAccuracy, the share of translations with the attribute asked for; AttributeAccuracy_kept, of those not asked for
# that stayed. Networks, rates and weights are chosen for a short run (the paper's are in the other configs).
_base_ = ['../_base_/models/stargan.py']

model = dict(exclusive=(('red', 'green', 'blue'),), n_critic=2,
             G=dict(base_channels=16, blocks=2), D=dict(base_channels=16, size=32, layers=4))
optim_wrapper = dict(G=dict(optimizer=dict(lr=5e-4)), D=dict(optimizer=dict(lr=5e-4)))
custom_hooks = [dict(type='EMAHook', nets=('G',), decay=0.995)]

train_dataloader = dict(batch_size=16, num_workers=0, dataset=dict(type='SyntheticAttributes', size=32, length=2000, split='train'))
val_dataloader = dict(batch_size=16, num_workers=0, dataset=dict(type='SyntheticAttributes', size=32, length=64, split='val'))
val_evaluator = [dict(type='AttributeAccuracy')]

train_cfg = dict(max_iters=4000, val_interval=500)
param_scheduler = dict(type='LinearDecayLR', constant=2000, decay=2000, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1000, save_best='AttributeAccuracy'),
                     samples=dict(type='SampleHook', interval=500))
