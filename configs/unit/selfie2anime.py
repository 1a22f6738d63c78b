# Liu et al., UNIT, NIPS 2017, in the authors' later code: selfies <-> anime faces.
# python tools/train.py configs/unit/selfie2anime.py --cfg-options data_root=PATH
# Time: 1,000,000 iterations of batch 1, the plan of the authors' code (not measured here). Metric: KID x100 14.71 (to anime) and 26.32 (to selfies), by U-GAT-IT's authors, by all signs means of KID to the target and to the source.
_base_ = ['../_base_/models/unit.py', '../_base_/datasets/unpaired_short_256.py', '../_base_/schedules/steps_1m.py']

data_root = 'data/selfie2anime'
# tools/test.py: KID in both readings of U-GAT-IT's table; it needs the weights of an Inception network (docs/features.md).
test_evaluator = [dict(type='UGATITKID'),
                  dict(type='UGATITKID', pred='fake_A', target='A', source='B', prefix='BtoA')]
