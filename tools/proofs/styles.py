"""Many styles: UNIT, MUNIT and DRIT keep layouts; MUNIT and DRIT have many styles and take them from examples."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
from toolbox.pictures import arrange
from toolbox.randomness.noise import noise
from toolbox.use.grids import interpolation, latent_grid, reference_grid, swap_grid
from toolbox.use.translator import Translator

from . import Claim, proof

ROOT = Path(__file__).resolve().parents[2]
SIZE, COUNT, OUTPUTS, OVERLAP = 32, 64, 8, 0.6
WAYS = {'flat to striped': 'AB', 'striped to flat': 'BA'}


def train(config: str, out: Path) -> Translator:
    """A config of ``configs/`` as it is, without scores on the way."""
    folder = out / config.replace('/', '_').removesuffix('.py')
    fixed = {'work_dir': str(folder), 'train_cfg.val_interval': None}
    Runner.from_cfg(load_config(ROOT / 'configs' / config, fixed)).train()
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

    def overlap(self, pictures: Tensor, others: int = 0) -> float:
        """Of the objects seen in pictures with those of the layouts (IoU), or with the layouts of other pictures."""
        found, there = read_styles(as_bytes(pictures))[0] == 1, np.roll(self.layouts, others, 0)
        return float((found & there).sum() / (found | there).sum())

    def layout(self, outputs: Sequence[Tensor], what: str) -> Claim:
        """What translations keep; before: of those of other pictures."""
        now, chance = (float(np.mean([self.overlap(pictures, others) for pictures in outputs])) for others in (0, 1))
        return Claim(f'overlap with the true layout (IoU), {what} (before: with another layout)', now, chance,
                     at_least=OVERLAP)

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


def ways(model: Method, gray_A: bool = False) -> dict[str, Way]:
    """Both directions on the same held-out pictures, by name."""
    data = SyntheticStyles(SIZE, COUNT, 'held out', gray_A=gray_A)
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


def spread(way: Way, outputs: Sequence[Tensor], how: str, **bound: float) -> Claim:
    """How much the outputs for one image differ; before: the same for the same style."""
    return Claim(f'distance between the colours of {OUTPUTS} outputs for one picture, {how} '
                 f'(real pictures: {way.real_spread():.2f})', way.spread(outputs), 0.0, **bound)


def styled(what: str, way: Way) -> list[Claim]:
    """What holds of a direction with random styles and examples; before: of outputs that look at no example."""
    outputs, guided = way.outputs(), way.guided()
    return [way.layout(outputs, f'{what}, random styles'), way.layout([guided], f'{what}, styles of examples'),
            spread(way, outputs, f'{what}, by seeds', at_least=0.2),
            Claim(f'share nearer to the colours of its example than to those of another, {what}',
                  way.match(guided), way.match(outputs[0]), at_least=0.9)]


def draw(translator: Translator, found: dict[str, Way], out: Path) -> None:
    """Grids by seeds, by examples and of swaps, and a way from style to style, of each direction."""
    pictures = {way.direction[0]: list(as_bytes(way.images[:6])) for way in found.values()}
    for of, to in WAYS.values():
        translator.direction = f'{of}to{to}'
        grids = {'latents': latent_grid(translator, pictures[of], range(OUTPUTS)),
                 'references': reference_grid(translator, pictures[of], pictures[to]),
                 'swap': swap_grid(translator, pictures[of][:3], pictures[to][:3]),
                 'way': np.concatenate(interpolation(translator, pictures[of][:3], pictures[to][:3], 4), 1)}
        for kind, grid in grids.items():
            write_image(Path(f'{out}_{of}to{to}_{kind}.png'), grid)


@proof('styles, UNIT')
def unit(out: Path) -> list[Claim]:
    translator, claims = train('unit/synthetic.py', out), []
    for what, way in ways(translator.model).items():
        outputs = way.outputs()
        rows = (list(as_bytes(pictures[:8])) for pictures in (way.images, *outputs[:3]))
        write_image(out / f'unit_{way.direction}.png', arrange([*rows]))
        claims += [way.layout(outputs, what), spread(way, outputs, f'{what}, by noise in the code', at_most=0.1)]
    return claims


@proof('styles, MUNIT')
def munit(out: Path) -> list[Claim]:
    translator = train('munit/synthetic.py', out)
    found = ways(translator.model)
    draw(translator, found, out / 'munit')
    return [claim for what, way in found.items() for claim in styled(what, way)]


@proof('styles, DRIT')
def drit(out: Path) -> list[Claim]:
    """Its contents hold what both domains have, hues too, so that one domain is gray here (docs/drit.md)."""
    translator = train('drit/synthetic.py', out)
    found = ways(translator.model, gray_A=True)
    draw(translator, found, out / 'drit')
    (to_B, coloured), (to_A, gray) = found.items()
    return [*styled(to_B, coloured), gray.layout(gray.outputs(), f'{to_A}, random styles'),
            gray.layout([gray.guided()], f'{to_A}, styles of examples')]
