# toolbox prepare emoji -> 1,462 and 174 symbols as Google (A) and as Twitter (B) draws them, 32x32; in `test`, image i of both is one symbol.
_data = dict(type='UnpairedDataset', A='{split}/google', B='{split}/twitter', pipeline=[dict(type='Resize', size=32)])
train_dataloader = dict(batch_size=4, num_workers=0, dataset=dict(**_data, split='train'))
val_dataloader = dict(batch_size=8, num_workers=0, dataset=dict(**_data, split='test'))
val_evaluator = [dict(type='L1', pred='fake_B', target='B'), dict(type='L1', pred='A', target='B', prefix='source')]
