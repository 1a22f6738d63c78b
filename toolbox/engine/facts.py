"""Facts of the data on their way into the config, into checkpoints, and back for comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.registry import Registry

from ..data.facts import (
    IN_FILES,
    NAMED,
    OF_IMAGES,
    OF_MAPS,
    Facts,
    are_names,
    differences,
    facts_of,
    named,
    other_hold_outs,
    other_pairs,
    pixel_differences,
    range_differences,
)
from ..data.showing import PIXELS
from ..errors import CheckpointError, ConfigError, DataError
from ..files.checkpoint import newest_checkpoint, read_description
from ..files.hub import local
from ..methods.base import Method
from ..randomness.noise import NOISE
from ..randomness.state import preserve_rng
from ..registry import DATASETS, METHODS, METRICS, TRANSFORMS, build, find, parameters
from .state import unwrap

IT_MATTERS = ('Their order gives the labels their meaning: write the names in the order of the training (as `domains`, '
              '`classes` or `attributes` of the data set), or start another run.')
CUT_IN_HALF = ('A joined image A|B is cut in the middle, so single photographs would be scored against their own half. '
               'Give pairs of the same shape, or store A and B in two folders; --no-validate trains without a '
               'validation set.')

RANGES_MATTER = ('A model knows numbers in the range of its training alone: write the same value_range (that of '
                 'a run is in its config.py), or start another run.')
AS_TRAINED = ("A model sees images as its training did: write the same pixels in the data sets ('shown': turned by the "
              "orientation tag and in sRGB; 'stored': as in the files), or start another run.")
LEARNT_BY_HEART = ('What is held out would have been trained on, and the scores would mean nothing: write the same '
                   'hold_out in both data sets.')
MEASURED = ('measured', 'percentiles')


def fill_facts(cfg: Any) -> None:
    """Give the model, other splits and metrics the names and channels that the training set has and they leave out."""
    loader = cfg.get('train_dataloader')
    dataset = loader.get('dataset') if isinstance(loader, Mapping) else None
    if not isinstance(dataset, Mapping):
        return
    metrics = [metric for stage in ('val', 'test') for metric in listed(cfg.get(f'{stage}_evaluator'))]
    _settle_measured(cfg, dataset)
    facts, missing = stated(dataset), {*_missing(cfg.get('model'), METHODS)}
    missing = missing.union(*(_missing(metric, METRICS) for metric in metrics))
    if missing - facts.keys() or states_range(dataset) or _keeps_channels_to_itself(dataset, facts):
        facts = {**_read(dataset), **facts}
    _fill_model(cfg.get('model'), facts)
    for stage in ('val', 'test'):
        if isinstance(other := cfg.get(f'{stage}_dataloader'), Mapping):
            _fill(other.get('dataset'), DATASETS, facts)
            _fill_range(other.get('dataset'), dataset)
    for metric in metrics:
        _fill(metric, METRICS, facts)
        if isinstance(metric, Mapping):
            _fill(metric.get('real'), DATASETS, facts)
            _fill_range(metric.get('real'), dataset)


def _keeps_channels_to_itself(dataset: Mapping[str, Any], facts: Facts) -> bool:
    """Whether a data set of a plugin may have channels that neither its config nor its class states."""
    cls = class_of(dataset, DATASETS)
    return cls is not None and not cls.__module__.startswith('toolbox.') and 'channels' not in facts


def states_range(dataset: Any) -> bool:
    """Whether the config of a data set, or of one that it joins, has a ``value_range``."""
    return isinstance(dataset, Mapping) and (dataset.get('value_range') is not None
                                             or any(states_range(part) for part in dataset.values()))


def _settle_measured(cfg: Any, dataset: Any) -> None:
    """Numbers in place of a range that is to be measured: those of the checkpoint that is gone on from, if any."""
    for part in dataset.values():
        if isinstance(part, Mapping):
            _settle_measured({}, part)  # a checkpoint knows the keys of the whole
    asked = dataset.get('value_range')
    if any(value in MEASURED for value in (asked.values() if isinstance(asked, Mapping) else [asked])):
        found = (kept_facts(cfg) or _read(dataset)).get('value_range')
        if found:  # else the Runner says why not
            dataset['value_range'] = {key: tuple(value[:2]) for key, value in found.items()}


def kept_facts(cfg: Any) -> Facts:
    """The facts in the checkpoint that a run goes on from or tests; none if there is no such file."""
    path, resume = cfg.get('load_from'), cfg.get('resume')
    if resume == 'auto' or (resume and not path):
        path = newest_checkpoint(cfg.work_dir) or path
    try:
        return facts_in(read_description(local(path)), path) if path else {}
    except CheckpointError:  # said when it is loaded
        return {}


def _fill_range(cfg: Any, training: Mapping[str, Any]) -> None:
    """The value range of the training set for a data set that takes one and has none, as far as it has such images."""
    cls, asked = class_of(cfg, DATASETS), training.get('value_range')
    if cls is None or asked is None or 'value_range' not in parameters(cls)[0] or cfg.get('value_range') is not None:
        return
    if isinstance(asked, Mapping):
        keys = [key for group in getattr(cls, 'groups', ()) for key in group]
        asked = {key: value for key, value in asked.items() if key in keys}
    if asked:
        cfg['value_range'] = asked


def stated(dataset: Any) -> Facts:
    """What the config of a data set, or its class, says without reading it; parts of a joined set count together."""
    cls = class_of(dataset, DATASETS)
    if cls is None:
        return {}
    facts: Facts = {}
    for part in dataset.values():
        facts |= stated(part)
    facts |= {name: list(value) for name, value in named(cls).items() if name not in parameters(cls)[0]}
    facts |= getattr(cls, 'stated', _nothing)(dataset)
    facts |= {name: list(dataset[name]) for name in NAMED if are_names(dataset.get(name))}
    default = parameters(cls)[0].get('channels')
    channels = dataset.get('channels', default.default if default else getattr(cls, 'channels', None))
    if isinstance(channels, int):
        facts['channels'] = {key: channels for group in getattr(cls, 'groups', ()) for key in group
                             if key not in getattr(cls, 'maps', ())}
    elif isinstance(channels, Mapping):
        facts['channels'] = dict(channels)
    return facts


def _nothing(dataset: Any) -> Facts:
    return {}


def class_of(cfg: Any, registry: Registry) -> type | None:
    if not isinstance(cfg, Mapping) or 'type' not in cfg:
        return None
    try:
        cls = find(registry, cfg['type'], registry.name)
    except ConfigError:  # the check says so
        return None
    return cls if isinstance(cls, type) else None


def listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else [value]


def _missing(cfg: Any, registry: Registry) -> set[str]:
    """Names that a part requires, and facts of label maps or one image that it takes, which its config leaves out."""
    cls = class_of(cfg, registry)
    known = parameters(cls)[0] if cls is not None else {}
    required = {name for name in NAMED if name in known and known[name].default is known[name].empty}
    return {name for name in required if not cfg.get(name)} | {name for name in (*OF_MAPS, *OF_IMAGES)
                                                               if name in known and name not in cfg}


def _fill(cfg: Any, registry: Registry, facts: Facts) -> None:
    """Names for a part that takes them and has none."""
    if (cls := class_of(cfg, registry)) is not None:
        known, _ = parameters(cls)
        has_classes = cfg.get('classes') is not None  # and with them what belongs to them
        for name in (*NAMED, *OF_IMAGES, *(('instances',) if has_classes else (*OF_MAPS, *IN_FILES))):
            if name in known and name in facts and cfg.get(name) is None:
                cfg[name] = facts[name]


def _fill_model(model: Any, facts: Facts) -> None:
    cls = class_of(model, METHODS)
    if cls is None:
        return
    known, _ = parameters(cls)
    for name in ('channels', 'value_range', *OF_IMAGES, *OF_MAPS):
        if name in known and name in facts:
            model.setdefault(name, facts[name])
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
    found = [class_of(transform, TRANSFORMS) for transform in pipeline]
    return all(cls is not None and cls.__module__.startswith('toolbox.') for cls in found)


def compare_splits(runner: Any) -> None:
    """Raise :class:`ConfigError` where a validation set, or a network, does not fit the training set."""
    facts = facts_of(runner.train_dataset)
    refuse_other_data(runner, facts, 'train_dataloader.dataset')
    refuse_other_counts(unwrap(runner.model), facts)


def refuse_other_data(runner: Any, facts: Facts, source: str) -> None:
    """Compare the data sets that a run has built with the facts of the data that its model is trained on.

    Args:
        runner: of the run.
        facts: of the training.
        source: named in the message.

    Raises:
        ConfigError: names differ in number or order, value ranges or the shapes of pairs differ; gives both.
    """
    from mmengine.runner import BaseLoop
    loops = {'train': runner._train_loop, 'val': runner._val_loop, 'test': runner._test_loop}
    found = {f'{stage}_dataloader.dataset': facts_of(loop.dataloader.dataset) for stage, loop in loops.items()
             if isinstance(loop, BaseLoop)}
    for compare, cure in ((differences, IT_MATTERS), (range_differences, RANGES_MATTER),
                          (pixel_differences, AS_TRAINED), (other_pairs, CUT_IN_HALF),
                          (other_hold_outs, LEARNT_BY_HEART)):
        if problems := [problem for name, other in found.items() for problem in compare(facts, other, (source, name))]:
            raise ConfigError('\n'.join(f'{problem}.' for problem in problems) + f' {cure}')


def refuse_other_counts(model: Any, facts: Facts) -> None:
    """Raise :class:`ConfigError` where a network is made for another number of classes than the data has."""
    for name in model.network_names():
        for fact in NAMED:
            count, names = getattr(getattr(model, name), fact, None), facts.get(fact)
            if isinstance(count, int) and count and names and count != len(names):
                raise ConfigError(f'model.{name}.{fact}: {count}, but train_dataloader.dataset has {len(names)}: '
                                  f'{names}. Set it to {len(names)}, or name the {fact} to use in the data set.')


def facts_in(checkpoint: Mapping[str, Any], path: str | Path) -> Facts:
    """The facts of the data that a checkpoint was trained on; of one of version 0.1.0, as far as its config tells.

    One that does not say how pixels were read is older than the choice, or converted: they were taken as stored. So is
    one that does not say what its noise is a function of: of a generator for each sample.
    """
    facts = checkpoint.get('facts')
    if facts is None:
        config = checkpoint.get('config')
        model = config.get('model', {}) if isinstance(config, Mapping) else {}
        facts = {name: list(model[name]) for name in NAMED if are_names(model.get(name))}
    if not isinstance(facts, Mapping):
        raise CheckpointError(f"{path}: 'facts' is {type(facts).__name__}, expected a dict.")
    if facts.get('pixels', 'stored') not in PIXELS:
        raise CheckpointError(f"{path}: facts.pixels is {facts['pixels']!r}, expected one of {PIXELS}.")
    if facts.get('noise', 'generators') not in NOISE:
        raise CheckpointError(f"{path}: facts.noise is {facts['noise']!r}, expected one of {tuple(NOISE)}.")
    return {'pixels': 'stored', 'noise': 'generators', **facts}
