"""Images in files for arrays: NumPy's ``.npy`` and ``.npz``, and TIFFs with other bands than RGB."""

from __future__ import annotations

import io
import math
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from ..errors import DataError
from .places import Source, open_file, size_of
from .showing import ORIENTATION, sound

ARRAY_SUFFIXES = ('.npy', '.npz')
TIFF_SUFFIXES = ('.tif', '.tiff')
COLOURS = (1, 3, 4)  # channels of pictures; pages are bands where there are others
MAX_BYTES = 2**30  # of the numbers of one image
_NPY, _ZIP, _TIFF = b'\x93NUMPY', b'PK\x03\x04', (b'II', b'MM')
_BIG = 43  # version of BigTIFF, whose header has 16 bytes
_BITS, _PHOTOMETRIC, _BANDS, _EXTRA, _KINDS = 258, 262, 277, 338, 339  # tags of TIFF
_GRAYS, _ALPHA, _UNSIGNED, _FLOAT = (0, 1), (1, 2), 1, 3  # their values
_OPENCV = ('int8', 'int16', 'uint32', 'int32', 'float32', 'float64')  # single bands that it writes


def is_array(path: Source, channels: int | None = None) -> bool:
    """Whether :func:`read_array` has to read a file (that is there), by its content: numbers, or bands that are no
    colours."""
    try:
        with open_file(path) as file:
            start = file.read(8)
            return start.startswith((_NPY, _ZIP)) or (start.startswith(_TIFF)
                                                      and _has_other_bands(file, start, channels))
    except OSError:  # the decoders say why
        return False


def read_array(path: Source, channels: int | None = None) -> np.ndarray:
    """``(H, W, C)`` of the numbers in a file; of an ``.npz`` the first array.

    Args:
        path: file.
        channels: of several pages with one band each, so many are the bands of one image.

    Raises:
        DataError: it cannot be read, is larger than ``MAX_BYTES`` or holds no numbers. No pickle is executed.
    """
    try:
        with open_file(path) as file:
            start = file.read(8)
            file.seek(0)
            if start.startswith(_NPY):
                array = _read_npy(file, size_of(path) or 0)
            elif start.startswith(_ZIP):
                array = _read_npz(file)
            else:
                array = _tifffile(path, lambda tiff: _read_bands(tiff, channels))
    except DataError as error:
        raise DataError(f'Cannot read {str(path)!r}: {error}') from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, SyntaxError, MemoryError) as error:
        raise DataError(f'Cannot read {str(path)!r}: no readable array ({error or type(error).__name__}).') from error
    return array


def array_shape(path: Source) -> tuple[int, ...]:
    """``(H, W, C)`` of a file, as :func:`read_array` gives it."""
    return read_array(path).shape


def fits(suffix: str, dtype: str, channels: int) -> bool:
    """Whether files with this suffix can hold such images."""
    if suffix in ARRAY_SUFFIXES + TIFF_SUFFIXES:
        return True
    deep = dtype == 'uint16' and suffix == '.png'
    return (dtype == 'uint8' or deep) and channels in (1, 3, 4)


def fitting_suffix(dtype: str, channels: int, source: str | os.PathLike[str] = '') -> str:
    """``.png`` if it can hold such images, else the suffix of the source, else ``.npy``."""
    own = Path(source).suffix.lower()
    return next(suffix for suffix in ('.png', own, '.npy') if suffix and fits(suffix, dtype, channels))


def writes_as_array(suffix: str, image: np.ndarray) -> bool:
    """Whether :func:`write_array` has to write an image."""
    plain = image.dtype in (np.uint8, np.uint16) and (image.ndim == 2 or image.shape[2:] in ((1,), (3,), (4,)))
    return suffix in ARRAY_SUFFIXES or (suffix in TIFF_SUFFIXES and not plain)


def array_bytes(suffix: str, image: np.ndarray) -> bytes:
    """The content of a file with ``(H, W)`` or ``(H, W, C)`` numbers, to be read by :func:`read_array`."""
    buffer = io.BytesIO()
    if suffix in TIFF_SUFFIXES and image.size == image.shape[0] * image.shape[1] and image.dtype.name in _OPENCV:
        return cv2.imencode(suffix, image, [cv2.IMWRITE_TIFF_COMPRESSION, 1])[1].tobytes()  # other readers lack LZW
    if suffix in TIFF_SUFFIXES:
        import_tifffile().imwrite(buffer, image, photometric='minisblack',
                                  **({'planarconfig': 'contig'} if image.ndim == 3 and image.shape[2] > 1 else {}))
    elif suffix == '.npz':
        np.savez_compressed(buffer, image)
    else:
        np.save(buffer, image, allow_pickle=False)
    return buffer.getvalue()


def import_tifffile() -> Any:
    """The package, or a DataError that says how to install it."""
    try:
        import tifffile
    except ImportError as error:
        raise DataError('this kind of TIFF needs the package tifffile. Install it: pip install tifffile') from error
    return tifffile


def tiff_orientation(path: Source) -> int:
    """The orientation tag of a TIFF, from 1 to 8; 1 of any other file."""
    try:
        with open_file(path) as file:
            start = file.read(8)
            return sound(_first_tags(file, start).get(ORIENTATION, 1)) if start.startswith(_TIFF) else 1
    except Exception:  # a damaged file; what reads it says so
        return 1


def _first_tags(file: IO[bytes], start: bytes) -> ImageFileDirectory_v2:
    """The tags of the first page, after the first 8 bytes were read; exceptions of any kind pass."""
    tags = ImageFileDirectory_v2(start + file.read(8) if start[2] == _BIG else start)
    file.seek(tags.next)
    tags.load(file)
    return tags


def _has_other_bands(file: IO[bytes], start: bytes, channels: int | None) -> bool:
    """Whether the first page is no picture for OpenCV, which would drop bands, or pages may be bands."""
    try:
        tags = _first_tags(file, start)
        bits, kind = tags.get(_BITS, (1,))[0], tags.get(_KINDS, (_UNSIGNED,))[0]
        bands, is_gray = tags.get(_BANDS, 1), tags.get(_PHOTOMETRIC, 1) in _GRAYS
        has_alpha = bool({*tags.get(_EXTRA, ())} & {*_ALPHA})
    except Exception:  # a damaged or foreign file; the decoders say what is wrong with it
        return False
    if bands == 1:
        return bits == 64 or (kind == _FLOAT and bits == 16) or channels not in (None, *COLOURS)
    is_picture = bands == 2 and has_alpha if is_gray else bands <= 4
    return not is_picture or kind != _UNSIGNED or bits > 16


def _tifffile(path: Source, use: Callable[[Any], np.ndarray]) -> np.ndarray:
    tifffile = import_tifffile()
    try:
        with open_file(path) as file, tifffile.TiffFile(file) as tiff:
            return use(tiff)
    except DataError:
        raise
    except Exception as error:  # a damaged file raises anything
        hint = ' Install it: pip install imagecodecs' if 'imagecodecs' in str(error) else ''
        raise DataError(f'no readable TIFF ({error}).{hint}') from error


def _read_bands(tiff: Any, channels: int | None) -> np.ndarray:
    page = tiff.pages[0]
    pages = tiff.pages[:channels] if channels and page.samplesperpixel == 1 and len(tiff.pages) == channels else [page]
    _check_size((len(pages), *page.shape), page.dtype)
    if any((other.shape, other.dtype) != (page.shape, page.dtype) for other in pages):
        raise DataError('its pages differ in size or type.')
    bands = [_bands_last(one.asarray(), one.axes) for one in pages]
    return np.concatenate(bands, axis=2)


def _bands_last(array: np.ndarray, axes: str) -> np.ndarray:
    if axes == 'SYX':
        array = array.transpose(1, 2, 0)
    return _as_image(array)


def _read_npy(file: IO[bytes], length: int) -> np.ndarray:
    """The header is judged before memory is taken; ``length`` is that of the file."""
    version = np.lib.format.read_magic(file)
    read_header: Callable[..., Any] = (np.lib.format.read_array_header_1_0 if version == (1, 0)
                                       else np.lib.format.read_array_header_2_0)
    shape, _, dtype = read_header(file)
    _check_size(shape, dtype)
    if (there := length - file.tell()) < (needed := math.prod(shape) * dtype.itemsize):
        raise DataError(f'the file is cut short: {there} bytes of {needed}.')
    file.seek(0)
    return _as_image(np.lib.format.read_array(file, allow_pickle=False))


def _read_npz(file: IO[bytes]) -> np.ndarray:
    with zipfile.ZipFile(file) as archive:
        members = [member for member in archive.infolist() if member.filename.endswith('.npy')]
        if not members:
            raise DataError('this archive holds no array (.npy).')
        with archive.open(members[0]) as content:
            return _read_npy(content, members[0].file_size)


def _check_size(shape: tuple[int, ...], dtype: np.dtype | None) -> None:
    if dtype is None or dtype.kind not in 'biuf' or dtype.itemsize > 8:
        raise DataError(f'it holds {dtype}; an image is of whole numbers or floats of at most 64 bits.')
    if (size := math.prod(shape) * dtype.itemsize) > MAX_BYTES:
        raise DataError(f'{shape} of {dtype} are {size:,} bytes; more than {MAX_BYTES:,} are refused. Cut it into '
                        'tiles.')


def _as_image(array: np.ndarray) -> np.ndarray:
    """``(H, W, C)`` in the machine's byte order, flags as 0 and 1."""
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or not array.size:
        raise DataError(f'an image is (H, W) or (H, W, C), found shape {array.shape}.')
    array = array.astype(np.uint8) if array.dtype == bool else array
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder('='))
