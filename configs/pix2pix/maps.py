# Isola et al., Pix2Pix, CVPR 2017: aerial photographs -> maps.
# python tools/prepare_data.py pix2pix_maps && python tools/train.py configs/pix2pix/maps.py
# Time: 200 epochs of 1096 images, batch 1. Metric: FID 149.7, official code re-evaluated by MMGeneration.
_base_ = ['../_base_/models/pix2pix.py', '../_base_/datasets/paired_256.py', '../_base_/schedules/linear_200e.py']

data_root = 'data/pix2pix_maps'
