"""Attention and shapes: U-GAT-IT and AGGAN on worlds whose true answers are known, next to CycleGAN."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from toolbox.data.collate import stack_samples
from toolbox.data.worlds.shapes import CLASSES, classify_shapes
from toolbox.engine import Runner
from toolbox.engine.config import load_config
from toolbox.hooks.ema import averaged_weights

from . import Claim, proof

ROOT = Path(__file__).resolve().parents[2]
STARS = load_config(ROOT / 'configs/ugatit/synthetic.py')
# CycleGAN's own config for drawn images, with the data and the number of iterations of U-GAT-IT's.
ON_STARS = {**{f'{key}.dataset.{name}': value for key in ('train_dataloader', 'val_dataloader')
               for name, value in dict(world='shapes', domains=('disc', 'star'), size=32).items()},
            'val_dataloader.dataset.length': 64, 'train_cfg.max_iters': STARS.train_cfg.max_iters,
            'param_scheduler.constant': STARS.param_scheduler.constant, 'param_scheduler.decay': STARS.param_scheduler.decay}


@dataclass
class Result:
    """What a training gave on its validation set, by the averaged weights.

    Attributes:
        score: OracleScore.
        fakes: translations of A, uint8 ``(N, H, W, 3)``.
        changed: where the true answer differs from A, ``(N, H, W)``.
        heat: of the translation of A, ``(N, H, W)`` in [0, 1]; None without attention.
    """

    score: float
    fakes: np.ndarray
    changed: np.ndarray
    heat: np.ndarray | None

    @property
    def stars(self) -> float:
        """Share of the translations that are stars."""
        return float((classify_shapes(self.fakes) == CLASSES.index('star')).mean())

    @property
    def focus(self) -> float:
        """How much hotter the heat map is where something has to change than elsewhere."""
        return float(self.heat[self.changed].mean() / self.heat[~self.changed].mean())


def train(config: str, out: Path, options: dict[str, Any] | None = None) -> Result:
    """Train a config of ``configs/`` with changed options."""
    fixed = {'work_dir': str(out / config.replace('/', '_').removesuffix('.py')), 'train_cfg.val_interval': None}
    runner = Runner.from_cfg(load_config(ROOT / 'configs' / config, {**fixed, **(options or {})}))
    runner.train()
    score = runner.train_loop.history[-1]['OracleScore']
    data = runner.val_loop.dataloader.dataset
    batch = stack_samples([data[i] for i in range(len(data))])
    with averaged_weights(runner):
        images = runner.model.val_step(batch)
        attentive = type(runner.model).__name__ in ('UGATIT', 'AGGAN')
        heat = runner.model.attention(runner.model._batch(batch).A)[:, 0].numpy() if attentive else None
    stacked = {key: torch.stack([sample[key] for sample in images]).permute(0, 2, 3, 1).numpy()
               for key in ('A', 'fake_B', 'oracle_B')}
    changed = np.abs(stacked['A'].astype(int) - stacked['oracle_B']).sum(3) > 30
    return Result(score, stacked['fake_B'], changed, heat)


@proof('disc to star, U-GAT-IT and CycleGAN')
def disc_to_star(out: Path) -> list[Claim]:
    ours, cyclegan = train('ugatit/synthetic.py', out), train('cyclegan/synthetic.py', out, ON_STARS)
    print(ours.score, ours.stars, ours.focus, cyclegan.score, cyclegan.stars)
    return [Claim('OracleScore of U-GAT-IT', ours.score, 0.0, at_least=0.4),
            Claim('OracleScore of U-GAT-IT, minus that of CycleGAN', ours.score - cyclegan.score, at_least=0.05),
            Claim('share of translations that are stars, U-GAT-IT', ours.stars, 0.0, at_least=0.9),
            Claim('share of translations that are stars, CycleGAN', cyclegan.stars, 0.0, at_most=1.0),
            Claim('heat where the shape has to change / elsewhere', ours.focus, at_least=1.5)]
