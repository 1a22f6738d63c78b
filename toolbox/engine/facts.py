"""Facts of the data on their way into the config, into checkpoints, and back for comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.registry import Registry
from mmengine.runner import BaseLoop

from ..data.facts import NAMED, Facts, are_names, differences, facts_of, named
from ..errors import CheckpointError, ConfigError, DataError
from ..methods.base import Method
from ..randomness.state import preserve_rng
from ..registry import DATASETS, METHODS, METRICS, TRANSFORMS, build, find, parameters

IT_MATTERS = ('Their order gives the labels their meaning: write the names in the order of the training (as `domains`, '
              '`classes` or `attributes` of the data set), or start another run.')


def fill_facts(cfg: Any) -> None:
    """Give the model, other splits and metrics the names and channels that the training set has and they leave out."""
    loader = cfg.get('train_dataloader')
    dataset = loader.get('dataset') if isinstance(loader, Mapping) else None
    if not isinstance(dataset, Mapping):
        return
    metrics = [metric for stage in ('val', 'test') for metric in _listed(cfg.get(f'{stage}_evaluator'))]
    facts, missing = stated(dataset), {*_missing(cfg.get('model'), METHODS)}
    missing = missing.union(*(_missing(metric, METRICS) for metric in metrics))
    if missing - facts.keys():
        facts = {**_read(dataset), **facts}
    _fill_model(cfg.get('model'), facts)
    for stage in ('val', 'test'):
        if isinstance(other := cfg.get(f'{stage}_dataloader'), Mapping):
            _fill(other.get('dataset'), DATASETS, facts)
    for metric in metrics:
        _fill(metric, METRICS, facts)
        if isinstance(metric, Mapping):
            _fill(metric.get('real'), DATASETS, facts)


def stated(dataset: Any) -> Facts:
    """What the config of a data set, or its class, says without reading it; parts of a joined set count together."""
    cls = _class_of(dataset, DATASETS)
    if cls is None:
        return {}
    facts: Facts = {}
    for part in dataset.values():
        facts |= stated(part)
    facts |= {name: list(value) for name, value in named(cls).items() if name not in parameters(cls)[0]}
    facts |= {name: list(dataset[name]) for name in NAMED if are_names(dataset.get(name))}
    default = parameters(cls)[0].get('channels')
    channels = dataset.get('channels', default.default if default else None)
    if isinstance(channels, int):
        facts['channels'] = {key: channels for group in getattr(cls, 'groups', ()) for key in group}
    elif isinstance(channels, Mapping):
        facts['channels'] = dict(channels)
    return facts


def _class_of(cfg: Any, registry: Registry) -> type | None:
    if not isinstance(cfg, Mapping) or 'type' not in cfg:
        return None
    try:
        cls = find(registry, cfg['type'], registry.name)
    except ConfigError:  # the check says so
        return None
    return cls if isinstance(cls, type) else None


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else [value]


def _missing(cfg: Any, registry: Registry) -> set[str]:
    """Names that a part requires and its config leaves out."""
    cls = _class_of(cfg, registry)
    known = parameters(cls)[0] if cls is not None else {}
    return {name for name in NAMED if name in known and known[name].default is known[name].empty and not cfg.get(name)}


def _fill(cfg: Any, registry: Registry, facts: Facts) -> None:
    """Names for a part that takes them and has none."""
    if (cls := _class_of(cfg, registry)) is not None:
        known, _ = parameters(cls)
        for name in NAMED:
            if name in known and name in facts and cfg.get(name) is None:
                cfg[name] = facts[name]


def _fill_model(model: Any, facts: Facts) -> None:
    cls = _class_of(model, METHODS)
    if cls is None:
        return
    known, _ = parameters(cls)
    if 'channels' in known and 'channels' in facts:
        model.setdefault('channels', facts['channels'])
    taken = [name for name in NAMED if name in known]
    if any(model.get(name) for name in taken):  # a method that takes several has said which it means
        return
    model.update({name: facts[name] for name in taken if name in facts})


def _read(dataset: Mapping[str, Any]) -> Facts:
    """The facts of a data set that only its files tell; none if they cannot be read, which the Runner will say."""
    try:
        with preserve_rng():
            return facts_of(build(dict(dataset), DATASETS, 'train_dataloader.dataset'))
    except (ConfigError, DataError):
        return {}


def name_problems(cfg: Any) -> Iterator[str]:
    """Messages about a model whose names are others than those of its data set, or in another order."""
    loader, model = cfg.get('train_dataloader'), cfg.get('model')
    if isinstance(loader, Mapping) and isinstance(model, Mapping):
        for problem in differences(model, stated(loader.get('dataset')), ('model', 'train_dataloader.dataset')):
            yield f'model.{problem}. {IT_MATTERS}'


def channel_problems(cfg: Any, method: Method) -> Iterator[str]:
    """Messages about networks of a drafted method that take or give other channels than the images of its data set."""
    dataset = cfg.train_dataloader.get('dataset') if isinstance(cfg.get('train_dataloader'), Mapping) else None
    channels = stated(dataset).get('channels', {}) if _keeps_channels(dataset) else {}
    for network in method.network_names():
        for argument, keys in zip(('in_channels', 'out_channels'), method.carries.get(network, ()), strict=False):
            keys = (keys,) if isinstance(keys, str) else keys
            own = getattr(getattr(method, network), argument, None)
            if own is None or not keys or not all(isinstance(channels.get(key), int) for key in keys):
                continue
            if own != (expected := sum(channels[key] for key in keys)):
                yield (f'model.{network}.{argument}: {own}, but the images {" and ".join(keys)} of '
                       f'train_dataloader.dataset have {expected} channel(s) (its channels). Set one of the two; '
                       f'{argument} may also be left out.')


def _keeps_channels(dataset: Any) -> bool:
    """Whether no transform of a plugin, which may do anything, stands between a data set and the networks."""
    pipeline = dataset.get('pipeline', ()) if isinstance(dataset, Mapping) else None
    if not isinstance(pipeline, (list, tuple)):
        return False
    found = [_class_of(transform, TRANSFORMS) for transform in pipeline]
    return all(cls is not None and cls.__module__.startswith('toolbox.') for cls in found)


def compare_splits(runner: Any) -> None:
    """Raise :class:`ConfigError` where the names of a validation set are others than those of the training set."""
    refuse_other_data(runner, facts_of(runner.train_dataset), 'train_dataloader.dataset')


def refuse_other_data(runner: Any, facts: Facts, source: str) -> None:
    """Compare the data sets that a run has built with the facts of the data that its model is trained on.

    Args:
        runner: of the run.
        facts: of the training.
        source: named in the message.

    Raises:
        ConfigError: names differ in number or order; gives both lists.
    """
    loops = {'train': runner._train_loop, 'val': runner._val_loop, 'test': runner._test_loop}
    problems = [problem for stage, loop in loops.items() if isinstance(loop, BaseLoop)
                for problem in differences(facts, facts_of(loop.dataloader.dataset),
                                           (source, f'{stage}_dataloader.dataset'))]
    if problems:
        raise ConfigError('\n'.join(f'{problem}.' for problem in problems) + f' {IT_MATTERS}')


def facts_in(checkpoint: Mapping[str, Any], path: str | Path) -> Facts:
    """The facts of the data that a checkpoint was trained on; of one of version 0.1.0, as far as its config tells."""
    facts = checkpoint.get('facts')
    if facts is None:
        config = checkpoint.get('config')
        model = config.get('model', {}) if isinstance(config, Mapping) else {}
        return {name: list(model[name]) for name in NAMED if are_names(model.get(name))}
    if not isinstance(facts, Mapping):
        raise CheckpointError(f"{path}: 'facts' is {type(facts).__name__}, expected a dict.")
    return dict(facts)
