"""The metrics of the validation loop on two folders of images."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ..data.io import convert_channels, read_image
from ..data.listing import list_images
from ..data.ranges import PLAIN, ValueRange, as_meta
from ..data.showing import Pixels
from ..data.transforms import compose
from ..errors import ConfigError, DataError, did_you_mean
from ..methods.directions import Shown
from ..progress import tracked
from ..registry import METRICS, TRANSFORMS, Feature, build, find, known_names
from .base import Metric
from .features import SetMetric
from .labels import LabelMetric
from .lpips import Diversity
from .oracle import OracleScore

REAL, FAKE = 'real', 'fake'
MORE_THAN_IMAGES = (Diversity, LabelMetric, OracleScore)


def metric_of(text: str | dict[str, Any], features: Feature | None = None) -> Metric:
    """A metric from its name in any case (``fid``), or from a config.

    Args:
        text: name or config.
        features: the network of metrics that compare sets and say nothing about it.

    Raises:
        ConfigError: there is no such metric, or two folders are not enough for it.
    """
    cfg: dict[str, Any] = dict(text) if isinstance(text, dict) else {'type': text}
    by_lower = {name.lower(): name for name in known_names(METRICS)}
    cfg['type'] = by_lower.get(str(cfg.get('type')).lower(), cfg.get('type'))
    cls = find(METRICS, cfg['type'], '--metrics')
    if not isinstance(cls, type) or not issubclass(cls, Metric) or issubclass(cls, MORE_THAN_IMAGES):
        usable = [name for name, known in METRICS.module_dict.items() if not issubclass(known, MORE_THAN_IMAGES)]
        raise ConfigError(f'--metrics: {cfg["type"]} needs more than two folders of images; it works in an evaluation '
                          f'by toolbox test.{did_you_mean("", usable)}')
    if features is not None and issubclass(cls, SetMetric):
        cfg.setdefault('features', features)
    return build(cfg, METRICS, '--metrics')


def evaluate_folders(real: str | Path, fake: str | Path, metrics: Sequence[Metric], size: int | None = None,
                     batch_size: int = 16, value_range: tuple[float, float] | None = None,
                     pixels: Pixels = 'shown') -> tuple[dict[str, float], dict[str, str]]:
    """Score the images of one folder against those of another.

    Metrics that compare sets take all images, in natural order. The others pair files of one name; the number that
    ``toolbox test --out`` puts in front of a name does not matter.

    Args:
        real: folder of true images.
        fake: folder of generated images.
        metrics: without keys of their own.
        size: resize images to this side first, as ``dict(type='Resize', size=size)`` does.
        batch_size: images of each folder that are in memory.
        value_range: the numbers (low, high) that are black and white in both folders; None for images of 8 bits and of
            16 bits without sign, which are scored at the depth they have.
        pixels: how files are read, 'shown' or 'stored' (:func:`toolbox.data.io.read_image`).

    Returns:
        Results by name, and the protocol of each.

    Raises:
        DataError: a folder is missing or empty, a file cannot be read, or files have no partner; names them.
        ConfigError: there are too few images for a metric.
    """
    if batch_size < 1:
        raise ConfigError(f'--batch-size: expected a number >= 1, found {batch_size}.')
    for metric in metrics:
        metric.bind({FAKE: Shown(FAKE, like=REAL)})
    files = {REAL: list_images(real), FAKE: list_images(fake)}
    resize = [] if size is None else [build(dict(type='Resize', size=size), TRANSFORMS, '--size')]
    groups = {paired: [metric for metric in metrics if metric.paired == paired] for paired in (False, True)}
    values: dict[str, float] = {}
    for paired, group in groups.items():
        if group:
            plan = _pairs(files, Path(real), Path(fake)) if paired else _cycle(files)
            batches = _batches(plan, batch_size, resize, value_range, pixels)
            names = ', '.join(metric.name for metric in group)
            for batch in tracked(batches, 'batches', names, -(-len(plan) // batch_size)):
                for metric in group:
                    metric.process(None, batch)
            for metric in group:
                found = metric.evaluate(len(plan))
                if twice := [name for name in found if name in values and not name.endswith('_images')]:
                    raise ConfigError(f"--metrics: two of them give a result {twice[0]!r}; give one a prefix: "
                                      "dict(type=..., prefix='second').")
                values.update(found)
    read = [*([f'resized to {size}x{size}'] if size else []), *([f'value range {value_range}'] if value_range else []),
            *(['pixels as stored'] if pixels == 'stored' else [])]
    return values, {name: ', '.join([metric.protocol, *read]) for metric in metrics for name in metric.reported}


def _cycle(files: Mapping[str, Sequence[Path]]) -> list[dict[str, Any]]:
    """The larger folder once, the smaller one as often as need be, with notes of what was there before."""
    return [{**{f'{key}_path': paths[i % len(paths)] for key, paths in files.items()},
             'repeated': [key if key == REAL else 'source' for key, paths in files.items() if i >= len(paths)]}
            for i in range(max(map(len, files.values())))]


def _pairs(files: Mapping[str, Sequence[Path]], real: Path, fake: Path) -> list[dict[str, Any]]:
    """Files of one name (without suffix) in both folders."""
    true = {str(path.relative_to(real).with_suffix('')): path for path in files[REAL]}
    made = {str(path.relative_to(fake).with_suffix('')): path for path in files[FAKE]}
    if true.keys() != made.keys():
        made = {re.sub(r'^\d{6}_', '', name): path for name, path in made.items()}
    if true.keys() != made.keys() or not len(true) == len(files[REAL]) == len(files[FAKE]) == len(made):
        alone = sorted(true.keys() ^ made.keys())
        some = ', '.join(alone[:5]) + ' ...' * (len(alone) > 5)
        raise DataError(f'{real} and {fake}: metrics of pairs need files of equal names in both folders, each once. '
                        f'There are {len(files[REAL])} and {len(files[FAKE])}; without a partner: {some or "none"}.')
    return [{f'{REAL}_path': path, f'{FAKE}_path': made[name]} for name, path in true.items()]


def _batches(plan: list[dict[str, Any]], batch_size: int, transforms: list[Any],
             value_range: tuple[float, float] | None, pixels: Pixels) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(plan), batch_size):
        batch = []
        for meta in plan[start:start + batch_size]:
            loaded = {key: _load(meta[f'{key}_path'], transforms, value_range, pixels) for key in (REAL, FAKE)}
            known = {key: known for key, (_, known) in loaded.items() if known is not None}
            batch.append({**{key: image for key, (image, _) in loaded.items()}, 'meta': {**meta, **as_meta(known)}})
        yield batch


def _load(path: Path, transforms: list[Any],
          value_range: tuple[float, float] | None, pixels: Pixels) -> tuple[torch.Tensor, ValueRange | None]:
    image = read_image(path, None, pixels)
    plain = PLAIN.get(image.dtype.name)
    if image.shape[2] == 1 or (plain and image.shape[2] == 4):
        image = convert_channels(image, 3)
    if value_range is None and plain is None:
        raise DataError(f'{path}: numbers are {image.dtype}, from {image.min():g} to {image.max():g}. Give the range '
                        'that the model was trained with, the darkest and the brightest value: --value-range LOW HIGH.')
    image = compose(transforms, {'image': image})['image']
    known = plain if value_range is None else ValueRange.of((*value_range, image.dtype.name), f'{path}: --value-range')
    return (torch.from_numpy(image.transpose(2, 0, 1).copy()), None if known == PLAIN['uint8'] else known)
