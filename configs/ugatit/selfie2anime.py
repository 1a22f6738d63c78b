# Kim et al., U-GAT-IT, ICLR 2020: selfies <-> anime faces.
# python tools/train.py configs/ugatit/selfie2anime.py --cfg-options data_root=PATH
# Time: 1,000,000 iterations of batch 1 (a user reports 4 days on a V100 with 32 GB). Metric: KID x100, blocks of 10: 11.61 (to B) and 11.52 (to A) in the paper, which by all signs are means of KID to the target and to the source.
_base_ = ['../_base_/models/ugatit.py', '../_base_/datasets/unpaired_256_bilinear.py', '../_base_/schedules/linear_1m.py']

data_root = 'data/selfie2anime'
