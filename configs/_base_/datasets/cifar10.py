# <data_root>/cifar-10-batches-bin, cifar-10-batches-py, or one of the archives: 32x32.
train_dataloader = dict(batch_size=64, num_workers=2, dataset=dict(type='CIFAR10', split='train'))
val_dataloader = dict(batch_size=64, num_workers=2, dataset=dict(type='CIFAR10', split='test'))
val_evaluator = []
# tools/test.py: 50,000 generated images against those of the training, as results are published (docs/features.md: weights).
test_dataloader = dict(batch_size=64, num_workers=2, dataset=dict(type='CIFAR10', split='train'))
test_evaluator = [dict(type='FID', pred='fake', target='img'), dict(type='IS', pred='fake', target='img')]
