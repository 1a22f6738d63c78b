# AGGAN on the embedded world: plain animals <-> striped animals, the background stays. No download, no GPU.
# python tools/train.py configs/aggan/synthetic.py
# Metric: OracleScore, 0 for the identity mapping and 1 for the true answer. Rates and widths are chosen for a small
# network and a short run (the paper's are in the other configs).
_base_ = ['../_base_/models/aggan.py']

_generator = dict(base_channels=12, blocks=3)
_attention = dict(base_channels=12)
_discriminator = dict(base_channels=16)
model = dict(G_AB=_generator, G_BA=_generator, A_A=_attention, A_B=_attention, D_A=_discriminator, D_B=_discriminator,
             attention_epochs=1)
optim_wrapper = dict(G=dict(optimizer=dict(lr=1e-3)), D=dict(optimizer=dict(lr=2e-4)))
custom_hooks = [dict(type='EMAHook', nets=('G_AB', 'G_BA', 'A_A', 'A_B'), decay=0.99)]

_data = dict(type='SyntheticUnpaired', size=48)
train_dataloader = dict(batch_size=1, num_workers=0, dataset=dict(**_data, length=1000, split='train'))
val_dataloader = dict(batch_size=4, num_workers=0, dataset=dict(**_data, length=32, split='val'))
val_evaluator = [dict(type='OracleScore', pred='fake_B', source='A', target='oracle_B'),
                 dict(type='L1', pred='fake_B', target='oracle_B')]

train_cfg = dict(max_iters=1500, val_interval=300)
param_scheduler = dict(type='LinearDecayLR', constant=750, decay=750, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=300, save_best='OracleScore'),
                     samples=dict(type='SampleHook', interval=300))
