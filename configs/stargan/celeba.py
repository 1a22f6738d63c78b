# Choi et al., StarGAN, CVPR 2018: hair colour, gender and age of faces, 128x128.
# python tools/train.py configs/stargan/celeba.py --cfg-options data_root=PATH   (PATH/images/*.jpg, PATH/list_attr_celeba.txt)
# Time: 200,000 iterations of batch 16; the authors name one day on an M40. Metric: none published that is comparable (user studies).
_base_ = ['../_base_/models/stargan.py']

data_root = 'data/celeba'
_attributes = ('Black_Hair', 'Blond_Hair', 'Brown_Hair', 'Male', 'Young')
_pipeline = [dict(type='CenterCrop', size=178), dict(type='Resize', size=128, filter='bilinear')]

model = dict(exclusive=(_attributes[:3],))
train_dataloader = dict(batch_size=16, num_workers=4, dataset=dict(
    type='AttributeImages', attributes=_attributes, split='train', pipeline=[dict(type='RandomFlip'), *_pipeline]))
val_dataloader = dict(batch_size=16, num_workers=2, dataset=dict(
    type='AttributeImages', split='test', max_samples=64, pipeline=_pipeline))
