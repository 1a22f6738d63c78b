# The cat2dog set of DRIT and of U-GAT-IT's comparison, with the settings of Zhu et al., CycleGAN, ICCV 2017.
# python tools/train.py configs/cyclegan/cat2dog.py --cfg-options data_root=PATH
# Time: 200 epochs of batch 1 (as many iterations as the larger domain has images). Metric: none published for CycleGAN's code.
_base_ = ['../_base_/models/cyclegan.py', '../_base_/datasets/unpaired_256.py', '../_base_/schedules/linear_200e.py']

data_root = 'data/cat2dog'
