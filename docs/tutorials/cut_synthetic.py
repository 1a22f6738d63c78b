# CUT (Park et al., ECCV 2020) on the embedded world: plain animals -> striped animals. No download, no GPU.
# PYTHONPATH=docs/tutorials python tools/train.py docs/tutorials/cut_synthetic.py
# Metric: OracleScore. Data, validation, G, D and rates are those of configs/cyclegan/synthetic.py; six CPU minutes.
_base_ = ['../../configs/cyclegan/synthetic.py']
custom_imports = dict(imports=['cut'])

model = dict(
    _delete_=True,
    type='CUT',
    G=dict(type='ResnetGenerator', base_channels=16, blocks=4, norm=dict(type='IN'), upsample='nearest'),
    F=dict(type='PatchHeads', width=256),
    D=dict(type='PatchDiscriminator', base_channels=16, layers=3, norm=dict(type='IN')),
    adversarial=dict(type='AdversarialLoss', mode='lsgan'),
    contrast=dict(type='PatchNCELoss', temperature=0.07),
    layers=('down.0', 'down.1', 'blocks.0', 'blocks.3'),
    patches=256,
    w_nce_A=1.0,  # FastCUT: 10
    w_nce_B=1.0,  # FastCUT: 0
    init=dict(type='normal', gain=0.02))

optim_wrapper = dict(
    G=dict(nets=('G', 'F'), optimizer=dict(type='Adam', lr=1e-3, betas=(0.5, 0.999), fused=True)),
    D=dict(nets=('D',), optimizer=dict(type='Adam', lr=2e-4, betas=(0.5, 0.999), fused=True)))
custom_hooks = [dict(type='EMAHook', nets=('G',), decay=0.995)]

train_cfg = dict(max_iters=1200, val_interval=400)
param_scheduler = dict(constant=600, decay=600)
default_hooks = dict(checkpoint=dict(interval=400), samples=dict(interval=400))
