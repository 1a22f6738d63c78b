# Lee et al., DRIT, ECCV 2018: photographs <-> paintings of van Gogh.
# python tools/train.py configs/drit/photo2vangogh.py --cfg-options data_root=PATH
# Time: 1200 epochs of 616 iterations of batch 2 with the paper's photographs, those of Yosemite in summer, of which one in three updates all networks; with the 6287 of CycleGAN's set the authors' code stops after 477 epochs (500,000 updates): train_cfg.max_epochs=477. Metric: KID x100 12.65 (to paintings) and 7.72 (to photographs), by U-GAT-IT's authors, by all signs means of KID to the target and to the source.
_base_ = ['../_base_/models/drit.py', '../_base_/datasets/unpaired_216.py', '../_base_/schedules/linear_1200e.py']

data_root = 'data/photo2vangogh'
# tools/test.py: KID in both readings of U-GAT-IT's table; it needs the weights of an Inception network (docs/features.md).
test_evaluator = [dict(type='UGATITKID'),
                  dict(type='UGATITKID', pred='fake_A', target='A', source='B', prefix='BtoA')]
