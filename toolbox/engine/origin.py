"""Where a run comes from, for those who read about it later: command, code, versions and machine."""

from __future__ import annotations

import functools
import json
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.device import get_device
from mmengine.dist import is_main_process
from mmengine.version import __version__ as mmengine_version

from ..registry import METHODS
from ..version import __version__

NAME = 'run.json'  # beside the log of every start of a run


def write_origin(runner: Any) -> None:
    """Write ``run.json`` to the folder of the log, once per start: strings by what they are about."""
    if is_main_process():
        with runner.forgo_output():
            Path(runner.log_dir, NAME).write_text(json.dumps(origin(runner), indent=1, ensure_ascii=False))


def origin(runner: Any) -> dict[str, str]:
    """What ``run.json`` holds."""
    threads = f'{torch.get_num_threads()} threads'
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f'{get_device()}, {threads}'
    return {
        **about_method(runner.cfg.get('model')),
        'command': shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        'code': f'toolbox {__version__}{commit()}',
        'versions': f'Python {platform.python_version()}, torch {torch.__version__}, mmengine {mmengine_version}, '
                    f'numpy {np.__version__}',
        'machine': f'{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {device}, '
                   f'{runner.world_size} process(es)',
        'seed': str(runner.seed)}


def about_method(model: Any) -> dict[str, str]:
    """Its name, and the paper that its module names."""
    name = model.get('type') if isinstance(model, dict) else None
    method = METHODS.get(name) if isinstance(name, str) else None
    if method is None:
        return {}
    paper = (sys.modules[method.__module__].__doc__ or '').strip().partition('\n\n')[0]
    return {'method': method.__name__, 'paper': ' '.join(paper.split())}


@functools.cache
def commit() -> str:
    """``, commit abc123`` where the toolbox runs from a clone, and whether files in it were changed."""
    root = Path(__file__).parents[2]
    if not (root / '.git').exists():  # installed; a repository around it is another one
        return ''
    try:
        said = subprocess.run(['git', 'describe', '--always', '--dirty', '--exclude', '*'], cwd=root, timeout=10,
                              capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ''
    return f', commit {said}'
