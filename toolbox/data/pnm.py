"""Portable anymaps (PBM, PGM, PPM), whose numbers go up to a largest one that the header states."""

from __future__ import annotations

import re

import numpy as np

_NUMBER = re.compile(rb'(?:\s|#[^\n\r]*[\n\r])*(\d{1,9})')
_COMMENT = re.compile(rb'#[^\n\r]*')


def read_pnm(data: bytes, scaled: bool = True) -> np.ndarray:
    """Pixels of a file of the kinds P1 to P6.

    Args:
        data: content of the file; of several images the first is taken.
        scaled: stretch the numbers so that the largest possible one becomes 255, or 65535 where it is above 255. The
            numbers of a label map stay as they are.

    Returns:
        ``(H, W, 1 | 3)``, uint8 or uint16.

    Raises:
        ValueError: the file is damaged; says how.
    """
    kind = data[1:2]
    if data[:1] != b'P' or kind not in (b'1', b'2', b'3', b'4', b'5', b'6'):
        raise ValueError(f'a portable anymap starts with P1 to P6, this file with {data[:2]!r}')
    bitmap, plain, channels = kind in b'14', kind in b'123', 3 if kind in b'36' else 1
    (width, height, *rest), start = _header(data, 2 if bitmap else 3)
    largest = rest[0] if rest else 1
    if not 0 < largest < 65536:
        raise ValueError(f'its header says that the largest number is {largest}; 1 to 65535 is possible')
    count = width * height * channels
    if plain:
        numbers = _plain(data[start:], count, bitmap)
    elif bitmap:
        rows = _binary(data, start + 1, height * (-(-width // 8)), 'u1').reshape(height, -1)
        numbers = np.unpackbits(rows, axis=1)[:, :width]
    else:
        numbers = _binary(data, start + 1, count, '>u2' if largest > 255 else 'u1')
    if numbers.size and numbers.max() > largest:
        raise ValueError(f'it holds the number {numbers.max()}, and its header says that {largest} is the largest')
    if bitmap:
        numbers = 1 - numbers  # 1 is black
    full = 255 if largest < 256 else 65535
    if scaled and largest != full:
        numbers = (numbers.astype(np.uint32) * full + largest // 2) // largest
    return numbers.astype(np.uint8 if full == 255 else np.uint16).reshape(height, width, channels)


def _header(data: bytes, count: int) -> tuple[list[int], int]:
    """The numbers after the two letters, and where they end."""
    numbers, at = [], 2
    for _ in range(count):
        match = _NUMBER.match(data, at)
        if match is None:
            raise ValueError('its header lacks a number')
        numbers.append(int(match[1]))
        at = match.end()
    return numbers, at


def _plain(text: bytes, count: int, bitmap: bool) -> np.ndarray:
    text = _COMMENT.sub(b'', text)
    if not re.fullmatch(rb'[\d\s]*', text):
        raise ValueError('it has something other than numbers among its numbers')
    if bitmap:  # its digits need no spaces
        numbers = np.frombuffer(b''.join(text.split()), np.uint8)[:count] - ord('0')
    else:
        words = text.split(maxsplit=count)[:count]
        if any(len(word) > 9 for word in words):
            raise ValueError('it holds a number of more than nine digits')
        numbers = np.array(words, 'S9').astype(np.int64) if words else np.zeros(0, np.int64)
    if len(numbers) < count:
        raise ValueError('the file is cut short')
    return numbers


def _binary(data: bytes, start: int, count: int, dtype: str) -> np.ndarray:
    if len(data) - start < count * np.dtype(dtype).itemsize:
        raise ValueError('the file is cut short')
    return np.frombuffer(data, dtype, count, start)
