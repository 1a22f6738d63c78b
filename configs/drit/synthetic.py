# DRIT++ on the embedded world with many styles: flat gray blobs <-> striped blobs in any colours. No download, no GPU.
# python tools/train.py configs/drit/synthetic.py
# Metric: OracleScore of translations with the attribute of an example, 0 for the identity mapping and 1 for the true answer; and
# StyleMatch, how often they have the colours of their own example rather than of another one. Networks, rates and weights are
# chosen for a short run (the paper's are in the other configs).
_base_ = ['../_base_/models/drit.py']

_judge = dict(base_channels=16, scales=1, layers=3)
# He's rule saturates the first outputs of the concat variant; hues of both domains would be content (docs/drit.md).
_xavier, _torch = dict(type='xavier', gain=1.0), dict(type='default')
model = dict(content=dict(base_channels=12, blocks=2), attribute=dict(base_channels=24, style=4),
             G=dict(base_channels=12, style=4, blocks=2), D_A=_judge, D_B=_judge, D_A2=_judge, D_B2=_judge,
             D_content=dict(size=8, layers=2, kernel=3), w_kl=0.03, w_latent=1.0, w_ms=0.2, d_iter=1,
             init=dict(content=_xavier, attribute=_xavier, G=_xavier, D_A=_torch, D_B=_torch, D_A2=_torch, D_B2=_torch,
                       D_content=_torch, _delete_=True))
_adam = dict(lr=7e-4, weight_decay=0.0)
optim_wrapper = dict(G=dict(optimizer=_adam, clip_grad=dict(max_norm=20.0)), D=dict(optimizer=_adam),
                     D_content=dict(optimizer=dict(lr=4e-4, weight_decay=0.0)))
custom_hooks = [dict(type='EMAHook', nets=('content', 'attribute', 'G'), decay=0.99)]

_data = dict(type='SyntheticStyles', size=32, gray_A=True)
train_dataloader = dict(batch_size=4, num_workers=0, dataset=dict(**_data, length=2000, split='train'))
val_dataloader = dict(batch_size=16, num_workers=0, dataset=dict(**_data, length=64, split='val'))
val_evaluator = [dict(type='OracleScore', pred='guided_B', source='A', target='oracle_B'),
                 dict(type='StyleMatch', features=dict(type='PaletteReader'), pred='guided_B', target='style_B')]

train_cfg = dict(max_iters=1000, val_interval=250)
param_scheduler = dict(type='LinearDecayLR', constant=500, decay=500, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=250, save_best='OracleScore'),
                     samples=dict(type='SampleHook', interval=250))
