"""What each setting of torch does for each system at the paper's size, in a few minutes on a GPU.

Images per second of the plain loop in float32, of the toolbox as its config is, and with one setting after the other;
calls in an iteration that make the host wait for the device; and the convolutions' share of the time.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.device import get_device

from ..errors import UserError
from ..methods.base import Method
from .compared import cycle_of, plain_loop
from .machine import processor
from .rows import Row
from .step import built, enter, in_channels_last, synthetic_batch
from .table import chosen, config_of
from .work import alone, seconds_of, work_of

STEPS = 20  # at most, for one number


@dataclass(frozen=True)
class Variant:
    """Settings of torch and of the config."""

    name: str
    tf32: bool = False
    tuned: bool = False  # cudnn.benchmark
    channels_last: bool = False
    bf16: bool = False
    fused: bool = True
    compiled: bool = False


VARIANTS = (
    Variant('float32'), Variant('TF32', tf32=True), Variant('Adam not fused', tf32=True, fused=False),
    Variant('cudnn.benchmark', tf32=True, tuned=True), Variant('channels_last', tf32=True, channels_last=True),
    Variant('bf16', tf32=True, bf16=True),
    Variant('bf16, channels_last, cudnn.benchmark', tf32=True, bf16=True, channels_last=True, tuned=True),
    Variant('TF32, compiled', tf32=True, compiled=True), Variant('bf16, compiled', tf32=True, bf16=True, compiled=True))


def write_variants(page: Path, names: Sequence[str], minutes: float = 10, quick: bool = False) -> None:
    """Measure all systems and write a table of them, again after each row.

    Compiled variants, which take up to a minute each, come last, in the time that is left.

    Args:
        page: the Markdown file; an existing one is replaced.
        names: of the rows; all if empty.
        minutes: that it may take. The rows share them; what a row leaves goes to the others.
        quick: two samples at the sizes for a CPU, one step for each number.

    Raises:
        ConfigError: a row is not known.
    """
    rows, end = chosen(names), time.monotonic() + 60 * minutes
    found: dict[str, dict[str, str]] = {}
    for compiled in (False, True):
        variants = [variant for variant in VARIANTS if variant.compiled == compiled]
        for number, row in enumerate(rows):
            left = end - time.monotonic()
            if left <= 0:
                break
            share = left if compiled else left / (len(rows) - number)
            cells = found.setdefault(row.config, {})
            cells.update(_row(row, variants, 0.0 if quick else share, quick, with_plain=not compiled))
            print(row.config, cells)
            _write(page, found)


def _row(row: Row, variants: Sequence[Variant], seconds: float, quick: bool, with_plain: bool) -> dict[str, str]:
    measures: dict[str, Callable[[float], dict[str, str]]] = {}
    if with_plain:
        measures['plain loop'] = functools.partial(_plain, row, quick)
    for variant in variants:
        measures[variant.name] = functools.partial(_toolbox, row, variant, quick)
    cells, end = {}, time.monotonic() + seconds
    for number, (name, measure) in enumerate(measures.items()):
        left = end - time.monotonic()
        if left < 0 and not quick:
            break
        try:
            cells.update(measure(max(0.0, left / (len(measures) - number))))
        except torch.OutOfMemoryError:
            cells[name] = 'out of memory'
        except UserError as error:
            print(f'{row.config}, {name}: {error}')
            cells[name] = 'refused'
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    return cells


def _plain(row: Row, quick: bool, seconds: float) -> dict[str, str]:
    with _settings(Variant('plain loop')):
        method, batch, cycle, images, _ = _made(row, Variant('plain loop'), quick)
        plain = plain_loop(copy.deepcopy(method))
        return {'plain loop': f'{images / _median(lambda: _times(cycle, lambda: plain.step(batch)), seconds):.4g}'}


def _toolbox(row: Row, variant: Variant, quick: bool, seconds: float) -> dict[str, str]:
    with _settings(variant):
        method, batch, cycle, images, optims = _made(row, variant, quick)
        if variant.compiled:
            method.compile_networks(True if get_device() == 'cuda' else dict(backend='eager'))

        def turn() -> None:
            _times(cycle, lambda: method.train_step(batch, optims))
        cells = {variant.name: f'{images / (middle := _median(turn, seconds / 2)):.4g}'}
        if variant in VARIANTS[:2]:
            by_clock, _ = alone(work_of(turn, {}), get_device(), repeats=1)
            cells[f'convolutions alone, {variant.name}'] = f'{100 * by_clock / middle:.0f} %'
        if variant == VARIANTS[0]:
            cells['waits'] = f'{waits_of(turn) / cycle:g}'
        return cells


def waits_of(step: Callable[[], object]) -> int:
    """Calls within a step that make the host wait for the device; on a CPU, the numbers that Python reads."""
    if not torch.cuda.is_available():
        return work_of(step, {}).reads
    torch.cuda.set_sync_debug_mode('warn')
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            step()
    finally:
        torch.cuda.set_sync_debug_mode('default')
    return sum('synchroniz' in str(warning.message) for warning in caught)


def _made(row: Row, variant: Variant, quick: bool) -> tuple[Method, dict[str, torch.Tensor], int, int, Any]:
    """Method, batch, iterations of a cycle, images in one, and optimisers."""
    cfg = config_of(row, paper=not quick, quick=quick)
    if variant.bf16:
        cfg.optim_wrapper.amp = 'bf16'
    for part in cfg.optim_wrapper.values():
        if isinstance(part, dict) and 'fused' in part['optimizer']:
            part['optimizer']['fused'] = variant.fused
    method, optims = built(cfg)
    batch = synthetic_batch(method, cfg, row.size if quick else row.paper)
    if variant.channels_last:
        batch = in_channels_last(method, batch)
    enter(method, batch, row.stage)
    cycle = cycle_of(method)
    return method, batch, cycle, cycle * cfg.train_dataloader.batch_size, optims


@contextlib.contextmanager
def _settings(variant: Variant) -> Iterator[None]:
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.benchmark
    try:
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = variant.tf32
        torch.backends.cudnn.benchmark = variant.tuned
        yield
    finally:
        (torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32,
         torch.backends.cudnn.benchmark) = before


def _median(turn: Callable[[], object], seconds: float) -> float:
    """Of as many turns as fit, one at least, after two that warm up."""
    end = time.monotonic() + seconds
    for _ in range(2 if seconds else 1):
        turn()
    found = [seconds_of(turn)[0]]
    while len(found) < STEPS and time.monotonic() < end:
        found.append(seconds_of(turn)[0])
    return statistics.median(found)


def _times(count: int, step: Callable[[], object]) -> None:
    for _ in range(count):
        step()


def _write(page: Path, found: dict[str, dict[str, str]]) -> None:
    columns = list(dict.fromkeys(name for cells in found.values() for name in cells))
    lines = [f'Images per second on {processor()}, torch {torch.__version__}. Waits: of the host for the device, in an '
             'iteration.', '', f'| config | {" | ".join(columns)} |', f'|{"---|" * (len(columns) + 1)}',
             *(f'| `{name}` | {" | ".join(cells.get(column, "-") for column in columns)} |'
               for name, cells in found.items())]
    page.write_text('\n'.join(lines) + '\n')
