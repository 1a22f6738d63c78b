"""What the page asks of a trained run: facts, pictures, files. Knows nothing of HTTP."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Picture

from ..data.ranges import to_8bit
from ..data.semantics import coloured
from ..data.transforms import resize
from ..errors import ConfigError, DataError
from ..methods.directions import Image, LabelMap
from ..pictures import as_rgb
from ..use.grids import USUAL_SIDE, evaluated_size, fitted
from ..use.inputs import read_input
from ..use.labels import can_be_guessed
from ..use.translator import Translator

LARGEST = 1024  # pixels of a side of what is painted
REFERENCES, LARGEST_REFERENCE = 4, 4096  # how many are kept, and pixels of a side
THUMBNAIL = 160
SEEDS = 2**53  # from there on JavaScript's numbers are not whole


class Painter:
    """Answers the page. Requests are data of strangers: whatever is wrong with them is a :class:`DataError`.

    Args:
        translator: of a run that makes pictures from label maps.
        start: label map to begin with; one class everywhere when None.
        size: height and width of the empty one; those of the run's evaluation when None.

    Raises:
        ConfigError: the run does not make pictures from label maps alone, or the size cannot be painted.
        DataError: ``start`` cannot be read.
    """

    def __init__(self, translator: Translator, start: Path | None = None, size: tuple[int, int] | None = None) -> None:
        self.translator = translator
        self.directions = painted_directions(translator)
        if not self.directions:
            raise ConfigError(f'{translator.path}: {type(translator.model).__name__} does not make pictures from label '
                              'maps alone, so that there is nothing to paint. Images are translated by toolbox '
                              'translate.')
        first = translator.direction if translator.direction in self.directions else self.directions[0]
        self.directions = (first, *(name for name in self.directions if name != first))
        self.port: LabelMap = translator.asked[first].first(LabelMap)
        height, width = size or evaluated_size(translator, USUAL_SIDE, USUAL_SIDE)
        if not (0 < height <= LARGEST and 0 < width <= LARGEST):
            raise ConfigError(f'a label map of {height}x{width} pixels: sides go from 1 to {LARGEST} (--size HEIGHT '
                              'WIDTH).')
        empty = np.zeros((height, width), np.int32)
        self.start = empty if start is None else self._fitted(
            read_input(self.port, start, None, translator.code, translator.pixels))
        self._references: OrderedDict[str, np.ndarray] = OrderedDict()

    def facts(self) -> dict[str, Any]:
        """What the page must know, as JSON takes it."""
        options = {name: self.translator.asked[name].options for name in self.directions}
        return dict(title=str(self.translator.path), start=packed(self.start), largest=LARGEST,
                    classes=[dict(name=name, colour=list(colour)) for name, colour
                             in zip(self.port.names, self.port.palette, strict=True)],
                    directions=[dict(name=name, seed='seed' in known, reference='reference' in known)
                                for name, known in options.items()],
                    objects=any(len(self.translator.asked[name].maps) > 1 for name in self.directions))

    def picture(self, request: Mapping[str, Any]) -> bytes:
        """What the run makes of a label map, as PNG.

        Args:
            request: ``height``, ``width`` and ``ids`` (:func:`unpacked`), ``direction``, and None or a value for
                ``seed`` and ``reference`` (what :meth:`reference` gave).
        """
        _require_keys(request, ('height', 'width', 'ids', 'direction', 'seed', 'reference'))
        direction, seed, reference = request['direction'], request['seed'], request['reference']
        if direction not in self.directions:
            raise DataError(f'direction: expected one of {list(self.directions)}, found {direction!r:.50}.')
        if seed is not None and not (type(seed) is int and 0 <= seed < SEEDS):
            raise DataError(f'seed: expected a whole number from 0 to {SEEDS - 1}, found {seed!r:.50}.')
        guide = dict(seed=seed, reference=None if reference is None else self._reference(reference))
        made = self.translator(self._ids(request), direction, **guide)
        assert isinstance(made, np.ndarray)
        known = self.translator.model.range_of(self.translator.asked[direction].gives)
        return png(made if known is None else to_8bit(made, known))

    def read(self, data: bytes) -> dict[str, Any]:
        """The label map in an uploaded file as the page holds it, resized to fit; the nearest pixels are taken."""
        return packed(self._fitted(self._read(self.port, data)))

    def file(self, request: Mapping[str, Any]) -> bytes:
        """A label map as PNG: its numbers as files of the training have them, in the colours of the classes if they
        have 8 bits."""
        _require_keys(request, ('height', 'width', 'ids'))
        ids, code = self._ids(request), self.translator.code
        numbers = ids.astype(np.uint16) if code is None else code.stored(ids)
        if numbers.max() > 255:
            return png(numbers)
        palette = np.zeros((256, 3), np.uint8)
        palette[numbers] = coloured(ids, self.port.palette)
        return png(numbers.astype(np.uint8), palette)

    def reference(self, data: bytes) -> dict[str, str]:
        """Keeps an uploaded image; returns the name to ask for it by, and a small picture of it."""
        port = next((port for port in self.translator.model.needs if isinstance(port, Image)), Image('reference'))
        image = self._read(port, data)
        if max(image.shape[:2]) > LARGEST_REFERENCE:
            raise DataError(f'a reference of {image.shape[0]}x{image.shape[1]} pixels: sides have at most '
                            f'{LARGEST_REFERENCE}. Scale it down.')
        name = hashlib.sha256(data).hexdigest()[:20]
        self._references[name] = image
        while len(self._references) > REFERENCES:
            self._references.popitem(last=False)
        small = resize(image, *within(THUMBNAIL, *image.shape[:2]))
        known = self.translator.model.range_of(port.name)
        shown = png(to_8bit(small, known) if known else (small >> 8).astype(np.uint8) if small.dtype == np.uint16
                    else small)
        return dict(reference=name, picture=base64.b64encode(shown).decode())

    def _ids(self, request: Mapping[str, Any]) -> np.ndarray:
        return read_input(self.port, unpacked(request))

    def _reference(self, name: object) -> np.ndarray:
        if not isinstance(name, str) or name not in self._references:
            raise DataError('reference: this image is not here any more. Choose it again.')
        return self._references[name]

    def _read(self, port: LabelMap | Image, data: bytes) -> np.ndarray:
        return read_input(port, data, self.translator.model.range_of(port.name), self.translator.code,
                          self.translator.pixels)

    def _fitted(self, ids: np.ndarray) -> np.ndarray:
        return resize(ids.astype(np.int32), *within(LARGEST, *fitted(self.translator, *ids.shape)))


def painted_directions(translator: Translator) -> tuple[str, ...]:
    """Those that make pictures from label maps, and from what can be guessed from them."""
    maps = {name: translator.asked[name].maps for name in translator.directions}
    return tuple(name for name, ports in maps.items() if isinstance(ports[0], LabelMap)
                 and all(can_be_guessed(port, ports) for port in ports[1:]))


def within(largest: int, height: int, width: int) -> tuple[int, int]:
    """This size, scaled down until no side is larger."""
    scale = min(1.0, largest / max(height, width))
    return max(1, round(scale * height)), max(1, round(scale * width))


def packed(ids: np.ndarray) -> dict[str, Any]:
    """Ids ``(H, W)`` for JSON: height, width, and their 16 bits, the low ones first, in base64."""
    return dict(height=ids.shape[0], width=ids.shape[1], ids=base64.b64encode(ids.astype('<u2').tobytes()).decode())


def unpacked(request: Mapping[str, Any]) -> np.ndarray:
    """Undoes :func:`packed`, ``(H, W)`` int32.

    Raises:
        DataError: it is not such a map, or too large.
    """
    height, width, text = request['height'], request['width'], request['ids']
    if not all(type(side) is int and 0 < side <= LARGEST for side in (height, width)):
        raise DataError(f'height, width: expected whole numbers from 1 to {LARGEST}, found {height!r:.20} and '
                        f'{width!r:.20}.')
    try:
        data = base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise DataError('ids: expected text in base64.') from error
    if len(data) != 2 * height * width:
        raise DataError(f'ids: expected {2 * height * width} bytes for {height}x{width} pixels, found {len(data)}.')
    return np.frombuffer(data, '<u2').reshape(height, width).astype(np.int32)


def png(image: np.ndarray, palette: np.ndarray | None = None) -> bytes:
    """A picture ``(H, W, C)`` of 8 bits, or numbers ``(H, W)`` with or without the colours of a palette, as PNG."""
    picture = Picture.fromarray(np.ascontiguousarray(as_rgb(image) if image.ndim == 3 else image))
    if palette is not None:
        picture.putpalette(palette.tobytes())
    file = io.BytesIO()
    picture.save(file, 'PNG')
    return file.getvalue()


def _require_keys(request: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    if {*request} != {*keys}:
        raise DataError(f'expected {", ".join(keys)}, found {", ".join(map(str, request))!r:.200}.')
