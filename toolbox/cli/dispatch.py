"""From a command line to the module of its command, which imports torch only after parsing the line."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from ..errors import did_you_mean
from ..version import __version__
from .process import prepare_cpu, run

# Each is a module of this package with add_arguments(parser) and main(args); its docstring is its help.
COMMANDS = ('train', 'test', 'translate', 'sample', 'animate', 'grid', 'paint', 'serve', 'browse', 'prepare', 'convert',
            'interpolate', 'export', 'push', 'report', 'eval-folders', 'print-config', 'benchmark', 'compare', 'sweep',
            'list')


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """``toolbox COMMAND ...``"""
    run(lambda: _dispatch([*(sys.argv[1:] if argv is None else argv)]))


def script(command: str) -> NoReturn:
    """Run a command under the name of its script in tools/."""
    run(lambda: _call(command, sys.argv[1:], Path(sys.argv[0]).name))


def _dispatch(argv: list[str]) -> int | None:
    parser = argparse.ArgumentParser(
        'toolbox', usage='toolbox COMMAND ...', formatter_class=argparse.RawDescriptionHelpFormatter,
        description='A toolbox of GANs for image translation and generation.',
        epilog='\n'.join(['commands (toolbox COMMAND --help explains one):', *map(_summary, COMMANDS)]))
    parser.add_argument('--version', action='version', version=f'toolbox {__version__}')
    if not argv or argv[0].startswith('-'):
        parser.parse_args(argv or ['--help'])
    if argv[0] not in COMMANDS:
        parser.error(f'unknown command {argv[0]!r}.{did_you_mean(argv[0], COMMANDS)}')
    return _call(argv[0], argv[1:], f'toolbox {argv[0]}')


def _call(command: str, argv: list[str], prog: str) -> int | None:
    module = _module(command)
    parser = argparse.ArgumentParser(prog, description=module.__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.set_defaults(prog=prog)
    module.add_arguments(parser)
    args = parser.parse_args(argv)
    prepare_cpu()
    return module.main(args)


def _summary(command: str) -> str:
    return f"  {command:13} {(_module(command).__doc__ or '').partition(chr(10))[0]}"


def _module(command: str) -> ModuleType:
    return importlib.import_module(f'.{command.replace("-", "_")}', __package__)
