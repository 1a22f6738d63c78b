# <data_root>/DIV2K_train_HR and DIV2K_train_LR_bicubic/X4 (the published small images, MATLAB's bicubic), Set5, Set14: folders
# of photographs. Windows of 96 pixels, flips and quarter turns. Scores as in the papers: luma, without a border of the scale.
_augmentation = [dict(type='ScaledCrop', size=96), dict(type='RandomFlip'), dict(type='RandomTurn')]
train_dataloader = dict(
    batch_size=16,
    num_workers=8,
    dataset=dict(type='SuperResolutionDataset', scale=4, HR='DIV2K_train_HR', LR='DIV2K_train_LR_bicubic/X4', pipeline=_augmentation))
val_dataloader = dict(batch_size=1, num_workers=2, dataset=dict(type='SuperResolutionDataset', scale=4, HR='Set5'))
test_dataloader = dict(batch_size=1, num_workers=2, dataset=dict(type='SuperResolutionDataset', scale=4, HR='Set14'))
_luma = dict(crop_border=4, channel='y')
val_evaluator = [dict(type='PSNR', **_luma), dict(type='SSIM', **_luma),
                 dict(type='PSNR', pred='bicubic', target='HR', prefix='bicubic', **_luma)]
test_evaluator = [*val_evaluator, dict(type='SSIM', pred='bicubic', target='HR', prefix='bicubic', **_luma)]
