# SPADE with its image encoder: the style of a picture is a code, of a photograph or drawn. E learns with G's optimiser.
_base_ = './spade.py'

# 0.05 on the images of one GPU, averaged over 8, in the authors' runs; here all images of an iteration are summed.
model = dict(G=dict(z_dim=256, size=256), E=dict(type='SPADEEncoder', base_channels=64, z_dim=256, size=256), w_kl=0.05 / 8)
optim_wrapper = dict(G=dict(nets=('G', 'E')))
