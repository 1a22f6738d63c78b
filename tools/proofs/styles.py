"""Many styles: UNIT, MUNIT and DRIT keep the layout of a picture; MUNIT and DRIT have many styles and take them from
examples."""

from __future__ import annotations

import copy
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
from toolbox.randomness.noise import noise
from toolbox.use.grids import interpolation, latent_grid, reference_grid
from toolbox.use.translator import Translator

from . import Claim, proof

ROOT = Path(__file__).resolve().parents[2]
SIZE, COUNT, OUTPUTS = 32, 64, 8
WAYS = {'flat to striped': 'AB', 'striped to flat': 'BA'}


def train(config: str, out: Path, options: dict[str, Any] | None = None) -> tuple[Translator, Method]:
    """A config of ``configs/`` as it is, without scores on the way; and the method before its training."""
    folder = out / config.replace('/', '_').removesuffix('.py')
    fixed = {'work_dir': str(folder), 'train_cfg.val_interval': None}
    runner = Runner.from_cfg(load_config(ROOT / 'configs' / config, {**fixed, **(options or {})}))
    runner.model.init_weights()
    first = copy.deepcopy(runner.model)
    runner.train()
    return Translator(newest_checkpoint(folder), device='cpu'), first


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
    data = SyntheticStyles(SIZE, COUNT, 'held out')
    batch = stack_samples([data[i] for i in range(COUNT)])
    images = {key: batch[key].float() / 127.5 - 1 for key in 'AB'}
    return {name: Way(model, f'{of}to{to}', images[of], images[to], batch[f'layout_{of}'].numpy() == 1,
                      batch[f'style_{to}'].numpy()) for name, (of, to) in WAYS.items()}


@torch.no_grad()
def noisy(model: Method, images: Tensor, direction: str, seed: int) -> Tensor:
    """A translation by UNIT with noise in the codes as in its training, the only chance that it has."""
    source, _, target = direction.partition('to')
    code = getattr(model, f'E_{source}')(images)
    drawn = noise(range(seed * len(code), (seed + 1) * len(code)), 'proof', code.shape[1:])
    return getattr(model, f'G_{target}')(code + drawn)


def kept(found: dict[str, Way], first: Method) -> list[Claim]:
    """What a translation keeps; before: of the untrained networks."""
    before = ways(first)
    return [Claim(f'overlap with the true layout (IoU), {name}', overlaps(way), overlaps(before[name]), at_least=0.8)
            for name, way in found.items()]


def overlaps(way: Way) -> float:
    return float(np.mean([way.overlap(pictures) for pictures in way.outputs()]))


def spreads(found: dict[str, Way], how: str, **bound: float) -> list[Claim]:
    """How much the outputs for one image differ."""
    return [Claim(f'distance between the colours of {OUTPUTS} outputs for one picture, by {how}, {name} '
                  f'(between real pictures: {way.real_spread():.2f})', way.spread(way.outputs()), 0.0, **bound)
            for name, way in found.items()]


def many_styles(name: str, out: Path, options: dict[str, Any] | None = None) -> list[Claim]:
    """What holds of a method with random styles and examples; before: of outputs that look at no example."""
    translator, first = train(f'{name}/synthetic.py', out, options)
    found = ways(translator.model)
    claims = [*kept(found, first), *spreads(found, 'seeds', at_least=0.3)]
    for what, way in found.items():
        guided = way.guided()
        claims += [Claim(f'overlap in the style of an example, {what}', way.overlap(guided), at_least=0.8),
                   Claim(f'share nearer to the colours of its example than to those of another, {what}',
                         way.match(guided), way.match(way.outputs()[0]), at_least=0.9)]
    draw(translator, out / name)
    return claims


def draw(translator: Translator, out: Path) -> None:
    """Grids by seeds, by references and of swaps, and a way from style to style, of each direction."""
    pictures = {way.direction[0]: list(as_bytes(way.images[:6])) for way in ways(translator.model).values()}
    for of, to in WAYS.values():
        translator.direction = f'{of}to{to}'
        write_image(Path(f'{out}_{of}to{to}_latents.png'), latent_grid(translator, pictures[of], range(OUTPUTS)))
        write_image(Path(f'{out}_{of}to{to}_references.png'),
                    reference_grid(translator, pictures[of], pictures[to]))
        write_image(Path(f'{out}_{of}to{to}_way.png'),
                    np.concatenate(interpolation(translator, pictures[of][:3], pictures[to][:3], 4), 1))


@proof('styles, UNIT')
def unit(out: Path) -> list[Claim]:
    translator, first = train('unit/synthetic.py', out)
    found = ways(translator.model)
    for way in found.values():
        sheet = np.concatenate([np.concatenate(list(as_bytes(x[:8])), 1) for x in (way.images, *way.outputs()[:3])])
        write_image(out / f'unit_{way.direction}.png', sheet)
    return [*kept(found, first), *spreads(found, 'noise in the code', at_most=0.1)]


@proof('styles, MUNIT')
def munit(out: Path) -> list[Claim]:
    return many_styles('munit', out)


@proof('styles, DRIT')
def drit(out: Path) -> list[Claim]:
    return many_styles('drit', out)
