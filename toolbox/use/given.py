"""Images as users hand them over: files, arrays, the bytes of a file, open files, pictures of Pillow."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image as Pillow

from ..data.places import Content
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


def readable(source: ImageLike) -> Path | Content | np.ndarray:
    """What the readers of :mod:`~toolbox.data.io` take for it: what is neither a file name nor an array is read in
    memory as the file that it is, or (a picture of Pillow) would be.

    Raises:
        DataError: it is nothing that could be an image.
    """
    if isinstance(source, np.ndarray):
        return source
    return Path(source) if isinstance(source, (str, Path)) else Content(content_of(source), name_of(source))


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
        if picture.mode in _BY_PNG:
            picture.save(file, 'PNG', compress_level=1, exif=picture.getexif())
        else:
            plain = picture if picture.mode in ('I', 'F') else picture.convert('RGBA' if 'a' in picture.mode else 'RGB')
            plain.save(file, 'TIFF')
    except Exception as error:  # Pillow raises many kinds where the file behind a picture is damaged
        raise DataError(f'{name_of(picture)}: a picture of mode {picture.mode} that cannot be read ({error}).'
                        ) from error
    return file.getvalue()
