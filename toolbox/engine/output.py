"""Where a run writes what it can go on without: log file, console, pictures."""

from __future__ import annotations

import functools
import importlib.util
import logging
import os
import pprint
import sys
from collections.abc import Mapping
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import is_main_process

from .origin import write_origin
from .state import plain_config


class PlainText(Config):
    """A config whose text is made at once: MMEngine's lays lists out by a search, seconds for a table of classes."""

    @property
    def pretty_text(self) -> str:
        entries = plain_config(self.to_dict()).items()
        return ''.join(f'{key} = {pprint.pformat(value, width=110, compact=True, sort_dicts=False)}\n'
                       for key, value in entries)


def open_logs(runner: Any, entries: Mapping[str, Any]) -> None:
    """Give ``runner`` its log file, message hub and visualizer, as the entries of a config ask for them."""
    runner._log_dir = os.path.join(runner.work_dir, runner.timestamp)
    os.makedirs(runner.log_dir, exist_ok=True)
    runner.log_processor = runner.build_log_processor(entries.get('log_processor') or {})
    runner.logger = runner.build_logger(log_level=entries.get('log_level') or 'INFO')
    for handler in runner.logger.handlers:
        if type(handler) is logging.StreamHandler:  # everything goes to the file; hooks print what matters
            handler.setLevel(logging.WARNING if is_main_process() else logging.ERROR)
        elif isinstance(handler, logging.FileHandler):
            vars(handler)['handleError'] = functools.partial(_log_failed, runner, handler)
    runner.logger.info(f'torch {torch.__version__}, device {get_device()}, processes {runner.world_size}, '
                       f'seed {runner.seed}, env_cfg {dict(entries.get("env_cfg") or {})}')
    write_origin(runner)
    runner.message_hub = runner.build_message_hub()
    os.environ.setdefault('MLFLOW_ALLOW_FILE_STORE', 'true')  # MMEngine's backend writes to a folder of the run
    runner.visualizer = runner.build_visualizer(entries.get('visualizer') or _usual_visualizer())
    if runner.cfg:
        runner.visualizer.add_config(PlainText(runner.cfg.to_dict(), filename=runner.cfg.filename))


def _usual_visualizer() -> dict[str, Any]:
    backends = [dict(type='LocalVisBackend')]
    if importlib.util.find_spec('tensorboard'):
        backends.append(dict(type='TensorboardVisBackend'))
    return dict(type='Visualizer', vis_backends=backends)


def _log_failed(runner: Any, handler: logging.FileHandler, record: logging.LogRecord) -> None:
    """Said once, in place of a traceback for each line."""
    error = sys.exc_info()[1]
    if not isinstance(error, OSError):
        return logging.FileHandler.handleError(handler, record)
    with runner.forgo_output():
        raise error
