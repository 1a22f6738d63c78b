# The embedded world of single shapes: six classes, 32x32. 512 other shapes to compare with.
train_dataloader = dict(batch_size=32, num_workers=0, dataset=dict(type='SyntheticShapes', size=32, length=5000, split='train'))
val_dataloader = dict(batch_size=64, num_workers=0, dataset=dict(type='SyntheticShapes', size=32, length=512, split='val'))
val_evaluator = []
