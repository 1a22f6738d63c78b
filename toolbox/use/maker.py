"""A trained method, loaded, and what it makes of inputs in arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.preprocessor import DataPreprocessor
from ..data.ranges import ValueRange
from ..data.showing import Pixels
from ..errors import CheckpointError, ConfigError, DataError, did_you_mean
from ..methods.attention import overlay
from ..methods.batch import Batch
from ..methods.directions import Direction, Image, InstanceMap, LabelMap, Mask, Port
from ..strips import Uncuttable
from .batches import batches
from .given import ImageLike
from .inputs import as_tensor, choose_device, from_tensor, names_of, pad, read_inputs, require_finite
from .labels import can_be_guessed, label_code
from .large import LARGE, check_tile, enough_memory, in_strips
from .load import find_checkpoint, load_method
from .outputs import partner_of
from .padding import enlarged
from .preparation import Preparation

SMALLEST = 16  # pixels; smaller images cannot be reflection-padded in the innermost layers
BATCH = 8  # images; on a CPU batches were slower than single images
Arrays = dict[str, np.ndarray]
# What further inputs are called on the command line and in ``Translator.files``.
KINDS: dict[str, type[Port]] = {'image': Image, 'labels': LabelMap, 'instances': InstanceMap, 'mask': Mask}


class Maker:
    """What :class:`~toolbox.use.translator.Translator` does with arrays; its arguments are described there."""

    def __init__(self, run: str | Path, direction: str | None = None, device: str | torch.device | None = None,
                 checkpoint: str = 'last', plugins: Sequence[str] = (), seed: int | None = None,
                 reference: ImageLike | None = None, attributes: Sequence[str] | None = None, tile: int | None = None,
                 batch: int | None = None) -> None:
        check_tile(tile)
        self.tile = tile
        self.path = find_checkpoint(run, checkpoint)
        self.device = choose_device(device)
        self.batch = batch or (1 if self.device.type == 'cpu' else BATCH)
        if self.batch < 1:
            raise ConfigError(f'batch: how many images go through the networks together, 1 or more; found {batch}.')
        self.model, names = load_method(self.path, plugins)
        asked = {name: self.model.directions[name] for name in names}
        self.asked = {name: one for name, one in asked.items() if self._from_files(one)}
        self.directions = tuple(self.asked)
        if not self.directions:
            raise CheckpointError(f'{self.path}: {type(self.model).__name__} with the networks in this file has no '
                                  'generator to translate images with. New images: toolbox sample.')
        self.model.to(self.device).eval()
        self.preprocess = DataPreprocessor().to(self.device)
        ports = [port for asked in self.asked.values() for port in asked.takes]
        self.code = label_code(self.model.run_facts, ports, self.path)
        self.pixels: Pixels = self.model.run_facts['pixels']
        self.prepare = Preparation(self.model.run_config, self.path, plugins)
        self.direction = self._known(direction or self.directions[0])
        self.given_files = [Path(reference)] if isinstance(reference, (str, Path)) else []
        self.guide = self._guide(self.direction, dict(seed=seed, reference=reference, attributes=attributes))

    def inputs_of(self, source: Path, root: str | Path | None, others: Mapping[str, Path]) -> dict[str, Path]:
        """The files of a scene by the names of the inputs; ``others`` is what :meth:`places` gives."""
        partners = {name: partner_of(source, root, place) for name, place in others.items()}
        return {self.first_input.name: source, **partners}

    @property
    def first_input(self) -> Port:
        """Of the direction in use, the input that files are translated from."""
        return self.asked[self.direction].maps[0]

    def read(self, given: ImageLike | Mapping[str, ImageLike], direction: str) -> Arrays:
        """All inputs of a direction by name, of one size, as :func:`read_inputs` gives them.

        Args:
            given: its first input, or a dict of them by name.
            direction: one of :attr:`directions`.

        Raises:
            ConfigError: an input is missing, or is none of this direction.
            DataError: one cannot be read or used, or they differ in size.
        """
        ports = {port.name: port for port in self.asked[direction].maps}
        given = given if isinstance(given, Mapping) else {next(iter(ports)): given}
        needed = {name for name, port in ports.items() if not can_be_guessed(port, [*ports.values()])}
        if not needed <= given.keys() <= ports.keys():
            raise ConfigError(f'{self.path}: {direction!r} takes {list(ports)}, found {list(given)}.')
        arrays = read_inputs({port: self.model.range_of(port.name) for port in ports.values()}, given, self.prepare,
                             self.code, self.pixels)
        sizes = {name: array.shape[:2] for name, array in arrays.items()}
        if len(set(sizes.values())) > 1:
            raise DataError(f'{names_of(given)}: the inputs of {direction!r} must have one size (height, '
                            f'width), found {sizes}. Save all of them at the size of {next(iter(ports))!r}.')
        return arrays

    def places(self, given: Mapping[str, str | Path]) -> dict[str, Path]:
        """Files or folders of the further inputs by name, from what is given by kind."""
        ports = self.asked[self.direction].maps
        further = {port.name: next(kind for kind, cls in KINDS.items() if isinstance(port, cls)) for port in ports[1:]
                   if not (can_be_guessed(port, ports) and 'instances' not in given)}
        if sorted(further.values()) != sorted(given):
            raise ConfigError(f'{self.path}: beside its {self.first_input.name!r}, {self.direction!r} takes '
                              f'{sorted(further.values()) or "nothing"}, found {sorted(given) or "nothing"}.')
        return {name: Path(given[kind]) for name, kind in further.items()}

    def require_attention(self, direction: str) -> None:
        """Raises :class:`ConfigError` if there is no heat map of a direction."""
        if not self.asked[direction].has_attention:
            raise ConfigError(f'{self.path}: {type(self.model).__name__} has no attention that could be shown.')

    def _guide(self, direction: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """What was given, for the method; refuses what it would not look at."""
        guide = {name: value for name, value in given.items() if value is not None}
        known = self.asked[direction].options
        for name in guide:
            if name not in known:
                allowed = ', '.join(known) or 'nothing but the direction'
                raise ConfigError(f'{self.path}: {name}: translations of {type(self.model).__name__} depend on '
                                  f'{allowed}.')
        if 'reference' in guide:
            guide['reference'] = self.tensor(guide['reference'], direction=direction)
        return guide

    def guide_of(self, direction: str) -> dict[str, Any]:
        """What was given, as far as another direction looks at it."""
        return {name: value for name, value in self.guide.items() if name in self.asked[direction].options}

    def tensor(self, image: ImageLike, change: Callable[[np.ndarray], np.ndarray] | None = None,
               direction: str | None = None) -> Tensor:
        """A reference as the networks take it, ``(1, C, H, W)`` in [-1, 1]; ``change`` is applied to its array.

        It is an image of the kind that the direction (the one in use when None) makes.
        """
        asked = self.asked[direction or self.direction]
        like = self.model.pictures[asked.gives].like
        ports = [port for port in (*asked.takes, *self.model.needs) if isinstance(port, Image)]
        port = next((port for port in ports if port.name == like), ports[0])
        known = self.model.range_of(port.name)
        array = read_inputs({port: known}, {port.name: image}, self.prepare, pixels=self.pixels)[port.name]
        return as_tensor(port, array if change is None else change(array), self.preprocess, known)

    @torch.inference_mode()
    def make(self, tensors: Mapping[str, Tensor], direction: str, **options: Any) -> Tensor:
        """What a direction gives for inputs as the networks take them, of any size, ``(N, C, H, W)`` in [-1, 1].

        Args:
            tensors: by name.
            direction: one of :attr:`directions`.
            **options: further ones of the direction.

        Raises:
            ConfigError: the networks make an image of another size than the direction says.
            CheckpointError: they make NaN.
        """
        if self.asked[direction].own_size:
            return self._of_own_size(tensors, direction, options)
        scale = self.asked[direction].scale
        padded, place = self._padded(tensors, direction)
        made = self.model.ask(direction, padded, **options)
        height, width = next(iter(padded.values())).shape[-2:]
        if made.shape[-2:] != (scale * height, scale * width):
            raise ConfigError(f'{self.path}: direction {direction!r} says that results have {scale} times the size of '
                              f'their source, but the networks make {made.shape[-2]}x{made.shape[-1]} of '
                              f'{height}x{width} (HxW). State the scale: Direction(..., scale=...) in the method.')
        rows, columns = enlarged(place, scale)
        return require_finite(made, self.path)[..., rows, columns]

    def _of_own_size(self, tensors: Mapping[str, Tensor], direction: str, options: Mapping[str, Any]) -> Tensor:
        made = self.model.ask(direction, tensors, **options)
        height, width = next(iter(tensors.values())).shape[-2:]
        size = self.size_of(direction, height, width, options)
        if made.shape[-2:] != size:
            raise ConfigError(f'{self.path}: {type(self.model).__name__}.size_of says that results of direction '
                              f'{direction!r} have {size} pixels (height, width), but the networks make '
                              f'{tuple(made.shape[-2:])}. Correct size_of in the method.')
        return require_finite(made, self.path)

    def size_of(self, direction: str, height: int, width: int, options: Mapping[str, Any]) -> tuple[int, int]:
        """Height and width of the result for inputs of this size (:meth:`Method.size_of`)."""
        return self.model.size_of(direction, height, width, **options)

    def tensors(self, inputs: Arrays, direction: str) -> dict[str, Tensor]:
        """What :meth:`read` gives as the networks take it, for :meth:`make`."""
        return {port.name: as_tensor(port, inputs[port.name], self.preprocess, self.model.range_of(port.name))
                for port in self.asked[direction].maps}

    def _padded(self, tensors: Mapping[str, Tensor], direction: str) -> tuple[dict[str, Tensor], tuple[slice, slice]]:
        """The inputs with a border that makes their sides fit the networks, and where they are in it."""
        asked, place = self.asked[direction], (slice(None), slice(None))
        padded = {}
        for port in asked.maps:
            padded[port.name], place = pad(port, tensors[port.name], asked.divisor, SMALLEST)
        return padded, place

    def translate(self, inputs: Arrays, direction: str, guide: Mapping[str, Any]) -> np.ndarray:
        """The result ``(H, W, C)`` for what :meth:`read` gives, in strips if it is large.

        Raises:
            DataError: memory is not enough.
        """
        return self.translate_together([inputs], direction, guide)[0]

    def translate_all(self, scenes: Sequence[Arrays], direction: str, guide: Mapping[str, Any]) -> list[np.ndarray]:
        """The results for several scenes, in their order; scenes of one size go through the networks together."""
        alone = self.tile is not None or self.asked[direction].own_size
        results: dict[int, np.ndarray] = {}
        for places in batches(scenes, 1 if alone else self.batch):
            made = self.translate_together([scenes[place] for place in places], direction, guide)
            results.update(zip(places, made, strict=True))
        return [results[place] for place in range(len(scenes))]

    def translate_together(self, scenes: Sequence[Arrays], direction: str,
                           guide: Mapping[str, Any]) -> list[np.ndarray]:
        """The results for scenes of one size; for several of them, not in strips."""
        asked, first = self.asked[direction], scenes[0]
        if asked.own_size and self.tile is not None:
            raise ConfigError(f'tile: in direction {direction!r} results have a size of their own, so that inputs are '
                              'not cut. Leave --tile out.')
        height, width = first[asked.maps[0].name].shape[:2]
        height, width = self.size_of(direction, height, width, guide)
        numbers = [self._numbers_of(inputs, direction) for inputs in scenes]
        strips = self.is_large(direction, height, width)
        with enough_memory(height, width, self.device, strips, asked.own_size):
            results = self._in_strips(first, direction, guide, numbers[0]) if strips else None
            if results is None:
                each = [self.tensors(inputs, direction) for inputs in scenes]
                made = self.make({name: torch.cat([one[name] for one in each]) for name in each[0]}, direction, **guide)
                results = [*map(from_tensor, made, numbers)]
        if asked.keeps:
            for inputs, result in zip(scenes, results, strict=True):
                known = inputs[asked.first(Mask).name] == 0
                result[known] = inputs[asked.keeps][known]
        return results

    def is_large(self, direction: str, height: int, width: int) -> bool:
        """Whether a result of this size is made in strips, if the networks can be cut."""
        if self.tile is not None:
            return max(height, width) > self.asked[direction].scale * self.tile
        return not self.asked[direction].own_size and height * width > LARGE

    def _numbers_of(self, inputs: Arrays, direction: str) -> np.dtype | ValueRange:
        """Those of a result: of the training files, else the type of the image that it is made from."""
        image = self.asked[direction].first(Image)
        own = inputs[image.name].dtype if image and not self.model.range_of(image.name) else np.dtype(np.uint8)
        return self.model.range_of(self.asked[direction].gives) or own

    def _in_strips(self, inputs: Arrays, direction: str, guide: Mapping[str, Any],
                   numbers: np.dtype | ValueRange) -> list[np.ndarray] | None:
        """The result; None if the networks cannot be cut and nobody asked for it."""
        padded, place = self._padded(self.tensors(inputs, direction), direction)
        try:
            guide = self._settled(padded, direction, guide)
        except ConfigError:  # an option that is about the whole image
            if self.tile is None:
                return None
            raise
        inside = enlarged(place, self.asked[direction].scale)
        try:
            return [in_strips(lambda x: self.model.ask(direction, x, **guide), padded, inside,
                              lambda made: from_tensor(require_finite(made, self.path), numbers))]
        except Uncuttable as reason:
            if self.tile is None:
                return None
            raise ConfigError(f'{self.path}: direction {direction!r} cannot be made in strips: {reason}. Leave --tile '
                              'out, or scale the image down.') from reason

    def settled(self, inputs: Arrays, direction: str, guide: Mapping[str, Any]) -> dict[str, Any]:
        """Options for the strips of these inputs, or for what follows them in a video (:meth:`Method.settled`)."""
        return self._settled(self._padded(self.tensors(inputs, direction), direction)[0], direction, guide)

    @torch.inference_mode()
    def _settled(self, padded: dict[str, Tensor], direction: str, guide: Mapping[str, Any]) -> dict[str, Any]:
        with self.model.evaluating():
            return self.model.settled(direction, Batch(padded), **guide)

    @torch.inference_mode()
    def attend(self, inputs: Arrays, direction: str) -> tuple[Tensor, Tensor]:
        """Heat map ``(H, W)`` in [0, 1], and the image under it ``(3, H, W)`` in [-1, 1]."""
        padded, (rows, columns) = self._padded(self.tensors(inputs, direction), direction)
        x = padded[self.asked[direction].first(Image).name]
        heat = require_finite(self.model.attention(x, direction), self.path)
        if heat.shape[-2:] != x.shape[-2:]:
            raise ConfigError(f'{self.path}: {type(self.model).__name__}.attention gives a map of another size '
                              f'({tuple(heat.shape[-2:])}) than its images ({tuple(x.shape[-2:])}).')
        return heat[0, 0, rows, columns].cpu(), overlay(x, heat)[0, :, rows, columns]

    def _from_files(self, direction: Direction) -> bool:
        """Whether it makes a picture, of images or maps of any size and of nothing else."""
        return direction.gives in self.model.pictures and all(
            port.is_map and not getattr(port, 'side', None) for port in direction.takes)

    def _known(self, direction: str) -> str:
        if direction not in self.directions:
            raise ConfigError(f'{self.path} cannot translate in direction {direction!r}.'
                              f'{did_you_mean(direction, self.directions)}')
        return direction
