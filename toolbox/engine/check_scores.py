"""Check of what a validation gives: metrics, what is steered by their results, and where numbers and pictures go."""

from __future__ import annotations

import fnmatch
import importlib.util
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import ConfigDict

from ..errors import ConfigError, did_you_mean
from ..registry import (
    HOOKS,
    METRICS,
    PARAM_SCHEDULERS,
    VISBACKENDS,
    VISUALIZERS,
    find,
    names_in,
    parameters,
)
from .check_parts import part_problems, tried
from .check_training import each_schedule

# Packages behind MMEngine's backends, which import them when the first number is written.
PACKAGES = {'TensorboardVisBackend': 'tensorboard', 'WandbVisBackend': 'wandb', 'MLflowVisBackend': 'mlflow',
            'ClearMLVisBackend': 'clearml', 'NeptuneVisBackend': 'neptune', 'DVCLiveVisBackend': 'dvclive',
            'AimVisBackend': 'aim'}


def score_problems(cfg: ConfigDict) -> Iterator[str]:
    for stage in ('val', 'test'):
        metrics, key = cfg.get(f'{stage}_evaluator'), f'{stage}_evaluator'
        if metrics is None:
            if cfg.get(f'{stage}_dataloader') is not None:
                yield f'{key}: required by {stage}_dataloader and missing ([] shows samples without scores).'
        elif stage == 'val' or metrics != cfg.get('val_evaluator'):
            problems = [problem for where, metric in _listed(metrics, key)
                        for problem in part_problems(metric, METRICS, where)]
            yield from problems
            if problems:
                continue
            found = {where: _results(metric, where) for where, metric in _listed(metrics, key)}
            yield from _twice(found)
            if stage == 'val':
                yield from _steering_problems(cfg, [*found.values()])


def _listed(value: Any, where: str) -> list[tuple[str, Any]]:
    return [(f'{where}.{i}', item) for i, item in enumerate(value)] if isinstance(value, (list, tuple)) else [
        (where, value)]


def _twice(found: Mapping[str, tuple[str, ...] | None]) -> Iterator[str]:
    """Metrics whose results have one name, of which the second would replace the first."""
    owner: dict[str, str] = {}
    for where, names in found.items():
        for name in names or ():
            if (first := owner.setdefault(name, where)) != where and not name.endswith('_images'):
                yield (f'{where}: its result {name!r} is also one of {first}. Give one of the two a prefix: '
                       "prefix='second'.")
                break


def _steering_problems(cfg: ConfigDict, found: list[tuple[str, ...] | None]) -> Iterator[str]:
    """Results that a hook or a schedule waits for and no metric gives; ``found`` are those of each metric."""
    known = [name for names in found for name in names or ()]
    for where, cls, args in _steered(cfg):
        args = {name: p.default for name, p in parameters(cls)[0].items() if p.default is not p.empty} | dict(args)
        for argument, name in names_in(cls, args, 'result'):
            # Of a metric that does not tell its results, the name must say that it is theirs, or the user how to rank.
            unknown = None in found and (args.get('rule') or any(type_ in name for type_ in _silent(cfg, found)))
            if not unknown and not any(fnmatch.fnmatchcase(name, pattern) for pattern in known):
                yield (f'{where}.{argument}: no metric of val_evaluator gives a result {name!r}.'
                       f'{did_you_mean(name, known)}')


def _silent(cfg: ConfigDict, found: list[Any]) -> list[str]:
    return [str(metric['type']).rpartition('.')[2] for (_, metric), names in
            zip(_listed(cfg.val_evaluator, ''), found, strict=True) if names is None]


def _results(metric: Mapping[str, Any], where: str) -> tuple[str, ...] | None:
    """Names of what a metric gives; None if it does not tell."""
    return getattr(tried(metric, METRICS, where)[0], 'possible_results', None)


def _steered(cfg: ConfigDict) -> Iterator[tuple[str, type, Mapping[str, Any]]]:
    """(place, class, arguments) of all hooks and schedules that can be looked up."""
    hooks = {f'default_hooks.{name}': hook for name, hook in (cfg.get('default_hooks') or {}).items()}
    hooks |= {f'custom_hooks.{i}': hook for i, hook in enumerate(cfg.get('custom_hooks') or ())}
    schedules = cfg.get('param_scheduler')
    groups = schedules if isinstance(schedules, Mapping) and 'type' not in schedules else {'': schedules}
    for registry, parts in ((HOOKS, hooks), (PARAM_SCHEDULERS, dict(each_schedule(groups)))):
        for where, part in parts.items():
            if isinstance(part, Mapping) and isinstance(part.get('type'), str):
                try:
                    yield where, find(registry, part['type'], where), part
                except ConfigError:  # said elsewhere
                    continue


def visualizer_problems(cfg: ConfigDict) -> Iterator[str]:
    visualizer = cfg.get('visualizer')
    if not isinstance(visualizer, Mapping):
        if isinstance(cfg.get('vis_backends'), (list, tuple)):
            yield ('vis_backends: is read by the visualizer alone. Write '
                   "visualizer=dict(type='Visualizer', vis_backends=vis_backends).")
        return
    yield from part_problems(visualizer, VISUALIZERS, 'visualizer')
    backends = visualizer.get('vis_backends') or ()
    if isinstance(backends, str) or not isinstance(backends, (list, tuple, Mapping)):
        yield f'visualizer.vis_backends: expected a list of dict(type=...), found {backends!r}.'
        return
    for where, backend in _listed(backends, 'visualizer.vis_backends'):
        yield from part_problems(backend, VISBACKENDS, where)
        package = PACKAGES.get(str(backend.get('type')).rpartition('.')[2]) if isinstance(backend, Mapping) else None
        if package and importlib.util.find_spec(package) is None:
            yield f'{where}.type: {backend["type"]} needs a package that is not installed: pip install {package}'
