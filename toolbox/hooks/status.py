"""What a user sees while training: a short summary, one line per interval, and the same numbers as scalars."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from mmengine.dist import get_world_size, is_distributed, is_main_process
from mmengine.hooks import Hook
from torch import Tensor

from ..engine.schedules import idle_updates
from ..engine.state import unwrap
from ..methods.schedule import seconds_ahead, stage_at, work_between
from ..progress import CLEAR, duration
from ..randomness.state import preserve_rng
from ..registry import HOOKS, Count


@HOOKS.register_module()
class StatusHook(Hook):
    """Print a summary at the start and one status line every ``interval`` iterations, and log the scalars.

    Losses stay tensors on their device until a line is due: one synchronisation per interval, one reduction over
    processes, and no history that grows with the training. On a terminal the line is rewritten in place.

    Args:
        interval: iterations between lines.
    """

    priority = 'BELOW_NORMAL'

    def __init__(self, interval: Count = 50) -> None:
        self.interval = interval
        self.waiting: list[dict[str, Tensor]] = []
        self.inplace = sys.stdout.isatty()
        self.open_line = False
        self.stage, self.stage_seconds = '', 0.0
        self.layer_speed = 0.0

    def before_train(self, runner: Any) -> None:
        self.layer_speed = speed_for(unwrap(runner.model))
        for line in summary(runner, self.layer_speed):
            self.print(runner, line)
        if runner.iter >= runner.max_iters:
            self.print(runner, f'nothing to train: {runner.iter} of {runner.max_iters} iterations are done. For more, '
                                'raise train_cfg.max_iters or train_cfg.max_epochs')
        for line in idle_updates(runner):
            self.print(runner, line)
        self._restart_clock(runner)

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        self.started = time.perf_counter()

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None,
                         outputs: dict[str, Tensor] | None = None) -> None:
        self.waiting.append(outputs or {})
        due = ((batch_idx + 1) % self.interval == 0 or batch_idx == 0 or batch_idx + 1 == runner.max_iters
               or self._stage_ends(runner))
        means = reduced_means(self.waiting) if due else {}  # waits for the device
        self.seconds += time.perf_counter() - self.started
        if due:
            self._report(runner, batch_idx + 1, means)
            self._restart_clock(runner)

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        if metrics and is_main_process():
            metrics = {k: v for k, v in metrics.items() if not k.endswith('_images')}
            scores = ' | '.join(f'{k} {v:.4g}' for k, v in metrics.items())
            self.print(runner, f'{runner.iter} validation | {scores}')
            with runner.forgo_output():
                runner.visualizer.add_scalars({f'val/{k}': float(v) for k, v in metrics.items()}, step=runner.iter)

    def after_train(self, runner: Any) -> None:
        word = 'done' if runner.iter >= runner.max_iters else f'stopped at {runner.iter}/{runner.max_iters}'
        self.print(runner, f'{word}: {runner.work_dir} (samples/latest.png, {_last(runner)})')

    def _restart_clock(self, runner: Any) -> None:
        # Data and updates are training time; validation, samples and checkpoints are not.
        self.waiting, self.seconds, self.waited = [], 0.0, runner.train_loop.data_seconds

    def _report(self, runner: Any, done: int, means: dict[str, float]) -> None:
        if not is_main_process():
            return
        loading = runner.train_loop.data_seconds - self.waited
        seconds = max(self.seconds + loading, 1e-9)
        speed, data = len(self.waiting) / seconds, loading / seconds
        left = seconds_ahead(unwrap(runner.model).stages, (done, runner.max_iters), (done - len(self.waiting), done),
                             seconds, runner.train_loop.dataloader.batch_size, self.layer_speed)
        line = (f'{done}/{runner.max_iters} {100 * done // runner.max_iters}% | {self._in_stage(runner, seconds)}'
                f'{speed:.3g} it/s | data {data:.0%} | eta {duration(left)} | {memory()} | {losses_line(means)}')
        self.print(runner, line, inplace=self.inplace and done < runner.max_iters)
        runner.call_hook('after_status', means=means, data_share=data)
        rates = {f'lr/{k}': w.optimizer.param_groups[0]['lr'] for k, w in runner.optim_wrapper.items()}
        with runner.forgo_output():
            runner.visualizer.add_scalars({**means, **rates, 'time/it_per_s': speed, 'time/data': data}, step=done)

    @staticmethod
    def _stage_ends(runner: Any) -> bool:
        """Whether the next iteration is the first of another stage; the model counts it already, the loop not yet."""
        model = unwrap(runner.model)
        before = stage_at(model.stages, model.iteration - 1, model.epoch)
        return before is not None and before != stage_at(model.stages, model.iteration, model.epoch)

    def _in_stage(self, runner: Any, seconds: float) -> str:
        """``scale 3 (4 of 9) for 5m02 | `` where there are several stages; their times begin with this process."""
        model = unwrap(runner.model)
        if len(model.stages) < 2:
            return ''
        stage = stage_at(model.stages, model.iteration - 1, model.epoch)
        assert stage is not None
        self.stage_seconds = seconds + (self.stage_seconds if stage.name == self.stage else 0)
        self.stage = stage.name
        return (f'{stage.name} ({model.stages.index(stage) + 1} of {len(model.stages)}) for '
                f'{duration(self.stage_seconds)} | ')

    def print(self, runner: Any, line: str, inplace: bool = False) -> None:
        if not is_main_process():
            return
        runner.logger.info(line)
        start = CLEAR if self.open_line else ''
        print(start + line, end='' if inplace else '\n', flush=True)
        self.open_line = inplace


def say(runner: Any, text: str) -> None:
    """A line on the console and in the log file, by one process, that keeps clear of the status line: for hooks.

    ``runner.logger.info`` reaches the log file alone, ``runner.logger.warning`` both.
    """
    status = next((hook for hook in runner.hooks if isinstance(hook, StatusHook)), None) or StatusHook()
    status.print(runner, text)


class IterationClock(Hook):
    """Wall seconds of each update (``seconds``), without data loading and what follows an iteration."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        self._started = time.perf_counter()

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.seconds.append(time.perf_counter() - self._started)


def summary(runner: Any, speed: float) -> list[str]:
    """What will be trained, on what, how long and where, in at most 20 lines; ``speed`` is that of :func:`estimate`."""
    model, loop = unwrap(runner.model), runner.train_loop
    data = loop.dataloader.dataset
    lines = [f'{type(model).__name__} | torch {torch.__version__} | {get_world_size()} process(es) on '
             f'{_device(model)} | seed {runner.seed}',
             f'data      {type(data).__name__}, {len(data)} samples' + (
                 f'; validation {len(runner.val_loop.dataloader.dataset)}' if runner.val_loop else '; no validation'),
             f'length    {loop.max_iters} iterations of {loop.samples_per_iter} sample(s), {loop.max_epochs} epoch(s) '
             f'of {loop.epoch_length}' + (f'; resumed at {loop.iter}' if loop.iter else '')]
    lines += estimate(model, loop, speed)
    for name, net in model.named_children():
        if count := sum(p.numel() for p in net.parameters()):
            lines.append(f'network   {name:6s} {type(unwrap(net)).__name__}, {count:,} parameters')
    for phase in model.schedule:
        group = runner.optim_wrapper[phase.optimizer].optimizer
        every = '' if phase.every == 1 else f' every {phase.every} iterations'
        lines.append(f'update    {phase.name:6s} {", ".join(phase.trains)}: {type(group).__name__} '
                     f'lr {group.param_groups[0]["lr"]:g}{every}')
    lines = lines[:17]
    lines.append(f'output    {runner.work_dir} (config.py, samples/, iter_*.pth)')
    return lines


def speed_for(model: Any) -> float:
    """The speed of one layer here where the stages of a method state their work; else 0."""
    stated = model.stages and all(stage.gflop and stage.iters and stage.gigabytes for stage in model.stages)
    return layer_speed(next(model.parameters()).device) if stated else 0.0


def estimate(model: Any, loop: Any, speed: float) -> list[str]:
    """Time and memory of what is left of a run whose stages state their work, by the ``speed`` of one layer here."""
    if not speed:
        return []
    work = loop.dataloader.batch_size * work_between(model.stages, loop.iter, loop.max_iters)
    most = max(model.stages, key=lambda stage: stage.gigabytes)
    return [f'estimate  about {duration(work / speed)}: {len(model.stages)} stages, {work / 1000:.3g} TFLOP at '
            f'{speed:.3g} GFLOP/s (tried on one layer); {most.name} takes about '
            f'{loop.dataloader.batch_size * most.gigabytes:.1f} GB of memory beside what is taken before']


def layer_speed(device: torch.device) -> float:
    """Billions of operations per second of a convolution with its norm and activation, there and back."""
    channels, side = 64, 64
    with preserve_rng():
        layer = torch.nn.Sequential(torch.nn.Conv2d(channels, channels, 3), torch.nn.BatchNorm2d(channels),
                                    torch.nn.LeakyReLU(0.2)).to(device)
        x = torch.randn(1, channels, side, side, device=device, requires_grad=True)
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        layer(x).sum().backward()
        if device.type == 'cuda':
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - started)
    return 3 * 2 * 9 * channels ** 2 * (side - 2) ** 2 / 1e9 / min(seconds)


def reduced_means(waiting: list[dict[str, Tensor]]) -> dict[str, float]:
    """Mean of each scalar over iterations and processes, with one synchronisation.

    All processes run the same phases, so that they have the same keys in the same order.
    """
    if not waiting:
        return {}
    values: dict[str, list[Tensor]] = {}
    for outputs in waiting:
        for key, value in outputs.items():
            values.setdefault(key, []).append(value)
    means = torch.stack([torch.stack([v.detach().float().reshape(()) for v in group]).mean()
                         for group in values.values()])
    if is_distributed():
        dist.all_reduce(means)
        means /= dist.get_world_size()
    return dict(zip(values, means.tolist(), strict=True))


def losses_line(means: dict[str, float]) -> str:
    """``G 4.21 = adv 0.98 + cycle 2.11 | D 0.43``: terms of a phase that share the stem before ``_`` are added."""
    phases: dict[str, dict[str, float]] = {}
    for key, value in means.items():
        phase, term = key.split('/', 1)
        if phase != 'grad_norm':
            stems = phases.setdefault(phase, {})
            stem = term.split('_')[0]
            stems[stem] = stems.get(stem, 0.0) + value
    parts = []
    for phase, stems in phases.items():
        detail = ' + '.join(f'{k} {v:.3g}' for k, v in stems.items()) if len(stems) > 1 else ''
        parts.append(f'{phase} {sum(stems.values()):.3g}' + (f' = {detail}' if detail else ''))
    return ' | '.join(parts)


def memory() -> str:
    """Peak memory: of the GPU where there is one, else of the process."""
    if torch.cuda.is_available():
        return f'{torch.cuda.max_memory_allocated() / 2**30:.1f} GB'
    try:
        import resource
    except ImportError:  # Windows
        return 'CPU'
    return f'{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GB'


def _device(model: torch.nn.Module) -> str:
    return str(next(model.parameters()).device)


def _last(runner: Any) -> str:
    pointer = Path(runner.work_dir, 'last_checkpoint')
    return pointer.read_text() if pointer.exists() else 'no checkpoint'
