# <data_root>/trainA, trainB, testA, testB; resized to 256 (bicubic), random crops of 216, flips; in tests the middle. One image
# of a batch is encoded, the other one only shows the discriminators of random translations what is real.
_resize = dict(type='Resize', size=256)
train_dataloader = dict(
    batch_size=2,
    num_workers=2,
    dataset=dict(type='UnpairedDataset', split='train', pipeline=[
        _resize, dict(type='RandomCrop', size=216), dict(type='RandomFlip')]))
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    dataset=dict(type='UnpairedDataset', split='test', serial=True, pipeline=[_resize, dict(type='CenterCrop', size=216)]))
val_evaluator = []  # no ground truth: the samples are what there is to look at
