# Pix2PixHD with its encoder: three numbers per object, by which its looks are chosen. E learns with G's optimiser.
_base_ = './pix2pixhd.py'

model = dict(E=dict(type='InstanceEncoder', base_channels=16, downs=4, out_channels=3), clusters=10)
optim_wrapper = dict(G=dict(nets=('G', 'E')))
