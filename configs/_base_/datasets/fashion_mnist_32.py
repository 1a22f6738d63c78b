# toolbox prepare fashion_mnist -> 60,000 and 10,000 gray images of ten kinds of clothes; 28x28, padded with black to 32x32.
_data = dict(type='IdxImages', pipeline=[dict(type='Pad', size=32, mode='constant')])
train_dataloader = dict(batch_size=64, num_workers=0, dataset=dict(**_data, split='train'))
val_dataloader = dict(batch_size=100, num_workers=0, dataset=dict(**_data, split='test', max_samples=1000))
val_evaluator = [dict(type='KID', pred='fake', target='img', features=dict(type='RandomFeatures'))]
