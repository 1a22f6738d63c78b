"""What must hold for every config in configs/, also for those that are added later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from runs import EXACT, assert_equal, train
from test_distributed import largest_difference, torchrun, write_config
from tiny import CONFIGS, ROOT, config_file, default_and_slow, distinct_configs, tiny_config

from toolbox.engine import Runner
from toolbox.files.checkpoint import read_checkpoint

ITERS = 4
QUIET = {'default_hooks.samples': None, 'default_hooks.checkpoint.interval': ITERS, 'train_cfg.val_interval': ITERS}
# What each process has for itself, by design (docs/distributed.md): which entries of a model they are, and the option
# that makes a comparison possible.
OWN = {
    'BatchNorm': lambda where, value: ('sync_bn', 'torch') if value == dict(type='BN') else None,
    'dropout': lambda where, value: (where, 0.0) if where.endswith('dropout') and type(value) is float and value
    else None,
    'masks of DiceLoss': lambda where, value: (where, dict(type='L2Loss', _delete_=True))
    if isinstance(value, Mapping) and value.get('type') == 'DiceLoss' else None,
    'image history': lambda where, value: (where, 50) if where.endswith('.pool_size') and value else None,  # never full
}


@pytest.mark.fault
@pytest.mark.parametrize('path', default_and_slow(distinct_configs()))
def test_resumed_training_equals_undisturbed_training(path, trained, images, tmp_path):
    """The one that is stopped has a worker, which has prepared more batches than were used, and draws no samples."""
    options = {'train_dataloader.num_workers': 1, 'default_hooks.samples': None}
    train(tiny_config(path, tmp_path, images, 6, options), stop=3)
    assert (tmp_path / 'last_checkpoint').read_text() == 'iter_3.pth'
    train(tiny_config(path, tmp_path, images, 6, options), resume=True)
    whole, halves = (read_checkpoint(folder / 'iter_6.pth') for folder in (trained(path), tmp_path))
    # Sets without ground truth have no metric: nothing is validated there, and nothing must appear.
    assert [row['iter'] for row in whole['history']] == ([2, 4, 6] if whole['config'].get('val_evaluator') else [])
    for key in EXACT:
        assert_equal(whole.get(key), halves.get(key), key)


def own_parts(path: str) -> dict[str, dict[str, Any]]:
    """Reason -> options, for all that a config's model has of ``OWN``."""
    found: dict[str, dict[str, Any]] = {}
    pairs = [('model', config_file(path).model.to_dict())]
    for where, value in pairs:
        for reason, rule in OWN.items():
            if option := rule(where, value):
                found.setdefault(reason, {}).update([option])
        if isinstance(value, Mapping):
            pairs += [(f'{where}.{key}', child) for key, child in value.items()]
    return found


def comparable(path: str) -> dict[str, Any]:
    """Options with which no process has anything of its own."""
    return {key: value for options in own_parts(path).values() for key, value in options.items()}


def steady(path: str) -> dict[str, Any]:
    """Adam with a larger epsilon: of the rounding noise in biases that a norm takes out again it makes small steps, so
    that the running means of these norms do not follow it."""
    optimizers = config_file(path).optim_wrapper
    return {f'optim_wrapper.{name}.optimizer.eps': 1e-6 for name, part in optimizers.items()
            if isinstance(part, Mapping) and 'Adam' in str(part.get('optimizer', {}).get('type'))}


@pytest.fixture
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def biases_without_gradient(method: torch.nn.Module) -> set[str]:
    """Biases that a norm takes out again: their gradient is 0 but for rounding, of which Adam makes whole steps."""
    noise = {name for name, p in method.named_parameters()
             if name.endswith('bias') and p.grad is not None and 0 < p.grad.abs().max() < 1e-12}
    assert len(noise) < len([*method.parameters()]) / 2
    return noise


@pytest.mark.dist
@pytest.mark.parametrize('path', default_and_slow(distinct_configs()))
def test_two_processes_equal_one_with_the_joined_batch(path, float64, images, tmp_path):
    """In float64: in float32 Adam makes whole steps of rounding noise where a gradient is zero."""
    options = {**comparable(path), **steady(path)}
    cfg = tiny_config(path, tmp_path / 'two', images, ITERS, {**QUIET, **options})
    torchrun('tests/joined_driver.py', write_config(cfg, tmp_path / 'two.py'))
    size = 2 * cfg.train_dataloader.batch_size
    runner = Runner.from_cfg(tiny_config(path, tmp_path, images, ITERS,
                                         {**QUIET, **options, 'train_dataloader.batch_size': size}))
    runner.train()
    noise = biases_without_gradient(runner.model)
    one = read_checkpoint(tmp_path / f'iter_{ITERS}.pth')
    two = read_checkpoint(tmp_path / 'two' / f'iter_{ITERS}.pth')
    assert len(two['ranks']) == 2
    assert one['meta']['samples'] == two['meta']['samples'] == ITERS * size
    assert next(iter(one['state_dict'].values())).dtype == torch.float64
    compared = [{k: v for k, v in c['state_dict'].items() if k not in noise} for c in (one, two)]
    assert largest_difference(*compared) <= 1e-9


def test_the_page_says_for_each_config_what_each_process_has_for_itself():
    page = (ROOT / 'docs/distributed.md').read_text()
    for folder in {Path(path).parent for path in CONFIGS}:
        reasons = sorted({reason for path in CONFIGS if Path(path).parent == folder for reason in own_parts(path)})
        assert f"\n| {folder.name} | {', '.join(reasons) or 'nothing'} |\n" in page, folder
