"""From the bytes of an image file to its pixels as they are stored.

OpenCV decodes, because it is fast and keeps 16 bits per channel. Where it gives wrong pixels without a word, this
module reads otherwise, or refuses.
"""

from __future__ import annotations

import contextlib
import io
import os
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator, Mapping
from typing import IO, Any, NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageFile

from .pnm import read_pnm
from .showing import ORIENTATION, exif_of_png, in_srgb, orientation_in, sound, turned

# Others are never tried: some of Pillow's readers start programs (EPS) or take any bytes for an image (TGA).
FORMATS = ('PNG', 'JPEG', 'BMP', 'PPM', 'TIFF', 'WEBP', 'GIF')
_BITS, _PHOTOMETRIC, _SAMPLES, _PLANAR, _EXTRA = 258, 262, 277, 284, 338  # tags of TIFF
_stderr_lock = threading.Lock()


class Header(NamedTuple):
    """What a file says about itself; sides are those of the stored pixels.

    Attributes:
        format: in Pillow's word.
        height: in pixels.
        width: in pixels.
        memory: bytes that the pixels take, with gray as three channels.
        tags: of a TIFF file, by number.
        orientation: from 1 to 8, how viewers turn the stored pixels.
        profile: ICC, of its colours.
        is_cmyk: whether the pixels are inks.
    """

    format: str
    height: int
    width: int
    memory: int
    tags: Mapping[int, Any]
    orientation: int = 1
    profile: bytes | None = None
    is_cmyk: bool = False


class Unreadable(ValueError):
    """Why pixels cannot be had; empty where only Pillow knows."""


def read_header(file: str | os.PathLike[str] | IO[bytes]) -> Header:
    """The header of a file; Pillow's exceptions, of many kinds, pass."""
    with quiet_pillow(), Image.open(file, formats=FORMATS) as image:
        tags = dict(image.tag_v2) if image.format == 'TIFF' else {}
        width, height = image.size
        if tags.get(ORIENTATION, 1) in (5, 6, 7, 8):
            width, height = height, width
        memory = width * height * _bytes_per_pixel(image, tags)
        return Header(str(image.format), height, width, memory, tags, _orientation(image, tags),
                      image.info.get('icc_profile'), image.mode == 'CMYK')


def _orientation(image: ImageFile.ImageFile, tags: Mapping[int, Any]) -> int:
    if tags:
        return sound(tags.get(ORIENTATION, 1))
    exif = image.info.get('exif')
    if image.format == 'PNG' and exif is None and image.fp is not None:
        exif = exif_of_png(image.fp)
    return orientation_in(exif)


def count_frames(file: IO[bytes]) -> int:
    """How many frames (GIF, WebP, PNG) or pages (TIFF) a file has; 1 where that cannot be read."""
    try:
        with quiet_pillow(), Image.open(file, formats=FORMATS) as image:
            return int(getattr(image, 'n_frames', 1)) if image.format != 'MPO' else 1  # further views of a camera
    except Exception:  # Pillow raises many kinds for a damaged file
        return 1


@contextlib.contextmanager
def quiet_pillow() -> Iterator[None]:
    """Without Pillow's warnings: of large images, which have a bound here, and of odd metadata."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        yield


def _bytes_per_pixel(image: Image.Image, tags: Mapping[int, Any]) -> int:
    if tags:
        return int(max(3, tags.get(_SAMPLES, 1) * max(tags.get(_BITS, (1,))) // 8))
    return max(3, len(image.getbands()) * (2 if ';16' in str(getattr(image, 'tile', '')) else 1))


def decode(data: np.ndarray, header: Header) -> np.ndarray:
    """RGB ``(H, W, C)`` of a file's bytes (uint8), of the type that they hold.

    Raises:
        Unreadable: they are damaged, or of a kind that is not read.
    """
    if header.format == 'PPM':
        try:
            return read_pnm(data.tobytes())
        except ValueError as e:
            raise Unreadable(str(e)) from e
    if header.format == 'GIF':
        return _by_pillow(data)
    if header.format == 'PNG':
        check_chunks(data.tobytes())
    if header.format == 'TIFF':
        return _tiff(data, header.tags)
    return _to_rgb(_jpeg(data) if header.format in ('JPEG', 'MPO') else _by_opencv(data))


def as_shown(stored: np.ndarray, data: np.ndarray, header: Header, where: str) -> np.ndarray:
    """What :func:`decode` gives as viewers show it: turned, and in the colours of sRGB.

    Raises:
        Unreadable: Pillow, which alone gives inks, cannot decode them.
    """
    image = stored
    if header.profile:
        inks = _inks(data) if header.is_cmyk else None
        made = in_srgb(stored if inks is None else inks, header.profile, inks is not None, where)
        image = stored if made is inks else made
    return turned(image, header.orientation)


def check_chunks(data: bytes) -> None:
    """Refuse a PNG with a part that is not as long as it says (OpenCV takes memory for any length), or that makes
    pixels and has a wrong checksum.

    Raises:
        Unreadable: there is one.
    """
    at = 8
    while data[at + 4:at + 8] != b'IEND':
        if at + 12 > len(data) or (end := at + 8 + int.from_bytes(data[at:at + 4], 'big')) + 4 > len(data):
            raise Unreadable('the file is cut short')
        if data[at + 4:at + 5].isupper() and zlib.crc32(data[at + 4:end]) != int.from_bytes(data[end:end + 4], 'big'):
            raise Unreadable(f'the checksum of its part {data[at + 4:at + 8]!r} is wrong')
        at = end + 4


def _by_opencv(data: np.ndarray) -> np.ndarray:
    level = cv2.utils.logging.setLogLevel(0)  # the decoders' notes on stderr name no file
    try:
        image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error as e:
        raise Unreadable(e.err or str(e)) from e
    finally:
        cv2.utils.logging.setLogLevel(level)
    if image is None:
        raise Unreadable
    return image


def _to_rgb(image: np.ndarray) -> np.ndarray:
    if image.ndim == 2:
        return image[:, :, None]
    if image.shape[2] == 3:
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    if image.shape[2] == 4:
        return cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA)
    return image[:, :, :1]


def _by_pillow(data: np.ndarray) -> np.ndarray:
    """The first frame, 8 bits."""
    try:
        with quiet_pillow(), Image.open(io.BytesIO(data.data), formats=FORMATS) as image:
            image.load()
            if image.mode != 'L' or 'transparency' in image.info:
                alpha = 'transparency' in image.info or image.mode == 'RGBA'
                return np.array(image.convert('RGBA' if alpha else 'RGB'))
            return np.array(image)[:, :, None]
    except Exception as e:  # Pillow raises many kinds for a damaged file
        raise Unreadable from e


def _inks(data: np.ndarray) -> np.ndarray:
    """``(H, W, 4)`` of a CMYK file."""
    try:
        with quiet_pillow(), Image.open(io.BytesIO(data.data), formats=FORMATS) as image:
            return np.array(image)
    except Exception as e:
        raise Unreadable from e


def _jpeg(data: np.ndarray) -> np.ndarray:
    """JPEG has no checksum. Its decoder fills what is missing with gray and says so, but only on stderr."""
    said: list[str] = []
    with _taking_stderr(said):
        image = _by_opencv(data)
    notes = ' '.join(said).strip()
    if _is_damage(notes, data):
        raise Unreadable(f'its data are damaged, or its header is wrong ({notes})')
    return image


def _is_damage(notes: str, data: np.ndarray) -> bool:
    if 'extraneous bytes before marker 0xd9' in notes:  # some cameras fill up with zeros, which harms nothing
        count = int(notes.partition('data: ')[2].split()[0])
        return data.tobytes().rpartition(b'\xff\xd9')[0][-count:] != bytes(count)
    return 'Corrupt JPEG data' in notes or 'Premature end' in notes or 'Inconsistent progression' in notes


@contextlib.contextmanager
def _taking_stderr(said: list[str]) -> Iterator[None]:
    """What C libraries write to stderr goes to ``said``. Nothing is taken where there is no stderr."""
    with _stderr_lock, contextlib.ExitStack() as stack:
        try:
            stderr = os.dup(2)
        except OSError:
            yield
            return
        stack.callback(os.close, stderr)
        source, target = os.pipe()
        stack.callback(os.close, source)
        os.set_blocking(source, False)
        os.dup2(target, 2)
        os.close(target)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            with contextlib.suppress(BlockingIOError):  # nothing was written
                said.append(os.read(source, 65536).decode(errors='replace'))


def _tiff(data: np.ndarray, tags: Mapping[int, Any]) -> np.ndarray:
    bits = max(tags.get(_BITS, (1,)))
    if tags.get(_PLANAR) == 2 and tags.get(_SAMPLES, 1) > 1 and bits > 8:
        raise Unreadable(f'its channels are stored one after the other in {bits} bits, which the decoder mixes up; '
                         'save it with interleaved channels (PlanarConfiguration 1)')
    data = without_orientation(data)
    if tags.get(_PHOTOMETRIC) == 2 and bits <= 8 and 2 in tags.get(_EXTRA, ()):
        return _by_pillow(data)  # OpenCV would multiply the colours by alpha
    image = _to_rgb(_by_opencv(data))
    white_is_zero = tags.get(_PHOTOMETRIC) == 0 and image.dtype == np.uint16  # of 8 bits the decoder knows it
    return ~image if white_is_zero else image


def without_orientation(data: np.ndarray) -> np.ndarray:
    """A copy of a TIFF file whose first image is stored upright: decoders turn TIFF files, and no others."""
    data = data.copy()
    raw = data.data
    order = '<' if data[:2].tobytes() == b'II' else '>'
    try:
        big = struct.unpack_from(f'{order}H', raw, 2)[0] == 43
        start, = struct.unpack_from(f'{order}Q' if big else f'{order}I', raw, 8 if big else 4)
        count, = struct.unpack_from(f'{order}Q' if big else f'{order}H', raw, start)
        entry, first = (20, start + 8) if big else (12, start + 2)
        for at in range(first, min(first + count * entry, len(data)), entry):
            tag, kind = struct.unpack_from(f'{order}HH', raw, at)
            if tag == ORIENTATION:
                struct.pack_into(f'{order}I' if kind == 4 else f'{order}H', raw, at + entry - (8 if big else 4), 1)
    except struct.error as e:
        raise Unreadable('the file is cut short') from e
    return data
