# The feature-wise variant, for domains of different shapes: each block of G transforms its features by the attribute.
_base_ = ['./drit.py']

model = dict(
    attribute=dict(type='DRITAttributeEncoder', base_channels=64, style=8, _delete_=True),
    G=dict(type='DRITGenerator', base_channels=64, style=8, blocks=4, _delete_=True))
