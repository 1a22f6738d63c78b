# <data_root>/trainA, trainB, testA, testB; the shorter side to 256 (bilinear), random crops of 256, flips, as in the code of
# UNIT and MUNIT, which crops at random in tests, too; here the window is in the middle then.
_resize = dict(type='ResizeShort', size=256, filter='bilinear')
train_dataloader = dict(
    batch_size=1,
    num_workers=2,
    dataset=dict(type='UnpairedDataset', split='train', pipeline=[
        dict(type='RandomFlip'), _resize, dict(type='RandomCrop', size=256)]))
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    dataset=dict(type='UnpairedDataset', split='test', serial=True, pipeline=[_resize, dict(type='CenterCrop', size=256)]))
val_evaluator = []  # no ground truth: the samples are what there is to look at
