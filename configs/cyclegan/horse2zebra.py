# Zhu et al., CycleGAN, ICCV 2017: horses <-> zebras.
# python tools/prepare_data.py horse2zebra && python tools/train.py configs/cyclegan/horse2zebra.py
# Time: 200 epochs of batch 1 (1334 iterations each; the authors name 1-2 days on a GTX 1080). Metric: FID 62.1 (to zebras) and 138.6 (to horses), official code re-evaluated by MMGeneration.
_base_ = ['../_base_/models/cyclegan.py', '../_base_/datasets/unpaired_256.py', '../_base_/schedules/linear_200e.py']

data_root = 'data/horse2zebra'
