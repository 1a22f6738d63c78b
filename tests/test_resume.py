"""2N iterations == N iterations + a stop + a resume + N iterations, bit for bit."""

import pytest
from runs import EXACT, assert_equal, train
from tiny import tiny_config

from toolbox.files.checkpoint import read_checkpoint

CASES = {
    'cyclegan': ('configs/cyclegan/facades.py', {'model.G_AB.dropout': 0.5}),
    'pix2pix': ('configs/pix2pix/facades.py', {  # dropout acts from six levels on
        'model.G.downs': 6, 'train_dataloader.dataset.pipeline.0.size': 70,
        'train_dataloader.dataset.pipeline.1.size': 64, 'val_dataloader.dataset.pipeline.0.size': 64}),
    'accumulated': ('configs/pix2pix/facades.py', {'model.accumulate': 2, 'train_dataloader.batch_size': 2,
                                                   'optim_wrapper.G.clip_grad': dict(max_norm=1.0)}),
    'ema': ('configs/cyclegan/facades.py', {'custom_hooks': [dict(type='EMAHook', nets=('G_AB',), decay=0.9)],
                                            'default_hooks.checkpoint.save_best': 'PSNR'}),
}


@pytest.mark.parametrize('case', CASES)
def test_resumed_training_equals_undisturbed_training(case, images, tmp_path):
    """Without and with workers, which change nothing."""
    path, options = CASES[case]

    def config(name, workers):
        return tiny_config(path, tmp_path / name, images, 14, {
            'train_cfg.val_interval': 4, 'default_hooks.samples': None, **options,
            'train_dataloader.num_workers': workers})
    train(config('whole', 0))
    whole = read_checkpoint(tmp_path / 'whole/iter_14.pth')
    for name, workers in {'halves': 0, 'halves with workers': 1 if case in ('accumulated', 'ema') else 2}.items():
        # 5 images: the stop after 7 iterations is in the middle of the second epoch (of the fourth with batches of 2)
        train(config(name, workers), stop=7)
        assert (tmp_path / name / 'last_checkpoint').read_text() == 'iter_7.pth'
        train(config(name, workers), resume=True)
        halves = read_checkpoint(tmp_path / name / 'iter_14.pth')
        assert whole['meta']['iter'] == halves['meta']['iter'] == 14
        for key in EXACT:
            assert_equal(whole.get(key), halves.get(key), key)
