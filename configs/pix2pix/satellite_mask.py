# Pix2Pix on a small real set of one's own: satellite images -> masks of smoke. docs/recipes_satellite.md is its story.
# python tools/train.py configs/pix2pix/satellite_mask.py --cfg-options data_root=path/to/satellite_mask
# Time: minutes on one CPU core. Metric: IoU of the masks of pairs held out from the training set.
_base_ = ['../_base_/models/pix2pix.py']

data_root = None  # a folder with train/*.jpg, A|B side by side
_hold_out = dict(block=20, every=4, gap=2)  # the set has no pairs to validate on: every fourth block of 20 neighbours
_pairs = dict(type='PairedDataset', split='train', channels=dict(A=3, B=1), on_bad_pair='skip', hold_out=_hold_out)

model = dict(
    G=dict(base_channels=24, downs=5, dropout=0.0),
    D=dict(base_channels=16, layers=2),
    test_cfg=dict(dropout=False, norm='running'))

train_dataloader = dict(batch_size=8, num_workers=0, dataset=dict(**_pairs, pipeline=[
    dict(type='Resize', size=144), dict(type='RandomCrop', size=128), dict(type='RandomFlip')]))
val_dataloader = dict(batch_size=8, num_workers=0, dataset=dict(**_pairs, held_out=True, pipeline=[
    dict(type='Resize', size=128)]))
val_evaluator = [dict(type='MaskIoU', foreground='black'), dict(type='L1')]

train_cfg = dict(max_iters=6000, val_interval=500)
param_scheduler = dict(type='LinearDecayLR', constant=3000, decay=3000, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=500, save_best='MaskIoU'),
                     samples=dict(type='SampleHook', interval=500))
