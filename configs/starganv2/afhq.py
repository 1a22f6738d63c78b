# Choi et al., StarGAN v2, CVPR 2020: cats, dogs and wild animals, 256x256.
# python tools/train.py configs/starganv2/afhq.py --cfg-options data_root=PATH   (PATH/train/cat/*.jpg, ..., PATH/val/cat/*.jpg, ...)
# Time: 100,000 iterations of batch 8; the authors name three days on a V100. Metric: FID 16.18 and LPIPS .4501 by latents, 19.78 and .4315 by references.
_base_ = ['../_base_/models/starganv2.py']

data_root = 'data/afhq'
_domains = ('cat', 'dog', 'wild')
_resize = dict(type='Resize', size=256, filter='bilinear')

model = dict(domains=_domains, w_diversity=2.0)
train_dataloader = dict(batch_size=8, num_workers=4, dataset=dict(
    type='DomainFolders', domains=_domains, split='train', references=True, balanced=True,
    pipeline=[dict(type='RandomResizedCrop', size=256, scale=(0.8, 1.0), ratio=(0.9, 1.1), p=0.5), _resize,
              dict(type='RandomFlip')]))
val_dataloader = dict(batch_size=8, num_workers=2, dataset=dict(
    type='DomainFolders', domains=_domains, split='val', references=True, max_samples=16, pipeline=[_resize]))
