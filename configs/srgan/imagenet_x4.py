# Ledig et al., SRGAN, CVPR 2017: the paper's data, 350,000 images of ImageNet, of which random windows are made small.
# python tools/train.py configs/srgan/imagenet_x4.py --cfg-options data_root=data/imagenet
# Time: 1,000,000 + 200,000 iterations, batch 16. Metric: PSNR / SSIM 29.40 / .8472 on Set5, 26.02 / .7397 on Set14, MOS 3.58, 3.72.
_base_ = ['./srgan_x4.py']

data_root = 'data/imagenet'  # <data_root>/train: images in any folders below; Set5, Set14
_window = [dict(type='Pad', size=96), dict(type='RandomCrop', size=96), dict(type='RandomFlip')]
train_dataloader = dict(dataset=dict(
    _delete_=True, type='SuperResolutionOf', scale=4, hr=dict(type='ImageFolder', split='train', max_samples=350_000, pipeline=_window)))
