"""Many styles: UNIT, MUNIT and DRIT keep the layout of a picture; MUNIT and DRIT have many styles and take them from
examples."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from toolbox.data.collate import stack_samples
from toolbox.data.io import write_image
from toolbox.data.preprocessor import to_uint8
from toolbox.data.sets.styles import SyntheticStyles
from toolbox.data.worlds.styles import read_styles
from toolbox.engine import Runner
from toolbox.engine.config import load_config
from toolbox.files.checkpoint import newest_checkpoint
from toolbox.methods.base import Method
from toolbox.metrics import StyleMatch
from toolbox.use.grids import domain_grid, interpolation, latent_grid, reference_grid, swap_grid
from toolbox.use.translator import Translator

from . import Claim, proof

ROOT = Path(__file__).resolve().parents[2]
COUNT, OUTPUTS = 64, 8
WAYS = (('A', 'B', 'flat to striped'), ('B', 'A', 'striped to flat'))


def train(config: str, out: Path, options: dict[str, Any] | None = None) -> Translator:
    """A config of ``configs/`` as it is, without scores on the way."""
    folder = out / config.replace('/', '_').removesuffix('.py')
    fixed = {'work_dir': str(folder), 'train_cfg.val_interval': None}
    Runner.from_cfg(load_config(ROOT / 'configs' / config, {**fixed, **(options or {})})).train()
    return Translator(newest_checkpoint(folder), device='cpu')


@dataclass
class Way:
    """A direction, and pictures that no training saw.

    Attributes:
        images: of the source, ``(N, 3, H, W)`` in [-1, 1].
        examples: of the target.
        layouts: of ``images``, bool ``(N, H, W)``.
        styles: of ``examples``, ``(N, 6)``.
    """

    model: Method
    direction: str
    images: Tensor
    examples: Tensor
    layouts: np.ndarray
    styles: np.ndarray

    def outputs(self) -> list[Tensor]:
        """Several translations of each image: in the styles of seeds, else with noise in the latents, if any."""
        options = self.model.directions[self.direction].options
        if 'seed' in options:
            return [self.model.translate(self.images, self.direction, seed=seed) for seed in range(OUTPUTS)]
        return [noisy(self.model, self.images, self.direction, seed) for seed in range(OUTPUTS)]

    def guided(self) -> Tensor:
        """Each image in the style of its example."""
        return torch.cat([self.model.translate(image, self.direction, reference=example)
                          for image, example in zip(self.images.split(1), self.examples.split(1), strict=True)])

    def overlap(self, pictures: Tensor) -> float:
        """Of the objects seen in pictures with those of the layouts (IoU)."""
        found = read_styles(as_bytes(pictures))[0] == 1
        return float((found & self.layouts).sum() / (found | self.layouts).sum())

    def spread(self, outputs: list[Tensor]) -> float:
        """Mean distance between the colours of two outputs for one image, over all pairs."""
        colours = [read_styles(as_bytes(pictures))[1] for pictures in outputs]
        return float(np.mean([np.linalg.norm(a - b, axis=1) for a, b in itertools.combinations(colours, 2)]))

    def real_spread(self) -> float:
        """The same of all pairs of examples: what it is for styles drawn like those of the data."""
        pairs = itertools.combinations(self.styles, 2)
        return float(np.mean([np.linalg.norm(a - b) for a, b in pairs]))

    def match(self, pictures: Tensor) -> float:
        """Share of cases in which a picture is nearer to its example than to another one, in colours."""
        metric = StyleMatch(dict(type='PaletteReader'), 'made', 'style')
        metric.process({'style': self.styles}, [{'made': picture} for picture in to_uint8(pictures)])
        return metric.evaluate(len(pictures))['StyleMatch']


def as_bytes(pictures: Tensor) -> np.ndarray:
    return to_uint8(pictures).permute(0, 2, 3, 1).numpy()


def ways(model: Method) -> dict[str, Way]:
    """Both directions on the same held-out pictures, by name."""
    size = 32
    batch = stack_samples([SyntheticStyles(size, COUNT, 'held out')[i] for i in range(COUNT)])
    images = {key: batch[key].float() / 127.5 - 1 for key in 'AB'}
    return {name: Way(model, f'{source}to{target}', images[source], images[target],
                      batch[f'layout_{source}'].numpy() == 1, batch[f'style_{target}'].numpy())
            for source, target, name in WAYS}


@torch.no_grad()
def noisy(model: Method, images: Tensor, direction: str, seed: int) -> Tensor:
    """A translation by UNIT with noise in the codes as in its training, the only chance that it has."""
    source, _, target = direction.partition('to')
    code = getattr(model, f'E_{source}')(images)
    drawn = noise(range(seed * len(code), (seed + 1) * len(code)), 'proof', code.shape[1:])
    return getattr(model, f'G_{target}')(code + drawn)


def layouts(found: dict[str, Way], before: dict[str, Way], at_least: float) -> list[Claim]:
    """What a translation keeps; before: of the untrained networks."""
    return [Claim(f'overlap with the true layout (IoU), {name}', np.mean([way.overlap(x) for x in way.outputs()]),
                  before[name].overlap(before[name].outputs()[0]), at_least=at_least) for name, way in found.items()]


def many_styles(name: str, out: Path, options: dict[str, Any] | None = None) -> list[Claim]:
    """What holds of a method with random styles and examples."""
    translator, first = train(f'{name}/synthetic.py', out, options)
    found = ways(translator.model)
    draw(translator, found, out, name)
    claims = layouts(found, ways(first), at_least=0.8)
    for what, way in found.items():
        guided = way.guided()
        claims += [
            Claim(f'the same in the style of an example, {what}', way.overlap(guided), at_least=0.8),
            Claim(f'distance between the colours of {OUTPUTS} outputs for one picture / of {COUNT} real ones, {what}',
                  way.spread(way.outputs()) / way.real_spread(), 0.0, at_least=0.5),
            Claim(f'share nearer to the colours of its example than to those of another, {what}', way.match(guided),
                  0.5, at_least=0.9)]
    return claims


@proof('styles, UNIT')
def unit(out: Path) -> list[Claim]:
    translator, first = train('unit/synthetic.py', out)
    found = ways(translator.model)
    write_image(out / 'unit_grid.png', domain_grid(translator, [as_bytes(x)[0] for x in found[NAME].images[:6].split(1)]))
    return [*layouts(found, ways(first), at_least=0.8),
            *(Claim(f'distance between the colours of {OUTPUTS} outputs for one picture, by noise in its code / of {COUNT} '
                    f'real ones, {what}', way.spread(way.outputs()) / way.real_spread(), 0.0, at_most=0.2)
              for what, way in found.items())]


@proof('styles, MUNIT')
def munit(out: Path) -> list[Claim]:
    return many_styles('munit', out)


@proof('styles, DRIT')
def drit(out: Path) -> list[Claim]:
    return many_styles('drit', out)
