"""The seed of a config decides everything: two trainings are equal bit for bit on the CPU."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from runs import assert_equal, train
from test_distributed import write_config
from tiny import METHOD_CONFIGS, ROOT, some_by_turn, tiny_config

from toolbox.engine import Runner
from toolbox.files.checkpoint import read_checkpoint

EVERYTHING = ('state_dict', 'optimizers', 'schedulers', 'history', 'best', 'ranks')
PATH = 'configs/cyclegan/facades.py'  # crops, flips, an image history


def state_of(folder: Path, images: Path, options: dict[str, Any] | None = None) -> dict[str, Any]:
    train(tiny_config(PATH, folder, images, 4, options))
    return read_checkpoint(folder / 'iter_4.pth')


def assert_same(a: dict[str, Any], b: dict[str, Any]) -> None:
    for key in EVERYTHING:
        assert_equal(a[key], b[key], key)


@pytest.mark.parametrize('method', some_by_turn(METHOD_CONFIGS))
def test_two_trainings_are_equal_whatever_came_before(method: str, trained: Any, images: Path, tmp_path: Path) -> None:
    """One of them is shared by many tests, and made in any of their processes."""
    path = METHOD_CONFIGS[method]
    random.seed(99), np.random.seed(99), torch.manual_seed(99)
    Runner.from_cfg(tiny_config(path, tmp_path, images)).train()
    assert_same(*(read_checkpoint(folder / 'iter_6.pth') for folder in (trained(path), tmp_path)))


def test_the_number_of_workers_changes_nothing(images: Path, tmp_path: Path) -> None:
    none, two = (state_of(tmp_path / str(n), images, {f'{loader}.num_workers': n for loader in (
        'train_dataloader', 'val_dataloader')}) for n in (0, 2))
    assert_same(none, two)


def test_new_processes_with_other_hashes_are_equal(images: Path, tmp_path: Path) -> None:
    checkpoints = []
    for seed in '12':
        cfg = write_config(tiny_config(PATH, tmp_path / seed, images, 4), tmp_path / f'config{seed}.py')
        subprocess.run([sys.executable, str(ROOT / 'tools/train.py'), cfg], check=True, capture_output=True,
                       env={**os.environ, 'PYTHONHASHSEED': seed, 'PYTHONPATH': str(ROOT)})
        checkpoints.append(read_checkpoint(tmp_path / seed / 'iter_4.pth'))
    assert_same(*checkpoints)


def test_another_seed_is_another_training(images: Path, tmp_path: Path) -> None:
    a, b = (state_of(tmp_path / str(seed), images, {'randomness.seed': seed}) for seed in (0, 1))
    assert all(not torch.equal(a['state_dict'][key], b['state_dict'][key])
               for key in a['state_dict'] if key.endswith('weight'))


def test_a_seed_that_was_drawn_is_recorded_and_repeats_the_training(images: Path, tmp_path: Path) -> None:
    drawn = state_of(tmp_path / 'drawn', images, {'randomness.seed': None})
    assert_same(drawn, state_of(tmp_path / 'again', images, {'randomness.seed': drawn['meta']['seed']}))


def test_deterministic_asks_torch_for_it(images: Path, tmp_path: Path) -> None:
    try:
        deterministic = state_of(tmp_path / 'deterministic', images, {'randomness.deterministic': True})
        assert torch.are_deterministic_algorithms_enabled()
        assert os.environ['CUBLAS_WORKSPACE_CONFIG']  # without it cuBLAS refuses
    finally:
        torch.use_deterministic_algorithms(False)
        torch.backends.cudnn.deterministic = False
    assert_same(deterministic, state_of(tmp_path / 'usual', images))
