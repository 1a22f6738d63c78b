# Choi et al., StarGAN, CVPR 2018: eight facial expressions, 128x128.
# python tools/train.py configs/stargan/rafd.py --cfg-options data_root=PATH   (PATH/train/angry/*.jpg, ..., PATH/test/angry/*.jpg, ...)
# Time: 200,000 iterations of batch 16. Metric: 2.12 % error of a ResNet-18 that recognises expressions (paper).
_base_ = ['../_base_/models/stargan.py']

data_root = 'data/rafd'
_domains = ('angry', 'contemptuous', 'disgusted', 'fearful', 'happy', 'neutral', 'sad', 'surprised')
_pipeline = [dict(type='CenterCrop', size=256), dict(type='Resize', size=128, filter='bilinear')]

model = dict(domains=_domains)
train_dataloader = dict(batch_size=16, num_workers=4, dataset=dict(
    type='DomainFolders', domains=_domains, split='train', pipeline=[dict(type='RandomFlip'), *_pipeline]))
_test = dict(type='DomainFolders', domains=_domains, split='test', pipeline=_pipeline)
val_dataloader = dict(batch_size=16, num_workers=2, dataset=dict(**_test, max_samples=8))

# tools/test.py: KID between expressions, in both readings of U-GAT-IT's table; it needs a weight file (docs/features.md).
test_dataloader = dict(batch_size=16, num_workers=2, dataset=_test)
test_evaluator = [dict(type='BetweenDomains', domains=_domains, metric=dict(type='UGATITKID', target='img', source='img'),
                       pairs=False)]
