# Label maps with photographs, 256x256: resized to 286, crops of 256, flips. The leaf names the classes, in its training set.
# The paper trains with 32 images per iteration: torchrun --nproc_per_node 8, 4 images each.
train_dataloader = dict(batch_size=4, num_workers=4, dataset=dict(
    type='SemanticDataset', split='train',
    pipeline=[dict(type='Resize', size=286), dict(type='RandomCrop', size=256), dict(type='RandomFlip')]))
_val = dict(type='SemanticDataset', split='val', pipeline=[dict(type='Resize', size=256)])
val_dataloader = dict(batch_size=4, num_workers=2, dataset=dict(**_val, max_samples=64))
val_evaluator = [dict(type='L1')]
test_dataloader = dict(batch_size=4, num_workers=2, dataset=_val)
test_evaluator = [dict(type='FID', target='img')]
