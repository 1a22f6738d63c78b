"""Trainings of tests that are stopped, resumed and compared."""

import random

import numpy as np
import torch
from mmengine.hooks import Hook

from toolbox.engine import Runner

EXACT = ('state_dict', 'optimizers', 'schedulers', 'ranks', 'history', 'best', 'ema')


class StopAt(Hook):
    def __init__(self, iteration):
        self.iteration = iteration

    def after_iteration(self, runner):
        runner.train_loop.stop_training = runner.iter == self.iteration


def train(cfg, stop=None, resume=False):
    random.seed(1234 + resume)  # whatever the process did before must not matter
    np.random.seed(4321 + resume)
    torch.manual_seed(999 + resume)
    if resume:
        cfg.resume = True
    runner = Runner.from_cfg(cfg)
    if stop:
        runner.register_hook(StopAt(stop), priority='HIGHEST')
    runner.train()
    return runner


def assert_equal(a, b, where=''):
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b), f'{where}: differs by {(a.double() - b.double()).abs().max()}'
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            assert_equal(a[key], b[key], f'{where}.{key}')
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), where
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_equal(x, y, f'{where}.{i}')
    else:
        assert a == b, f'{where}: {a} != {b}'
