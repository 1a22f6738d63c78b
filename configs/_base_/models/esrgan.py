# ESRGAN: relativistic average loss, VGG54 in front of the activation (ImageNet's mean and deviation), absolute differences.
_base_ = './rrdb.py'

model = dict(
    D=dict(type='SRGANDiscriminator', size=128, base_channels=64, levels=5, kernel=4, hidden=100, norm=dict(type='BN')),
    adversarial=dict(type='RelativisticLoss', mode='vanilla'),
    perceptual=dict(type='PerceptualLoss', layers={'conv5_4': 1.0}, distance='l1', weight=1.0,
                    features=dict(type='VGG19', normalise='imagenet')),
    w_content=1.0,
    w_adv=5e-3,
    w_rec=1e-2)

_adam = dict(type='Adam', lr=1e-4, betas=(0.9, 0.99), fused=True)
optim_wrapper = dict(G=dict(nets=('G',), optimizer=_adam), D=dict(nets=('D',), optimizer=_adam))
