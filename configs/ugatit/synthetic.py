# U-GAT-IT on the embedded world: discs <-> stars, a change of shape. No download, no GPU.
# python tools/train.py configs/ugatit/synthetic.py
# Metric: OracleScore, 0 for the identity mapping and 1 for the true answer. Rates, widths and the weight of CAM are chosen
# for a small network and a short run (the paper's are in the other configs).
_base_ = ['../_base_/models/ugatit.py']

_generator = dict(base_channels=12, blocks=2, image_size=32, light=True)
_global = dict(base_channels=12, layers=3)
_local = dict(base_channels=12, layers=2)
model = dict(G_AB=_generator, G_BA=_generator, D_GA=_global, D_LA=_local, D_GB=_global, D_LB=_local, w_cam=20.0)
optim_wrapper = dict(G=dict(optimizer=dict(lr=4e-4, weight_decay=0.0)), D=dict(optimizer=dict(lr=1e-3, weight_decay=0.0)))
custom_hooks = [dict(type='EMAHook', nets=('G_AB', 'G_BA'), decay=0.99)]

_data = dict(type='SyntheticUnpaired', world='shapes', domains=('disc', 'star'), size=32)
train_dataloader = dict(batch_size=1, num_workers=0, dataset=dict(**_data, length=1000, split='train'))
val_dataloader = dict(batch_size=4, num_workers=0, dataset=dict(**_data, length=64, split='val'))
val_evaluator = [dict(type='OracleScore', pred='fake_B', source='A', target='oracle_B'),
                 dict(type='L1', pred='fake_B', target='oracle_B')]

train_cfg = dict(max_iters=1500, val_interval=300)
param_scheduler = dict(type='LinearDecayLR', constant=750, decay=750, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=300, save_best='OracleScore'),
                     samples=dict(type='SampleHook', interval=300))
