"""The frame of every command: exit codes, errors without a traceback, setup and exit of the process."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

USER_ERROR = 2
STOPPED = 75  # by a signal, after saving (EX_TEMPFAIL: retry)
# M_MMAP_MAX, M_TRIM_THRESHOLD and M_TOP_PAD of glibc: no blocks of their own, nothing given back, growth by 256 MB
MALLOC = {-4: 0, -1: -1, -2: 2**28}


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
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as error:
        from ..files.replacing import OF_THE_WHOLE_DISK
        if error.filename is None and error.errno not in OF_THE_WHOLE_DISK:
            raise
        where = '' if error.filename is None else f'{error.filename}: '
        print(f'\nerror: {where}{error.strerror}', file=sys.stderr)
        code = USER_ERROR
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


def free_cores() -> int:
    """Cores that this process may use and that nobody else does (by the load of the last minute), at least one."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
    busy = round(os.getloadavg()[0]) if hasattr(os, 'getloadavg') else 0
    return max(1, allowed - busy)


def note_of_threads() -> str | None:
    """A hint for a training on a CPU whose threads would wait for cores that others use, unless it was decided."""
    import torch
    threads, free = torch.get_num_threads(), free_cores()
    if torch.cuda.is_available() or 'OMP_NUM_THREADS' in os.environ or threads <= free:
        return None
    return (f'note: {threads} threads, but by the load of the last minute {free} core(s) are free. Threads that wait '
            f'for each other can take several times as long: put OMP_NUM_THREADS={free} before the command.')


@contextmanager
def uncollected() -> Iterator[None]:
    """For imports: the garbage collector rests, and never looks at what they made.

    Modules are no garbage, but it walks through all of torch's again and again while they are imported, and once more
    when the process ends: a second, more than a small network needs for an image (docs/benchmarks.md). A process that
    did so before has little left to import, and garbage of its own that must not be kept.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():
            gc.freeze()
        if enabled:
            gc.enable()


def keep_freed_memory() -> bool:
    """Let glibc keep what tensors free, for the next ones; for trainings on a CPU. Returns whether it does.

    By default it gives large blocks back and takes fresh pages for each step, which the kernel fills with zeros:
    a fifth of the CPU time of Pix2Pix (docs/benchmarks.md). Numbers and peak memory stay the same. Who has chosen
    another allocator or its settings (``MALLOC_...``, ``LD_PRELOAD``, ``GLIBC_TUNABLES``) keeps them.
    """
    import torch
    chosen = any(name.startswith('MALLOC_') or name in ('LD_PRELOAD', 'GLIBC_TUNABLES') for name in os.environ)
    if chosen or sys.platform != 'linux' or torch.cuda.is_available():
        return False
    try:
        mallopt = ctypes.CDLL('libc.so.6').mallopt
    except (OSError, AttributeError):  # another C library
        return False
    done = [mallopt(setting, value) for setting, value in MALLOC.items()]
    return all(done)
