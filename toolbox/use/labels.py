"""Label maps as users have them: ids, or pictures in the colours of the classes; and objects where none are given."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.logging import print_log

from ..data.io import Stored
from ..data.semantics import LabelCode, ids_of_colours
from ..errors import CheckpointError, ConfigError, DataError, shown
from ..methods.directions import InstanceMap, LabelMap, Port


def ids_of(stored: Stored, port: LabelMap, code: LabelCode | None, name: str) -> np.ndarray:
    """The ids ``(H, W)`` that a file holds.

    Numbers mean what they meant in the files of the training, whatever colours an indexed file gives them; if these are
    the colours of other classes, a warning says so. A picture in the colours of the classes has their ids; of classes
    that share a colour, the first is meant.

    Args:
        stored: what the file holds.
        port: says the classes.
        code: what numbers mean; None: they are ids.
        name: of the file, for messages.

    Raises:
        DataError: a number or a colour is that of no class, or there are neither.
    """
    numbers = stored.numbers
    if numbers.ndim == 2:
        ids = numbers if code is None else _known(numbers, code, port, name)
        if stored.palette is not None:
            _warn_of_other_colours(numbers, ids, stored.palette, port, name)
        return ids
    if numbers.ndim != 3 or numbers.shape[2] not in (3, 4) or numbers.dtype != np.uint8 or not numbers.size:
        raise DataError(f'{name}: {port.name}: expected ids (H, W) or colours (H, W, 3) of 8 bits, found '
                        f'{numbers.dtype} of shape {numbers.shape}.')
    if numbers.shape[2] == 4 and numbers[:, :, 3].min() < 255:
        raise DataError(f'{name}: {port.name}: transparent pixels have no class. Paint them, and save without alpha.')
    return _of_colours(numbers[:, :, :3], port, name)


def _known(numbers: np.ndarray, code: LabelCode, port: LabelMap, name: str) -> np.ndarray:
    ids = code.known_ids(numbers)
    if (ids < 0).any():
        wrong = np.unique(numbers[ids < 0])
        raise DataError(f'{name}: {port.name}: no class has the number {", ".join(map(str, wrong[:5]))}. In files, as '
                        f'in those of the training, the classes have {shown([*code.numbers, *code.unknown])}.')
    return ids


def _of_colours(picture: np.ndarray, port: LabelMap, name: str) -> np.ndarray:
    ids = ids_of_colours(picture, port.palette)
    if (ids < 0).any():
        wrong, counts = np.unique(picture[ids < 0], axis=0, return_counts=True)
        colour = wrong[counts.argmax()].tolist()
        nearest = int(np.square(np.array(port.palette) - colour).sum(1).argmin())
        others = f' (and {len(wrong) - 1} further colours)' if len(wrong) > 1 else ''
        raise DataError(f'{name}: {port.name}: no class has the colour {(*colour,)}{others}; the nearest is '
                        f'{port.names[nearest]!r}, {port.palette[nearest]}. Use the exact colours of the classes (no '
                        'soft brush, no JPEG), or save the numbers of the classes as gray levels.')
    return ids


def label_code(facts: Mapping[str, Any], ports: Iterable[Port], path: Path) -> LabelCode | None:
    """What the numbers in files of label maps mean by the facts of a training; None if they are ids.

    Raises:
        CheckpointError: the facts do not fit each other, or the label maps that the networks take.
    """
    counts = {port.classes for port in ports if isinstance(port, LabelMap)}
    if not counts or not (facts.get('numbers') or facts.get('unknown_numbers')):
        return None
    try:
        code = LabelCode.of(facts.get('classes'), facts.get('palette'), bool(facts.get('unknown')),
                            facts.get('numbers'), facts.get('unknown_numbers'), 'facts')
    except ConfigError as error:
        raise CheckpointError(f'{path}: {error}') from error
    if counts != {len(code.names) + bool(code.unknown)}:
        raise CheckpointError(f'{path}: its facts name {len(code.names)} classes, but its networks take label maps of '
                              f'{sorted(counts)}.')
    return code


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


def _warn_of_other_colours(numbers: np.ndarray, ids: np.ndarray, palette: np.ndarray, port: LabelMap,
                           name: str) -> None:
    used, places = np.unique(numbers, return_index=True)
    if used[-1] >= len(palette):
        return
    coloured, taken = ids_of_colours(palette[used], port.palette), ids.ravel()[places]
    if (coloured >= 0).all() and (coloured != taken).any():
        at = int((coloured != taken).argmax())
        print_log(f'{name}: the numbers count, but its palette has the colours of other classes: {used[at]} has that '
                  f'of {port.names[coloured[at]]!r}. If the colours are right, save it as RGB.',
                  logger='current', level=logging.WARNING)
