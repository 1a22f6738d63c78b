"""Label maps as users have them: ids, or pictures in the colours of the classes; and objects where none are given."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import cv2
import numpy as np
from mmengine.logging import print_log

from ..data.io import Stored
from ..errors import DataError
from ..methods.directions import InstanceMap, LabelMap, Port


def ids_of(stored: Stored, port: LabelMap, name: str) -> np.ndarray:
    """The numbers ``(H, W)`` of a map; of a picture in colours, those of the classes that have them.

    Numbers of an indexed file are ids, as in training, whatever their colours; if these are the colours of other
    classes, a warning says so.

    Args:
        stored: what the file or array holds.
        port: says the classes.
        name: of the file, for messages.

    Raises:
        DataError: a colour is that of no class.
    """
    numbers = stored.numbers
    if numbers.ndim == 2:
        if stored.palette is not None:
            _warn_of_other_colours(numbers, stored.palette, port, name)
        return numbers
    if numbers.ndim != 3 or numbers.shape[2] not in (3, 4) or numbers.dtype != np.uint8 or not numbers.size:
        raise DataError(f'{name}: {port.name}: expected ids (H, W) or colours (H, W, 3) of 8 bits, found '
                        f'{numbers.dtype} of shape {numbers.shape}.')
    if numbers.shape[2] == 4 and numbers[:, :, 3].min() < 255:
        raise DataError(f'{name}: {port.name}: transparent pixels have no class. Paint them, and save without alpha.')
    return ids_of_colours(numbers[:, :, :3], port, name)


def ids_of_colours(picture: np.ndarray, port: LabelMap, name: str = 'array') -> np.ndarray:
    """The class of every pixel ``(H, W)`` int32 of ``(H, W, 3)`` uint8; of classes that share a colour, the first.

    Raises:
        DataError: a colour is that of no class; names the most frequent one and the nearest class.
    """
    colours, places, counts = np.unique(_packed(picture), return_inverse=True, return_counts=True)
    ids = _ids(colours, port)
    if (ids < 0).any():
        wrong = colours[ids < 0]
        colour = _unpacked(wrong[counts[ids < 0].argmax()])
        nearest = int(np.square(np.array(port.palette) - colour).sum(1).argmin())
        others = f' (and {len(wrong) - 1} further colours)' if len(wrong) > 1 else ''
        raise DataError(f'{name}: {port.name}: no class has the colour {colour}{others}; the nearest is '
                        f'{port.names[nearest]!r}, {port.palette[nearest]}. Use the exact colours of the classes (no '
                        'soft brush, no JPEG), or save ids as gray levels.')
    return ids[places].reshape(picture.shape[:2]).astype(np.int32)


def coloured(ids: np.ndarray, port: LabelMap) -> np.ndarray:
    """Ids ``(H, W)`` in the colours of their classes, ``(H, W, 3)`` uint8."""
    return np.array(port.palette, np.uint8)[ids]


def objects(labels: np.ndarray) -> np.ndarray:
    """A number for each connected area of one class, ``(H, W)`` int32: pixels that share a side are connected."""
    found, count = np.zeros(labels.shape, np.int32), 0
    for label in np.unique(labels):
        number, areas = cv2.connectedComponents((labels == label).astype(np.uint8), connectivity=4)
        found += np.where(areas > 0, areas + count, 0)
        count += number - 1
    return found


def can_be_guessed(port: Port, ports: Sequence[Port]) -> bool:
    """Whether :func:`objects` of another input can stand for this one."""
    return isinstance(port, InstanceMap) and any(isinstance(other, LabelMap) for other in ports)


def _packed(colours: np.ndarray) -> np.ndarray:
    return colours.astype(np.int64) @ np.array([65536, 256, 1])


def _unpacked(colour: np.int64) -> tuple[int, int, int]:
    return int(colour) >> 16, int(colour) >> 8 & 255, int(colour) & 255


def _ids(colours: np.ndarray, port: LabelMap) -> np.ndarray:
    """The first class of each packed colour, -1 where there is none."""
    known = {int(colour): number for number, colour in reversed([*enumerate(_packed(np.array(port.palette)))])}
    return np.array([known.get(int(colour), -1) for colour in colours])


def _warn_of_other_colours(numbers: np.ndarray, palette: np.ndarray, port: LabelMap, name: str) -> None:
    used = np.unique(numbers)
    ids = _ids(_packed(palette[used[used < len(palette)]]), port)
    if len(ids) == len(used) and (ids >= 0).all() and (ids != used).any():
        at = int((ids != used).argmax())
        print_log(f'{name}: its numbers are taken as ids, but its palette has the colours of other classes: '
                  f'{used[at]} has that of {port.names[ids[at]]!r}, which is {ids[at]}. If the colours are right, save '
                  'it as RGB.', logger='current', level=logging.WARNING)
