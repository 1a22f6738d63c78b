"""Colourisation of drawn scenes; of real photographs, as a command: python tools/proofs/colorization.py FOLDER

FOLDER has photographs in train/ and in test/ (any folders below). 64 pixels, one core, some minutes (--iters).
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

if __name__ == '__main__':
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    sys.path[:0] = [str(Path(__file__).resolve().parents[i]) for i in (1, 2)]

import numpy as np
import torch
from torch import Tensor

from proofs import Claim, proof, table
from toolbox.data.collate import stack_samples
from toolbox.data.io import write_image
from toolbox.engine import Runner
from toolbox.engine.config import load_config
from toolbox.layers.lab import srgb_to_lab
from toolbox.metrics.lab import LabError

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / 'configs/pix2pix/synthetic_colorization.py'
SIDE, SHOWN = 64, 8


def errors(runner: Any, held_out: Any) -> tuple[dict[str, float], Tensor]:
    """LabError of the method, of gray, and of the mean colour of the training set, on a set that was not trained on;
    and rows of pictures (gray, coloured, true)."""
    scores = {'fake': LabError('fake', 'img'), 'gray': LabError('gray', 'img'),
              'mean': LabError('fake', 'img', real=runner.train_loop.dataloader.dataset)}
    rows = []
    for start in range(0, len(held_out), SHOWN):
        samples = [held_out[i] for i in range(start, min(start + SHOWN, len(held_out)))]
        made = runner.model.val_step(stack_samples(samples))
        rows += [torch.cat([one[key] for key in ('gray', 'fake', 'img')], 1) for one in made]
        for metric in scores.values():
            metric.process(None, made)
    return {name: metric.evaluate(len(held_out))['LabError'] for name, metric in scores.items()}, torch.stack(rows)


def claims(runner: Any, held_out: Any, picture: Path, share: float, every: int = 1) -> list[Claim]:
    """What must hold after the training; the first pictures of the set, every n-th, go to a file."""
    found, rows = errors(runner, held_out)
    write_image(picture, np.concatenate([row.permute(1, 2, 0).numpy() for row in rows[::every][:SHOWN]], 1))
    return [Claim('error of (a*, b*) (before: gray)', found['fake'], found['gray'], at_most=share * found['gray']),
            Claim('the same (before: mean colour of the training)', found['fake'], found['mean'],
                  at_most=share * found['mean']),
            Claim('change of lightness, L*', lightness_change(rows), at_most=0.5)]


def lightness_change(rows: Tensor) -> float:
    """Mean distance of L* between photographs and what was made of their lightness, both in 8 bits."""
    _, made, true = (srgb_to_lab(part.double() / 255)[:, 0] for part in rows.chunk(3, 2))
    return float((made - true).abs().mean())


def train(out: Path, options: dict[str, Any]) -> Any:
    runner = Runner.from_cfg(load_config(CONFIG, {'work_dir': str(out / 'colorization'), 'train_cfg.val_interval': None,
                                                  **options}))
    runner.train()
    return runner


@proof('scenes, colourisation')
def drawn(out: Path) -> list[Claim]:
    runner = train(out, {})
    data = runner.val_loop.dataloader.dataset
    held_out = type(data)(data.size, 64, 'held out', style=data.style)
    return claims(runner, held_out, out / 'colorization.png', 0.5)


def photographs(folder: Path, out: Path, iters: int, seed: int = 0) -> list[Claim]:
    """Of a folder with train/ and test/."""
    small = [dict(type='ResizeShort', size=SIDE), dict(type='CenterCrop', size=SIDE)]
    jitter = [dict(type='ResizeShort', size=SIDE + 8), dict(type='RandomCrop', size=SIDE), dict(type='RandomFlip')]
    data = dict(type='ImageFolder', data_root=str(folder), _delete_=True)
    runner = train(out, {
        'model.G.base_channels': 24, 'model.D.base_channels': 16, 'randomness.seed': seed,
        'train_dataloader.dataset': dict(data, split='train', gray='bad', on_bad_image='skip', max_bad=0.2,
                                         pipeline=jitter),
        'val_dataloader.dataset': dict(data, split='test', pipeline=small),
        'val_evaluator': [dict(type='LabError')],
        'train_cfg.max_iters': iters, 'train_cfg.val_interval': max(1, iters // 8),
        'param_scheduler.constant': iters // 2, 'param_scheduler.decay': iters - iters // 2})
    held_out = runner.val_loop.dataloader.dataset
    return claims(runner, held_out, out / 'photographs.png', 1.0, max(1, len(held_out) // SHOWN))


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', type=Path)
    parser.add_argument('--out', type=Path, default=Path('work_dirs/proofs'))
    parser.add_argument('--iters', type=int, default=500)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    found = photographs(args.folder, args.out, args.iters, args.seed)
    print(table([(args.folder.name, found, 0)]))
    sys.exit(not all(claim.holds for claim in found))
