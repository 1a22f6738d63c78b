# Huang et al., MUNIT, ECCV 2018: edges <-> shoes.
# python tools/train.py configs/munit/edges2shoes.py --cfg-options data_root=PATH   (PATH/trainA edges, PATH/trainB, testA, testB; docs/munit.md)
# Time: 1,000,000 iterations of batch 1, the plan of the authors' code (not measured here). Metric: LPIPS between translations .109 in the paper (100 inputs, 19 pairs each).
_base_ = ['../_base_/models/munit.py', '../_base_/datasets/unpaired_short_256.py', '../_base_/schedules/steps_1m.py']

data_root = 'data/edges2shoes'
model = dict(outputs=10)
# tools/test.py: the diversity of ten translations of each image; it needs the weights of AlexNet and LPIPS (docs/features.md).
test_evaluator = [dict(type='LPIPSDiversity', pred='fake_B')]
