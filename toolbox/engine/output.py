"""Where a run writes what it can go on without: log file, console, pictures."""

from __future__ import annotations

import functools
import importlib.util
import logging
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from mmengine.dist import is_main_process


def adjust_logger(logger: logging.Logger, forgo_output: Callable[[], AbstractContextManager[None]]) -> None:
    """Everything goes to the file, only warnings to the console (hooks print what matters).

    If the file cannot be written, ``forgo_output`` says so once, in place of a traceback for each line.
    """
    for handler in logger.handlers:
        if type(handler) is logging.StreamHandler:
            handler.setLevel(logging.WARNING if is_main_process() else logging.ERROR)
        elif isinstance(handler, logging.FileHandler):
            handler.handleError = functools.partial(_log_failed, handler, forgo_output)


def default_visualizer() -> dict[str, Any]:
    """What a config that names no visualizer has."""
    backends = [dict(type='LocalVisBackend')]
    if importlib.util.find_spec('tensorboard'):
        backends.append(dict(type='TensorboardVisBackend'))
    return dict(type='Visualizer', vis_backends=backends)


def _log_failed(handler: logging.FileHandler, forgo_output: Callable[[], AbstractContextManager[None]],
                record: logging.LogRecord) -> None:
    error = sys.exc_info()[1]
    if not isinstance(error, OSError):
        return logging.FileHandler.handleError(handler, record)
    with forgo_output():
        raise error
