# Huang et al., MUNIT, ECCV 2018: house cats <-> dogs.
# python tools/train.py configs/munit/cat2dog.py --cfg-options data_root=PATH
# Time: 1,000,000 iterations of batch 1, the plan of the authors' code (not measured here). Metric: KID x100 10.13 (to dogs) and 10.39 (to cats), by U-GAT-IT's authors, by all signs means of KID to the target and to the source.
_base_ = ['../_base_/models/munit.py', '../_base_/datasets/unpaired_short_256.py', '../_base_/schedules/steps_1m.py']

data_root = 'data/cat2dog'
# tools/test.py: KID in both readings of U-GAT-IT's table; it needs the weights of an Inception network (docs/features.md).
test_evaluator = [dict(type='UGATITKID'),
                  dict(type='UGATITKID', pred='fake_A', target='A', source='B', prefix='BtoA')]
