# Lee et al., DRIT, ECCV 2018: Yosemite in summer <-> in winter.
# python tools/prepare_data.py summer2winter_yosemite && python tools/train.py configs/drit/yosemite.py
# Time: 1200 epochs of about 600 iterations of batch 2, of which one in three updates all networks. Metric: FID 57.24 (to winter) and 47.37 (to summer), with model.w_ms=1 51.85 and 46.23, in the paper of mode seeking, from memory.
_base_ = ['../_base_/models/drit.py', '../_base_/datasets/unpaired_216.py', '../_base_/schedules/linear_1200e.py']

data_root = 'data/summer2winter_yosemite'
