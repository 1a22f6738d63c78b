"""Every weight of a loss acts on its own terms alone: doubled, it doubles them and leaves the others as they are.

The weights are read from the constructors, and all have values of their own: with equal ones (as in the papers) a term
may have its neighbour's weight without any test of numbers noticing.
"""

from __future__ import annotations

import fnmatch
import functools
import inspect
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.optim import OptimWrapperDict
from test_contract import METHOD_NAMES
from test_figures import FIGURES, read
from test_registry_parts import shaken
from tiny import METHOD_CONFIGS, config_file, tiny_config
from torch import Tensor

from toolbox.engine.optim import PhaseOptimizer
from toolbox.methods.base import Method
from toolbox.registry import LOSSES, METHODS, build, find

# What no constructor tells: a weight that is not called w_<term>, and terms of another name than their weight's.
OTHER_WEIGHTS = {'VAE': {'beta': ('kl',)}}
OTHER_TERMS = {**{(name, 'w_adv'): ('D/', 'G/adv') for name in ('UGATIT', 'UNIT', 'MUNIT')},
               ('UGATIT', 'w_cam'): ('G/cam',), ('UNIT', 'w_kl'): ('G/kl_A', 'G/kl_B'),
               ('MUNIT', 'reconstruction.weight'): ('rec', 'style', 'content', 'cycle')}
PARTS = {'penalty_weight': ('penalty',), 'weight': ('cycle', 'identity', 'rec', 'style', 'diversity')}
# A configuration per method; that of WGAN has the gradient penalty.
CONFIGS = {**METHOD_CONFIGS, 'WGAN': 'configs/wgan_gp/synthetic.py'}
INHERITED = {'Colorization': 'Pix2Pix'}
UNWEIGHTED = {'GAN', *INHERITED}  # the latter's are those of the other method, and tried there
ITERS, IMAGES = 2, 2


def weights_of(name: str) -> dict[str, tuple[str, ...]]:
    """Weight, by its place in ``model``, -> how the names of its terms begin."""
    parameters = inspect.signature(find(METHODS, name, '').__init__).parameters
    found = {key: OTHER_TERMS.get((name, key), (key.removeprefix('w_'),)) for key in parameters if key.startswith('w_')}
    found |= OTHER_WEIGHTS.get(name, {})
    for part in sorted({'adversarial', 'reconstruction'} & parameters.keys()):
        loss = build(part_of(config_file(CONFIGS[name]).model, name, part), LOSSES)
        for key in PARTS.keys() & inspect.signature(type(loss).__init__).parameters:
            if key == 'weight' or loss.has_penalty:
                found[f'{part}.{key}'] = OTHER_TERMS.get((name, f'{part}.{key}'), PARTS[key])
    return found


def part_of(model: dict[str, Any], name: str, part: str) -> dict[str, Any]:
    """The config of a loss, or the default of the method."""
    return model.get(part, inspect.signature(find(METHODS, name, '').__init__).parameters[part].default)


def begins(term: str, starts: tuple[str, ...]) -> bool:
    """Whether the name of a term begins so, with or without its phase."""
    return term.startswith(starts) or term.partition('/')[2].startswith(starts)


@functools.cache
def tiny_model(name: str, images: Path) -> dict[str, Any]:
    return tiny_config(CONFIGS[name], Path('nowhere'), images).model


WEIGHTS = {name: weights_of(name) for name in METHOD_NAMES}
CASES = [(name, key) for name, weights in WEIGHTS.items() for key in weights]


def terms_of(name: str, images: Path, doubled: str = '') -> dict[str, Tensor]:
    """The terms of a few iterations that change no network, with unequal weights, one of them doubled."""
    model = dict(tiny_model(name, images))
    for i, key in enumerate(WEIGHTS[name]):
        part, _, leaf = key.rpartition('.')
        value = (1.3 + 0.7 * i) * (2 if key == doubled else 1)
        if part:
            model[part] = {**part_of(model, name, part), leaf: value}
        else:
            model[leaf] = value
    torch.manual_seed(0)
    random.seed(0)
    method: Method = build(model, METHODS, 'model')
    method.init_weights()
    shaken(method)  # networks of a few channels are dead at times
    resting = OptimWrapperDict(**{phase.optimizer: PhaseOptimizer(torch.optim.SGD(
        [p for net in phase.trains for p in getattr(method, net).parameters()], lr=0.0)) for phase in method.schedule})
    generator = torch.Generator().manual_seed(1)
    logs: dict[str, Tensor] = {}
    for iteration in range(ITERS):
        method.iteration = iteration
        data = {port.name: port.example(IMAGES, (32, 32), generator) for port in method.needs}
        logs |= method.train().train_step({**data, 'meta': [{'seed': i} for i in range(IMAGES)]}, resting)
    return logs


@pytest.fixture(scope='module')
def usual(images: Path) -> Any:
    """``usual(method)``: the terms with nothing doubled."""
    found: dict[str, dict[str, Tensor]] = {}
    return lambda name: found.setdefault(name, terms_of(name, images))


def test_every_method_with_weights_is_tried() -> None:
    assert {name for name in METHOD_NAMES if not WEIGHTS[name]} == UNWEIGHTED
    assert len(CASES) >= 25


@pytest.mark.parametrize(('name', 'weight'), CASES)
def test_a_weight_scales_its_own_terms_and_no_other(
        name: str, weight: str, usual: Any, images: Path) -> None:
    before, after = usual(name), terms_of(name, images, weight)
    assert before.keys() == after.keys() and all(before.values()), f'a term of 0 tells nothing: {before}'
    own = {key for key in before if begins(key, WEIGHTS[name][weight])}
    doubled = {key for key in before if torch.equal(2 * before[key], after[key])}
    unchanged = {key for key in before if torch.equal(before[key], after[key])}
    assert own and doubled == own, f'doubling {weight} doubled {sorted(doubled)}; its own are {sorted(own)}'
    assert unchanged == before.keys() - own, f'doubling {weight} changed {sorted(before.keys() - unchanged - own)}'


@pytest.mark.parametrize('figure', FIGURES)
def test_figures_name_terms_of_the_log_with_their_weights(figure: str, usual: Any) -> None:
    name, parts, _, _ = read(FIGURES[figure])
    name = INHERITED.get(name, name)
    arguments, terms = inspect.signature(find(METHODS, name, '').__init__).parameters, usual(name)
    for part in (part for part in parts.values() if part.kind == 'loss'):
        words = [word.strip(':-') for line in part.text for word in line.split()]
        said = [fnmatch.filter(terms, word) for word in words if '/' in word]
        assert said and all(said), part
        for word in (word for word in words if '/' not in word):
            if starts := WEIGHTS[name].get(word):
                assert any(begins(key, starts) for keys in said for key in keys), (word, part)
            else:
                assert word in arguments or word in parts, (word, part)
