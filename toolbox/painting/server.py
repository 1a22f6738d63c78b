"""The page over HTTP: its files, facts, and four questions to a :class:`Painter`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..serving.http import BYTES, JSON, PNG, Answer, Request, Routes, as_json, page_of, parsed
from .painter import Painter


def routes(painter: Painter) -> Routes:
    """What the page asks. Its questions have types that browsers do not send across origins without asking first,
    which is never allowed."""
    objects, contents = ((JSON,), lambda request: parsed(request.body)), ((BYTES,), lambda request: request.body)
    return Routes(page_of(__package__, 'page.js', 'canvas.js'),
                  {'/facts': lambda: as_json(painter.facts())},
                  {'/picture': _question(*objects, lambda asked: painter.picture(asked)),
                   '/file': _question(*objects, lambda asked: painter.file(asked)),
                   '/read': _question(*contents, lambda asked: painter.read(asked)),
                   '/reference': _question(*contents, lambda asked: painter.reference(asked))})


def _question(kinds: tuple[str, ...], read: Callable[[Request], Any], ask: Callable[[Any], bytes | Mapping[str, Any]]
              ) -> tuple[tuple[str, ...], Callable[[Request], Answer]]:
    def answer(request: Request) -> Answer:
        made = ask(read(request))
        return Answer(PNG, made) if isinstance(made, bytes) else as_json(made)

    return kinds, answer
