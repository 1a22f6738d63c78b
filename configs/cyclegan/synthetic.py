# CycleGAN on the embedded world: plain animals <-> striped animals. No download, no GPU.
# python tools/train.py configs/cyclegan/synthetic.py
# Metric: OracleScore, 0 for the identity mapping and 1 for the true answer. Rates and weights are chosen for a small
# network and a short run (the paper's are in the other configs).
_base_ = ['../_base_/models/cyclegan.py']

_generator = dict(type='ResnetGenerator', in_channels=3, out_channels=3, base_channels=16, blocks=4, norm=dict(type='IN'),
                  upsample='nearest')
_discriminator = dict(type='PatchDiscriminator', in_channels=3, base_channels=16, layers=3, norm=dict(type='IN'))
model = dict(G_AB=_generator, G_BA=_generator, D_A=_discriminator, D_B=_discriminator,
             w_cycle_A=20.0, w_cycle_B=20.0, w_identity_A=10.0, w_identity_B=10.0)
optim_wrapper = dict(G=dict(optimizer=dict(lr=1e-3)))
custom_hooks = [dict(type='EMAHook', nets=('G_AB', 'G_BA'), decay=0.995)]

train_dataloader = dict(batch_size=1, num_workers=0, dataset=dict(type='SyntheticUnpaired', size=64, length=1000, split='train'))
val_dataloader = dict(batch_size=4, num_workers=0, dataset=dict(type='SyntheticUnpaired', size=64, length=32, split='val'))
val_evaluator = [dict(type='OracleScore', pred='fake_B', source='A', target='oracle_B'),
                 dict(type='L1', pred='fake_B', target='oracle_B')]

train_cfg = dict(max_iters=3500, val_interval=500)
param_scheduler = dict(type='LinearDecayLR', constant=1750, decay=1750, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=500, save_best='OracleScore'),
                     samples=dict(type='SampleHook', interval=500))
