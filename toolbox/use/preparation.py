"""What images go through before a trained network: the transforms of its evaluation, from the config of its run."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..data.transforms import AUGMENTATION, GEOMETRY, VALUES, Images
from ..errors import CheckpointError, ConfigError
from ..registry import TRANSFORMS, build, find
from ..registry.trust import foreign_types
from .load import plugins_of

# The evaluation decides; a run without one has nothing but its training.
SPLITS = ('test_dataloader', 'val_dataloader', 'train_dataloader')
KINDS = (VALUES, GEOMETRY, AUGMENTATION)
LARGEST, DEEPEST = 100_000, 50  # entries and levels of a data set's config
Part = Mapping[str, Any]


class Preparation:
    """The transforms of an evaluation: those that change values are a part of the model, the others are not.

    Args:
        config: of the run, as its checkpoint holds it; may be that of a stranger.
        path: the checkpoint, for messages.
        plugins: modules that the user trusts.

    Raises:
        CheckpointError: the config names something that is not a transform.
        ConfigError: a transform is unknown (its module is not imported), or what it changes.
    """

    def __init__(self, config: Mapping[str, Any], path: Path, plugins: Sequence[str] = ()) -> None:
        self.path = path
        self._repeatable: set[int] = set()  # ids of the transforms that did not draw
        self._dataset, place = _evaluated(config)
        pipelines = _pipelines(self._dataset, place, path)
        try:
            parts = {place: _by_kind(pipeline, place, plugins) for place, pipeline in pipelines.items()}
            place, self._geometry, values = _the_one(parts)
            self._values = [(str(part['type']), build(part, TRANSFORMS, place)) for part in values]
        except (CheckpointError, ConfigError) as error:
            raise type(error)(f'{path}: {error} What changed the images in the evaluation of this run has to change '
                              f'images now.{plugins_of(config)}') from error

    def __call__(self, images: Images) -> Images:
        """The images of one scene as the networks saw such images, sizes aside.

        Raises:
            ConfigError: a transform cannot be repeated: it draws random numbers, changes sizes, or needs more images.
        """
        for name, transform in self._values:
            images = self._apply(name, transform, images)
        return images

    def _apply(self, name: str, transform: Any, images: Images) -> Images:
        here, known = f'{self.path}: the transform {name}', id(transform) in self._repeatable
        before = None if known else _random_state()
        try:
            changed = transform(dict(images))
        except KeyError as error:
            raise ConfigError(f'{here} needs an image {error} beside {list(images)}, which there is not. Let it change '
                              'the images that it is given.') from error
        if not known and _random_state() != before:
            raise ConfigError(f'{here} draws random numbers, so that it cannot be repeated. If it is augmentation, '
                              f"which is to be left out now, write changes = '{AUGMENTATION}' in its class.")
        self._repeatable.add(id(transform))  # looked at once: later ones run beside predictions, which draw
        sizes = {key: image.shape[:2] for key, image in images.items()}
        found = changed
        if isinstance(changed, dict):
            found = {key: np.shape(changed[key])[:2] if key in changed else () for key in images}
        if sizes != found:
            raise ConfigError(f'{here} makes {found!r:.200} of images of (height, width) {sizes}. If it moves '
                              "or resizes pixels, which is to be left out now, write changes = "
                              f"'{GEOMETRY}' in its class.")
        return changed

    def size(self, height: int, width: int) -> tuple[int, int] | None:
        """The size that the evaluation gives to an image of this size; None if the config does not tell."""
        own = self._dataset.get('size')  # of a data set that draws its images
        if isinstance(own, int) or not self._dataset:
            return (own, own) if own else None
        for number, part in enumerate(self._geometry):
            transform = build(part, TRANSFORMS, f'pipeline.{number}')
            if hasattr(transform, 'target'):
                height, width = transform.target(height, width)
        return height, width


def _evaluated(config: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    """The data set that evaluates, and its place in the config; an empty one if there is none."""
    for split in SPLITS:
        loader = config.get(split)
        if isinstance(loader, Mapping) and isinstance(loader.get('dataset'), Mapping):
            return loader['dataset'], f'{split}.dataset'
    return {}, ''


def _pipelines(dataset: Mapping[str, Any], place: str, path: Path) -> dict[str, Any]:
    """Every pipeline in a data set by its place; a set may be made of others."""
    found: dict[str, Any] = {}
    rest: list[tuple[str, Any, int]] = [(place, dataset, 0)]
    for _ in range(LARGEST):
        if not rest:
            return found
        here, node, depth = rest.pop()
        if depth > DEEPEST:
            break
        if isinstance(node, Mapping) and 'pipeline' in node:
            found[f'{here}.pipeline'] = node['pipeline']
        items = node.items() if isinstance(node, Mapping) else enumerate(node if isinstance(node, list | tuple) else ())
        rest += [(f'{here}.{key}', value, depth + 1) for key, value in items]
    raise CheckpointError(f'{path}: {place} of its config has more than {LARGEST:,} entries or {DEEPEST} levels: '
                          'refused.')


def _by_kind(pipeline: Any, place: str, plugins: Sequence[str]) -> dict[str, list[Part]]:
    """The transforms of a pipeline by what they change."""
    if not isinstance(pipeline, (list, tuple)) or not all(isinstance(part, Mapping) for part in pipeline):
        raise CheckpointError(f'{place}: expected a list of dict(type=...), found {pipeline!r:.200}.')
    parts: dict[str, list[Part]] = {kind: [] for kind in KINDS}
    for number, part in enumerate(pipeline):
        for problem in foreign_types(part, f'{place}.{number}', plugins):
            raise CheckpointError(problem)
        kind = getattr(find(TRANSFORMS, part.get('type'), f'{place}.{number}'), 'changes', VALUES)
        if kind not in KINDS:
            raise ConfigError(f"{place}.{number}: {part['type']}.changes is {kind!r}; expected one of {KINDS}.")
        parts[kind].append(part)
    return parts


def _the_one(pipelines: Mapping[str, Mapping[str, list[Part]]]) -> tuple[str, list[Part], list[Part]]:
    """Place, geometry and values of the pipeline that images to come go through."""
    if not pipelines:
        return '', [], []
    place, parts = next(iter(pipelines.items()))
    if any(other[VALUES] != parts[VALUES] for other in pipelines.values()):
        raise ConfigError(f'{" and ".join(pipelines)} change values in different ways, so that it is not known what '
                          'the networks take; give all of them the same transforms.')
    return place, parts[GEOMETRY], parts[VALUES]


def _random_state() -> tuple[Any, ...]:
    """Of the generators from which transforms draw, as something that can be compared."""
    mersenne_twister: Any = np.random.get_state()
    name, keys, *rest = mersenne_twister
    return random.getstate(), name, keys.tobytes(), tuple(rest), torch.get_rng_state().numpy().tobytes()
