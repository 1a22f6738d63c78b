"""Pixels as viewers show them: turned by the orientation tag of their file, and in the colours of sRGB."""

from __future__ import annotations

import functools
import io
import logging
from typing import IO, Any, Literal

import numpy as np
from mmengine.logging import print_log
from PIL import Image

Pixels = Literal['shown', 'stored']
PIXELS: tuple[Pixels, ...] = ('shown', 'stored')
ORIENTATION = 274  # the tag, of EXIF and of TIFF
_GRAYS, _COLOURS = (1, 2), (3, 4)  # numbers of channels
_said: set[str] = set()


def turned(image: np.ndarray, orientation: int) -> np.ndarray:
    """``(H, W)`` or ``(H, W, C)`` as stored -> as shown; the values of the tag are 1 to 8, and 1 is upright."""
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


def orientation_in(exif: bytes | None) -> int:
    """The orientation that the content of an EXIF block states; 1 if it is damaged or states none."""
    found = Image.Exif()
    try:
        found.load(exif or b'')
        value = found.get(ORIENTATION, 1)
    except Exception:  # damaged in any way; viewers show such files as they are stored
        return 1
    return sound(value)


def sound(orientation: Any) -> int:
    """An orientation from 1 to 8, 1 in the place of anything else."""
    return orientation if orientation in range(1, 9) else 1


def exif_of_png(file: IO[bytes]) -> bytes | None:
    """The EXIF block of a PNG, which may come after the pixels, where Pillow finds it only by decoding them."""
    file.seek(8)
    while len(head := file.read(8)) == 8 and head[4:] != b'IEND':
        length = int.from_bytes(head[:4], 'big')
        if head[4:] == b'eXIf':
            return file.read(length)
        file.seek(length + 4, io.SEEK_CUR)
    return None


def in_srgb(image: np.ndarray, profile: bytes, is_cmyk: bool, where: str) -> np.ndarray:
    """The colours of a profile as those of sRGB, in Pillow's words perceptual; alpha stays.

    An image stays as it is where its profile is sRGB to within a level, and, which is said once, where the profile is
    damaged or for another kind of image, or the image has 16 bits (Pillow converts 8).

    Args:
        image: ``(H, W, C)`` of 1 to 4 channels.
        profile: ICC.
        is_cmyk: its four channels are inks.
        where: names the file.
    """
    try:
        transform = _transform(profile, 'CMYK' if is_cmyk else 'L' if image.shape[2] in _GRAYS else 'RGB')
    except Exception as error:  # Pillow and LittleCMS raise many kinds
        _say_once('profile', f'{where}: its colour profile is not used ({str(error).strip()[:120]}).')
        return image
    if transform is None:
        return image
    if image.dtype != np.uint8:
        _say_once('16 bits', f'{where}: its colours are in the profile {_name(profile)!r}, and not converted to sRGB, '
                  f'because it is {image.dtype}. Save it in sRGB, or with 8 bits.')
        return image
    return transform(image)


def _say_once(kind: str, message: str) -> None:
    if kind not in _said:
        _said.add(kind)
        print_log(f'{message} (Said for the first such file alone.)', logger='current', level=logging.WARNING)


class _Transform:
    """From one mode and profile to sRGB, on arrays ``(H, W, C)`` uint8."""

    def __init__(self, profile: bytes, mode: str) -> None:
        from PIL import ImageCms
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        if space not in (('RGB', 'GRAY') if mode == 'L' else (mode,)):
            raise ValueError(f'it is for {space}, and the image is {mode}')
        self.mode, self.as_rgb = mode, mode == 'L' and space == 'RGB'
        self.transform = ImageCms.buildTransform(source, ImageCms.createProfile('sRGB'),
                                                 'RGB' if self.as_rgb else mode, 'RGB')
        self.apply = ImageCms.applyTransform

    def __call__(self, image: np.ndarray) -> np.ndarray:
        count = {'CMYK': 4, 'RGB': 3, 'L': 1}[self.mode]
        given = np.repeat(image[:, :, :1], 3, axis=2) if self.as_rgb else image[:, :, :count]
        picture = Image.frombytes('RGB' if self.as_rgb else self.mode, (image.shape[1], image.shape[0]),
                                  given.tobytes())
        made = np.asarray(self.apply(picture, self.transform))
        return np.concatenate([made[:, :, 1:2] if self.mode == 'L' else made, image[:, :, count:]], axis=2)


@functools.lru_cache(maxsize=64)
def _transform(profile: bytes, mode: str) -> _Transform | None:
    """How to convert; None where nothing changes by more than a level."""
    found = _Transform(profile, mode)
    if mode == 'CMYK':
        return found
    levels = np.arange(0, 256, 15 if mode == 'RGB' else 1, dtype=np.uint8)
    colours = np.stack(np.meshgrid(*[levels] * (3 if mode == 'RGB' else 1), indexing='ij'), -1)
    colours = colours.reshape(len(levels), -1, colours.shape[-1])
    return found if np.abs(found(colours).astype(int) - colours).max() > 1 else None


def _name(profile: bytes) -> str:
    from PIL import ImageCms
    return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).strip()
