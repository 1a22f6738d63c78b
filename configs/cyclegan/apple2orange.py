# Zhu et al., CycleGAN, ICCV 2017: apples <-> oranges.
# python tools/prepare_data.py apple2orange && python tools/train.py configs/cyclegan/apple2orange.py
# Time: 200 epochs of batch 1 (about 1000 iterations each). Metric: none published that is comparable.
_base_ = ['../_base_/models/cyclegan.py', '../_base_/datasets/unpaired_256.py', '../_base_/schedules/linear_200e.py']

data_root = 'data/apple2orange'
