"""What a resumed run does otherwise than before: the config holds, and every change of it is said."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.optim.scheduler.param_scheduler import _ParamScheduler

from ..errors import CheckpointError
from ..methods.schedule import Stage
from .optim import PhaseOptimizer
from .optim_state import fitted, named, new_settings, same, settings_changed, start_again
from .schedules import follow
from .state import plain_config

# Entries that say where a run is and what it reports, and those of tests.
ELSEWHERE = re.compile(r'_|(work_dir|resume|load_\w+|launcher|log_level|visualizer|vis_backends|experiment_name|'
                       r'test_\w+)[. ]')
SHOWN = 12


def refuse_other_seed(runner: Any, checkpoint: Mapping[str, Any], filename: str) -> None:
    """Raise :class:`CheckpointError` where the config has another seed than the run: the data would change places."""
    then = _entry(checkpoint, 'config', 'randomness', 'seed')
    used, now = checkpoint['meta']['seed'], _entry(runner.cfg, 'randomness', 'seed')
    if now not in (then, used):
        raise CheckpointError(f'randomness.seed: {now} in the config, but {filename} was trained with {used}, which '
                              'gives the data their order. Type --cfg-options randomness.seed='
                              f'{then if then is None else used}, or start another run.')


def lengths(stages: Sequence[Stage]) -> dict[str, list[dict[str, Any]]]:
    """Name and length of every stage, as the position in a checkpoint has them; nothing if there are none."""
    return {'stages': [dict(name=stage.name, length=stage.length) for stage in stages]} if stages else {}


def refuse_other_stages(stages: Sequence[Stage], meta: Mapping[str, Any], filename: str) -> None:
    """Raise :class:`CheckpointError` where a stage that is over has another length now: the run would jump.

    The stage that a run is in may become longer, or shorter but for what is done of it, and later ones anything.
    """
    done = meta['epoch' if any(stage.epochs is not None for stage in stages) else 'iter']
    for then, now in zip(meta.get('stages', ()), lengths(stages).get('stages', ()), strict=False):
        shorter = min((stage['length'] for stage in (then, now) if stage['length'] is not None), default=math.inf)
        if then != now and shorter <= done:
            raise CheckpointError(f'{filename}: the stage {then["name"]!r} had the length {then["length"]}, and '
                                  f'{now["name"]!r} has {now["length"]} in the config; the run is past that. Resume '
                                  'with the lengths that were trained, or start another run.')
        if (done := done - (then['length'] or math.inf)) < 0:
            return


def restore_position(loop: Any, meta: Mapping[str, Any]) -> Iterator[str]:
    """Where the run was; yields what an iteration has otherwise."""
    loop.iter, loop.epoch, loop.samples = meta['iter'], meta['epoch'], meta['samples']
    then, now = meta.get('samples_per_iter', loop.samples_per_iter), loop.samples_per_iter
    loop.epoch_iter = min(meta['epoch_iter'] * then // now, loop.epoch_length - 1)
    if then != now:
        yield f'samples per iteration {then} -> {now}'


def restore_updates(runner: Any, checkpoint: Mapping[str, Any], filename: str) -> Iterator[str]:
    """Optimisers and schedules; yields the settings that are others than in the checkpoint.

    An optimiser for which the config asks what it asked before goes on with the settings in the checkpoint. Another one
    takes those that the config and its schedules give for this iteration.
    """
    wrappers, loop = dict(runner.optim_wrapper.items()), runner.train_loop
    saved, then = checkpoint['optimizers'], _entry(checkpoint, 'config')
    _require_same(filename, 'optim_wrapper', set(saved), set(wrappers))
    for wrapper in wrappers.values():
        start_again(wrapper.optimizer)
    runner.build_schedules()
    replanned = _differ(then, runner.cfg, 'param_scheduler')
    # A schedule ends with the run, and some know the length of an epoch. (0.1.0 went on with the rates of the end.)
    samples = checkpoint['meta'].get('samples_per_iter')
    longer = samples is not None and (samples != loop.samples_per_iter or _differ(
        _entry(then, 'train_cfg'), _entry(runner.cfg, 'train_cfg'), 'max_iters', 'max_epochs'))
    states, planned = {}, set()
    for key, wrapper in wrappers.items():
        with _place(filename, key):
            state = _moments(wrapper, saved[key])
            part = _entry(then, 'optim_wrapper', key)
            states[key] = named(state, part if isinstance(part, Mapping) else {}, checkpoint['state_dict'],
                                wrapper.optimizer)
        schedules = (runner.param_schedulers or {}).get(key, [])
        measured = any(getattr(schedule, 'need_val_args', False) for schedule in schedules)  # scores, which were before
        if replanned or (longer and not measured) or settings_changed(states[key], wrapper.optimizer):
            planned.add(key)
            follow(schedules, loop.iter, loop.epoch)
        else:
            _restore_schedules(schedules, checkpoint['schedulers'].get(key, []), filename)
    runner.call_hook('on_resume', checkpoint=checkpoint)
    for key, wrapper in wrappers.items():
        with _place(filename, key):
            _load(wrapper, saved[key], states[key], key in planned)
        for setting, change in new_settings(states[key], wrapper.optimizer):
            yield f'{setting} of {key} {change}'


def _differ(then: Any, now: Any, *keys: str) -> bool:
    return any(not same(*(plain_config(_entry(config, key)) for config in (then, now))) for key in keys)


def _entry(config: Any, *keys: str) -> Any:
    """An entry of a config that may be a stranger's; None where it has none."""
    for key in keys:
        config = config.get(key) if isinstance(config, (Mapping, Config)) else None
    return config


def _moments(wrapper: OptimWrapper, saved: dict[str, Any]) -> dict[str, Any]:
    """The state dict of the optimiser itself in that of its wrapper."""
    return saved['optimizer'] if isinstance(wrapper, PhaseOptimizer) else saved


def _load(wrapper: OptimWrapper, saved: dict[str, Any], state: dict[str, Any], planned: bool) -> None:
    if isinstance(wrapper, PhaseOptimizer):
        wrapper.load_state_dict({**saved, 'optimizer': state}, planned)
    else:  # one of MMEngine's
        wrapper.load_state_dict({**saved, **fitted(state, wrapper.optimizer, planned)})


def _restore_schedules(schedules: Sequence[_ParamScheduler], states: Sequence[dict[str, Any]], filename: str) -> None:
    _require_same(filename, 'param_scheduler', len(states), len(schedules))
    for schedule, state in zip(schedules, states, strict=True):
        schedule.load_state_dict(state)


@contextmanager
def _place(filename: str, key: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise CheckpointError(
            f'{filename}: optim_wrapper.{key} does not fit the config: {error}. Resume with the config that was '
            'trained (it is in work_dir/config.py), or start another run from these weights: --cfg-options '
            f'load_from={filename}') from error


def _require_same(filename: str, what: str, saved: Any, built: Any) -> None:
    if saved != built:
        raise CheckpointError(f'{filename}: {what} of the checkpoint has {saved or "none"}, the config '
                              f'{built or "none"}; resume with the config that was trained (it is in '
                              'work_dir/config.py).')


def changes(runner: Any, checkpoint: Mapping[str, Any]) -> list[str]:
    """One line for each entry of the config that is not as it was when ``checkpoint`` was written."""
    then, now = checkpoint.get('config'), plain_config(runner.cfg.to_dict())
    lines = [line for line in _differences(then, now) if not ELSEWHERE.match(line)] if then and now else []
    return lines[:SHOWN] + ([f'and {len(lines) - SHOWN} more'] if len(lines) > SHOWN else [])


def _differences(then: Any, now: Any, where: str = '') -> Iterator[str]:
    both = (then, now)
    if all(isinstance(value, Mapping) for value in both):
        for key in dict.fromkeys([*then, *now]):
            yield from _differences(then.get(key), now.get(key), f'{where}.{key}' if where else key)
    elif all(isinstance(value, (list, tuple)) for value in both) and len(then) == len(now):
        for i, pair in enumerate(zip(then, now, strict=True)):
            yield from _differences(*pair, f'{where}.{i}')
    elif not same(then, now):
        yield f'{where} {_short(then)} -> {_short(now)}'


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f'{text[:57]}...'
