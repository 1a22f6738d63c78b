# Lee et al., DRIT, ECCV 2018: cats <-> dogs.
# python tools/train.py configs/drit/cat2dog.py --cfg-options data_root=PATH
# Time: 1200 epochs of 682 iterations of batch 2, of which one in three updates all networks. Metric: KID x100 10.92 (to dogs) and 10.86 (to cats), by U-GAT-IT's authors, by all signs means of KID to the target and to the source; FID 22.74 (to dogs) and 62.85 (to cats), and with model.w_ms=1 16.02 and 29.57, in the paper of mode seeking, from memory.
_base_ = ['../_base_/models/drit_transform.py', '../_base_/datasets/unpaired_216.py', '../_base_/schedules/linear_1200e.py']

data_root = 'data/cat2dog'
# tools/test.py: KID in both readings of U-GAT-IT's table; it needs the weights of an Inception network (docs/features.md).
test_evaluator = [dict(type='UGATITKID'),
                  dict(type='UGATITKID', pred='fake_A', target='A', source='B', prefix='BtoA')]
