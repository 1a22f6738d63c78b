"""New processes without the seconds that each needs to import torch: forked from one that has imported everything.

It is a Python process of its own (the fork server of ``multiprocessing``), started once by each test process that needs
it, in which no test has run. What imports cost, how torchrun itself behaves and what a new interpreter has of its own
is tested with real commands.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from torch.distributed import TCPStore

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 600  # seconds; for a machine that is busy with other things
GRACE = 10  # seconds that processes have to end by themselves when one has failed
SERVER = multiprocessing.get_context('forkserver')
SERVER.set_forkserver_preload(['pytest', 'toolbox.cli', 'toolbox.engine', 'toolbox.use.translator', 'imported'])


def _main(script: str, argv: list[str], env: dict[str, str], cwd: str, files: tuple[str, str], session: bool) -> None:
    """Be ``python script argv``, or ``python -c script argv`` for what is no file."""
    multiprocessing.set_start_method(None, force=True)  # nobody has chosen one
    if session:
        os.setsid()
    for number, file in enumerate(files, 1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    is_file = script.endswith('.py')
    sys.argv = [script if is_file else '-c', *argv]
    sys.path[:0] = [str(Path(script).parent) if is_file else '', *filter(None, env.get('PYTHONPATH', '').split(':'))]
    if is_file:
        runpy.run_path(script, run_name='__main__')
    else:
        exec(compile(script, '<string>', 'exec'), {'__name__': '__main__'})


class Started:
    """A process that runs ``script`` (a file below the repository, or code) with ``argv``; output goes to files."""

    def __init__(self, script: str, *argv: str, folder: Path, name: str = 'process',
                 env: Mapping[str, str] | None = None, cwd: Path = ROOT, session: bool = False) -> None:
        script = str(ROOT / script) if script.endswith('.py') else script
        self.files = (folder / f'{name}.out', folder / f'{name}.err')
        for file in self.files:
            file.write_text('')
        environment = dict(os.environ if env is None else env)
        self.process = SERVER.Process(target=_main, args=(script, [*map(str, argv)], environment, str(cwd),
                                                          (*map(str, self.files),), session))
        self.process.start()
        self.pid, self.sentinel = self.process.pid, self.process.sentinel

    @property
    def returncode(self) -> int | None:
        return self.process.exitcode

    @property
    def stdout(self) -> str:
        return self.files[0].read_text()

    @property
    def stderr(self) -> str:
        return self.files[1].read_text()

    def wait(self, seconds: float = PATIENCE) -> Started:
        self.process.join(seconds)
        if self.returncode is None:
            self.process.kill()
            raise TimeoutError(f'still running after {seconds} s:\n{self.stdout}{self.stderr}')
        return self


def run(script: str, *argv: str, **where: Any) -> Started:
    """A process and its end."""
    return Started(script, *argv, **where).wait()


def torchrun(script: str, *argv: str, folder: Path, processes: int = 2) -> subprocess.CompletedProcess[str]:
    """As ``torchrun --standalone``: processes that find each other in its store; if one fails, the others end."""
    store = TCPStore('127.0.0.1', 0, is_master=True, wait_for_workers=False)
    common = {**os.environ, 'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': str(store.port), 'WORLD_SIZE': str(processes),
              'LOCAL_WORLD_SIZE': str(processes), 'TORCHELASTIC_USE_AGENT_STORE': 'True'}
    ranks = [Started(script, *argv, folder=folder, name=f'rank{rank}',
                     env={**common, 'RANK': str(rank), 'LOCAL_RANK': str(rank)}) for rank in range(processes)]
    while running := [rank for rank in ranks if rank.returncode is None]:
        failed = any(rank.returncode for rank in ranks)
        if not wait([rank.sentinel for rank in running], GRACE if failed else PATIENCE):
            for rank in running:
                rank.process.terminate() if failed else rank.process.kill()
    return subprocess.CompletedProcess(
        [rank.returncode for rank in ranks], int(any(rank.returncode for rank in ranks)),
        ''.join(rank.stdout for rank in ranks), ''.join(rank.stderr for rank in ranks))
