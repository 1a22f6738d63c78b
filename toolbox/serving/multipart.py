"""The parts of a form with files (multipart/form-data, RFC 7578)."""

from __future__ import annotations

from email.message import Message
from email.parser import BytesHeaderParser

from ..errors import DataError

MOST_PARTS, MOST_HEADER = 20, 2**12  # parts, and bytes in front of the content of each


def parts_of(kind: str, body: bytes) -> dict[str, bytes]:
    """The contents of the parts by their names; file names are not looked at.

    Args:
        kind: the Content-Type of the request, which says how parts are divided.
        body: of the request.

    Raises:
        DataError: it is no such form.
    """
    head = Message()
    head['Content-Type'] = kind
    boundary = head.get_param('boundary', '')
    if not isinstance(boundary, str) or not 0 < len(boundary) <= 70 or not boundary.isascii():
        raise DataError('multipart/form-data: its Content-Type names no boundary.')
    line = b'\r\n--' + boundary.encode()
    pieces = (b'\r\n' + body).split(line, MOST_PARTS + 2)
    if len(pieces) < 2 or not pieces[-1].startswith(b'--'):
        raise DataError(f'multipart/form-data: it has more than {MOST_PARTS} parts, or ends too early.')
    found: dict[str, bytes] = {}
    for piece in pieces[1:-1]:
        name, content = _part(piece)
        if name in found:
            raise DataError(f'multipart/form-data: there are two parts {name!r:.50}.')
        found[name] = content
    return found


def _part(piece: bytes) -> tuple[str, bytes]:
    end = piece.find(b'\r\n\r\n', 0, MOST_HEADER)
    header = BytesHeaderParser().parsebytes(piece[2:end + 2]) if end >= 0 else Message()
    name = header.get_param('name', header='Content-Disposition')
    if not isinstance(name, str) or not name:
        raise DataError('multipart/form-data: a part has no name, or a long header.')
    return name, piece[end + 4:]
