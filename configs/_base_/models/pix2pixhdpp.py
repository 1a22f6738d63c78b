# Pix2PixHD++, the baseline of SPADE: the global generator of Pix2PixHD with spectral normalisation and synchronised batch
# norm, trained with the losses, the discriminator and the optimisers of SPADE.
_base_ = './spade.py'

model = dict(G=dict(_delete_=True, type='Pix2PixHDPlusGenerator', base_channels=64, downs=4, blocks=9, norm=dict(type='SyncBN')))
