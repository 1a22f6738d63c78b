# Choi et al., StarGAN, CVPR 2018, section 3.3: one model learns the attributes of CelebA and the expressions of RaFD.
# python tools/train.py configs/stargan/celeba_rafd.py   (data as for celeba.py and rafd.py, in data/celeba and data/rafd)
# Time: 200,000 iterations, each with 16 images of either set. Metric: none published that is comparable (user studies).
_base_ = ['../_base_/models/stargan.py']

_attributes = ('Black_Hair', 'Blond_Hair', 'Brown_Hair', 'Male', 'Young')
_domains = ('angry', 'contemptuous', 'disgusted', 'fearful', 'happy', 'neutral', 'sad', 'surprised')
_celeba = [dict(type='CenterCrop', size=178), dict(type='Resize', size=128, filter='bilinear')]
_rafd = [dict(type='CenterCrop', size=256), dict(type='Resize', size=128, filter='bilinear')]

model = dict(exclusive=(_attributes[:3],))
train_dataloader = dict(batch_size=16, num_workers=4, dataset=dict(
    type='JoinedDatasets',
    first=dict(type='AttributeImages', data_root='data/celeba', attributes=_attributes, split='train',
               pipeline=[dict(type='RandomFlip'), *_celeba]),
    second=dict(type='DomainFolders', data_root='data/rafd', domains=_domains, split='train',
                pipeline=[dict(type='RandomFlip'), *_rafd])))
val_dataloader = dict(batch_size=16, num_workers=2, dataset=dict(
    type='AttributeImages', data_root='data/celeba', split='test', max_samples=64, pipeline=_celeba))
