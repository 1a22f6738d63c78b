"""What surrounds every command: exit codes, errors without a traceback, and how the process begins and ends."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from typing import NoReturn

USER_ERROR = 2
STOPPED = 75  # by a signal, after saving (EX_TEMPFAIL: trying again makes sense)


def run(main: Callable[[], int | None]) -> NoReturn:
    """Run a command: what the user can mend is printed without a traceback and ends with exit code 2."""
    from ..errors import Interrupted, UserError
    try:
        code = main() or 0
        leave_process_group()
    except UserError as error:
        if _speaks(error):
            print(f'\nerror: {message(error)}', file=sys.stderr)
        code = USER_ERROR
    except (PermissionError, FileExistsError, FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        if error.filename is None:
            raise
        print(f'\nerror: {error.filename}: {error.strerror}', file=sys.stderr)
        code = USER_ERROR
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Interrupted as stop:
        if os.environ.get('RANK', '0') == '0':
            print(f'\n{stop}', file=sys.stderr)
        leave_process_group()
        code = STOPPED
    except KeyboardInterrupt:
        print('\ninterrupted', file=sys.stderr)
        code = 130
    sys.stdout.flush()
    sys.exit(code)


def _speaks(error: Exception) -> bool:
    """Whether this process prints an error: one that all of them meet (a config, all of a training) is said once."""
    from ..errors import TrainingError
    dist = sys.modules.get('torch.distributed')
    started = dist is not None and dist.is_available() and dist.is_initialized()
    if started and not isinstance(error, TrainingError):
        return True
    return os.environ.get('RANK' if started else 'LOCAL_RANK', '0') == '0'


def leave_process_group() -> None:
    """End the communication with the other processes, whose threads would otherwise abort this one as it exits."""
    dist = sys.modules.get('torch.distributed')
    if dist is not None and dist.is_available() and dist.is_initialized():
        dist.barrier()
        gc.collect()  # wrapped networks hold the group
        dist.destroy_process_group()


def message(error: Exception) -> str:
    """What an error says, without the traceback that a worker process of a DataLoader puts in front."""
    text, name = str(error), f'{type(error).__module__}.{type(error).__qualname__}: '
    return text.rpartition(name)[2].strip() if text.startswith('Caught ') else text


def prepare_cpu() -> None:
    """Before torch is imported: waiting threads spin for a short while only, so that they give the core to others.

    Spinning as long as the OpenMP runtime likes, a step takes over 10 times as long as soon as another process is busy;
    not spinning at all (``OMP_WAIT_POLICY=PASSIVE``) halves the speed of small networks. Measured on two cores.
    """
    if 'OMP_WAIT_POLICY' not in os.environ:
        os.environ.setdefault('GOMP_SPINCOUNT', '1000')
