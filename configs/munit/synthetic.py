# MUNIT on the embedded world with many styles: flat blobs <-> striped blobs, in any colours. No download, no GPU.
# python tools/train.py configs/munit/synthetic.py
# Metric: OracleScore of translations in the style of an example, 0 for the identity mapping and 1 for the true answer; and
# StyleMatch, how often they have the colours of their own example rather than of another one. Networks, rates and weights are
# chosen for a short run (the paper's are in the other configs).
_base_ = ['../_base_/models/munit.py']

_content, _judge = dict(base_channels=12, downs=1, blocks=2), dict(base_channels=16, scales=1, layers=3)
_style = dict(base_channels=12, downs=3, style=4)
_decoder = dict(base_channels=12, ups=1, blocks=2, style=4, hidden=64)
model = dict(content_A=_content, content_B=_content, style_A=_style, style_B=_style, G_A=_decoder, G_B=_decoder,
             D_A=_judge, D_B=_judge, w_style=5.0, w_cycle=10.0)
_adam = dict(lr=1e-3, weight_decay=0.0)
optim_wrapper = dict(G=dict(optimizer=_adam), D=dict(optimizer=_adam))
custom_hooks = [dict(type='EMAHook', nets=('content_A', 'content_B', 'style_A', 'style_B', 'G_A', 'G_B'), decay=0.99)]

_data = dict(type='SyntheticStyles', size=32)
train_dataloader = dict(batch_size=2, num_workers=0, dataset=dict(**_data, length=2000, split='train'))
val_dataloader = dict(batch_size=16, num_workers=0, dataset=dict(**_data, length=64, split='val'))
val_evaluator = [dict(type='OracleScore', pred='guided_B', source='A', target='oracle_B'),
                 dict(type='StyleMatch', features=dict(type='PaletteReader'), pred='guided_B', target='style_B')]

train_cfg = dict(max_iters=1500, val_interval=250)
param_scheduler = dict(type='LinearDecayLR', constant=750, decay=750, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=250, save_best='OracleScore'),
                     samples=dict(type='SampleHook', interval=250))
