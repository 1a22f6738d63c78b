# Huang et al., MUNIT, ECCV 2018: Yosemite in summer <-> in winter.
# python tools/prepare_data.py summer2winter_yosemite && python tools/train.py configs/munit/summer2winter.py
# Time: 1,000,000 iterations of batch 1, the plan of the authors' code (not measured here). Metric: none published.
_base_ = ['../_base_/models/munit.py', '../_base_/datasets/unpaired_short_256.py', '../_base_/schedules/steps_1m.py']

data_root = 'data/summer2winter_yosemite'
model = dict(w_cycle=10.0)  # the style-augmented cycle
