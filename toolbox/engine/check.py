"""The whole-config check: every mistake at once, with its path and the nearest name, before any data is loaded.

In files of their own: ``sections`` (keys that are no parts), ``check_parts`` (``dict(type=...)``), ``check_training``
(optimisers, schedules, loaders) and ``check_scores`` (metrics, and what is steered by their results).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mmengine.config import Config, ConfigDict

from ..errors import ConfigError, did_you_mean
from ..files.work_dir import folder_problem
from ..layers.init import init_weights
from ..methods.base import Method
from ..methods.schedule import schedule_problems as phase_problems
from ..registry import HOOKS, METHODS, MODEL_WRAPPERS, check_arguments, find, names_in
from ..registry.trust import foreign_parts
from .check_parts import hook_problems, part_problems, tried
from .check_scores import score_problems, visualizer_problems
from .check_training import (
    accumulation_problems,
    loader_problems,
    loop_problems,
    optimizer_problems,
    schedule_problems,
)
from .facts import channel_problems, name_problems
from .habits import other_hook
from .sections import SECTIONS, section_problems, top_level_problems
from .settings import DEFAULT_HOOKS, import_custom
from .sharding import FullyShard, sharding_problems

REQUIRED = ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper')


def check_config(cfg: Config) -> list[str]:
    """All mistakes of a completed config; an empty list when it is well formed.

    Names that start with an underscore are the config's own variables and are not checked.
    """
    wrong = [*top_level_problems(cfg)]
    problems = [message for _, message in wrong]
    problems += [f'{key}: required and missing.' for key in REQUIRED if cfg.get(key) is None]
    if cfg.get('work_dir') is None:
        problems.append('work_dir: required of a config that is not in a file, which would give it a name.')
    elif isinstance(cfg.work_dir, str) and (problem := folder_problem(cfg.work_dir)):
        problems.append(problem)
    cfg = ConfigDict({key: value for key, value in cfg.items() if key not in dict(wrong)})
    for section in SECTIONS:
        problems += section_problems(cfg, section)
    if failed := [*import_custom(cfg)] or foreign_parts(cfg):
        return problems + failed
    found = [*_model_problems(cfg)]
    method, refused = (None, []) if found else _draft(cfg)
    problems += [*found, *refused, *optimizer_problems(cfg, method)]
    for check in (accumulation_problems, schedule_problems, loader_problems, loop_problems, score_problems,
                  visualizer_problems, _wrapper_problems):
        problems += check(cfg)
    return [*problems, *_all_hook_problems(cfg, method)]


def _model_problems(cfg: ConfigDict) -> Iterator[str]:
    if cfg.get('model') is not None:
        yield from part_problems(cfg.model, METHODS, 'model')
        yield from name_problems(cfg)


def _draft(cfg: ConfigDict) -> tuple[Method | None, list[str]]:
    """The method of the config without memory for its weights, and what is wrong with it."""
    if cfg.get('model') is None:
        return None, []
    method, problems = tried(cfg.model, METHODS, 'model')
    if not isinstance(method, Method):
        return None, problems
    problems += [f'model: {problem}' for problem in phase_problems(method.schedule, method.stages)]
    for path in method.named_paths():
        try:
            method.part(path)
        except ConfigError as error:
            problems.append(f'model: {error}')
    return method, [*problems, *_init_problems(method), *channel_problems(cfg, method)]


def _init_problems(method: Method) -> Iterator[str]:
    names = method.network_names()
    by_name = method.init.keys() <= set(names)
    for name, args in method.init.items() if by_name else [('', method.init)]:
        where = f'model.init.{name}' if name else 'model.init'
        if isinstance(args, Mapping):
            yield from check_arguments(init_weights, args, where, ('module',), is_section=True)
        else:
            yield f'{where}: expected dict(type=..., gain=...), found {args!r}.'


def _all_hook_problems(cfg: ConfigDict, method: Method | None) -> Iterator[str]:
    hooks = {f'default_hooks.{name}': hook for name, hook in (cfg.get('default_hooks') or {}).items()}
    for name in [name for name in hooks if name.partition('.')[2] not in DEFAULT_HOOKS]:
        word = name.partition('.')[2]
        hooks.pop(name)
        yield f'{name}: ' + (other_hook(word) or 'unknown (further hooks go to custom_hooks).'
                             + did_you_mean(word, DEFAULT_HOOKS))
    hooks = {where: hook for where, hook in hooks.items() if hook is not None}
    hooks |= {f'custom_hooks.{i}': hook for i, hook in enumerate(cfg.get('custom_hooks') or ())}
    for where, hook in hooks.items():
        problems = [*hook_problems(hook, where)]
        yield from problems
        if method is not None and not problems:
            networks = method.network_names()
            for argument, name in names_in(find(HOOKS, hook['type'], where), hook, 'network'):
                if name not in networks:
                    yield (f'{where}.{argument}: {type(method).__name__} has no network {name!r}.'
                           f'{did_you_mean(name, networks)}')


def _wrapper_problems(cfg: ConfigDict) -> Iterator[str]:
    wrapper = cfg.get('model_wrapper_cfg')
    if wrapper is not None:
        yield from part_problems(wrapper, MODEL_WRAPPERS, 'model_wrapper_cfg')
        if wrapper.get('type') == FullyShard.__name__:
            yield from sharding_problems(cfg)
