# Choi et al., StarGAN v2, CVPR 2020: women and men, 256x256.
# python tools/train.py configs/starganv2/celeba_hq.py --cfg-options data_root=PATH   (PATH/train/female/*.jpg, ..., PATH/val/male/*.jpg)
# Time: 100,000 iterations of batch 8; the authors name three days on a V100. Metric: FID 13.73 and LPIPS .4515 by latents, 23.84 and .3880 by references.
_base_ = ['../_base_/models/starganv2.py']

data_root = 'data/celeba_hq'
_domains = ('female', 'male')
_resize = dict(type='Resize', size=256, filter='bilinear')

# The skip needs the authors' detector of landmarks (docs/starganv2.md). To do without: model.G.masks=None model.G.high_pass=0
model = dict(domains=_domains, G=dict(high_pass=1.0, masks=dict(type='LandmarkMasks', weights='weights/wing.ckpt')))
train_dataloader = dict(batch_size=8, num_workers=4, dataset=dict(
    type='DomainFolders', domains=_domains, split='train', references=True, balanced=True,
    pipeline=[dict(type='RandomResizedCrop', size=256, scale=(0.8, 1.0), ratio=(0.9, 1.1), p=0.5), _resize,
              dict(type='RandomFlip')]))
val_dataloader = dict(batch_size=8, num_workers=2, dataset=dict(
    type='DomainFolders', domains=_domains, split='val', references=True, max_samples=16, pipeline=[_resize]))
