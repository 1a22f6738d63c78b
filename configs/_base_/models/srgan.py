# SRGAN-VGG54: the content loss is behind the activation of conv5_4 of VGG19, which sees images as in its own training
# (ImageNet's mean and deviation); 1 / 12.75 on the features is 1 / 12.75 ** 2 on their squared distance.
_base_ = './srresnet.py'

model = dict(
    D=dict(type='SRGANDiscriminator', size=96, base_channels=64, levels=4, hidden=1024, norm=dict(type='BN')),
    adversarial=dict(type='AdversarialLoss', mode='vanilla'),
    perceptual=dict(type='PerceptualLoss', layers={'relu5_4': 1.0}, distance='l2', weight=1 / 12.75 ** 2,
                    features=dict(type='VGG19', normalise='imagenet')),
    w_content=1.0,
    w_adv=1e-3,
    w_rec=0.0)

optim_wrapper = dict(D=dict(nets=('D',), optimizer=dict(type='Adam', lr=1e-4, betas=(0.9, 0.999), fused=True)))
