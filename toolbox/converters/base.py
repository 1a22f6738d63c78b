"""Shared by all families of official checkpoints: translating keys, checking them, loading them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import CheckpointError, ConfigError, did_you_mean
from ..files.draft import limited_to
from ..files.fit import check_fit, require_finite

# Leaves with other names: our spectral normalisation is a parametrisation, the official one a hook.
SPECTRAL = {'parametrizations.weight.original': 'weight_orig', 'parametrizations.weight.0.u': 'weight_u',
            'parametrizations.weight.0.v': 'weight_v'}
TRACKED = ('running_mean', 'running_var', 'num_batches_tracked')


@dataclass(frozen=True)
class Recipe:
    """How one official class becomes one of our networks.

    Attributes:
        build: official arguments -> our network.
        modules: official arguments -> {official module path: our module path}, for the modules that hold weights.
        required: official arguments without a default.
        defaults: the others, with the official defaults.
        ignore: (key, arguments) -> whether the network does not need an official key.
        read: official state dict -> one with keys ``module.leaf`` and tensors in torch's layout.
        aliases: names of arguments in other versions of the official code -> those above.
        options: the arguments may be the options of a whole run: those that say nothing about the network are ignored.
        infer: state dict as :attr:`read` gives it -> arguments that it tells, where the official ones do not.
    """

    build: Callable[[dict[str, Any]], nn.Module]
    modules: Callable[[dict[str, Any]], dict[str, str]]
    required: tuple[str, ...]
    defaults: dict[str, Any] = field(default_factory=dict)
    ignore: Callable[[str, dict[str, Any]], bool] = lambda key, args: False
    read: Callable[[dict[str, Tensor]], dict[str, Tensor]] = dict
    aliases: dict[str, str] = field(default_factory=dict)
    options: bool = False
    infer: Callable[[dict[str, Tensor]], dict[str, Any]] = lambda state: {}

    def complete(self, args: dict[str, Any], where: str) -> dict[str, Any]:
        """``args`` with the defaults filled in; raises :class:`CheckpointError` for unknown or missing ones."""
        known = [*self.required, *self.defaults]
        args = {self.aliases.get(name, name): value for name, value in args.items()}
        if self.options:
            args = {name: value for name, value in args.items() if name in known}
        problems = [f'{where}: unknown argument {name!r}.{did_you_mean(name, known)}'
                    for name in args if name not in known]
        problems += [f'{where}: the argument {name!r} is missing.' for name in self.required if name not in args]
        if problems:
            raise CheckpointError('\n'.join(problems))
        return {**self.defaults, **args}


def convert(recipe: Recipe, args: dict[str, Any], state_dict: dict[str, Tensor], where: str) -> nn.Module:
    """Our network with the official weights, in training mode; float64 weights make a float64 network.

    Raises:
        CheckpointError: the arguments or the weights do not fit, or weights are not finite; the message lists the keys.
    """
    official = recipe.read(without_prefix(state_dict, 'module.'))
    args = recipe.complete({**recipe.infer(official), **args}, where)
    given = {key: value for key, value in official.items() if not recipe.ignore(key, args)}
    to_official = {ours: official for official, ours in recipe.modules(args).items()}
    with limited_to(given, where):  # widths come from single weights: the others may ask for any amount
        draft = _build(recipe, args, where).state_dict()
    names = {official_key(key, to_official): key for key in draft}
    # Batch norms saved before torch 0.4.1 have no batch count, and nothing depends on it.
    check_fit({name: draft[key] for name, key in names.items()}, given,
              f'{where}: the weights do not fit the arguments.', 'the weights', optional='num_batches_tracked')
    require_finite(given, given.keys(), where)
    net = _build(recipe, args, where)
    if any(value.dtype == torch.float64 for value in given.values()):
        net.double()
    own = net.state_dict()
    net.load_state_dict({key: given.get(name, own[key]) for name, key in names.items()})
    return net


def _build(recipe: Recipe, args: dict[str, Any], where: str) -> nn.Module:
    try:
        return recipe.build(args)
    except ConfigError as error:
        raise CheckpointError(f'{where}: {error}') from error


def official_key(key: str, to_official: dict[str, str]) -> str:
    """The official name of one of our state dict's keys."""
    module, _, leaf = key.rpartition('.')
    for ours, theirs in SPECTRAL.items():
        if key.endswith(ours):
            module, leaf = key[:-len(ours)].rstrip('.'), theirs
    assert module in to_official, f'the table of modules lacks {module!r}'
    official = to_official[module]
    return f'{official}.{leaf}' if official else leaf


def without_prefix(state_dict: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Drop ``prefix`` (of DataParallel) if every key starts with it, and what torch puts around: that of a compiled
    network, and the count of an ``AveragedModel``."""
    state = {key: value for key, value in state_dict.items() if key != 'n_averaged'}
    while found := [one for one in (prefix, '_orig_mod.') if state and all(key.startswith(one) for key in state)]:
        state = {key.removeprefix(found[0]): value for key, value in state.items()}
    return state
