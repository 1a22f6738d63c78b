# Demir, Unal, Patch-based image inpainting with GANs, arXiv 1803.07422, 2018: street views of Paris, 256x256.
# python tools/train.py configs/inpainting/paris_streetview.py --cfg-options data_root=PATH
# Time: 100 epochs of 14,900 images, batch 8; no time is published. Metric: none is quoted (the paper's tables could not be checked);
# L1, L2 (times 100 for the papers' %), PSNR and SSIM of the whole picture, and of the hole alone.
_base_ = ['../_base_/models/inpainting.py', '../_base_/datasets/holes_256.py', '../_base_/schedules/linear_100e.py']

data_root = 'data/paris_streetview'  # train: 14,900 images of 936x537; val: the 100 of paris_eval
