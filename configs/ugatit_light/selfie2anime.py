# Kim et al., U-GAT-IT, ICLR 2020, light version: selfies <-> anime faces.
# python tools/train.py configs/ugatit_light/selfie2anime.py --cfg-options data_root=PATH
# Time: 1,000,000 iterations of batch 1. Metric: none published for this version; the authors warn of its quality.
_base_ = ['../ugatit/selfie2anime.py']

model = dict(G_AB=dict(light=True), G_BA=dict(light=True))
