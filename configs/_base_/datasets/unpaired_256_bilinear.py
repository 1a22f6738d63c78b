# As unpaired_256.py, but resized bilinearly (antialiased), as in the code of U-GAT-IT.
train_dataloader = dict(
    batch_size=1,
    num_workers=2,
    dataset=dict(type='UnpairedDataset', split='train', pipeline=[
        dict(type='Resize', size=286, filter='bilinear'), dict(type='RandomCrop', size=256), dict(type='RandomFlip')]))
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    dataset=dict(type='UnpairedDataset', split='test', serial=True, pipeline=[
        dict(type='Resize', size=256, filter='bilinear')]))
val_evaluator = []  # no ground truth: the samples are what there is to look at
# tools/test.py: KID in both readings of U-GAT-IT's table; it needs the weights of an Inception network (docs/features.md).
test_evaluator = [dict(type='UGATITKID'),
                  dict(type='UGATITKID', pred='fake_A', target='A', source='B', prefix='BtoA')]
