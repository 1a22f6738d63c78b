"""Images of other numbers than 8 bits: signed, 12 of 16, 32 bits, floats, many bands; read, trained, written back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from torch import Tensor, nn

from toolbox.data.io import list_images, read_image, write_image
from toolbox.engine import Runner
from toolbox.engine.config import load_config
from toolbox.files.checkpoint import read_checkpoint
from toolbox.metrics.folders import evaluate_folders, metric_of
from toolbox.registry import BACKBONES
from toolbox.use.translator import Translator

tifffile = pytest.importorskip('tifffile')
SIDE = 16
HU = (-1024, 3071)
# name -> (type, low, high, bands, suffix)
CASES: dict[str, tuple[str, float, float, int, str]] = {
    'ct_int16': ('int16', *HU, 1, '.tif'), 'ct_float32': ('float32', *HU, 1, '.tif'),
    'ct_uint32': ('uint32', 0, 4095, 1, '.tif'), 'ct_uint12': ('uint16', 0, 4095, 1, '.tif'),
    'bands6_float32': ('float32', 0, 1, 6, '.tif'), 'bands6_npy': ('float32', 0, 1, 6, '.npy')}


@BACKBONES.register_module()
class NothingNet(nn.Module):
    """Gives what it takes; its one weight is there for the optimiser."""

    size_divisor = 4

    def __init__(self, in_channels: int = 3, out_channels: int = 3) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


def numbers(case: str, seed: int) -> np.ndarray:
    """``(SIDE, SIDE)`` or ``(SIDE, SIDE, bands)`` that uses the whole range."""
    dtype, low, high, bands, _ = CASES[case]
    x = np.random.default_rng(seed).random((SIDE, SIDE, bands))
    x.flat[:2] = 0, 1
    values = x * (high - low) + low
    values = (np.rint(values) if np.dtype(dtype).kind in 'iu' else values).astype(dtype)
    return values[:, :, 0] if bands == 1 else values


def draw(root: Path, case: str, count: int = 2) -> Path:
    for d, folder in enumerate(('trainA', 'trainB', 'testA', 'testB', 'valA', 'valB')):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            write_image(root / folder / f'{i}{CASES[case][-1]}', numbers(case, 10 * d + i))
    return root


def config(method: str, data: Path, work_dir: Path, channels: int, options: dict[str, Any] | None = None) -> Config:
    kind = dict(cyclegan='UnpairedDataset', pix2pix='PairedDataset')[method]
    key = dict(cyclegan='rec_A', pix2pix='fake_B')[method]
    file = work_dir.parent / f'{work_dir.name}.py'
    steps = [dict(type='Resize', size=20), dict(type='RandomCrop', size=SIDE), dict(type='RandomFlip')]
    D = dict(type='PatchDiscriminator', base_channels=2, layers=1, norm=dict(type='IN'))
    G = dict(type='NothingNet')
    loader = dict(batch_size=1, dataset=dict(type=kind, data_root=str(data), channels=channels))
    sgd = dict(type='SGD', lr=0.0)
    nets = dict(cyclegan=(('G_AB', 'G_BA'), ('D_A', 'D_B')), pix2pix=(('G',), ('D',)))[method]
    model = dict(type='CycleGAN', G_AB=G, G_BA=G, D_A=D, D_B=D) if method == 'cyclegan' else dict(
        type='Pix2Pix', G=G, D=D)
    entries = dict(
        model=model, train_dataloader=dict(loader, dataset=dict(loader['dataset'], split='train', pipeline=steps)),
        val_dataloader=dict(loader, dataset=dict(loader['dataset'], split='test')),
        val_evaluator=[dict(type=name, pred=key, target=key[-1]) for name in ('PSNR', 'SSIM', 'L1')],
        optim_wrapper=dict(G=dict(nets=nets[0], optimizer=sgd), D=dict(nets=nets[1], optimizer=sgd)),
        train_cfg=dict(max_iters=2, val_interval=2), work_dir=str(work_dir))
    file.write_text('\n'.join(f'{name} = {value!r}' for name, value in entries.items()))
    return load_config(file, options)


def stated(value: Any) -> dict[str, Any]:
    return {'train_dataloader.dataset.value_range': value}


@pytest.mark.parametrize('case', CASES)
@pytest.mark.parametrize('method', ['cyclegan', 'pix2pix'])
def test_a_set_is_trained_tested_and_translated_in_its_own_numbers(method: str, case: str, tmp_path: Path) -> None:
    dtype, low, high, bands, suffix = CASES[case]
    data, run = draw(tmp_path / 'data', case), tmp_path / 'run'
    options = {**stated((low, high)), 'default_hooks.samples': dict(interval=1, rows=1, bands=(6, 3, 1)[:3])}
    runner = Runner.from_cfg(config(method, data, run, bands, options))
    runner.train()
    checkpoint = read_checkpoint(run / 'iter_2.pth')
    assert checkpoint['facts']['value_range']['A'] == [low, high, dtype]
    assert checkpoint['config']['model']['value_range']['B'] == [low, high, dtype]
    sample = runner.train_dataset[0]['A']
    assert sample.dtype == torch.float32 and sample.shape == (bands, SIDE, SIDE)
    assert sample.min() < -0.8 and sample.max() > 0.8
    samples = read_image(run / 'samples/latest.png')
    assert samples[20:20 + SIDE, 5:5 + SIDE].std() > 30  # not black

    summary = Translator(run, 'AtoB').folder(data / 'testA', tmp_path / 'out')
    assert not summary.failed and not summary.clipped and len(summary.done) == 2
    step = 0 if np.dtype(dtype).kind in 'iu' else (high - low) * 2.0**-22
    expected = '.png' if dtype == 'uint16' else suffix
    for i in range(2):
        before, after = numbers(case, 20 + i), read_image(tmp_path / 'out' / f'{i}{expected}', None).squeeze()
        assert after.dtype == dtype
        assert np.abs(after.astype(np.float64) - before).max() <= step


@pytest.mark.parametrize('case', ['ct_int16', 'ct_uint12', 'bands6_npy'])
def test_a_test_writes_its_images_in_the_numbers_of_the_set_and_folders_score_the_same(case: str,
                                                                                      tmp_path: Path) -> None:
    dtype, low, high, bands, suffix = CASES[case]
    data, run = draw(tmp_path / 'data', case), tmp_path / 'run'
    cfg = config('pix2pix', data, run, bands, stated((low, high)))
    Runner.from_cfg(cfg).train()
    out = tmp_path / 'out'
    cfg = config('pix2pix', data, tmp_path / 'test', bands, {
        **stated((low, high)), 'load_from': str(run / 'iter_2.pth'),
        'custom_hooks': [dict(type='SaveImagesHook', out_dir=str(out))]})
    scores = Runner.from_cfg(cfg, trains=False).test()
    files = list_images(out / 'fake_B')
    assert [file.suffix for file in files] == ['.png' if dtype == 'uint16' else suffix] * 2
    assert read_image(files[0], None).dtype == dtype
    metrics = [metric_of(name) for name in ('psnr', 'ssim', 'l1')]
    values, _ = evaluate_folders(data / 'testB', out / 'fake_B', metrics, value_range=(low, high))
    for name in ('PSNR', 'SSIM', 'L1'):
        assert values[name] == pytest.approx(scores[name], rel=1e-5)
    a, b = (np.stack([numbers(case, seed + i) for i in range(2)]).astype(np.float64) for seed in (20, 30))
    assert scores['L1'] == pytest.approx(np.abs(a - b).mean() / (high - low), rel=1e-5)
    mse = ((a - b) ** 2).reshape(2, -1).mean(1)
    assert scores['PSNR'] == pytest.approx(np.mean(10 * np.log10((high - low) ** 2 / mse)), rel=1e-5)
