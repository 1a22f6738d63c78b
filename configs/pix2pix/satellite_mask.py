# Pix2Pix (Isola et al., CVPR 2017) on a small set of one's own: satellite images -> masks. See docs/recipes_satellite.md.
# python tools/train.py configs/pix2pix/satellite_mask.py --cfg-options data_root=path/to/satellite_mask
# Time: 9000 iterations of 2 pairs, half an hour on one CPU core. Metric: IoU of the masks of pairs held out of the training set.
_base_ = ['../_base_/models/pix2pix.py']

data_root = None  # a folder with train/*.jpg, A|B side by side
_hold_out = dict(block=20, every=4, gap=2)  # the set has no pairs to validate on: every fourth block of 20 neighbours
_pairs = dict(type='PairedDataset', split='train', channels=dict(A=3, B=1), on_bad_pair='skip', hold_out=_hold_out)
_middle = dict(type='CenterCrop', size=240)  # some files have a frame

model = dict(
    G=dict(base_channels=32, downs=4, norm=dict(type='IN'), dropout=0.0),
    D=dict(base_channels=16, layers=2),
    reconstruction=dict(type='DiceLoss', foreground='black'),  # the things are small: L1 prefers an empty mask for long
    w_rec=400.0,
    test_cfg=dict(dropout=False, norm='running'))
optim_wrapper = dict(G=dict(optimizer=dict(lr=1e-3)))

# No mirroring: the cameras stand still, and where something is tells what it is.
train_dataloader = dict(batch_size=2, num_workers=0, dataset=dict(**_pairs, pipeline=[
    _middle, dict(type='RandomCrop', size=224)]))
val_dataloader = dict(batch_size=4, num_workers=0, dataset=dict(**_pairs, held_out=True, pipeline=[_middle]))
val_evaluator = [dict(type='MaskIoU', foreground='black'), dict(type='L1')]

train_cfg = dict(max_iters=9000, val_interval=1500)
param_scheduler = dict(type='LinearDecayLR', constant=4500, decay=4500, by_epoch=False)
custom_hooks = [dict(type='EMAHook', nets=('G',), decay=0.995)]
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1500, save_best='MaskIoU'),
                     samples=dict(type='SampleHook', interval=1500))
