# Choi et al., StarGAN v2, CVPR 2020: cats, dogs and wild animals, 256x256.
# python tools/train.py configs/starganv2/afhq.py --cfg-options data_root=PATH   (PATH/train/cat/*.jpg, ..., PATH/val/cat/*.jpg, ...)
# Time: 100,000 iterations of batch 8; the authors name three days on a V100. Metric: FID 16.18 and LPIPS .4501 by latents, 19.78 and .4315 by references.
_base_ = ['../_base_/models/starganv2.py', '../_base_/datasets/domains_256.py']

data_root = 'data/afhq'
train_dataloader = dict(dataset=dict(domains=('cat', 'dog', 'wild')))
model = dict(outputs=10, w_diversity=2.0)
