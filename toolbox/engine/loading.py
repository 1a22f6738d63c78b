"""How weights are loaded from a checkpoint, and how a run resumes from one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import wait
from pathlib import Path
from typing import Any

from mmengine.dist import broadcast_object_list, get_rank, is_main_process
from torch import Tensor

from ..errors import CheckpointError, ConfigError, did_you_mean
from ..files.checkpoint import newest_intact, read_checkpoint
from ..files.fit import loading, require_finite
from ..files.hub import local
from ..files.rank_files import own_state
from ..randomness.state import set_rng_state
from .facts import facts_in, refuse_other_data
from .resumed import changes, refuse_other_seed, refuse_other_stages, restore_position, restore_updates
from .state import finite_names, is_extra, load_weights, plain_shapes, plain_state_dict, unwrap, used_state


def load_networks(runner: Any, filename: str, start: bool = False, content: dict[str, Any] | None = None
                  ) -> dict[str, Any]:
    """Load weights and averages; image pools and the like belong to the training that is not resumed here.

    Args:
        runner: of the run.
        filename: a checkpoint, or the address of one.
        start: a new training starts from it. Networks that it has no weights of keep their own then, and those that
            this method has not are left out: a generator alone can start a training against a discriminator. The
            entries ``load_networks`` and ``load_partial`` of the config say more (docs/checkpoints.md).
        content: of the checkpoint, where it was read before.
    """
    checkpoint = content or read_checkpoint(local(filename))
    model = unwrap(runner.model)
    partial = bool(start and runner.cfg.get('load_partial'))
    if not partial:
        facts = facts_in(checkpoint, filename)
        if start:  # a new training may read pixels in another way
            del facts['pixels']
        else:
            model.noise_rule = facts['noise']
        refuse_other_data(runner, facts, filename)
    saved = checkpoint.get('state_dict', {})
    shared = _chosen_networks(runner, saved, filename) if start else None
    used = used_state(model, model.network_names() if shared is None else shared)
    weights = {k: v for k, v in saved.items() if not is_extra(k) or k.split('.')[0] in used}
    if partial:
        weights = _with_own(runner, weights, used, filename)
    load_weights(runner.model, weights, filename, None if shared is None else used)
    if start:
        checkpoint = {**checkpoint, 'ema': _averages(runner, checkpoint.get('ema', {}), used, partial)}
    averages = {f'{net}.{k}': v for net, state in checkpoint.get('ema', {}).items() for k, v in state.items()}
    require_finite(averages, finite_names(runner.model), f'{filename} (ema)')
    runner.call_hook('after_load_checkpoint', checkpoint=checkpoint)
    runner.logger.info(f'loaded {filename}')
    return checkpoint


def _chosen_networks(runner: Any, saved: Mapping[str, Any], filename: str) -> tuple[str, ...] | None:
    """The networks to start from: those of ``load_networks``, else those that a method and a file both have; None
    where that is all of them, or none that makes anything."""
    model = unwrap(runner.model)
    own, known = model.network_names(), {key.split('.')[0] for key in model.state_dict()}
    there = {key.split('.')[0] for key in saved}
    if (asked := runner.cfg.get('load_networks')) is not None:
        chosen = _asked_networks(tuple(asked), own, there, filename)
    else:
        chosen = tuple(name for name in own if name in there)
        if not (set(own) - there or there - known) or not any(
                {*direction.nets} & {*chosen} for direction in model.directions.values()):
            return None
        for name in sorted(there - known):
            runner.logger.warning(f'load_from: {filename} has weights of {name}, which {type(model).__name__} has not.')
    for name in own:
        if name not in there:
            runner.logger.warning(f'load_from: {filename} has no weights of {name}, which starts untrained.')
        elif name not in chosen:
            runner.logger.warning(f'load_from: {name} is not among load_networks and starts untrained.')
    return chosen


def _asked_networks(asked: tuple[str, ...], own: Sequence[str], there: set[str], filename: str) -> tuple[str, ...]:
    for name in asked:
        if name not in own:
            raise ConfigError(f'load_networks: the method has no network {name!r}.{did_you_mean(name, own)}')
        if name not in there:
            raise CheckpointError(f'load_networks: {filename} has no weights of {name!r}, only of {sorted(there)}.')
    return asked


def _with_own(runner: Any, weights: Mapping[str, Any], used: Sequence[str], filename: str) -> dict[str, Any]:
    """``weights`` with the model's own in the place of those that are missing or of another shape, each named.

    Raises:
        CheckpointError: none fits.
    """
    own = {k: v for k, v in plain_state_dict(runner.model).items() if k.split('.')[0] in used and not is_extra(k)}
    shapes = plain_shapes(runner.model)
    fresh = [k for k in own if _shape_of(weights.get(k)) != shapes[k]]
    if len(fresh) == len(own):
        raise CheckpointError(f'{filename}: load_partial: no weight fits by name and shape.')
    for key in fresh:
        runner.logger.warning(f'load_from: {key} starts untrained: {shapes[key]} here, {_shape(weights.get(key))} '
                              f'in {filename}.')
    return {k: own[k] if k in fresh else weights[k] for k in own}


def _averages(runner: Any, saved: Mapping[str, Any], used: Sequence[str], partial: bool) -> dict[str, Any]:
    """The averages of the networks that were loaded; with ``partial``, of the weights that fit."""
    shapes = plain_shapes(runner.model) if partial else {}
    return {net: {k: v for k, v in state.items()
                  if not partial or shapes.get(f'{net}.{k}') == _shape_of(v)}
            for net, state in saved.items() if net in used}


def _shape_of(value: Any) -> tuple[int, ...] | None:
    return tuple(value.shape) if isinstance(value, Tensor) else None


def _shape(value: Any) -> str:
    return 'nothing' if value is None else str(tuple(getattr(value, 'shape', ())))


def restore_state(runner: Any, checkpoint: dict[str, Any], filename: str) -> None:
    """All that :func:`load_networks` leaves out, so that the training goes on exactly where ``filename`` was written.

    Raises:
        CheckpointError: it holds no training state, or does not fit the config.
    """
    if 'optimizers' not in checkpoint:
        raise CheckpointError(f'{filename}: holds weights only, training cannot be resumed from it. To start a new '
                              f'training from these weights use --cfg-options load_from={filename}')
    refuse_other_seed(runner, checkpoint, filename)
    refuse_other_stages(unwrap(runner.model).stages, checkpoint['meta'], filename)
    loop, meta = runner.train_loop, checkpoint['meta']
    runner._seed = meta['seed']
    loop.history = checkpoint['history']
    notes = [*restore_position(loop, meta), *changes(runner, checkpoint),
             *restore_updates(runner, checkpoint, filename)]
    for note in dict.fromkeys(notes):
        line = f'resume: from iteration {loop.iter + 1} on: {note}'
        runner.logger.info(line)
        if is_main_process():
            print(line)
    if hasattr(loop.dataloader.sampler, 'seed'):
        loop.dataloader.sampler.seed = meta['seed']
    _restore_process(runner, checkpoint, filename)
    runner.resumed_from = filename


def to_resume(runner: Any, how: bool | str | None, load_from: str | None
              ) -> tuple[str, dict[str, Any] | None] | None:
    """The checkpoint that a run goes on from, if any, as ``resume`` says (:class:`~.runner.Runner`)."""
    if not how:
        return None
    return (load_from, None) if load_from and how != 'auto' else newest_intact_of(runner)


def newest_intact_of(runner: Any) -> tuple[str, dict[str, Any] | None] | None:
    """The newest checkpoint that the first process can read (of the others, not all may see the same folder), and its
    content, which it has read for that.

    Raises:
        CheckpointError: there are checkpoints, and none of them can be read.
    """
    content: dict[str, Any] | None = None
    found: list[Any] = [None, []]
    if runner.train_loop.saving is not None:
        wait([runner.train_loop.saving])
    if is_main_process():
        try:
            *found, content = newest_intact(runner.work_dir, runner.world_size)
        except CheckpointError as error:
            found = [error, []]
    broadcast_object_list(found)
    path, problems = found
    if isinstance(path, CheckpointError):
        raise path
    for problem in problems:
        runner.logger.warning(f'{problem} The training goes on from an earlier one.')
    if path is None:
        runner.logger.warning(f'{runner.work_dir}: no checkpoint yet; the training starts at its beginning.')
    return None if path is None else (str(path), content)


def _restore_process(runner: Any, checkpoint: dict[str, Any], filename: str) -> None:
    """What each process has of its own; with another number of processes, the first one's pools serve all."""
    rank, ranks = get_rank(), checkpoint['ranks']
    extra = {k: v for k, v in checkpoint['state_dict'].items() if is_extra(k)}
    if len(ranks) == runner.world_size:
        extra.update(own_state(Path(filename), checkpoint, rank))
    with loading(f'{filename}: state_dict or ranks.{rank}.extra: {", ".join(extra)}'):
        unwrap(runner.model).load_state_dict(extra, strict=False)
    if len(ranks) == runner.world_size or rank == 0:
        with loading(f'{filename}: ranks.{rank}.rng'):
            set_rng_state(ranks[rank]['rng'])
