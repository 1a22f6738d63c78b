"""Colours for gray photographs: Pix2Pix from lightness to colour (Isola, Zhu, Zhou, Efros, CVPR 2017, figure 9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ..errors import ConfigError
from ..layers.lab import shown_by_srgb, srgb_to_lab
from ..registry import METHODS, Backbone, Count, Discriminator
from .batch import Batch
from .directions import Direction, Image, Shown
from .pix2pix import Pix2Pix

MIDDLE, CHROMA = 50.0, 110.0  # L* / 50 - 1 and (a*, b*) / 110, as the authors' data set gives them to the networks
SPLIT = {'G': {'in_channels': 1, 'out_channels': 2}, 'D': {'in_channels': 3}}


@METHODS.register_module()
class Colorization(Pix2Pix):
    """Pix2Pix whose A is the lightness of a photograph and whose B are its two colour axes, in CIE L*a*b*.

    Losses and updates are those of :class:`.Pix2Pix`. A result has the lightness of its input, pixel by pixel, and the
    colours that G makes; a colour that sRGB does not have at this lightness loses chroma
    (:func:`~toolbox.layers.lab.shown_by_srgb`).

    Args:
        G: generator of 2 channels from 1.
        D: discriminator of 3.
        side: G sees a photograph with its shorter side resized to this (to the next multiple of what G can take, as
            the longer one), and its colours are enlarged to the photograph: eyes ask for little detail in colours, and
            an object is as large as it was in the training. None: G sees the photograph itself. Trainings see what
            the data set gives.
        channels: of the data set's images by key.
        **kwargs: of :class:`.Pix2Pix`.

    Batch:
        img: colour photographs ``(N, 3, H, W)``, sRGB in [-1, 1]. Gray ones teach gray: see ``gray='bad'`` of the data
            sets.

    Raises:
        ConfigError: G or D has other channels, or the data set gives other images.
    """

    shows = {'gray': Shown('lightness', of='img'),
             'fake': Shown('colourised', of='img', like='img', paired=True), 'img': Shown('photograph')}

    def __init__(self, G: Backbone, D: Discriminator, side: Count | None = None,
                 channels: Mapping[str, Count] | None = None, **kwargs: Any) -> None:
        super().__init__(G, D, channels=channels, **kwargs)
        if (found := self.channels.get('img', 3)) != 3:
            raise ConfigError(f'train_dataloader.dataset: images of {found} channel(s), but colours are learnt from '
                              'colour photographs: write channels=3.')
        for name, wanted in SPLIT.items():
            for argument, number in wanted.items():
                if (own := getattr(getattr(self, name), argument, number)) != number:
                    raise ConfigError(f'model.{name}.{argument}: {own}, but lightness is 1 channel and colour 2: leave '
                                      f'it out, or write {number}.')
        self.side = side
        self.divisor = self.directions['AtoB'].divisor
        self.needs = (Image('img'),)
        self.directions = {'colorize': Direction(('G',), self.needs, 'fake', divisor=1 if side else self.divisor,
                                                 channels=3)}

    def network_defaults(self, name: str) -> dict[str, Any]:
        return dict(SPLIT[name])

    def image_groups(self, name: str) -> list[int]:
        return [*SPLIT['G'].values()]

    def prepare(self, b: Batch) -> None:
        b.A, b.B = split(b.img)
        super().prepare(b)

    def answer(self, direction: str, b: Batch, **options: Any) -> Tensor:
        lightness, _ = split(b.img)
        colours = self.generate(self.G, self._seen(lightness))
        if colours.shape[-2:] != lightness.shape[-2:]:
            colours = functional.interpolate(colours, lightness.shape[-2:], mode='bilinear')
        return join(lightness, colours)

    def _seen(self, lightness: Tensor) -> Tensor:
        """What G sees of it."""
        if self.side is None:
            return lightness
        size = lightness.shape[-2:]
        fitted = [max(1, round(length * self.side / min(size) / self.divisor)) * self.divisor for length in size]
        return functional.interpolate(lightness, fitted, mode='bilinear', antialias=True)

    def predict(self, b: Batch) -> dict[str, Tensor]:
        lightness, colours = split(b.img)
        return dict(gray=join(lightness, torch.zeros_like(colours)), fake=self.answer('colorize', b), img=b.img)


def split(img: Tensor) -> tuple[Tensor, Tensor]:
    """Photographs ``(N, 3, H, W)``, sRGB in [-1, 1], as lightness ``(N, 1, H, W)`` in [-1, 1] and colours
    ``(N, 2, H, W)`` (a*, b*) / 110."""
    lab = srgb_to_lab((img + 1) / 2)
    return lab[:, :1] / MIDDLE - 1, lab[:, 1:] / CHROMA


def join(lightness: Tensor, colours: Tensor) -> Tensor:
    """The inverse of :func:`split`; of colours that sRGB does not have, the chroma is less."""
    return 2 * shown_by_srgb(torch.cat(((lightness + 1) * MIDDLE, colours * CHROMA), 1)) - 1
