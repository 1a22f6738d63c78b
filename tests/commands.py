"""The scripts of tools/ as a user runs them, without the seconds that a new process needs to import torch."""

from __future__ import annotations

import io
import os
import runpy
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def command(script: str, *argv: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a script in tools/, run in this process with the working directory importable."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, 'argv', [script, *argv])
        patch.setattr(sys, 'path', [os.getcwd(), *sys.path])
        try:
            runpy.run_path(str(ROOT / 'tools' / script), run_name='__main__')
        except SystemExit as end:  # pytest.raises would keep its frames, and with them a file that MMEngine leaves open
            return end.code, out.getvalue(), err.getvalue()
    raise AssertionError(f'{script} must end with an exit code')


def two_ranks(code: str, folder: Path) -> list[list[str]]:
    """The lines that Python code prints as rank 0 and as rank 1, run in ``folder``.

    It is given its rank and the name of a file at which the two processes meet.
    """
    environment = {**os.environ, 'PYTHONPATH': f'{ROOT}:{ROOT / "tests"}'}
    start = [sys.executable, '-W', 'ignore', '-c', code]
    ranks = [subprocess.Popen([*start, str(rank), str(folder / 'meet')], cwd=folder, env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) for rank in range(2)]
    lines = []
    for process in ranks:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        lines.append(out.splitlines())
    return lines
