"""Images as users hand them over: files, arrays, the bytes of a file, open files, pictures of Pillow."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image as Pillow

from ..data.places import Content, Source
from ..errors import DataError

ImageLike = str | Path | np.ndarray | bytes | bytearray | memoryview | IO[bytes] | Pillow.Image
KINDS = ('a file name, a NumPy array (H, W, C) of uint8 or uint16, the bytes of an image file, a file that is open for '
         'bytes, or a picture of Pillow')
_BY_PNG = ('1', 'L', 'LA', 'I;16', 'P', 'RGB', 'RGBA')


def name_of(source: object) -> str:
    """What messages call it: its file where there is one."""
    if isinstance(source, (str, Path)):
        return str(source)
    if isinstance(source, np.ndarray):
        return 'array'
    is_picture = isinstance(source, Pillow.Image)
    name = getattr(source, 'filename' if is_picture else 'name', None)
    return name if isinstance(name, str) and name else 'the picture' if is_picture else 'the file'


def readable(source: ImageLike) -> Source | np.ndarray:
    """An array as it is, and anything else as something that the readers of files take; nothing is written to a disk.

    A picture of Pillow is what its file would be.

    Raises:
        DataError: it is nothing that could be an image.
    """
    if isinstance(source, (str, Path, np.ndarray)):
        return source
    return Content(content_of(source), name_of(source))


def content_of(source: object) -> bytes:
    """The bytes of an image file.

    Raises:
        DataError: it has none.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    if isinstance(source, Pillow.Image):
        return _encoded(source)
    if hasattr(source, 'read'):
        content = source.read()
        if not isinstance(content, bytes):
            raise DataError(f"{name_of(source)}: open for text, which is no image; open it by open(path, 'rb').")
        return content
    raise DataError(f'expected {KINDS}; found {type(source).__name__}.')


def _encoded(picture: Pillow.Image) -> bytes:
    """A picture as the file that holds it without loss."""
    try:
        file = io.BytesIO()
        exif = picture.getexif()
        if picture.mode in ('I', 'F'):
            picture.save(file, 'TIFF', exif=exif)
        elif picture.mode in _BY_PNG:
            picture.save(file, 'PNG', compress_level=1, exif=exif)
        else:  # a profile of other colours than RGB would not fit any more
            picture.convert('RGBA' if 'a' in picture.mode else 'RGB').save(file, 'PNG', exif=exif, icc_profile=None)
    except Exception as error:  # Pillow raises many kinds where the file behind a picture is damaged
        raise DataError(f'{name_of(picture)}: a picture of mode {picture.mode} that cannot be read ({error}).'
                        ) from error
    return file.getvalue()
