"""What a program asks of a trained run: facts, and the translation of images. Knows nothing of connections."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..data.arrays import fitting_suffix
from ..data.decoding import read_header
from ..data.io import image_bytes, image_size
from ..data.listing import scan
from ..data.places import Content, read_bytes
from ..errors import DataError, UserError
from ..methods.directions import LabelMap, Port
from ..use.grids import USUAL_SIDE, evaluated_size
from ..use.maker import KINDS
from ..use.translator import Translator
from ..version import __version__
from .http import BYTES, MOST_BYTES, Answer, Request, Routes, as_json, page_of
from .multipart import parts_of

MOST_PIXELS = 2**22  # of an image that is sent
MOST_ENLARGED = 16  # times as many pixels may a result have
MOST_EXAMPLES = 12
SEEDS = 2**53  # from there on JavaScript's numbers are not whole
FORM = 'multipart/form-data'
KIND_OF = {'png': 'image/png', 'jpg': 'image/jpeg', 'webp': 'image/webp', 'npy': BYTES}
SHOWN = ('.png', '.jpg', '.jpeg', '.webp', '.gif', '.bmp')  # by browsers
NOT_SAID = ('style', 'clusters')  # options that are no text


class Service:
    """Answers programs and the page. Requests are data of strangers: what is wrong with them is a :class:`DataError`.

    Args:
        translator: of a run that makes pictures from images or maps.
        examples: folder of images that the page offers, the first few of them.
        most_pixels: of an image that is sent.

    Raises:
        DataError: the folder holds no images.
    """

    def __init__(self, translator: Translator, examples: Path | None = None, most_pixels: int = MOST_PIXELS) -> None:
        self.translator, self.most_pixels = translator, most_pixels
        shown = [] if examples is None else [path for path in scan(examples)[0] if path.suffix.lower() in SHOWN]
        self.examples = {f'{number}{path.suffix.lower()}': content for number, path in enumerate(shown[:MOST_EXAMPLES])
                         if (content := read_bytes(path, MOST_BYTES))}

    def routes(self) -> Routes:
        """Its page and its questions."""
        return Routes(page_of(__package__, 'page.js'),
                      {'/health': lambda: as_json(dict(status='ok')), '/info': lambda: as_json(self.info()),
                       **{f'/examples/{name}': self._example(content) for name, content in self.examples.items()}},
                      {'/translate': (('image/', BYTES, FORM), self.translate)})

    def _example(self, content: bytes) -> Any:
        return lambda: Answer(BYTES, content)

    def info(self) -> dict[str, Any]:
        """What the page and programs must know, as JSON takes it."""
        t = self.translator
        height, width = evaluated_size(t, USUAL_SIDE, USUAL_SIDE)
        return dict(
            toolbox=__version__, method=type(t.model).__name__, model=self._name, device=str(t.device),
            size=dict(height=height, width=width), direction=t.direction,
            directions={name: dict(inputs=[_described(port) for port in asked.maps], scale=asked.scale,
                                   options=[option for option in asked.options if option not in NOT_SAID])
                        for name, asked in t.asked.items()},
            formats=[*KIND_OF], examples=[*self.examples], most_bytes=MOST_BYTES, most_pixels=self.most_pixels)

    @property
    def _name(self) -> str:
        """Of the checkpoint, without the folders that it lies in."""
        return '/'.join(self.translator.path.parts[-2:])

    def translate(self, request: Request) -> Answer:
        """The result for the image (or the form with several inputs) in a request.

        Fields beside the images: ``direction``, ``format`` and the options of the direction.

        Raises:
            DataError: whatever is wrong with the request.
        """
        try:
            return self._translate(request)
        except UserError as error:  # the place of the checkpoint is nobody's business
            raise DataError(str(error).replace(str(self.translator.path), self._name)) from error

    def _translate(self, request: Request) -> Answer:
        fields, contents = dict(request.query), {'': request.body}
        if request.kind.lower().startswith(FORM):
            contents = parts_of(request.kind, request.body)
        direction = self._said('direction', fields, contents) or self.translator.direction
        if direction not in self.translator.asked:
            raise DataError(f'direction: expected one of {[*self.translator.asked]}, found {direction!r:.50}.')
        wanted = self._said('format', fields, contents)
        if wanted and wanted not in KIND_OF:
            raise DataError(f'format: expected one of {[*KIND_OF]}, found {wanted!r:.50}.')
        asked = self.translator.asked[direction]
        guide = {name: option_of(name, text) for name in asked.options if name not in (*NOT_SAID, 'reference')
                 if (text := self._said(name, fields, contents))}
        if 'reference' in asked.options and (reference := contents.pop('reference', b'')):
            self._size('reference', reference)
            guide['reference'] = reference
        given = inputs_in(contents, asked.maps)
        if unknown := [*fields, *contents]:
            raise DataError(f'{direction} looks at {[port.name for port in asked.maps]} and '
                            f'{[name for name in asked.options if name not in NOT_SAID]}, but not at '
                            f'{", ".join(unknown)!r:.100}.')
        if not given:
            raise DataError(f'{direction}: there is no image in the request.')
        size, *_ = [self._size(name, content) for name, content in given.items()]
        self._refuse_large_results(direction, size, guide)
        made = self.translator(given, direction, **guide)
        assert isinstance(made, np.ndarray)
        suffix = f'.{wanted}' if wanted else fitting_suffix(made.dtype.name, made.shape[2])
        return Answer(KIND_OF[suffix[1:]], bytes(image_bytes(f'result{suffix}', made)))

    @staticmethod
    def _said(name: str, fields: dict[str, str], contents: dict[str, bytes]) -> str:
        """The text of a field, of the address or of a form; it is taken out."""
        text = contents.pop(name, b'').decode(errors='replace')
        return fields.pop(name, '') or text

    def _refuse_large_results(self, direction: str, size: tuple[int, int], guide: Mapping[str, Any]) -> None:
        rows, columns = self.translator.size_of(direction, *size, guide)
        if rows * columns > MOST_ENLARGED * self.most_pixels:
            raise DataError(f'the result would have {rows}x{columns} pixels (HxW); at most '
                            f'{MOST_ENLARGED * self.most_pixels} are made.')

    def _size(self, name: str, content: bytes) -> tuple[int, int]:
        """Height and width of a file by its header, before memory is taken for its pixels."""
        if content.startswith(b'PK'):
            raise DataError(f'{name}: archives are not taken.')
        if content and not content.startswith(b'\x93NUMPY'):
            try:
                header = read_header(io.BytesIO(content))
            except Exception as error:  # Pillow raises many kinds for a damaged file
                raise DataError(f'{name}: not a readable image.') from error
            height, width, memory = header.height, header.width, header.memory
        else:
            height, width = image_size(Content(content, name))
            memory = len(content)
        if height * width > self.most_pixels or memory > 16 * self.most_pixels:
            raise DataError(f'{name}: {height}x{width} pixels (HxW) of {memory / max(1, height * width):.0f} bytes are '
                            f'too large: at most {self.most_pixels} are taken. Scale it down.')
        return height, width


def option_of(name: str, text: str) -> Any:
    """The value that a text means for an option of a direction.

    Raises:
        DataError: it means none.
    """
    if name == 'attributes':
        return tuple(filter(None, text.split(',')))
    if name == 'size':
        height, _, width = text.lower().partition('x')
        if not (height.isdecimal() and width.isdecimal() and len(text) < 12 and int(height) and int(width)):
            raise DataError(f'size: expected HEIGHTxWIDTH in pixels, such as 120x200, found {text!r:.50}.')
        return int(height), int(width)
    if name == 'seed' or text.isdecimal():
        if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) < SEEDS):
            raise DataError(f'{name}: expected a whole number from 0 to {SEEDS - 1}, found {text!r:.50}.')
        return int(text)
    try:
        value = float(text)
    except ValueError:
        value = float('nan')
    if not abs(value) < SEEDS:
        raise DataError(f'{name}: expected a number, found {text!r:.50}.')
    return value


def inputs_in(contents: dict[str, bytes], ports: tuple[Port, ...]) -> dict[str, bytes]:
    """The files of the inputs, by their names; they are taken out.

    An input is called by its name, or by its kind where the direction takes one of this kind, the first one also by
    nothing or 'image'.
    """
    found: dict[str, bytes] = {}
    for number, port in enumerate(ports):
        kinds = [kind for kind, cls in KINDS.items() if isinstance(port, cls)]
        for name in (port.name, *kinds, *(('', 'image') if not number else ())):
            if port.name not in found and name in contents:
                found[port.name] = contents.pop(name)
    return found


def _described(port: Port) -> dict[str, Any]:
    kind = next(kind for kind, cls in KINDS.items() if isinstance(port, cls))
    return dict(name=port.name, kind=kind, **{'classes': port.classes} if isinstance(port, LabelMap) else {})
