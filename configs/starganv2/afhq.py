# Choi et al., StarGAN v2, CVPR 2020: cats, dogs and wild animals, 256x256.
# python tools/train.py configs/starganv2/afhq.py --cfg-options data_root=PATH   (PATH/train/cat/*.jpg, ..., PATH/val/cat/*.jpg, ...)
# Time: 100,000 iterations of batch 8; the authors name three days on a V100. Metric: FID 16.18 and LPIPS .4501 by latents, 19.78 and .4315 by references.
_base_ = ['../_base_/models/starganv2.py']

data_root = 'data/afhq'
_domains = ('cat', 'dog', 'wild')
_resize = dict(type='Resize', size=256, filter='bilinear')

model = dict(domains=_domains, outputs=10, w_diversity=2.0)
train_dataloader = dict(batch_size=8, num_workers=4, dataset=dict(
    type='DomainFolders', domains=_domains, split='train', references=2, balanced=True,
    pipeline=[dict(type='RandomResizedCrop', size=256, scale=(0.8, 1.0), ratio=(0.9, 1.1), p=0.5), _resize,
              dict(type='RandomFlip')]))
_val = dict(type='DomainFolders', domains=_domains, split='val', pipeline=[_resize])
val_dataloader = dict(batch_size=8, num_workers=2, dataset=dict(**_val, references=1, max_samples=16))

# The paper's numbers: 10 translations of each image, FID to the training images with torchvision's Inception.
test_dataloader = dict(batch_size=8, num_workers=2, dataset=dict(**_val, references=10))
_between = dict(type='BetweenDomains', domains=_domains)
_fid = dict(metric=dict(type='FID', target='img', features=dict(type='ImageNetInception')),
            real=dict(type='DomainFolders', domains=_domains, split='train', pipeline=[_resize]))
_lpips = dict(metric=dict(type='LPIPSDiversity'))
_by_reference = dict(pred='fake_ref', wanted='target', prefix='reference')
test_evaluator = [dict(**_between, **_fid, prefix='latent'), dict(**_between, **_lpips, prefix='latent'),
                  dict(**_between, **_fid, **_by_reference), dict(**_between, **_lpips, **_by_reference)]
