"""The commands as a user types them, without the seconds that a new process needs to import torch."""

from __future__ import annotations

import argparse
import io
import os
import runpy
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import forked
import pytest

from toolbox.cli import main

ROOT = Path(__file__).resolve().parents[1]


def command(script: str, *argv: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a script in tools/, run in this process with the working directory importable."""
    return outcome(lambda: runpy.run_path(str(ROOT / 'tools' / script), run_name='__main__'), script, *argv)


def toolbox(*argv: str) -> tuple[int, str, str]:
    """The same of the command ``toolbox``."""
    return outcome(main, 'toolbox', *argv)


def outcome(start: Callable[[], object], *argv: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, 'argv', [*argv])
        patch.setattr(sys, 'path', [os.getcwd(), *sys.path])
        try:
            start()
        except SystemExit as end:  # pytest.raises would keep its frames, and with them a file that MMEngine leaves open
            return end.code, out.getvalue(), err.getvalue()
    raise AssertionError(f'{argv} must end with an exit code')


class Parsed(BaseException):
    """What the parser of a command made of a line; raised in its place, so that nothing is run."""


def parsed(script: str, *argv: str) -> argparse.Namespace:
    """The arguments as the parser of a script in tools/ (or of ``'toolbox'``) understands them.

    Raises:
        AssertionError: it refuses them; says why.
    """
    parse = argparse.ArgumentParser.parse_args

    def stop(parser: argparse.ArgumentParser, *args: object) -> None:
        raise Parsed(parse(parser, *args))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, 'parse_args', stop)
        try:
            code, _, err = toolbox(*argv) if script == 'toolbox' else command(script, *argv)
        except Parsed as understood:
            return understood.args[0]
    if code == 0:  # --help, --version
        return argparse.Namespace()
    raise AssertionError(f'{script} {" ".join(argv)}: {err}')


def two_ranks(code: str, folder: Path) -> list[list[str]]:
    """The lines that Python code prints as rank 0 and as rank 1, run in ``folder``.

    It is given its rank and the name of a file at which the two processes meet.
    """
    with tempfile.TemporaryDirectory() as outputs:
        ranks = [forked.Started(code, str(rank), str(folder / 'meet'), cwd=folder, folder=Path(outputs), name=str(rank))
                 for rank in range(2)]
        for process in ranks:
            assert process.wait().returncode == 0, process.stderr
        return [process.stdout.splitlines() for process in ranks]
