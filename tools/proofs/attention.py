"""Attention and shapes: U-GAT-IT and AGGAN on worlds whose true answers are known, next to CycleGAN."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import rankdata

from toolbox.data.collate import stack_samples
from toolbox.data.worlds.shapes import CLASSES, classify_shapes
from toolbox.engine import Runner
from toolbox.engine.config import load_config
from toolbox.hooks.ema import averaged_weights

from . import Claim, proof

ROOT = Path(__file__).resolve().parents[2]
KID = dict(type='UGATITKID', features=dict(type='RandomFeatures'))
EVALUATION = {'train_cfg.val_interval': None,
              'val_evaluator': [dict(type='OracleScore'), KID,
                                dict(KID, pred='A', target='B', source='A', prefix='before')]}


@dataclass
class Result:
    """What a training gave on its validation set, by the averaged weights.

    Attributes:
        scores: of the validation.
        images: 'A', 'fake_B' and 'oracle_B', uint8 ``(N, H, W, 3)``.
        heat: of the translation of A, ``(N, H, W)`` in [0, 1]; None without attention.
    """

    scores: dict[str, float]
    images: dict[str, np.ndarray]
    heat: np.ndarray | None

    @property
    def oracle(self) -> float:
        """Share of the way from A to the true answer."""
        return self.scores['OracleScore']

    @property
    def stars(self) -> float:
        """Share of the translations that are stars."""
        return float((classify_shapes(self.images['fake_B']) == CLASSES.index('star')).mean())

    @property
    def overlap(self) -> float:
        """Intersection over union of the golden pixels of translation and true answer."""
        return iou(*(self.images[key][..., 0] > 131 for key in ('fake_B', 'oracle_B')))

    @property
    def overlap_before(self) -> float:
        """The same of the untranslated images."""
        return iou(*(self.images[key][..., 0] > 131 for key in ('A', 'oracle_B')))

    @property
    def to_change(self) -> np.ndarray:
        """Where the true answer differs from A, ``(N, H, W)``."""
        return np.abs(self.images['A'].astype(int) - self.images['oracle_B']).sum(3) > 30

    @property
    def shape(self) -> np.ndarray:
        """Where A or its true translation is golden, ``(N, H, W)``."""
        return (self.images['A'][..., 0] > 131) | (self.images['oracle_B'][..., 0] > 131)

    @property
    def focus(self) -> float:
        """How much hotter the heat map is on the shape than elsewhere."""
        return float(self.heat[self.shape].mean() / self.heat[~self.shape].mean())

    @property
    def roc_area(self) -> float:
        """How often a pixel of the shape is hotter than another pixel: the area under the ROC curve."""
        ranks = rankdata(self.heat)[self.shape.ravel()]
        count, others = len(ranks), self.shape.size - len(ranks)
        return float((ranks.sum() - count * (count + 1) / 2) / (count * others))

    @property
    def background(self) -> float:
        """Mean change of the pixels that should stay, in grey levels."""
        change = np.abs(self.images['A'].astype(int) - self.images['fake_B'])
        return float(change[~self.to_change].mean())


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Mean over the images ``(N, H, W)`` of two sets of masks."""
    return float(((a & b).sum((1, 2)) / (a | b).sum((1, 2))).mean())


def train(config: str, out: Path, options: dict[str, Any] | None = None) -> Result:
    """Train a config of ``configs/`` with changed options."""
    fixed = {'work_dir': str(out / config.removesuffix('.py')), **EVALUATION}
    runner = Runner.from_cfg(load_config(ROOT / 'configs' / config, {**fixed, **(options or {})}))
    runner.train()
    data, model = runner.val_loop.dataloader.dataset, runner.model
    batch = stack_samples([data[i] for i in range(len(data))])
    with averaged_weights(runner):
        samples = model.val_step(batch)
        heat = None
        if 'attention_A' in samples[0]:
            heat = model.attention(model.data_preprocessor(batch)['A'])[:, 0].numpy()
    images = {key: torch.stack([sample[key] for sample in samples]).permute(0, 2, 3, 1).numpy()
              for key in ('A', 'fake_B', 'oracle_B')}
    return Result(runner.train_loop.history[-1], images, heat)


def same_budget() -> dict[str, Any]:
    """CycleGAN with U-GAT-IT's data, iterations, rates, widths and number of blocks, and the weights of its own
    paper."""
    cfg = load_config(ROOT / 'configs/ugatit/synthetic.py')
    options = {f'{key}.dataset.{name}': cfg[key].dataset[name] for key in ('train_dataloader', 'val_dataloader')
               for name in ('world', 'domains', 'size', 'length')}
    for name in ('train_cfg.max_iters', 'param_scheduler.constant', 'param_scheduler.decay', 'custom_hooks.0.decay',
                 'optim_wrapper.G.optimizer.lr', 'optim_wrapper.D.optimizer.lr'):
        options[name] = at(cfg, name)
    width, blocks = cfg.model.G_AB.base_channels, 2 * cfg.model.G_AB.blocks  # U-GAT-IT has them in encoder and decoder
    options.update({f'model.{net}.base_channels': width for net in ('G_AB', 'G_BA', 'D_A', 'D_B')})
    options.update({f'model.{net}.blocks': blocks for net in ('G_AB', 'G_BA')})
    options.update({f'model.w_{term}_{name}': weight
                    for term, weight in (('cycle', 10.0), ('identity', 5.0)) for name in 'AB'})
    return options


@proof('disc to star, U-GAT-IT')
def disc_to_star(out: Path) -> list[Claim]:
    """Means over two seeds: trainings that differ in nothing else differ by a tenth."""
    ours, theirs = ([train(config, out / str(seed), {**options, 'randomness.seed': seed}) for seed in (0, 1)]
                    for config, options in (('ugatit/synthetic.py', {}), ('cyclegan/synthetic.py', same_budget())))
    found = means(ours, 'oracle', 'overlap', 'overlap_before', 'stars', 'focus', 'roc_area')
    cyclegan = means(theirs, 'oracle', 'overlap')
    return [Claim('OracleScore', found['oracle'], 0.0, at_least=0.6),
            Claim('OracleScore, minus that of CycleGAN', found['oracle'] - cyclegan['oracle'], at_least=0.05),
            Claim('overlap with the true star (IoU)', found['overlap'], found['overlap_before'], at_least=0.8),
            Claim('overlap, minus that of CycleGAN', found['overlap'] - cyclegan['overlap'], at_least=0.03),
            Claim('share of translations that are stars', found['stars'], 0.0, at_least=0.9),
            Claim('heat on the shape / elsewhere', found['focus'], at_least=1.5),
            Claim('area under the ROC curve of the heat for the shape', found['roc_area'], at_least=0.7), *kid(ours[0])]


def means(results: list[Result], *names: str) -> dict[str, float]:
    """Of properties, over trainings."""
    return {name: float(np.mean([getattr(result, name) for result in results])) for name in names}


@proof('disc to star, norms of U-GAT-IT')
def norms(out: Path) -> list[Claim]:
    """The same training, shorter, with other norms in the decoder. Means over three seeds.

    The paper's order, AdaLIN before LN, is not claimed: the two are as good as each other here (docs/ugatit.md).
    """
    short = {'train_cfg.max_iters': 600, 'param_scheduler.constant': 300, 'param_scheduler.decay': 300}
    overlap = {}
    for name, norm, up_norm in (('AdaLIN', 'AdaLIN', 'ILN'), ('IN', 'IN', 'IN'), ('LN', 'LN', 'LN')):
        swap = {f'model.{G}.{key}': dict(type=value, _delete_=True) for G in ('G_AB', 'G_BA')
                for key, value in (('norm', norm), ('up_norm', up_norm))}
        results = [train('ugatit/synthetic.py', out / name / str(seed), {**short, **swap, 'randomness.seed': seed})
                   for seed in (0, 1, 2)]
        print(f'{name}: {" ".join(f"{result.overlap:.3f}" for result in results)}', flush=True)
        overlap[name] = means(results, 'overlap')['overlap']
    claims = [Claim(f'overlap with the true star (IoU), {name}', value, at_least=0.6) for name,
              value in overlap.items()]
    return [*claims, Claim('the same, AdaLIN minus IN', overlap['AdaLIN'] - overlap['IN'], at_least=0.0)]


@proof('plain to striped, AGGAN')
def plain_to_striped(out: Path) -> list[Claim]:
    result = train('aggan/synthetic.py', out)
    return [Claim('OracleScore', result.oracle, 0.0, at_least=0.1),
            Claim('overlap of attention > 0.5 with what has to change (IoU)', iou(result.heat > 0.5, result.to_change),
                  at_least=0.6),
            Claim('change of the pixels that should stay, in levels of 256', result.background, at_most=4),
            *kid(result)]


def kid(result: Result) -> list[Claim]:
    """KID in both readings of U-GAT-IT's table; before: that of the untranslated images.

    Untranslated images are at no distance from the source, so that a perfect translation does not lower the mean.
    """
    bound = round(result.scores['before/UGATITKID_target'], 1)
    return [Claim(f'KID x 100 {reading}, standard error {result.scores[f"UGATITKID_{key}_error"]:.2g}, random features',
                  result.scores[f'UGATITKID_{key}'], result.scores[f'before/UGATITKID_{key}'], at_most=bound)
            for reading, key in (('to the target', 'target'), ('mean of target and source', 'mean'))]


def at(cfg: Any, path: str) -> Any:
    for key in path.split('.'):
        cfg = cfg[int(key) if key.isdigit() else key]
    return cfg
