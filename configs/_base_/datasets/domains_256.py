# A folder per domain, 256x256, as StarGAN v2 trains and reports. The leaf names the domains once, in its training set, and
# everything else takes them from there: train_dataloader = dict(dataset=dict(domains=('cat', 'dog')))
_resize = dict(type='Resize', size=256, filter='bilinear')
train_dataloader = dict(batch_size=8, num_workers=4, dataset=dict(
    type='DomainFolders', split='train', references=2, balanced=True,
    pipeline=[dict(type='RandomResizedCrop', size=256, scale=(0.8, 1.0), ratio=(0.9, 1.1), p=0.5), _resize,
              dict(type='RandomFlip')]))
_val = dict(type='DomainFolders', split='val', pipeline=[_resize])
val_dataloader = dict(batch_size=8, num_workers=2, dataset=dict(**_val, references=1, max_samples=16))

# The paper's numbers: 10 translations of each image, FID to the training images with torchvision's Inception.
test_dataloader = dict(batch_size=8, num_workers=2, dataset=dict(**_val, references=10))
_between = dict(type='BetweenDomains')
_fid = dict(metric=dict(type='FID', target='img', features=dict(type='ImageNetInception')),
            real=dict(type='DomainFolders', split='train', pipeline=[_resize]))
_lpips = dict(metric=dict(type='LPIPSDiversity'))
_by_reference = dict(pred='fake_ref', wanted='target', prefix='reference')
test_evaluator = [dict(**_between, **_fid, prefix='latent'), dict(**_between, **_lpips, prefix='latent'),
                  dict(**_between, **_fid, **_by_reference), dict(**_between, **_lpips, **_by_reference)]
