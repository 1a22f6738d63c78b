"""From files and arrays to the inputs that a direction takes, and from its output back to an array."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..data.io import Stored, convert_channels, read_image, read_numbers, read_stored
from ..data.masks import is_missing, read_mask
from ..data.places import Source
from ..data.preprocessor import DataPreprocessor, to_tensor, to_uint8
from ..data.ranges import NUMBERS, PLAIN, ValueRange, from_networks, refuse_not_finite, to_networks
from ..data.semantics import LabelCode
from ..data.showing import Pixels
from ..errors import CheckpointError, ConfigError, DataError
from ..methods.directions import Image, LabelMap, Mask, Port
from .given import ImageLike, name_of, readable
from .labels import ids_of, objects
from .padding import pad_to_multiple
from .preparation import Preparation


def read_input(port: Port, source: ImageLike, known: ValueRange | None = None,
               code: LabelCode | None = None, pixels: Pixels = 'shown') -> np.ndarray:
    """What an input takes, from a file or an array: images ``(H, W, C)``, maps ``(H, W)``.

    Args:
        port: the input.
        source: a file, an array, or what else :mod:`~toolbox.use.given` can read.
        known: the numbers that the model was trained with; None for 8 or 16 bits without sign.
        code: what the numbers in files of label maps mean; None: they are ids, as those in arrays always are.
        pixels: how files were read in the training, 'shown' or 'stored' (:func:`toolbox.data.io.read_image`).

    Raises:
        DataError: it cannot be read, or is not what the input takes.
    """
    name, place = name_of(source), readable(source)
    if isinstance(port, Image):
        bands = None if port.channels in (1, 3, 4) else port.channels
        image = place if isinstance(place, np.ndarray) else read_image(place, bands, pixels)
        return as_image(image, port.channels, name, known)
    if isinstance(port, Mask):
        missing = is_missing(place, name) if isinstance(place, np.ndarray) else read_mask(place, pixels)[:, :, 0] > 0
        return missing.astype(np.uint8)
    numbers = _numbers(port, place, code, name, pixels)
    numbers = numbers.astype(np.uint8) if numbers.dtype == bool else numbers
    if numbers.ndim != 2 or not np.issubdtype(numbers.dtype, np.integer) or not numbers.size:
        raise DataError(f'{name}: {port.name}: expected whole numbers (H, W), found {numbers.dtype} of shape '
                        f'{numbers.shape}.')
    if isinstance(port, LabelMap) and not 0 <= numbers.min() <= numbers.max() < port.classes:
        wrong = sorted(set(np.unique(numbers).tolist()) - set(range(port.classes)))
        raise DataError(f'{name}: {port.name}: expected classes from 0 to {port.classes - 1}, found {wrong[:5]}.')
    return numbers


def _numbers(port: Port, source: Source | np.ndarray, code: LabelCode | None, name: str, pixels: Pixels) -> np.ndarray:
    if isinstance(port, LabelMap):
        if isinstance(source, np.ndarray):
            return ids_of(Stored(source, 'array'), port, None, name)
        return ids_of(read_stored(source, pixels), port, code, name)
    return source if isinstance(source, np.ndarray) else read_numbers(source, pixels)


def read_inputs(ports: Mapping[Port, ValueRange | None], given: Mapping[str, ImageLike],
                prepare: Preparation, code: LabelCode | None = None, pixels: Pixels = 'shown') -> dict[str, np.ndarray]:
    """What :func:`read_input` gives for all inputs of one scene, by name, as the networks saw such images.

    Args:
        ports: the inputs, with the value range of each.
        given: the image of each, by name; instance maps that are missing are the :func:`objects` of the label map.
        prepare: transforms of the evaluation.
        code: what the numbers in files of label maps mean (:func:`read_input`).
        pixels: how files are read (:func:`read_input`).

    Raises:
        DataError: one cannot be read, or is not what the input takes, now or after the transforms of the evaluation.
    """
    found = {port.name: read_input(port, given[port.name], known, code, pixels) for port, known in ports.items()
             if port.name in given}
    for port in ports:
        if port.name not in found:
            found[port.name] = objects(next(found[other.name] for other in ports if isinstance(other, LabelMap)))
    changed = prepare(found)
    try:
        return {port.name: read_input(port, changed[port.name], known) for port, known in ports.items()}
    except DataError as error:
        raise DataError(f'{names_of(given)}: after the transforms of the evaluation: {error}') from error


def names_of(given: Mapping[str, ImageLike]) -> str:
    """The files among the inputs of a scene, for messages."""
    return ', '.join(name_of(source) for source in given.values() if not isinstance(source, np.ndarray)) or 'array'


def as_tensor(port: Port, array: np.ndarray, preprocess: DataPreprocessor, known: ValueRange | None = None) -> Tensor:
    """What :func:`read_input` gives as the networks take it, a batch of one on their device."""
    if isinstance(port, Image):
        x = to_tensor(array) if known is None else to_networks(array, known)
        return preprocess({port.name: x[None]})[port.name]
    numbers = torch.from_numpy(array.astype(np.int64))[None].to(preprocess.device)
    return numbers.to(torch.get_default_dtype())[:, None] if isinstance(port, Mask) else numbers


def pad(port: Port, x: Tensor, divisor: int, smallest: int) -> tuple[Tensor, tuple[slice, slice]]:
    """An input with its sides grown as :func:`pad_to_multiple` does it, and where it is in the result."""
    if x.is_floating_point():
        return pad_to_multiple(x, divisor, smallest)
    grown, place = pad_to_multiple(x[:, None].double(), divisor, smallest)  # exact: ids have fewer than 53 bits
    return grown[:, 0].to(x.dtype), place


def as_image(image: np.ndarray, channels: int, source: str = 'array', known: ValueRange | None = None) -> np.ndarray:
    """``(H, W)`` or ``(H, W, C)`` of uint8 or uint16, or of the numbers of a known range, as ``(H, W, channels)``.

    Raises:
        DataError: it is not such an array, or cannot have ``channels`` channels.
    """
    image = image[:, :, None] if image.ndim == 2 else image
    if image.ndim != 3 or image.dtype.name not in (PLAIN if known is None else NUMBERS) or not image.size:
        raise DataError(f'{source}: expected an image (H, W) or (H, W, C) of uint8 or uint16, '
                        f'found {image.dtype} of shape {image.shape}. A model for other numbers is trained with a '
                        'value_range in the data set.')
    if known is not None:
        _refuse_other_numbers(image, known, source)
    if image.shape[2] == channels:
        return image
    image = image[:, :, :1] if image.shape[2] == 2 else image  # gray and alpha
    if channels not in (1, 3, 4) or image.shape[2] not in (1, 3, 4):
        raise DataError(f'{source}: {image.shape[2]} channels cannot be converted to the {channels} of the generator.')
    return convert_channels(image, channels)


def _refuse_other_numbers(image: np.ndarray, known: ValueRange, source: str) -> None:
    """Files of 8 bits for a model of more, NaN, and images that are outside the range altogether."""
    if image.dtype == np.uint8 and known.dtype != 'uint8':
        raise DataError(f'{source}: found 8 bits per channel, but this model was trained on numbers {known}. Convert '
                        'the image to these units.')
    try:
        refuse_not_finite(image)
    except DataError as error:
        raise DataError(f'{source}: {error}') from error
    if image.min() > known.high or image.max() < known.low:
        raise DataError(f'{source}: numbers go from {image.min():g} to {image.max():g}, none within the range of this '
                        f'model, {known}.')


def require_finite(made: Tensor, path: Path) -> Tensor:
    """What networks made; :class:`CheckpointError` if a part of it is no number, which would be drawn black."""
    if not made.isfinite().all():
        raise CheckpointError(f'{path}: its networks make NaN or infinite pixels: the weights are damaged, or the '
                              'training had diverged. Use another checkpoint: --checkpoint FILE.')
    return made


def from_tensor(x: Tensor, numbers: np.dtype | ValueRange) -> np.ndarray:
    """``(C, H, W)`` in [-1, 1] -> ``(H, W, C)`` of uint8 or uint16, or in a range; clamped and rounded.

    Undoes the preprocessor, or :func:`toolbox.data.ranges.to_networks`.
    """
    if isinstance(numbers, ValueRange):
        return np.ascontiguousarray(from_networks(x.detach().cpu(), numbers).permute(1, 2, 0).numpy())
    dtype = numbers
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


