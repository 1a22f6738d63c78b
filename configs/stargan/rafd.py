# Choi et al., StarGAN, CVPR 2018: eight facial expressions, 128x128.
# python tools/train.py configs/stargan/rafd.py --cfg-options data_root=PATH   (PATH/train/angry/*.jpg, ..., PATH/test/angry/*.jpg, ...)
# Time: 200,000 iterations of batch 16. Metric: 2.12 % error of a ResNet-18 that recognises expressions (paper).
_base_ = ['../_base_/models/stargan.py']

data_root = 'data/rafd'
_pipeline = [dict(type='CenterCrop', size=256), dict(type='Resize', size=128, filter='bilinear')]

train_dataloader = dict(batch_size=16, num_workers=4, dataset=dict(
    type='DomainFolders', split='train',
    domains=('angry', 'contemptuous', 'disgusted', 'fearful', 'happy', 'neutral', 'sad', 'surprised'),
    pipeline=[dict(type='RandomFlip'), *_pipeline]))
_test = dict(type='DomainFolders', split='test', pipeline=_pipeline)
val_dataloader = dict(batch_size=16, num_workers=2, dataset=dict(**_test, max_samples=8))

# tools/test.py: KID between expressions, in both readings of U-GAT-IT's table; it needs a weight file (docs/features.md).
test_dataloader = dict(batch_size=16, num_workers=2, dataset=_test)
test_evaluator = [dict(type='BetweenDomains', metric=dict(type='UGATITKID', target='img', source='img'),
                       pairs=False)]
