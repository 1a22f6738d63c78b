# Pix2Pix (Isola et al., CVPR 2017) on a small set of one's own: satellite images -> masks. See docs/recipes_satellite.md.
# python tools/train.py configs/pix2pix/satellite_mask.py --cfg-options data_root=path/to/satellite_mask
# Time: 2400 iterations of 4 pairs, minutes on one CPU core. Metric: IoU of the masks of pairs held out of the training set.
_base_ = ['../_base_/models/pix2pix.py']

data_root = None  # a folder with train/*.jpg, A|B side by side
_hold_out = dict(block=20, every=4, gap=2)  # the set has no pairs to validate on: every fourth block of 20 neighbours
_pairs = dict(type='PairedDataset', split='train', channels=dict(A=3, B=1), on_bad_pair='skip', hold_out=_hold_out)
_middle = dict(type='CenterCrop', size=240)  # some files have a frame

model = dict(
    G=dict(base_channels=16, downs=5, norm=dict(type='IN'), dropout=0.0),
    D=dict(base_channels=16, layers=2),
    reconstruction=dict(type='L2Loss'),  # the things are small: L1 prefers an empty mask for long
    test_cfg=dict(dropout=False, norm='running'))
optim_wrapper = dict(G=dict(optimizer=dict(lr=1e-3)))

# No mirroring: the cameras stand still, and where something is tells what it is.
train_dataloader = dict(batch_size=4, num_workers=0, dataset=dict(**_pairs, pipeline=[
    _middle, dict(type='Resize', size=144), dict(type='RandomCrop', size=128)]))
val_dataloader = dict(batch_size=4, num_workers=0, dataset=dict(**_pairs, held_out=True, pipeline=[
    _middle, dict(type='Resize', size=128)]))
val_evaluator = [dict(type='MaskIoU', foreground='black'), dict(type='L1')]

train_cfg = dict(max_iters=2400, val_interval=400)
param_scheduler = dict(type='LinearDecayLR', constant=1200, decay=1200, by_epoch=False)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=400, save_best='MaskIoU'),
                     samples=dict(type='SampleHook', interval=400))
