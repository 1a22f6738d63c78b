"""The frame of every command: exit codes, errors without a traceback, setup and exit of the process."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from typing import NoReturn

USER_ERROR = 2
STOPPED = 75  # by a signal, after saving (EX_TEMPFAIL: retry)


def run(main: Callable[[], int | None]) -> NoReturn:
    """Run a command; errors that the user can fix are printed without a traceback, with exit code 2."""
    from ..errors import Interrupted, UserError
    try:
        code = main() or 0
        leave_process_group()
    except UserError as error:
        if _should_print(error):
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


def _should_print(error: Exception) -> bool:
    """Whether this process prints an error: errors common to all ranks are printed by one of them."""
    from ..errors import TrainingError
    dist = sys.modules.get('torch.distributed')
    started = dist is not None and dist.is_available() and dist.is_initialized()
    if started and not isinstance(error, TrainingError):
        return True
    return os.environ.get('RANK' if started else 'LOCAL_RANK', '0') == '0'


def leave_process_group() -> None:
    """Leave the process group, whose threads would otherwise abort this process as it exits."""
    dist = sys.modules.get('torch.distributed')
    if dist is not None and dist.is_available() and dist.is_initialized():
        dist.barrier()
        gc.collect()  # wrapped networks hold the group
        dist.destroy_process_group()


def message(error: Exception) -> str:
    """The text of an error, without the traceback that a DataLoader worker puts before it."""
    text, name = str(error), f'{type(error).__module__}.{type(error).__qualname__}: '
    return text.rpartition(name)[2].strip() if text.startswith('Caught ') else text


def prepare_cpu() -> None:
    """Before torch is imported: let waiting threads spin only briefly before they yield the core.

    With OpenMP's default spinning, a step takes over 10 times as long as soon as another process is busy; without any
    (``OMP_WAIT_POLICY=PASSIVE``), small networks run at half the speed. Measured on two cores.
    """
    if 'OMP_WAIT_POLICY' not in os.environ:
        os.environ.setdefault('GOMP_SPINCOUNT', '1000')
