# Zhu et al., CycleGAN, ICCV 2017: paintings of Monet <-> photographs.
# python tools/prepare_data.py monet2photo && python tools/train.py configs/cyclegan/monet2photo.py
# Time: 200 epochs of batch 1 (about 6300 iterations each). Metric: none published that is comparable.
_base_ = ['../_base_/models/cyclegan.py', '../_base_/datasets/unpaired_256.py', '../_base_/schedules/linear_200e.py']

data_root = 'data/monet2photo'
