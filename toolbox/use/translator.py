"""From a trained run to translated images: arrays, files, folders."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.arrays import fitting_suffix
from ..data.io import write_image
from ..data.preprocessor import DataPreprocessor, to_tensor
from ..data.ranges import outside, to_8bit
from ..errors import CheckpointError, ConfigError, DataError, did_you_mean
from ..methods.attention import overlay
from ..methods.directions import Direction, Image, InstanceMap, LabelMap, Mask, Port
from ..pictures import as_rgb
from .beside import beside, picture_of
from .inputs import ImageLike, as_image, as_tensor, choose_device, from_tensor, pad, read_inputs, require_finite
from .labels import can_be_guessed, label_code
from .load import find_checkpoint, load_method
from .outputs import Summary, find_sources, partner_of, plan_outputs, require_folder, side_file, sources_of
from .preparation import Preparation

__all__ = ['ImageLike', 'Summary', 'Translator', 'as_image', 'choose_device', 'find_sources', 'from_tensor',
           'plan_outputs', 'to_tensor']

SMALLEST = 16  # pixels; smaller images cannot be reflection-padded in the innermost layers
ATTENTION = '_attention.png'  # how the file with the heat map ends
Arrays = dict[str, np.ndarray]
# What further inputs are called on the command line and in ``Translator.files``.
KINDS: dict[str, type[Port]] = {'image': Image, 'labels': LabelMap, 'instances': InstanceMap, 'mask': Mask}


class Translator:
    """Makes images from images (or label maps, masks, ...) with a trained method; a checkpoint is all it needs.

    Images keep their bit depth (or have the numbers of the training set, where those have a value range), and their
    size times the scale of the direction: they are padded by reflection to what the networks can take, and cut back.
    Moving averages of the weights are used where the checkpoint holds them.

    Args:
        run: work directory of a training run, or a checkpoint file (a converted one too).
        direction: ``'AtoB'`` or ``'BtoA'``, or the name of a domain or an attribute; the first one that the checkpoint
            offers when None.
        device: ``'cpu'``, ``'cuda'``, ``'cuda:1'`` ...; a GPU if there is one when None.
        checkpoint: which checkpoint of a work directory: ``'last'``, ``'best'``, or a file name in it.
        plugins: modules with parts of the run, which are imported first. A checkpoint by itself imports nothing.
        seed: of the style, for directions with styles from latents.
        reference: an image whose style is taken, for the same; it may have any size.
        attributes: names of what the images have now, for methods that change attributes; without them the
            discriminator tells.

    Attributes:
        path: the checkpoint in use.
        directions: directions that can be asked for.
        direction: the one used where a call names none.

    Raises:
        CheckpointError: there is no such checkpoint, or it cannot be used.
        ConfigError: there is no such direction, or a plugin is missing or cannot be imported.

    Example:
        >>> t = Translator('work_dirs/horse2zebra', 'AtoB')
        >>> zebra = t('horse.jpg')                       # (H, W, C), RGB
        >>> summary = t.folder('horses', 'zebras')
    """

    def __init__(self, run: str | Path, direction: str | None = None, device: str | torch.device | None = None,
                 checkpoint: str = 'last', plugins: Sequence[str] = (), seed: int | None = None,
                 reference: ImageLike | None = None, attributes: Sequence[str] | None = None) -> None:
        self.path = find_checkpoint(run, checkpoint)
        self.device = choose_device(device)
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
        self.prepare = Preparation(self.model.run_config, self.path, plugins)
        self.direction = self._known(direction or self.directions[0])
        self.guide = self._guide(self.direction, dict(seed=seed, reference=reference, attributes=attributes))

    def __call__(
        self, image: ImageLike | list[ImageLike] | tuple[ImageLike, ...] | Mapping[str, ImageLike],
        direction: str | None = None, **guide: Any
    ) -> np.ndarray | list[np.ndarray]:
        """Translate one image or a list of them.

        Args:
            image: a file, an RGB array ``(H, W, C)`` or gray ``(H, W)``, uint8 or uint16, or a list of such. Channels
                are converted to what the generator takes: gray is repeated, colour becomes luma, alpha is dropped.
                For a direction with several inputs, a dict of them by name; maps are ``(H, W)`` of whole numbers.
                A label map may have the colours of the model's classes instead, and an instance map beside it may be
                left out: connected areas of one class are objects then.
            direction: overrides the direction of the translator.
            **guide: options of the direction for this call (``seed``, ``reference``, ...), in place of the
                translator's.

        Returns:
            An array ``(H, W, C)`` of the image's type (uint8 if there is none) and of its size times the direction's
            scale, with the generator's channels; a list for a list.

        Raises:
            ConfigError: there is no such direction, or it does not look at what ``guide`` says.
            DataError: a file cannot be read, or an array is not an image.
        """
        direction = self._known(direction or self.direction)
        options = self._guide(direction, guide) if guide else self.guide_of(direction)
        if isinstance(image, (list, tuple)):
            return [self._translate(self.read(one, direction), direction, options) for one in image]
        return self._translate(self.read(image, direction), direction, options)

    def attention(self, image: ImageLike, direction: str | None = None) -> np.ndarray:
        """Where the translation of one image looks, ``(H, W)`` float32 in [0, 1].

        Raises:
            ConfigError: there is no such direction, or the method has no attention.
            DataError: a file cannot be read, or an array is not an image.
        """
        direction = self._known(direction or self.direction)
        self._require_attention(direction)
        return self._attend(self.read(image, direction), direction)[0].numpy()

    def folder(self, source: str | Path, destination: str | Path, **options: Any) -> Summary:
        """Translate every image below a folder; sub-folders and names are kept. Options as for :meth:`files`.

        Images in ``destination`` are not taken for sources, if it is in the folder.
        """
        if not Path(source).is_dir():
            raise DataError(f'{source}: no such folder.')
        found = sources_of(source, destination)
        summary = self.files(found.files, destination, root=found.root, **options)
        summary.left_out += found.left_out
        return summary

    def files(
        self,
        sources: Iterable[str | Path],
        destination: str | Path,
        root: str | Path | None = None,
        suffix: str | None = None,
        side_by_side: bool = False,
        overwrite: bool = False,
        attention: bool = False,
        progress: Callable[[int, int], None] | None = None,
        **others: str | Path,
    ) -> Summary:
        """Translate files in the given order. One that cannot be read does not stop the others.

        Args:
            sources: image files.
            destination: folder of the results.
            root: sub-folders below it are repeated in ``destination``; without it only names are kept.
            suffix: of the results; ``'same'`` keeps that of each source. None: ``.png`` where it can hold the result,
                else that of the source, or ``.npy``.
            side_by_side: write the source and the result next to each other.
            overwrite: translate again where the result is already there.
            attention: write the source under its heat map too, as ``NAME_attention.png`` beside the result.
            progress: called after each image with (images finished, images in all).
            **others: a file or folder for each further input of the direction, by its kind ('labels', 'instances',
                'mask', 'image'); in a folder the file of the same name is taken.

        Raises:
            ConfigError: the method has no attention, or the direction takes other inputs.
            DataError: two sources would become one file, a result would replace a source, or nothing (more) can be
                written to ``destination``.
        """
        if attention:
            self._require_attention(self.direction)
        places = self.places(others)
        beside = (ATTENTION,) if attention else ()
        plan = plan_outputs(sources, Path(destination), root, suffix or self._suffix, beside)
        require_folder(Path(destination), places.values())
        summary = Summary(Path(destination))
        if guessed := [port.name for port in self.asked[self.direction].maps[1:] if port.name not in places]:
            summary.left_out.append(f'no {guessed[0]}: each connected area of one class counted as one object')
        for count, (source, target) in enumerate(plan.items(), start=1):
            wanted = [target, *(side_file(target, ending) for ending in beside)]
            if not overwrite and all(map(os.path.isfile, wanted)):
                summary.kept.append(target)
            else:
                with summary.recording(source, target):
                    self._translate_file(source, root, target, places, side_by_side, attention, summary)
            if progress is not None:
                progress(count, len(plan))
        return summary

    def _translate_file(self, source: Path, root: str | Path | None, target: Path, others: Mapping[str, Path],
                        side_by_side: bool, attention: bool, summary: Summary) -> None:
        inputs = self.read(self.inputs_of(source, root, others), self.direction)
        before = inputs[self._first.name]
        try:
            after = self._translate(inputs, self.direction, self.guide)
            heat = self._attend(inputs, self.direction)[1] if attention else None
        except torch.cuda.OutOfMemoryError as error:
            raise DataError(f'{source}: {before.shape[0]}x{before.shape[1]} pixels do not fit on {self.device}'
                            ) from error
        if share := outside(before, self.model.range_of(self._first.name)):
            summary.clipped[source] = share
        if heat is not None:
            write_image(side_file(target, ATTENTION), from_tensor(heat, np.dtype(np.uint8)))
        write_image(target, self._compared(before, after) if side_by_side else after)

    def inputs_of(self, source: Path, root: str | Path | None, others: Mapping[str, Path]) -> dict[str, Path]:
        """The files of a scene by the names of the inputs; ``others`` is what :meth:`places` gives."""
        return {self._first.name: source, **{name: partner_of(source, root, place) for name, place in others.items()}}

    def _suffix(self, source: Path) -> str:
        """Of the result, where none is asked for."""
        asked = self.asked[self.direction]
        known = self.model.range_of(asked.gives)
        channels = asked.channels or int(getattr(getattr(self.model, asked.nets[-1]), 'out_channels', 3))
        return fitting_suffix(known.dtype if known else 'uint8', channels, source)

    def _compared(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Input and result in one picture; of 8 bits and colours if one of them is not."""
        known, made = (self.model.range_of(name) for name in (self._first.name, self.asked[self.direction].gives))
        before = picture_of(self._first, before, known)
        after = after if made is None else as_rgb(to_8bit(after, made))
        return beside(before, after)

    @property
    def _first(self) -> Port:
        """The input that files are translated from."""
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
                             self.code)
        sizes = {name: array.shape[:2] for name, array in arrays.items()}
        if len(set(sizes.values())) > 1:
            raise DataError(f'the inputs of {direction!r} must have one size (height, width), found {sizes}.')
        return arrays

    def places(self, given: Mapping[str, str | Path]) -> dict[str, Path]:
        """Files or folders of the further inputs by name, from what is given by kind."""
        ports = self.asked[self.direction].maps
        further = {port.name: next(kind for kind, cls in KINDS.items() if isinstance(port, cls)) for port in ports[1:]
                   if not (can_be_guessed(port, ports) and 'instances' not in given)}
        if sorted(further.values()) != sorted(given):
            raise ConfigError(f'{self.path}: beside its {self._first.name!r}, {self.direction!r} takes '
                              f'{sorted(further.values()) or "nothing"}, found {sorted(given) or "nothing"}.')
        return {name: Path(given[kind]) for name, kind in further.items()}

    def _require_attention(self, direction: str) -> None:
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
            guide['reference'] = self.tensor(guide['reference'])
        return guide

    def guide_of(self, direction: str) -> dict[str, Any]:
        """What was given, as far as another direction looks at it."""
        return {name: value for name, value in self.guide.items() if name in self.asked[direction].options}

    def tensor(self, image: ImageLike, change: Callable[[np.ndarray], np.ndarray] | None = None) -> Tensor:
        """An image as the networks take it, ``(1, C, H, W)`` in [-1, 1]; ``change`` is applied to its array."""
        ports = (*self.asked[self.direction].takes, *self.model.needs)  # of label maps, those that it was trained with
        port = next(port for port in ports if isinstance(port, Image))
        known = self.model.range_of(port.name)
        array = read_inputs({port: known}, {port.name: image}, self.prepare)[port.name]
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
        scale = self.asked[direction].scale
        padded, (rows, columns) = self._padded(tensors, direction)
        made = self.model.ask(direction, padded, **options)
        height, width = next(iter(padded.values())).shape[-2:]
        if made.shape[-2:] != (scale * height, scale * width):
            raise ConfigError(f'{self.path}: direction {direction!r} says that results have {scale} times the size of '
                              f'their source, but the networks make {made.shape[-2]}x{made.shape[-1]} of '
                              f'{height}x{width} (HxW). State the scale: Direction(..., scale=...) in the method.')
        rows, columns = (slice(part.start * scale, part.stop * scale) for part in (rows, columns))
        return require_finite(made, self.path)[..., rows, columns]

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

    def _translate(self, inputs: Arrays, direction: str, guide: Mapping[str, Any]) -> np.ndarray:
        asked = self.asked[direction]
        made = self.make(self.tensors(inputs, direction), direction, **guide)[0]
        image = asked.first(Image)
        own = inputs[image.name].dtype if image and not self.model.range_of(image.name) else np.dtype(np.uint8)
        return from_tensor(made, self.model.range_of(asked.gives) or own)

    @torch.inference_mode()
    def _attend(self, inputs: Arrays, direction: str) -> tuple[Tensor, Tensor]:
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
