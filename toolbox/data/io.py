"""Image files in and out. Everything outside this module is RGB; cv2's BGR ends here."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from ..errors import DataError
from ..files.replacing import replacing
from .arrays import ARRAY_SUFFIXES, array_bytes, array_shape, is_array, read_array, tiff_orientation, writes_as_array
from .decoding import (
    FORMATS,
    Header,
    Unreadable,
    as_shown,
    check_chunks,
    decode,
    quiet_pillow,
    read_header,
    without_orientation,
)
from .listing import WRITABLE_SUFFIXES
from .places import Content, Source, located, open_file, size_of
from .pnm import read_pnm
from .ranges import refuse_not_finite
from .showing import Pixels, turned

ANY_NUMBERS = ('.tif', '.tiff', *ARRAY_SUFFIXES)
MAX_BYTES = 3 * 2**27  # of pixels in memory
_DEEP_SUFFIXES = ('.png', '.tif', '.tiff')
_LARGEST_SIDE = {'.jpg': 65500, '.jpeg': 65500, '.webp': 16383}
_QUALITY_OPTIONS = {'.jpg': cv2.IMWRITE_JPEG_QUALITY, '.jpeg': cv2.IMWRITE_JPEG_QUALITY,
                    '.webp': cv2.IMWRITE_WEBP_QUALITY}


def read_image(path: Source, channels: int | None = 3, pixels: Pixels = 'stored') -> np.ndarray:
    """Decode an image file.

    Gray, gray+alpha, RGB, RGBA, palette, 1-bit and CMYK files are understood. Alpha is dropped (not composited) when
    ``channels`` is 1 or 3; gray is the ITU-R 601 luma of Pillow's ``convert('L')``. The content decides about the
    format, not the suffix; of several frames the first is taken.

    Args:
        path: file.
        channels: 1, 3 or 4, or the number of bands that the file has; None keeps what it has.
        pixels: 'stored' gives the numbers in the file, 'shown' what viewers show: turned by the orientation tag of EXIF
            or TIFF, and 8-bit colours with an ICC profile converted to sRGB.

    Returns:
        RGB array ``(H, W, C)``, uint8, or uint16 where the file has 16 bits per channel; files of other numbers (signed
        TIFF, floats, ``.npy``) as they are (see :mod:`~toolbox.data.arrays`).

    Raises:
        DataError: the file is missing, empty, damaged as far as its format tells, no image, or its pixels take more
            than ``MAX_BYTES`` (found out from its header, before memory is taken).
    """
    path = _checked(path)
    if is_array(path, channels):
        image = _upright(read_array(path, channels), path, pixels)
    else:
        image = _decode(path, pixels)
    try:
        return convert_channels(refuse_not_finite(image), channels)
    except DataError as e:
        raise DataError(f'{str(path)!r}: {e}') from e


def read_numbers(path: Source, pixels: Pixels = 'stored') -> np.ndarray:
    """The numbers that a map holds, ``(H, W)`` integers: gray levels of 8, 16 or 32 bits, or the indices of a palette.

    Raises:
        DataError: the file cannot be read, or has colours in place of numbers.
    """
    stored = read_stored(path, pixels)
    if stored.numbers.ndim != 2:
        raise DataError(f'{str(path)!r}: expected a map of whole numbers (gray, or with a palette), found a picture of '
                        f'mode {stored.mode}.')
    return stored.numbers


class Stored(NamedTuple):
    """What a file of a map holds, not scaled.

    Attributes:
        numbers: ``(H, W)`` of integers, or a picture ``(H, W, C)``.
        mode: of the file, in Pillow's words.
        palette: colours ``(at most 256, 3)`` that an indexed file gives to its numbers.
    """

    numbers: np.ndarray
    mode: str
    palette: np.ndarray | None = None


def read_stored(path: Source, pixels: Pixels = 'stored') -> Stored:
    """The numbers of a file, or its colours if it has such.

    Args:
        path: file.
        pixels: 'shown' turns them by the orientation tag; no number is changed.

    Raises:
        DataError: the file cannot be read, or has numbers that are not whole.
    """
    path = _checked(path)
    if is_array(path):
        numbers = read_array(path)
        if numbers.shape[2] > 1 or numbers.dtype.kind not in 'iu':
            raise DataError(f'{str(path)!r}: expected a map of whole numbers (H, W), found {numbers.dtype} of shape '
                            f'{numbers.shape}.')
        return Stored(_upright(numbers[:, :, 0], path, pixels), 'I')
    header = _image_header(path)
    data = _read_bytes(path)
    try:
        stored = _stored(data, header)
    except Unreadable as e:
        raise DataError(f'{_describe_file(path)}: {e}.') from e
    except Exception as e:  # Pillow raises many kinds for a damaged file
        raise DataError(f'{_describe_file(path)}: {_reason(path)}.') from e
    if stored.mode == 'F':
        raise DataError(f'{str(path)!r}: expected a map of whole numbers, found a picture of mode F.')
    numbers = stored.numbers.astype(np.uint8) if stored.numbers.dtype == bool else stored.numbers
    return stored._replace(numbers=turned(numbers, header.orientation) if pixels == 'shown' else numbers)


def _stored(data: np.ndarray, header: Header) -> Stored:
    if header.format == 'PPM':
        numbers = read_pnm(data.tobytes(), scaled=False)
        return Stored(numbers, 'RGB') if numbers.shape[2] == 3 else Stored(numbers[:, :, 0], 'L')
    if header.format == 'PNG':
        check_chunks(data.tobytes())  # Pillow looks at no checksum of pixels
    data = without_orientation(data) if header.format == 'TIFF' else data
    with quiet_pillow(), Image.open(io.BytesIO(data.data), formats=FORMATS) as image:
        image.load()
        palette = np.reshape(image.getpalette('RGB'), (-1, 3)) if image.mode == 'P' else None
        return Stored(np.asarray(image), image.mode, palette)


def convert_channels(image: np.ndarray, channels: int | None) -> np.ndarray:
    """``(H, W, C)`` -> ``(H, W, channels)`` by the rules of :func:`read_image`.

    Raises:
        DataError: bands that are no colours cannot be converted.
    """
    have = image.shape[2]
    if channels in (None, have):
        return image
    if {have, channels} - {1, 3, 4} or (image.dtype not in (np.uint8, np.uint16) and (have, channels) != (1, 3)):
        raise DataError(f'channels={channels}, but the file has {have} of {image.dtype}: only gray, RGB and RGBA are '
                        f'converted into each other. Write channels={have} in the data set.')
    if channels == 1:
        return _luma(image[:, :, :3])
    rgb = np.repeat(image, 3, axis=2) if have == 1 else image[:, :, :3]
    if channels == 3:
        return np.ascontiguousarray(rgb)
    opaque = np.full_like(rgb[:, :, :1], np.iinfo(rgb.dtype).max)
    return np.concatenate([rgb, opaque], axis=2)


def write_image(path: str | os.PathLike[str], image: np.ndarray, quality: int = 95) -> None:
    """Write ``(H, W)`` or ``(H, W, 1 | 3 | 4)``, RGB, uint8 (any format) or uint16 (PNG, TIFF); folders are made.

    TIFF, ``.npy`` and ``.npz`` hold all other numbers, and any number of channels.

    The file appears complete or not at all. ``quality`` applies to JPEG and WebP.

    Raises:
        DataError: the suffix, the type or the number of channels cannot be written.
    """
    data = image_bytes(path, image, quality)
    with replacing(Path(path)) as new:
        new.write_bytes(data)


def image_bytes(path: str | os.PathLike[str], image: np.ndarray, quality: int = 95) -> bytes | memoryview:
    """What :func:`write_image` writes to a file of this name."""
    path = Path(path)
    suffix = path.suffix.lower()
    return array_bytes(suffix, image) if writes_as_array(suffix, image) else _encoded(path, image, quality)


def check_size(path: str | os.PathLike[str], height: int, width: int) -> None:
    """Raise :class:`DataError` if the format of a file to be written holds no image of this size."""
    most = _LARGEST_SIDE.get(Path(path).suffix.lower())
    if most is not None and max(height, width) > most:
        raise DataError(f'{str(path)!r}: {Path(path).suffix} holds at most {most} pixels a side, and not '
                        f'{height}x{width} (HxW); use .png or .tif.')


def _encoded(path: Path, image: np.ndarray, quality: int) -> memoryview:
    """The content of the file ``path`` with a picture."""
    _check_writable(path, image)
    check_size(path, *image.shape[:2])
    suffix = path.suffix.lower()
    if image.ndim == 3 and image.shape[2] > 1:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR if image.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)
    option = _QUALITY_OPTIONS.get(suffix)
    ok, data = cv2.imencode(suffix, image, [] if option is None else [option, quality])
    if not ok:
        raise DataError(f'{str(path)!r}: the {suffix} encoder refused an image of shape {image.shape}.')
    return data.data


def image_size(path: Source, pixels: Pixels = 'stored') -> tuple[int, int]:
    """``(height, width)`` as :func:`read_image` gives it, from the header alone; a file for arrays is read whole.

    Raises:
        DataError: the header (or the array) cannot be read.
    """
    path = _checked(path)
    if is_array(path):
        (height, width, _), orientation = array_shape(path), tiff_orientation(path)
    else:
        height, width, orientation = (header := _image_header(path)).height, header.width, header.orientation
    return (width, height) if pixels == 'shown' and orientation > 4 else (height, width)


def orientation_of(path: Source) -> int:
    """From 1 (upright) to 8, by the orientation tag of a file; raises a :class:`DataError` where it has no header."""
    path = _checked(path)
    return tiff_orientation(path) if is_array(path) else _image_header(path).orientation


def _image_header(path: Source) -> Header:
    """What the header of a file says, whose pixels must not take more than ``MAX_BYTES``."""
    try:
        with open_file(path) as file:
            header = read_header(file)
    except Image.DecompressionBombError as e:
        raise DataError(f'{_describe_file(path)}: {e}') from e
    except Exception as e:  # Pillow raises many kinds for a damaged file
        raise DataError(f'{_describe_file(path)}: {_not_readable(e)}.') from e
    if header.memory > MAX_BYTES:
        raise DataError(f'{_describe_file(path)}: its header says {header.width}x{header.height}, which take '
                        f'{header.memory >> 20} MB; more than {MAX_BYTES >> 20} MB are refused. Cut it into tiles, or '
                        'scale it down.')
    return header


def _checked(path: Source) -> Source:
    """The path of a file that is there, or its content if it is in an archive. A folder can be named ``x.png``."""
    try:
        found = located(path)
        size = size_of(found)
    except DataError:
        raise
    except (OSError, ValueError) as e:
        raise DataError(f'Cannot read the image {str(path)!r}: {getattr(e, "strerror", None) or e}.') from e
    if size is None:
        raise DataError(f'Cannot read the image {str(path)!r}: it is not a file.')
    if not size:
        raise DataError(f'{_describe_file(found)}: the file is empty.')
    return found


def _decode(path: Source, pixels: Pixels) -> np.ndarray:
    header = _image_header(path)
    data = _read_bytes(path)
    try:
        image = decode(data, header)
        return as_shown(image, data, header, str(path)) if pixels == 'shown' else image
    except Unreadable as e:
        raise DataError(f'{_describe_file(path)}: {str(e) or _reason(path)}.') from e


def _upright(image: np.ndarray, path: Source, pixels: Pixels) -> np.ndarray:
    """What a file for arrays holds, turned if it is a TIFF that says so."""
    return turned(image, tiff_orientation(path)) if pixels == 'shown' else image


def _read_bytes(path: Source) -> np.ndarray:
    if isinstance(path, Content):
        return np.frombuffer(path.data, np.uint8)
    try:
        return np.fromfile(path, np.uint8)
    except OSError as e:
        raise DataError(f'Cannot read the image {str(path)!r}: {e.strerror or e}.') from e


def _luma(rgb: np.ndarray) -> np.ndarray:
    """Pillow's fixed-point ITU-R 601 luma; written out because Pillow has no 16-bit colour."""
    if rgb.dtype == np.uint8:
        return np.asarray(Image.fromarray(np.ascontiguousarray(rgb)).convert('L'))[:, :, None]
    r, g, b = (rgb[:, :, i].astype(np.uint32) for i in range(3))
    return ((r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16).astype(rgb.dtype)[:, :, None]


def _reason(path: Source) -> str:
    """Why decoding failed, in Pillow's words: they tell a cut file from a foreign one."""
    try:
        with open_file(path) as file, quiet_pillow(), Image.open(file, formats=FORMATS) as image:
            image.load()
    except Exception as e:
        return 'the file is cut short' if 'truncated' in str(e).lower() else _not_readable(e)
    return 'the decoder gave up on it; save it again as PNG'


def _not_readable(error: Exception) -> str:
    """With Pillow's words, unless they name the object that it read from."""
    return f'not a readable image{"" if isinstance(error, UnidentifiedImageError) else f" ({error})"}'


def _describe_file(path: Source) -> str:
    size = size_of(path) if isinstance(path, Content) or os.path.exists(path) else 0
    return f'Cannot read the image {str(path)!r} ({size} bytes)'


def _check_writable(path: Path, image: np.ndarray) -> None:
    suffix = path.suffix.lower()
    if suffix not in WRITABLE_SUFFIXES:
        raise DataError(f'{str(path)!r}: cannot write {suffix or "a file without suffix"}; '
                        f'use one of {", ".join(WRITABLE_SUFFIXES)}.')
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (1, 3, 4)) or not image.size:
        raise DataError(f'{str(path)!r}: an image is (H, W) or (H, W, 1 | 3 | 4), found shape {image.shape}; '
                        f'{", ".join(ANY_NUMBERS)} hold any number of channels.')
    if image.dtype != np.uint8 and not (image.dtype == np.uint16 and suffix in _DEEP_SUFFIXES):
        raise DataError(f'{str(path)!r}: {suffix} cannot hold {image.dtype}; '
                        f'use uint8, uint16 with {", ".join(_DEEP_SUFFIXES)}, or a file of any numbers '
                        f'({", ".join(ANY_NUMBERS)}).')
    if image.ndim == 3 and image.shape[2] == 4 and suffix in ('.jpg', '.jpeg', '.bmp', '.ppm'):
        raise DataError(f'{str(path)!r}: {suffix} has no alpha channel; write image[:, :, :3] or use .png.')
