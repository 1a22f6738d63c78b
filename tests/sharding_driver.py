"""Train (or test) the configs given as arguments one after the other, in the processes of one torchrun, in float64.

``work_dir/facts.json`` says what the first process held meanwhile, and the scores of a test.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from torch.distributed.tensor import DTensor

from toolbox.cli import leave_process_group
from toolbox.engine import Runner
from toolbox.engine.sharding import local


class Watch(Hook):
    """The share of parameters, gradients and optimiser states that this process holds, and the largest number of
    parameters of a generator that were gathered while one of its modules was at work in training."""

    def __init__(self) -> None:
        self.held, self.gathered = 0.0, 0

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if batch_idx == 0:
            for module in (net := runner.model.get_submodule('G_AB')).modules():
                module.register_forward_hook(lambda *_: self.look(net))

    def look(self, net):
        if torch.is_grad_enabled():  # an evaluation gathers everything
            self.gathered = max(self.gathered, sum(p.numel() for p in net.parameters() if not isinstance(p, DTensor)))

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        tensors = []
        for _, wrapper in runner.optim_wrapper.items():
            for p, state in wrapper.optimizer.state.items():
                tensors += [p, *([] if p.grad is None else [p.grad]), *(v for v in state.values() if v.ndim)]
        self.held = sum(local(t).numel() for t in tensors) / sum(t.numel() for t in tensors)


class Spoil(Hook):
    """One loss of one process is not finite, once."""

    priority = 'VERY_HIGH'
    done = False

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if batch_idx == 2 and get_rank() == 1 and not self.done:
            self.done = True
            outputs['G/adv_A'] = outputs['G/adv_A'] * float('nan')


torch.set_default_dtype(torch.float64)
for path in sys.argv[1:]:
    cfg = Config.fromfile(path)
    cfg.launcher = 'pytorch'
    runner = Runner.from_cfg(cfg)
    watch = Watch()
    if Path(path).stem.startswith('watched'):
        runner.register_hook(watch)
    if Path(path).stem.startswith('spoilt'):
        runner.register_hook(Spoil(), priority=Spoil.priority)
    scores = runner.test() if Path(path).stem.startswith('test') else runner.train() and {}
    if get_rank() == 0:
        Path(cfg.work_dir, 'facts.json').write_text(json.dumps(dict(held=watch.held, gathered=watch.gathered,
                                                                    **scores)))
leave_process_group()
