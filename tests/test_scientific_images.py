"""Sets that are not RGB, from the files to the files by the commands that users type."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from commands import toolbox
from passing import PassingNet

from toolbox.data.io import read_image, write_image

pytest.importorskip('tifffile', reason='TIFF of six bands needs tifffile (pip install tifffile)')
# method -> (type, low, high, bands, suffix, data set, what to score)
SETS = {'pix2pix': ('float32', 0, 1, 6, '.tif', 'PairedDataset', ('fake_B', 'B')),
        'cyclegan': ('uint16', 0, 4095, 1, '.png', 'UnpairedDataset', ('rec_A', 'A'))}
NETS = {'pix2pix': (('G',), ('D',)), 'cyclegan': (('G_AB', 'G_BA'), ('D_A', 'D_B'))}


def write_config(path: Path, method: str, data: Path, run: Path) -> None:
    _, low, high, bands, _, kind, (pred, target) = SETS[method]
    generators, discriminators = NETS[method]
    networks = {**{name: dict(type=PassingNet.__name__) for name in generators},
                **{name: dict(type='PatchDiscriminator', base_channels=2, layers=1) for name in discriminators}}
    sgd = dict(type='SGD', lr=0.0)
    dataset = dict(type=kind, data_root=str(data), channels=bands)
    entries = dict(
        model=dict(type={'pix2pix': 'Pix2Pix', 'cyclegan': 'CycleGAN'}[method], **networks),
        train_dataloader=dict(dataset=dict(dataset, split='train', value_range=(low, high))),
        val_dataloader=dict(dataset=dict(dataset, split='test')),
        val_evaluator=[dict(type='L1', pred=pred, target=target)],
        optim_wrapper=dict(G=dict(nets=generators, optimizer=sgd), D=dict(nets=discriminators, optimizer=sgd)),
        train_cfg=dict(max_iters=2, val_interval=2), work_dir=str(run))
    path.write_text('\n'.join(f'{name} = {value!r}' for name, value in entries.items()))


@pytest.mark.parametrize('method', SETS)
def test_a_set_comes_back_in_its_own_type_from_a_network_that_changes_nothing(method: str, tmp_path: Path) -> None:
    dtype, low, high, bands, suffix, *_ = SETS[method]
    rng, data, run, config = np.random.default_rng(0), tmp_path / 'data', tmp_path / 'run', tmp_path / 'config.py'
    for folder in ('trainA', 'trainB', 'testA', 'testB'):
        for i in range(2):
            x = rng.random((16, 24, bands)) * (high - low) + low
            x.flat[:2] = low, high
            write_image(data / folder / f'{i}{suffix}', (np.rint(x) if dtype == 'uint16' else x).astype(dtype))
    write_config(config, method, data, run)

    def run_command(*words: str) -> None:
        code, _, err = toolbox(*words)
        assert code == 0, err

    run_command('train', str(config))
    run_command('test', str(config), str(run), '--out', str(tmp_path / 'tested'))
    run_command('translate', str(run), str(data / 'testA'), str(tmp_path / 'out'), '--device', 'cpu')
    with open(run / 'results.csv', newline='') as file:
        validated, = (float(row['value']) for row in csv.DictReader(file) if row['name'] == 'L1')
    true, made = ([read_image(folder / f'{i}{suffix}', None) for i in range(2)]
                  for folder in (data / 'testA', tmp_path / 'out'))
    place = np.spacing(np.float32(high)) if dtype == 'float32' else 0  # whole numbers come back exactly
    for a, b in zip(true, made, strict=True):
        assert b.dtype == dtype and b.shape == a.shape == (16, 24, bands)
        assert np.abs(a.astype(np.float64) - b).max() <= place
    tested = sorted((tmp_path / 'tested/fake_B').iterdir())
    for a, path in zip(true, tested, strict=True):
        assert np.abs(a.astype(np.float64) - read_image(path, None)).max() <= place
    expected = 0.0 if method == 'cyclegan' else np.mean(
        [np.abs(a - read_image(data / f'testB/{i}{suffix}', None)).mean() for i, a in enumerate(true)])
    assert validated == pytest.approx(expected, rel=1e-4, abs=1e-7)
