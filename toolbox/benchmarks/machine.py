"""What a measurement must know of the machine: its processor, who else uses it, and the memory of a step."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

PROC = Path('/proc')
TICKS = os.sysconf('SC_CLK_TCK') if hasattr(os, 'sysconf') else 100
FREE = 0.1  # cores that others may use while a clock is read


def processor() -> str:
    """The GPU, or the CPU with the instructions that torch uses."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    found = re.search(r'^model name\s*: (.+)$', _read(PROC / 'cpuinfo'), re.MULTILINE)
    name = found[1].strip() if found else 'CPU'
    return f'{name} ({torch.backends.cpu.get_cpu_capability()})'


class Neighbours:
    """How many cores other processes use from its making on; None where the system does not tell."""

    def __init__(self) -> None:
        self.start, self.busy, self.own, self.each = time.perf_counter(), _busy(), _own(), _each()

    def cores(self) -> float | None:
        busy, seconds = _busy(), time.perf_counter() - self.start
        if busy is None or self.busy is None:
            return None
        return max(0.0, (busy - self.busy - (_own() - self.own)) / seconds)

    def busiest(self) -> str:
        """Name and number of the process that used most, for a message."""
        now = _each()
        used = {pid: seconds - self.each.get(pid, (0.0, ''))[0] for pid, (seconds, _) in now.items()}
        pid = max(used, key=lambda pid: used[pid], default=0)
        return f'{now[pid][1]} (process {pid})' if used.get(pid, 0) > 0 else 'one that this user cannot see'


def others(seconds: float = 1.0) -> tuple[float | None, str]:
    """Cores that others use, over some seconds, and the busiest of them."""
    neighbours = Neighbours()
    time.sleep(seconds)
    return neighbours.cores(), neighbours.busiest()


def peak_of(step: Callable[[], object]) -> int | None:
    """Bytes that a step needs beyond what is there before it; None where the system does not tell."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step()
        return torch.cuda.max_memory_allocated() - before
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL('libc.so.6').malloc_trim(0)
    try:
        (PROC / 'self/clear_refs').write_text('5')  # the peak begins anew
    except OSError:
        return None
    before = _status('VmRSS')
    step()
    return _status('VmHWM') - before


def _status(key: str) -> int:
    found = re.search(rf'^{key}:\s*(\d+) kB$', _read(PROC / 'self/status'), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _busy() -> float | None:
    """Seconds that all cores together have worked."""
    words = _read(PROC / 'stat').split('\n', 1)[0].split()
    if len(words) < 8:
        return None
    user, nice, system, _idle, _wait, irq, soft = map(int, words[1:8])
    return (user + nice + system + irq + soft) / TICKS


def _own() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _each() -> Mapping[int, tuple[float, str]]:
    """Seconds and name of all other processes."""
    found = {}
    for path in PROC.glob('[0-9]*/stat'):
        name, _, rest = _read(path).rpartition(')')
        words = rest.split()
        if len(words) > 12 and int(path.parent.name) != os.getpid():
            found[int(path.parent.name)] = (int(words[11]) + int(words[12])) / TICKS, name.partition('(')[2]
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ''
