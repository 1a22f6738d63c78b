# Zhu et al., CycleGAN, ICCV 2017: Yosemite in summer <-> in winter.
# python tools/prepare_data.py summer2winter_yosemite && python tools/train.py configs/cyclegan/summer2winter.py
# Time: 200 epochs of batch 1 (about 1200 iterations each). Metric: FID 77.3 (to winter) and 72.6 (to summer), official code re-evaluated by MMGeneration.
_base_ = ['../_base_/models/cyclegan.py', '../_base_/datasets/unpaired_256.py', '../_base_/schedules/linear_200e.py']

data_root = 'data/summer2winter_yosemite'
