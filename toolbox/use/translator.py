"""From a trained run to translated images: arrays, files, folders."""

from __future__ import annotations

import glob
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..data.io import IMAGE_SUFFIXES, convert_channels, list_images, natural_key, read_image, write_image
from ..data.preprocessor import DataPreprocessor, to_tensor, to_uint8
from ..data.transforms import resize
from ..errors import CheckpointError, ConfigError, DataError, UserError, did_you_mean
from ..methods.attention import overlay
from .load import find_checkpoint, load_method
from .padding import pad_to_multiple

SMALLEST = 16  # pixels; below, the inner layers of a convolutional network have nothing left to pad by reflection
ImageLike = str | Path | np.ndarray


class Translator:
    """Translates images with the generators of a trained method; a checkpoint is all it needs.

    Images keep their size and bit depth: they are padded by reflection to what the generator can take, and cut back.
    Moving averages of the weights are used where the checkpoint holds them.

    Args:
        run: work directory of a training run, or a checkpoint file (a converted one too).
        direction: ``'AtoB'`` or ``'BtoA'``, or the name of a domain or an attribute; the first one that the checkpoint
            offers when None.
        device: ``'cpu'``, ``'cuda'``, ``'cuda:1'`` ...; a GPU if there is one when None.
        checkpoint: which checkpoint of a work directory: ``'last'``, ``'best'``, or a file name in it.
        plugins: modules with parts of the run, which are imported first. A checkpoint by itself imports nothing.
        seed: of the style, for methods with styles from latents (StarGAN v2).
        reference: an image whose style is taken, for the same; it may have any size.
        attributes: names of what the images have now, for methods that change attributes (StarGAN); without them the
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
        self.model, self.directions = load_method(self.path, plugins)
        if not self.directions:
            raise CheckpointError(f'{self.path}: {type(self.model).__name__} with the networks in this file has no '
                                  'generator to translate images with. New images: python tools/sample.py.')
        self.model.to(self.device).eval()
        self.preprocess = DataPreprocessor().to(self.device)
        self.direction = self._known(direction or self.directions[0])
        self.guide = self._guide(seed=seed, reference=reference, attributes=attributes)

    def __call__(
        self, image: ImageLike | Sequence[ImageLike], direction: str | None = None
    ) -> np.ndarray | list[np.ndarray]:
        """Translate one image or a list of them.

        Args:
            image: a file, an RGB array ``(H, W, C)`` or gray ``(H, W)``, uint8 or uint16, or a list of such. Channels
                are converted to what the generator takes: gray is repeated, colour becomes luma, alpha is dropped.
            direction: overrides the direction of the translator.

        Returns:
            An array ``(H, W, C)`` of the image's size and type with the generator's channels; a list for a list.

        Raises:
            ConfigError: there is no such direction.
            DataError: a file cannot be read, or an array is no image.
        """
        direction = self._known(direction or self.direction)
        if isinstance(image, (list, tuple)):
            return [self._translate(self._load(one, direction), direction) for one in image]
        return self._translate(self._load(image, direction), direction)

    def attention(self, image: ImageLike, direction: str | None = None) -> np.ndarray:
        """Where the translation of one image looks, ``(H, W)`` float32 in [0, 1].

        Raises:
            ConfigError: there is no such direction, or the method has no attention.
            DataError: a file cannot be read, or an array is no image.
        """
        direction = self._known(direction or self.direction)
        return self._attend(self._load(image, direction), direction)[0].numpy()

    def folder(self, source: str | Path, destination: str | Path, **options: Any) -> Summary:
        """Translate every image below a folder; sub-folders and names are kept. Options as for :meth:`files`."""
        return self.files(list_images(source), destination, root=source, **options)

    def files(
        self,
        sources: Iterable[str | Path],
        destination: str | Path,
        root: str | Path | None = None,
        suffix: str = '.png',
        side_by_side: bool = False,
        overwrite: bool = False,
        attention: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Summary:
        """Translate files in the given order. One that cannot be read does not stop the others.

        Args:
            sources: image files.
            destination: folder of the results.
            root: sub-folders below it are repeated in ``destination``; without it only names are kept.
            suffix: of the results; ``'same'`` keeps that of each source.
            side_by_side: write the source and the result next to each other.
            overwrite: translate again where the result is already there.
            attention: write the source under its heat map too, as ``NAME_attention.png`` beside the result.
            progress: called after each image with (images finished, images in all).

        Raises:
            ConfigError: the method has no attention.
            DataError: two sources would become one file, or a result would replace its source.
        """
        if attention:
            self.model.require_attention()
        plan = plan_outputs(sources, Path(destination), root, suffix)
        summary = Summary(Path(destination))
        for count, (source, target) in enumerate(plan.items(), start=1):
            if target.exists() and not overwrite:
                summary.kept.append(target)
            else:
                self._translate_file(source, target, side_by_side, attention, summary)
            if progress is not None:
                progress(count, len(plan))
        return summary

    def _translate_file(self, source: Path, target: Path, side_by_side: bool, attention: bool,
                        summary: Summary) -> None:
        try:
            before = self._load(source, self.direction)
            after = self._translate(before, self.direction)
            if attention:
                shown = self._attend(before, self.direction)[1]
                write_image(target.with_name(f'{target.stem}_attention.png'), from_tensor(shown, np.dtype(np.uint8)))
            write_image(target, np.concatenate(_same_channels(before, after), axis=1) if side_by_side else after)
        except UserError as error:
            summary.failed[source] = str(error)
        except torch.cuda.OutOfMemoryError:
            summary.failed[source] = f'{source}: {before.shape[0]}x{before.shape[1]} pixels do not fit on {self.device}'
        else:
            summary.done.append(target)

    def _load(self, image: ImageLike, direction: str) -> np.ndarray:
        channels = self._generator(direction).in_channels
        if isinstance(image, np.ndarray):
            return as_image(image, channels)
        if not isinstance(image, (str, Path)):
            raise DataError(f'expected a file name or a NumPy array (H, W, C) of uint8 or uint16, found '
                            f'{type(image).__name__}. A picture of Pillow is made an array by np.asarray(picture).')
        return as_image(read_image(image, None), channels, str(image))

    def _guide(self, **given: Any) -> dict[str, Any]:
        """What was given, for the method; refuses what it would not look at."""
        guide = {name: value for name, value in given.items() if value is not None}
        for name in guide:
            if name not in self.model.guides:
                allowed = ', '.join(self.model.guides) or 'nothing but the direction'
                raise ConfigError(f'{self.path}: {name}: translations of {type(self.model).__name__} depend on {allowed}.')
        if 'reference' in guide:
            guide['reference'] = self.tensor(guide['reference'])
        return guide

    def tensor(self, image: ImageLike, side: int | None = None) -> Tensor:
        """An image as the networks take it, ``(1, C, H, W)`` in [-1, 1]; as a square of ``side`` pixels if that is given."""
        array = self._load(image, self.direction)
        if side is not None:
            array = resize(array, side, side)
        return self._input(array)

    def _input(self, image: np.ndarray) -> Tensor:
        return self.preprocess({'x': to_tensor(image)[None]})['x']

    def _padded(self, image: np.ndarray, direction: str) -> tuple[Tensor, tuple[slice, slice]]:
        """The image with a border that makes its sides fit the generator, and where it lies in it."""
        return pad_to_multiple(self._input(image), self._generator(direction).size_divisor, SMALLEST)

    @torch.inference_mode()
    def _translate(self, image: np.ndarray, direction: str) -> np.ndarray:
        x, (rows, columns) = self._padded(image, direction)
        return from_tensor(self.model.translate(x, direction, **self.guide)[0, :, rows, columns], image.dtype)

    @torch.inference_mode()
    def _attend(self, image: np.ndarray, direction: str) -> tuple[Tensor, Tensor]:
        """Heat map ``(H, W)`` in [0, 1], and the image under it ``(3, H, W)`` in [-1, 1]."""
        x, (rows, columns) = self._padded(image, direction)
        heat = self.model.attention(x, direction)
        return heat[0, 0, rows, columns].cpu(), overlay(x, heat)[0, :, rows, columns]

    def _generator(self, direction: str) -> nn.Module:
        return getattr(self.model, self.model.translators[direction])

    def _known(self, direction: str) -> str:
        if direction not in self.directions:
            raise ConfigError(f'{self.path} cannot translate in direction {direction!r}.'
                              f'{did_you_mean(direction, self.directions)}')
        return direction


@dataclass
class Summary:
    """What became of the files of one call.

    Attributes:
        destination: folder of the results.
        done: results written.
        kept: results that were already there and were left alone.
        failed: sources that could not be translated, and why.
    """

    destination: Path
    done: list[Path] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)
    failed: dict[Path, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """For a command line tool: 0, or 1 when a file failed."""
        return 1 if self.failed else 0

    def __str__(self) -> str:
        lines = [f'{len(self.done)} translated into {self.destination}']
        if self.kept:
            lines.append(f'{len(self.kept)} already there and kept; --overwrite makes them again')
        if self.failed:
            lines.append(f'{len(self.failed)} failed:')
        return '\n'.join([*lines, *(f'  {reason}' for reason in self.failed.values())])


def plan_outputs(
    sources: Iterable[str | Path], destination: Path, root: str | Path | None, suffix: str
) -> dict[Path, Path]:
    """Which source becomes which file, in order.

    Raises:
        DataError: the suffix is unknown, two sources share a result, or a result would replace a source.
    """
    if suffix != 'same' and suffix not in IMAGE_SUFFIXES:
        raise DataError(f"suffix {suffix!r}: expected 'same' or one of images.{did_you_mean(suffix, IMAGE_SUFFIXES)}")
    plan: dict[Path, Path] = {}
    owner: dict[Path, Path] = {}
    for source in map(Path, sources):
        name = source.relative_to(root) if root is not None else Path(source.name)
        target = destination / (name if suffix == 'same' else name.with_suffix(suffix))
        other = owner.setdefault(target, source)
        if other != source:
            raise DataError(f'{other} and {source} would both become {target}. Type --suffix same to keep the suffixes,'
                            ' or translate them into two folders.')
        if target.resolve() == source.resolve():
            raise DataError(f'{target}: the result would replace its source. Give another output folder.')
        plan[source] = target
    return plan


def find_sources(pattern: str | Path) -> tuple[list[Path], Path]:
    """Image files that a file, folder or glob pattern (``**`` is any depth) means, and the folder they are named from.

    Raises:
        DataError: nothing is there.
    """
    path = Path(pattern)
    if path.is_file():
        return [path], path.parent
    if path.is_dir():
        return list_images(path), path
    found = (Path(name) for name in glob.glob(str(pattern), recursive=True))
    files = sorted((p for p in found if p.is_file() and p.suffix.lower() in IMAGE_SUFFIXES), key=natural_key)
    if not files:
        raise DataError(f'{pattern}: no image file, folder or pattern that matches an image. '
                        f'Images end in {", ".join(IMAGE_SUFFIXES)}.')
    fixed = itertools.takewhile(lambda part: not glob.has_magic(part), path.parts[:-1])
    return files, Path(*fixed)


def as_image(image: np.ndarray, channels: int, source: str = 'array') -> np.ndarray:
    """``(H, W)`` or ``(H, W, C)`` of uint8 or uint16 as ``(H, W, channels)``.

    Raises:
        DataError: it is no such array, or cannot have ``channels`` channels.
    """
    image = image[:, :, None] if image.ndim == 2 else image
    if image.ndim != 3 or image.dtype not in (np.uint8, np.uint16) or not image.size:
        raise DataError(f'{source}: expected an image (H, W) or (H, W, C) of uint8 or uint16, '
                        f'found {image.dtype} of shape {image.shape}.')
    if image.shape[2] == channels:
        return image
    image = image[:, :, :1] if image.shape[2] == 2 else image  # gray and alpha
    if channels not in (1, 3, 4) or image.shape[2] not in (1, 3, 4):
        raise DataError(f'{source}: {image.shape[2]} channels cannot be converted to the {channels} of the generator.')
    return convert_channels(image, channels)


def from_tensor(x: Tensor, dtype: np.dtype) -> np.ndarray:
    """``(C, H, W)`` in [-1, 1] -> ``(H, W, C)`` of uint8 or uint16, clamped and rounded; undoes the preprocessor."""
    if dtype == np.uint8:
        x = to_uint8(x)
    else:
        x = x.detach().float().clamp(-1, 1).add(1).mul(32767.5).round().to(torch.int32)
    return np.ascontiguousarray(x.permute(1, 2, 0).cpu().numpy()).astype(dtype, copy=False)


def choose_device(name: str | torch.device | None) -> torch.device:
    """The device of that name, tried; a GPU if there is one for None."""
    try:
        device = torch.device(name or ('cuda' if torch.cuda.is_available() else 'cpu'))
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch says in both ways that a device is not there
        reason = str(error).partition('\n')[0]
        raise ConfigError(f"device {str(name)!r}: cannot be used here ({reason}). 'cpu' always can; "
                          f'GPUs that torch sees: {torch.cuda.device_count()}.') from error
    return device


def _same_channels(*images: np.ndarray) -> list[np.ndarray]:
    channels = max(image.shape[2] for image in images)
    return [as_image(image, channels) for image in images]
