"""Samples as contact sheets and as single files: what the network really sees."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
import torch
from torch import Tensor

from ..errors import DataError
from ..pictures import arrange, as_rgb, band_places
from ..progress import tracked
from .arrays import fitting_suffix
from .facts import facts_of
from .io import write_image
from .preprocessor import to_uint8
from .samplers import EvalSampler, InfiniteSampler
from .semantics import coloured

_HEADER, _GAP = 16, 4
_THUMB = 32  # side of the images that are compared


class Samples(Protocol):
    """A data set: how many samples, and each by its key."""

    def __len__(self) -> int: ...

    def __getitem__(self, key: Any, /) -> dict[str, Any]: ...


class Alike(NamedTuple):
    """Two samples, by their places in two data sets, whose images differ by ``levels`` gray levels of 255."""

    levels: float
    place: int
    other: int


def draw_samples(dataset: Samples, count: int, training: bool, seed: int = 0) -> list[dict[str, Any]]:
    """The first samples in the order (and with the draws) of training, or of evaluation."""
    sampler = InfiniteSampler(dataset, seed=seed) if training else EvalSampler(dataset)
    keys = [*itertools.islice(sampler, min(count, len(dataset)))]
    return [dataset[key] for key in tracked(keys, 'samples', keep=False)]


def contact_sheet(samples: Sequence[dict[str, Any]], palette: Sequence[Sequence[int]] | None = None,
                  bands: Sequence[int] | None = None) -> np.ndarray:
    """One row per sample, one column per image with its key above, RGB uint8 ``(H, W, 3)``.

    Args:
        samples: of one data set.
        palette: colours of the classes in 'label_map', by id, as the data set's ``facts()`` say them.
        bands: to show of images with others than one or three; the first is 1.
    """
    keys = [key for key, value in samples[0].items() if isinstance(value, Tensor) and value.ndim > 1]
    palettes = {'label_map': palette}
    rows = [[to_rgb(sample[key], palettes.get(key), bands) for key in keys] for sample in samples]
    return np.pad(arrange(rows, keys, _GAP, _HEADER), ((0, _GAP), (0, 0), (0, 0)), constant_values=255)


def write_files(dataset: Samples, samples: Sequence[dict[str, Any]], folder: Path, split: str) -> dict[Path, int]:
    """Write every image and map of samples as a file, in folders that the data sets of this toolbox read.

    Domains 'A' and 'B' go to ``<split>A`` and ``<split>B``, other keys to ``<split>_<key>``, and an image with a class
    to a folder of its class in it. Maps of classes and objects are gray PNG files of their numbers.

    Args:
        dataset: of the samples; knows the names of classes.
        samples: to write, named by their place.
        folder: created if missing.
        split: first part of the folders' names.

    Returns:
        The folders with files, and how many.

    Raises:
        DataError: a folder holds other files already.
    """
    facts = facts_of(dataset)
    names = facts.get('classes') or facts.get('domains') or ()
    places = {key: folder / (f'{split}{key}' if key in ('A', 'B') else f'{split}_{key}')
              for key, value in samples[0].items() if isinstance(value, Tensor) and value.ndim > 1}
    for place in places.values():
        if place.exists() and any(place.iterdir()):
            raise DataError(f'{place}: already there, and not empty; choose another folder, or remove it.')
    found: dict[Path, int] = {}
    for key, place in places.items():
        for number, sample in enumerate(tracked(samples, 'files', f'write {place}', keep=False)):
            array = as_file(sample[key])
            own = place / names[int(sample['label'])] if key == 'img' and 'label' in sample and names else place
            write_image(own / f'{number:05d}{fitting_suffix(array.dtype.name, array.shape[2])}', array)
            found[own] = found.get(own, 0) + 1
    return found


def most_alike(asked: Samples, known: Samples) -> list[Alike]:
    """For each sample of a set the one of another set whose first image is most like its own, the most alike first.

    Images are compared at 32x32 pixels, which hides neither a copy that was cut by a few pixels and compressed again,
    nor the next frame of a recording.
    """
    small, others = (np.stack([_thumbnail(dataset[i]) for i in tracked(range(len(dataset)), name, keep=False)])
                     for dataset, name in ((asked, 'images'), (known, 'images to compare with')))
    parts = np.array_split(others, -(-len(others) // 4096))
    found = []
    for place, image in enumerate(small):
        levels = np.concatenate([np.abs(part - image).mean(1) for part in parts])
        found.append(Alike(float(levels.min()), place, int(levels.argmin())))
    return sorted(found)


def _thumbnail(sample: dict[str, Any]) -> np.ndarray:
    image = to_rgb(sample[first_image(sample)])
    return cv2.resize(image, (_THUMB, _THUMB), interpolation=cv2.INTER_AREA).ravel().astype(np.int16)


def first_image(sample: dict[str, Any]) -> str:
    """The key of a sample's first image (``'A'``, ``'img'``)."""
    return next(key for key, value in sample.items() if isinstance(value, Tensor) and value.ndim == 3)


def as_file(image: Tensor) -> np.ndarray:
    """Sample tensor -> ``(H, W, C)`` of a file: maps ``(H, W)`` as the smallest unsigned numbers that hold them."""
    if image.ndim == 2:
        ids = image.numpy()
        return ids.astype(np.min_scalar_type(max(0, ids.max())))[:, :, None]
    return image.numpy().transpose(1, 2, 0)


def to_rgb(image: Tensor, palette: Sequence[Sequence[int]] | None = None,
           bands: Sequence[int] | None = None) -> np.ndarray:
    """Sample tensor -> RGB uint8: 16 bits and floats in [-1, 1] are reduced, other ``bands`` and alpha are dropped, ids
    get their colours in ``palette``, or some where it has not all of them."""
    if image.ndim == 2:
        ids = image.numpy()
        return coloured(ids, palette) if palette and 0 <= ids.min() <= ids.max() < len(palette) else _label_colours(ids)
    image = to_uint8(image) if image.is_floating_point() else image
    pixels = image.numpy()[band_places(len(image), bands, 'bands')].transpose(1, 2, 0)
    if image.dtype == torch.uint16:
        pixels = np.round(pixels / 257).astype(np.uint8)
    return as_rgb(pixels)


def _label_colours(ids: np.ndarray) -> np.ndarray:
    """Neighbouring ids get unlike colours; an id has the same colour in every picture."""
    hues = (ids * 47 % 180).astype(np.uint8)
    values = (255 - ids * 31 % 120).astype(np.uint8)
    return cv2.cvtColor(np.stack([hues, np.full_like(hues, 190), values], axis=2), cv2.COLOR_HSV2RGB)
