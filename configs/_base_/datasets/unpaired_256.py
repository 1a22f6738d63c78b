# <data_root>/trainA, trainB, testA, testB; resized to 286, random crops of 256, flips.
train_dataloader = dict(
    batch_size=1,
    num_workers=2,
    dataset=dict(type='UnpairedDataset', split='train', pipeline=[
        dict(type='Resize', size=286), dict(type='RandomCrop', size=256), dict(type='RandomFlip')]))
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    dataset=dict(type='UnpairedDataset', split='test', serial=True, pipeline=[dict(type='Resize', size=256)]))
val_evaluator = []  # no ground truth: the samples are what there is to look at
