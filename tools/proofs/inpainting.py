"""Inpainting: holes of held-out pictures, against their mean colour and both methods of OpenCV."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from toolbox.data.collate import stack_samples
from toolbox.data.io import write_image
from toolbox.data.listing import list_images
from toolbox.engine import Runner
from toolbox.engine.config import load_config
from toolbox.hooks.ema import averaged_weights
from toolbox.methods import Method
from toolbox.metrics import L1, PSNR
from toolbox.randomness.keys import SampleKey

from . import Claim, proof

ROOT = Path(__file__).resolve().parents[2]
RADIUS, SHOWN = 3, 6


def mean_colour(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The mean of what is known of this picture."""
    return np.where(hole[:, :, None], image[~hole].mean(0).round(), image).astype(np.uint8)


def opencv(method: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    def fill(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
        return cv2.inpaint(np.where(hole[:, :, None], np.uint8(0), image), 255 * hole.astype(np.uint8), RADIUS, method)
    return fill


BASELINES = {'mean colour': mean_colour, 'TELEA': opencv(cv2.INPAINT_TELEA), 'NS': opencv(cv2.INPAINT_NS)}


def compare(config: str, out: Path, options: dict[str, Any], masks: int, gain: float) -> list[Claim]:
    """A training, and its scores in the holes of the validation, each picture with several masks."""
    fixed = {'work_dir': str(out / 'run'), 'train_cfg.val_interval': None}
    runner = Runner.from_cfg(load_config(ROOT / 'configs' / config, {**fixed, **options}))
    runner.train()
    with averaged_weights(runner):
        return claims_of(runner.model, runner.val_loop.dataloader.dataset, out, masks, gain)


def claims_of(method: Method, data: Any, out: Path, masks: int, gain: float) -> list[Claim]:
    """Scores and a sheet of pictures: with holes, filled by each of the baselines and by the method, and whole."""
    rows = []
    for number in range(masks * len(data)):
        (sample,) = method.val_step(stack_samples([data[SampleKey(number % len(data), number)]]))
        image, hole = sample['img'].permute(1, 2, 0).numpy(), sample['mask'][0].numpy() > 127
        filled = {name: fill(image, hole).transpose(2, 0, 1) for name, fill in BASELINES.items()}
        rows.append({**sample, **filled})
    keys = ('masked', *BASELINES, 'fake', 'img')
    sheet = np.concatenate([np.concatenate([np.asarray(row[key]) for row in rows[:SHOWN]], 2) for key in keys], 1)
    write_image(out / f'{out.name}.jpg', sheet.transpose(1, 2, 0))
    scores = {name: [float(np.mean(metric(name, 'img', mask='mask').measure(rows))) for metric in (PSNR, L1)]
              for name in ('fake', *BASELINES)}
    psnr, l1 = scores['fake']
    claims = []
    for name in BASELINES:
        claims += [Claim(f'PSNR in the holes, dB (before: {name})', psnr, scores[name][0],
                         at_least=scores[name][0] + gain),
                   Claim(f'L1 in the holes, % (before: {name})', 100 * l1, 100 * scores[name][1],
                         at_most=100 * scores[name][1])]
    return claims


@proof('scenes, inpainting')
def scenes(out: Path) -> list[Claim]:
    """The config as it is."""
    return compare('inpainting/synthetic.py', out / 'inpainting_scenes', {'val_dataloader.dataset.split': 'held out'},
                   4, gain=1.0)


@proof('photographs, inpainting', photos=True)
def photographs(out: Path, photos: Path) -> list[Claim]:
    """The same networks on the photographs in ``train*`` of a folder, scored on those in ``test*``, each with two
    holes, one after the other."""
    out = out / 'inpainting_photographs'
    for split in ('train', 'test'):
        (out / split).mkdir(parents=True, exist_ok=True)
        for folder in sorted(photos.glob(f'{split}*')):
            for file in list_images(folder):
                link = out / split / f'{folder.name.removeprefix(split)}{file.name}'
                link.unlink(missing_ok=True)
                link.symlink_to(file.resolve())
    holes = dict(type='RectangleHoles', share=(0.25, 0.5))
    windows = {'train': [dict(type='RandomResizedCrop', size=64, scale=(0.5, 1.0)), dict(type='RandomFlip'), holes],
               'test': [dict(type='ResizeShort', size=64), dict(type='CenterCrop', size=64), holes]}
    sets = {split: dict(type='ImageFolder', data_root=str(out), split=split, pipeline=pipeline, _delete_=True)
            for split, pipeline in windows.items()}
    return compare('inpainting/synthetic.py', out, {
        'train_dataloader.dataset': sets['train'], 'val_dataloader.dataset': sets['test'],
        'train_cfg.max_iters': 1600, 'param_scheduler.constant': 800, 'param_scheduler.decay': 800}, 2, gain=0.5)
