"""Real photographs: SRResNet beats bicubic interpolation, and SRGAN's stage from it is sharper with a lower PSNR.

python tools/proofs/superres.py DATA [--seeds 0 1] [--out FOLDER]

DATA holds the folders CBSD68 (to train), Set5 and Set14 (to test) of photographs. What is in FOLDER already is not
trained again. It is not among the proofs of run.py, as its data are in no clone.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault('OMP_NUM_THREADS', '1')
ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / 'tools')]

import numpy as np
import torch

from proofs import Claim
from toolbox.cli import run
from toolbox.data.collate import stack_samples
from toolbox.data.io import write_image
from toolbox.data.sets.superres import SuperResolutionDataset
from toolbox.engine import Runner
from toolbox.engine.config import load_config
from toolbox.metrics import LPIPS, PSNR, SSIM
from toolbox.metrics.image import BT601
from toolbox.use.translator import Translator

SCALE, SETS = 4, ('Set5', 'Set14')
LUMA = dict(channel='y', crop_border=SCALE)
FEATURES = dict(type='LPIPS', net='alex', weights='random', linear='random')
PICTURES = ('bicubic', 'SRResNet', 'SRGAN', 'HR')
WINDOWS = (('Set5', 'butterfly', 40, 110), ('Set14', 'monarch', 190, 330), ('Set14', 'zebra', 120, 250))  # top, left
SIDE = 96
GAIN = 0.3  # dB of SRResNet over bicubic interpolation
# What differs from the configs of the paper: a narrow network without norm, small windows, larger rates, a short time.
NARROW = {'model.G.base_channels': 32, 'model.G.blocks': 6, 'model.G.norm.type': 'none',
          'train_dataloader.batch_size': 4}
PLAIN = {'optim_wrapper.G.optimizer.lr': 1e-3}
# VGG's weights are in no clone: the content is the picture itself.
SHARP = {'model.perceptual': dict(type='L1Loss', _delete_=True), 'model.w_adv': 5e-2, 'model.pretrain_iters': 0,
         'model.D': dict(type='SRGANDiscriminator', base_channels=16, levels=3, head='pooled', hidden=64,
                         _delete_=True),
         'optim_wrapper.G.optimizer.lr': 2e-4, 'optim_wrapper.D.optimizer.lr': 1e-3}


def train(config: str, data: Path, out: Path, seed: int, iters: int, changes: Mapping[str, Any]) -> Path:
    """The checkpoint of a training with a config of configs/srgan; CPU seconds stand beside it."""
    checkpoint = out / f'iter_{iters}.pth'
    if not checkpoint.exists():
        start = time.process_time()
        # A part of each photograph is enough to make a small window of.
        hr = dict(type='ImageFolder', data_root=str(data), split='CBSD68', pipeline=[dict(type='RandomCrop', size=96)])
        pairs = dict(type='SuperResolutionOf', scale=SCALE, hr=hr, _delete_=True, pipeline=[
            dict(type='ScaledCrop', size=64), dict(type='RandomFlip'), dict(type='RandomTurn')])
        runner = Runner.from_cfg(load_config(ROOT / f'configs/srgan/{config}', {
            'data_root': str(data), 'work_dir': str(out), 'randomness.seed': seed, 'train_dataloader.dataset': pairs,
            'train_dataloader.num_workers': 0, 'train_cfg': dict(max_iters=iters, _delete_=True),
            'default_hooks.checkpoint.save_best': None, 'default_hooks.checkpoint.interval': 500,
            'resume': (out / 'last_checkpoint').exists(),
            'default_hooks.samples.interval': iters, **NARROW, **changes}))
        runner.model.to(memory_format=torch.channels_last)  # a quarter faster on this CPU
        runner.train()
        (out / 'seconds.txt').write_text(f'{time.process_time() - start:.0f}')
    return checkpoint


def train_both(data: Path, out: Path, seed: int, long: int, short: int) -> tuple[Path, Path]:
    """The checkpoints of SRResNet, and of SRGAN that starts from it."""
    first = train('srresnet_x4.py', data, out / f'srresnet_{seed}', seed, long, {
        **PLAIN, 'param_scheduler': dict(type='CosineAnnealingLR', T_max=long, by_epoch=False)})
    second = train('srgan_x4.py', data, out / f'srgan_{seed}', seed, short, {
        **SHARP, 'param_scheduler.milestones': [short // 2], 'load_from': str(first)})
    return first, second


def pictures_of(nets: Mapping[str, Path], data: Path, name: str) -> list[dict[str, Any]]:
    """For each photograph of a set: itself, LR, and what bicubic interpolation and the networks make of it."""
    photographs, samples = SuperResolutionDataset(SCALE, data, HR=name), []
    models = {key: Translator(path).model for key, path in nets.items()}
    for i in range(len(photographs)):
        batch, sample = stack_samples([photographs[i]]), {}
        for key, model in models.items():
            found = model.val_step(batch)[0]
            sample = {**found, **sample, key: found['fake']}
        samples.append(sample)
    return samples


def scores(samples: Sequence[Mapping[str, Any]], key: str) -> dict[str, float]:
    """PSNR and SSIM of luma, LPIPS with random weights, and the energy of high frequencies in dB beside the truth's."""
    found = {}
    for metric in (PSNR(key, 'HR', **LUMA), SSIM(key, 'HR', **LUMA), LPIPS(key, 'HR', features=FEATURES)):
        for sample in samples:
            metric.process(None, [sample])
        found[metric.name] = metric.evaluate(len(samples))[metric.name]
    found['spectrum'] = float(np.mean([fine(sample[key]) - fine(sample['HR']) for sample in samples]))
    return found


def fine(image: torch.Tensor) -> float:
    """Mean level in dB of the luma's frequencies that LR cannot have: above half its sampling rate in a direction.

    A mean of decibels is not moved by a few high peaks, such as those of the grid that a network with pixel shuffles
    leaves, as the energy is.
    """
    luma = image.double().numpy().transpose(1, 2, 0) @ BT601
    window = np.outer(*(np.hanning(side) for side in luma.shape))
    energy = np.abs(np.fft.fft2((luma - luma.mean()) * window)) ** 2
    rows, columns = (np.abs(np.fft.fftfreq(side)) for side in luma.shape)
    return float(10 * np.log10(energy[np.maximum.outer(rows, columns) > 0.5 / SCALE] + 1e-9).mean())


def table(rows: Mapping[tuple[str, str, str], Mapping[str, float]]) -> str:
    lines = ['| seed | set | picture | PSNR | SSIM | fine detail, dB beside HR | LPIPS x 1000, random weights |',
             '|---|---|---|---|---|---|---|']
    lines += [f'| {seed} | {name} | {key} | {found["PSNR"]:.2f} | {found["SSIM"]:.4f} | {found["spectrum"]:.2f} | '
              f'{1000 * found["LPIPS"]:.1f} |' for (seed, name, key), found in rows.items()]
    return '\n'.join(lines)


def claims(rows: Mapping[tuple[str, str, str], Mapping[str, float]]) -> Iterator[Claim]:
    for seed, name in dict.fromkeys((seed, name) for seed, name, _ in rows):
        bicubic, plain, sharp = (rows[seed, name, key] for key in PICTURES[:3])
        where = f'{name}, seed {seed}'
        yield Claim(f'{where}: PSNR of SRResNet', plain['PSNR'], bicubic['PSNR'], at_least=bicubic['PSNR'] + GAIN)
        yield Claim(f'{where}: PSNR of SRGAN', sharp['PSNR'], plain['PSNR'], at_most=plain['PSNR'])
        yield Claim(f'{where}: distance of its fine detail from the truth in dB', abs(sharp['spectrum']),
                    abs(plain['spectrum']), at_most=abs(plain['spectrum']))


def sheet(sets: Mapping[str, Sequence[Mapping[str, Any]]]) -> np.ndarray:
    """Windows of a few photographs, a row each, a column for each of ``PICTURES``."""
    rows = []
    for name, stem, top, left in WINDOWS:
        sample = next(sample for sample in sets[name] if Path(sample['meta']['HR_path']).stem == stem)
        window = np.s_[:, top:top + SIDE, left:left + SIDE]
        rows.append(np.concatenate([sample[key].numpy()[window] for key in PICTURES], 2))
    return np.concatenate(rows, 1).transpose(1, 2, 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('data', type=Path, help='folder of CBSD68, Set5 and Set14')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/superres'))
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1])
    parser.add_argument('--iters', type=int, nargs=2, default=[3000, 400], help='of SRResNet and of SRGAN')
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = {}
    for seed in args.seeds:
        first, second = train_both(args.data, args.out, seed, *args.iters)
        sets = {name: pictures_of({'SRResNet': first, 'SRGAN': second}, args.data, name) for name in SETS}
        for name, samples in sets.items():
            rows |= {(str(seed), name, key): scores(samples, key) for key in PICTURES[:3]}
        write_image(args.out / f'superres_{seed}.png', sheet(sets))
    print(table(rows))
    (args.out / 'table.md').write_text(table(rows) + '\n')
    failed = [claim for claim in claims(rows) if not claim.holds]
    for claim in failed:
        print(f'not so: {claim.what} is {claim.after:.4g}, must be {claim.bound}', file=sys.stderr)
    return 1 if failed else 0


if __name__ == '__main__':
    run(main)
