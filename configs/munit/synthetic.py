# MUNIT on the embedded world: plain animals <-> striped animals. No download, no GPU.
# python tools/train.py configs/munit/synthetic.py
# Metric: OracleScore, 0 for the identity mapping and 1 for the true answer. Widths, rates and weights are chosen for a small
# network and a short run (the paper's are in the other configs).
_base_ = ['../_base_/models/munit.py']

_net, _judge = dict(base_channels=12, blocks=2), dict(base_channels=12, scales=2, layers=2)
_style, _decoder = dict(base_channels=12, downs=3), dict(**_net, hidden=48)
model = dict(content_A=_net, content_B=_net, style_A=_style, style_B=_style, G_A=_decoder, G_B=_decoder,
             D_A=_judge, D_B=_judge, w_cycle=10.0)
optim_wrapper = dict(G=dict(optimizer=dict(lr=1e-3, weight_decay=0.0)), D=dict(optimizer=dict(lr=1e-3, weight_decay=0.0)))
custom_hooks = [dict(type='EMAHook', nets=('content_A', 'content_B', 'style_A', 'style_B', 'G_A', 'G_B'), decay=0.99)]

_data = dict(type='SyntheticUnpaired', size=32)
train_dataloader = dict(batch_size=4, num_workers=0, dataset=dict(**_data, length=2000, split='train'))
val_dataloader = dict(batch_size=16, num_workers=0, dataset=dict(**_data, length=64, split='val'))
val_evaluator = [dict(type='OracleScore', pred='fake_B', source='A', target='oracle_B')]

train_cfg = dict(max_iters=1500, val_interval=300)
param_scheduler = dict(type='StepDecayLR', every=500, gamma=0.5)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=300, save_best='OracleScore'),
                     samples=dict(type='SampleHook', interval=300))
