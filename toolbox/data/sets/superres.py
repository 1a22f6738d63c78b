"""Small and large images of the same scenes, for super-resolution."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np

from ...errors import ConfigError, DataError
from ...registry import DATASETS, TRANSFORMS, AtLeast, Bands, Count, Data, File, Probability, Transform, build
from ...registry import Path as PathText
from ..listing import has_images, list_images
from ..ranges import AskedRange
from ..showing import Pixels
from ..transforms import compose
from .datasets import ImageDataset, OnBad, check_root, describe
from .folders import missing_images
from .pairs import stems

Factor = Annotated[int, AtLeast(2)]
Folders = PathText | Sequence[PathText]
BICUBIC: Sequence[Transform] = ({'type': 'Downscale', 'by': 'matlab'},)
_SHOWN = 5


class Photograph(NamedTuple):
    """A file, and the small image of it if that is not to be made."""

    hr: Path
    lr: Path | None


class _SmallAndLarge(ImageDataset):
    """Base: cuts the large image to a multiple of the scale and makes the small one, before the common transforms."""

    groups = (('LR', 'HR'),)

    def __init__(self, scale: int, degradation: Sequence[Transform], pipeline: Sequence[Transform],
                 on_bad_image: OnBad = 'error', max_bad: float = 0.01, pixels: Pixels | None = None) -> None:
        super().__init__(pipeline, on_bad_image, max_bad, pixels)
        self.scale = scale
        self.degradation = [build(cfg, TRANSFORMS, where=f'{type(self).__name__}.degradation[{i}]')
                            for i, cfg in enumerate(degradation)]
        for step in self.degradation:
            if getattr(step, 'scale', scale) is None:
                step.scale = scale

    def small_and_large(self, hr: np.ndarray, lr: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """'LR' ``(h, w, C)`` and 'HR' ``(scale * h, scale * w, C)``; what ``hr`` has beyond that is cut off.

        Raises:
            DataError: ``lr``, or what was made, has another size.
        """
        height, width = (side // self.scale for side in hr.shape[:2])
        found = f'{hr.shape[1]}x{hr.shape[0]} (width x height)'
        if not height or not width:
            raise DataError(f'HR is {found}, smaller than the scale {self.scale}.')
        hr = hr[:height * self.scale, :width * self.scale]
        made = compose(self.degradation, {'LR': hr})['LR'] if lr is None else lr
        if made.shape[:2] != (height, width):
            where = 'after degradation, which must reduce sizes once (Downscale)' if lr is None else 'in its file'
            raise DataError(f'HR is {found}; with scale {self.scale} LR must be {width}x{height}, but is '
                            f'{made.shape[1]}x{made.shape[0]} {where}.')
        return {'LR': made, 'HR': hr}


@DATASETS.register_module()
class SuperResolutionDataset(_SmallAndLarge):
    """Photographs as 'HR', and small images of them as 'LR', from files or made by ``degradation``.

    HR is cut to a multiple of the scale (right and below), as in published evaluations. Files of LR have the name of
    their photograph, or that and 'x4' for scale 4; other suffixes are allowed.

    Args:
        scale: sides of HR / sides of LR, 2 or more.
        data_root: folder of the set.
        HR: folder, or several, of the photographs (relative to ``data_root``, or absolute); '.' is ``data_root``.
        LR: folder or folders of the small images, one for each of HR; None to make them.
        degradation: transforms that make LR of HR, one after the other; one of them is ``Downscale``.
        channels: 1, 3, 4 or the number of bands.
        pipeline: transforms with the same draws for both: ``ScaledCrop``, ``RandomFlip``, ``RandomTurn``.
        max_samples: use only the first so many photographs.
        on_bad_image: 'error' or 'skip' (see :class:`~.datasets.ImageDataset`); a pair is skipped as a whole.
        max_bad: share of the photographs that may be skipped.
        value_range: see :class:`~.datasets.ImageDataset`; that of 'HR' serves for LR, too.
        pixels: see :class:`~.datasets.ImageDataset`.

    Raises:
        DataError: a folder is missing or empty, a photograph has no small image or a small image no photograph.
        ConfigError: not as many folders of LR as of HR.
    """

    channels: int

    def __init__(self, scale: Factor, data_root: File | None = None, HR: Folders = '.', LR: Folders | None = None,
                 degradation: Sequence[Transform] = BICUBIC, channels: Bands = 3, pipeline: Sequence[Transform] = (),
                 max_samples: Count | None = None, on_bad_image: OnBad = 'error', max_bad: Probability = 0.01,
                 value_range: AskedRange | None = None, pixels: Pixels = 'shown') -> None:
        super().__init__(scale, degradation, pipeline, on_bad_image, max_bad, pixels)
        root = check_root(data_root, 'SuperResolutionDataset')
        large, small = _folders(root, HR), _folders(root, LR)
        if LR is not None and len(large) != len(small):
            raise ConfigError(f'SuperResolutionDataset: as many folders LR as HR, found {len(small)} and {len(large)}.')
        if missing := [folder for folder in large + small if not has_images(folder)]:
            raise missing_images(root, [[f'{folder}/*.png' for folder in missing]])
        found = [photograph for i, folder in enumerate(large)
                 for photograph in _photographs(folder, small[i] if small else None, scale)]
        self.files = found[:max_samples]
        self.channels = channels
        if isinstance(value_range, dict) and set(value_range) - {'HR'}:
            raise ConfigError("SuperResolutionDataset.value_range: that of 'HR' serves for LR, too; found "
                              f'{sorted(value_range)}.')
        self.settle_ranges(value_range, {'HR': [file.hr for file in self.files]})
        self.ranges = {key: known for known in (self.ranges or {}).values() for key in ('LR', 'HR')}

    def __len__(self) -> int:
        return len(self.files)

    def files_and_readers(self) -> Iterator[tuple[Path, Callable[[], object]]]:
        for file in self.files:
            yield from ((path, partial(self.read, path, key))
                        for path, key in zip(file, ('HR', 'LR'), strict=True) if path is not None)

    def load(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        file, images = self.first_readable(self.files, index, self._read)
        return images, describe({'LR': file.lr or file.hr, 'HR': file.hr}, images)

    def _read(self, file: Photograph) -> dict[str, np.ndarray]:
        small = self.read(file.lr, 'LR') if file.lr else None
        try:
            return self.small_and_large(self.read(file.hr, 'HR'), small)
        except DataError as error:
            raise DataError(f'{str(file.lr or file.hr)!r}: {error}') from error


@DATASETS.register_module()
class SuperResolutionOf(_SmallAndLarge):
    """The images of another data set as 'HR' (CIFAR-10, a folder, a drawn world), and small images of them as 'LR'.

    ``dict(type='SuperResolutionOf', scale=4, hr=dict(type='CIFAR10', split='train'))``. The pipeline of ``hr`` runs
    before LR is made, so that a crop there costs less than one of both afterwards.

    Args:
        scale: sides of HR / sides of LR, 2 or more.
        hr: the data set.
        key: its images that are used.
        data_root: that of ``hr``, if it states none.
        degradation: as in :class:`SuperResolutionDataset`.
        pipeline: transforms of both.

    Raises:
        ConfigError: the data set has no images of that key.
    """

    def __init__(self, scale: Factor, hr: Data, key: str = 'img', data_root: File | None = None,
                 degradation: Sequence[Transform] = BICUBIC, pipeline: Sequence[Transform] = ()) -> None:
        super().__init__(scale, degradation, pipeline)
        root = {'data_root': data_root} if data_root is not None else {}
        self.hr: ImageDataset = build(hr, DATASETS, where='SuperResolutionOf.hr', **root)
        channels = self.hr.facts().get('channels', {})
        if key not in channels:
            raise ConfigError(f'SuperResolutionOf.key: {type(self.hr).__name__} has no images {key!r}; it has '
                              f'{list(channels)}.')
        self.key, self.channels, self.remarks, self.pixels = key, channels[key], self.hr.remarks, self.hr.pixels
        known = (self.hr.ranges or {}).get(key)
        self.ranges = {'LR': known, 'HR': known} if known else {}

    def __len__(self) -> int:
        return len(self.hr)

    def files_and_readers(self) -> Iterator[tuple[Path, Callable[[], object]]]:
        return self.hr.files_and_readers()

    def load(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        _, found, meta = self.hr.drawn(index)
        self._skipped += self.hr._skipped
        path = Path(meta.get(f'{self.key}_path', f'{self.key}/{index}'))
        try:
            images = self.small_and_large(found[self.key])
        except DataError as error:
            raise DataError(f'{str(path)!r}: {error}') from error
        return images, describe(dict.fromkeys(self.groups[0], path), images)


def _folders(root: Path, names: Folders | None) -> list[Path]:
    if names is None:
        return []
    return [root / Path(name).expanduser() for name in ([names] if isinstance(names, str) else names)]


def _photographs(large: Path, small: Path | None, scale: int) -> list[Photograph]:
    """The files of a folder, each with the one of the same name in ``small``."""
    files = list_images(large)
    if small is None:
        return [Photograph(file, None) for file in files]
    of, rest = stems(files), stems(list_images(small))
    pairs = {}
    for stem in of:
        name = next((name for name in (stem, f'{stem}x{scale}') if name in rest), None)
        if name is not None:
            pairs[stem] = rest.pop(name)
    lone = [f'{large / name}: no small image of it in {small}' for stem, name in of.items() if stem not in pairs]
    others = [f'{small / name}: no photograph of it in {large}' for name in rest.values()]
    if lone or others:
        lines = [line for group in (lone, others) for line in (*group[:_SHOWN], *(['...'] * (len(group) > _SHOWN)))]
        raise DataError(f'{len(lone) + len(others)} files in {str(large)!r} and {str(small)!r} are no pair '
                        f'({len(pairs)} are):\n  ' + '\n  '.join(lines) + '\nNames must be equal up to the suffix, or '
                        f"end in 'x{scale}' in the folder LR; move other files away.")
    return [Photograph(large / of[stem], small / name) for stem, name in pairs.items()]
