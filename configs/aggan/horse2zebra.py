# Mejjati et al., Unsupervised attention-guided image-to-image translation, NeurIPS 2018: horses <-> zebras.
# python tools/prepare_data.py horse2zebra && python tools/train.py configs/aggan/horse2zebra.py
# Time: 100 epochs of batch 1, the first 30 with attention training. Metric: KID x100, blocks of 10: 7.58 (to B) and 8.80 (to A) in the paper of U-GAT-IT, means of target and source by all signs.
_base_ = ['../_base_/models/aggan.py', '../_base_/datasets/unpaired_256_bilinear.py', '../_base_/schedules/linear_100e.py']

data_root = 'data/horse2zebra'
