# Lee et al., DRIT, ECCV 2018: photographs <-> portraits.
# python tools/train.py configs/drit/photo2portrait.py --cfg-options data_root=PATH
# Time: 1,500,000 iterations of batch 2 (the authors stop after 500,000 updates of all networks, one in three). Metric: KID x100 5.85 (to portraits) and 4.76 (to photographs), by U-GAT-IT's authors, by all signs means of KID to the target and to the source.
_base_ = ['../_base_/models/drit_transform.py', '../_base_/datasets/unpaired_216.py', '../_base_/schedules/linear_1200e.py']

data_root = 'data/photo2portrait'
train_cfg = dict(_delete_=True, max_iters=1_500_000)
# tools/test.py: KID in both readings of U-GAT-IT's table; it needs the weights of an Inception network (docs/features.md).
test_evaluator = [dict(type='UGATITKID'),
                  dict(type='UGATITKID', pred='fake_A', target='A', source='B', prefix='BtoA')]
