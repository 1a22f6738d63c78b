"""Docstrings name other parts by roles (:class:`X`); in Markdown these are code."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension

ROLE = re.compile(r':[a-z]+:`[.~]?([^`]+)`')


class Roles(Extension):
    def on_object(self, *, obj: Any, **_: Any) -> None:
        if obj.docstring:
            obj.docstring.value = ROLE.sub(r'`\1`', obj.docstring.value)
