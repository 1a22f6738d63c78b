# Mejjati et al., Unsupervised attention-guided image-to-image translation, NeurIPS 2018: apples <-> oranges.
# python tools/prepare_data.py apple2orange && python tools/train.py configs/aggan/apple2orange.py
# Time: 100 epochs of batch 1, the first 30 with attention training. Metric: KID x100 to the target 6.44 (to B) and 5.32 (to A), the paper's numbers from memory; users could not reproduce their scale.
_base_ = ['../_base_/models/aggan.py', '../_base_/datasets/unpaired_256_bilinear.py', '../_base_/schedules/linear_100e.py']

data_root = 'data/apple2orange'
