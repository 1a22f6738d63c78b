# <data_root>/train, val with images A|B side by side (other layouts: docs/data.md); resized to 286, crops of 256, flips.
train_dataloader = dict(
    batch_size=1,
    num_workers=2,
    dataset=dict(type='PairedDataset', split='train', pipeline=[
        dict(type='Resize', size=286), dict(type='RandomCrop', size=256), dict(type='RandomFlip')]))
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    dataset=dict(type='PairedDataset', split='val', pipeline=[dict(type='Resize', size=256)]))
val_evaluator = [dict(type='PSNR'), dict(type='SSIM'), dict(type='L1')]
