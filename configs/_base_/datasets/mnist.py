# <data_root>/train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-... (packed or not): 28x28, one channel.
train_dataloader = dict(batch_size=128, num_workers=2, dataset=dict(type='IdxImages', split='train'))
val_dataloader = dict(batch_size=128, num_workers=2, dataset=dict(type='IdxImages', split='test'))
val_evaluator = []
