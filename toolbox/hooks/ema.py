"""Exponential moving averages of generators."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import torch
from mmengine.hooks import Hook
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ..engine.sharding import local, sharded_like, whole
from ..engine.state import unwrap, without_features
from ..errors import ConfigError, did_you_mean
from ..registry import HOOKS, Fraction, Items, Natural, NetworkName


@HOOKS.register_module()
class EMAHook(Hook):
    """Average the weights of some networks over the iterations, and validate, sample and translate with the average.

    After each iteration ``average = decay * average + (1 - decay) * weights``, running statistics included. The
    training weights are never touched. The averages are in the checkpoint under ``ema``. Weights that a stage of the
    method loads or takes over begin their average anew.

    Args:
        nets: networks to average, e.g. ``('G_AB', 'G_BA')``.
        decay: in [0, 1); 0.999 is usual.
        begin: iterations before the average starts (until then it equals the weights).
    """

    def __init__(self, nets: NetworkName | Annotated[Sequence[NetworkName], Items(1)], decay: Fraction = 0.999,
                 begin: Natural = 0) -> None:
        self.nets, self.decay, self.begin = (nets,) if isinstance(nets, str) else tuple(nets), decay, begin
        self._average = get_ema_multi_avg_fn(decay)
        self.averages: dict[str, dict[str, Tensor]] = {}

    def before_run(self, runner: Any) -> None:
        networks = unwrap(runner.model).network_names()
        others = [name for hook in runner.hooks if isinstance(hook, EMAHook) and hook is not self for name in hook.nets]
        if twice := sorted({*self.nets} & {*others}):
            raise ConfigError(f'EMAHook.nets: {twice[0]!r} is averaged by two hooks, but a checkpoint keeps one '
                              'average. Name it in one of them.')
        for name in self.nets:
            if name not in networks:
                raise ConfigError(f'EMAHook.nets: the method has no network {name!r}.{did_you_mean(name, networks)}')

    def before_train(self, runner: Any) -> None:
        for name in self.nets:
            if name not in self.averages:
                self.averages[name] = {k: v.clone() for k, v in self._live(runner, name).items()}
        # Collected once: optimisers change the tensors of a network in place.
        pairs = [(average[k], live) for name, average in self.averages.items()
                 for k, live in self._live(runner, name).items()]
        self._floating = [[local(pair[i]) for pair in pairs if pair[0].is_floating_point()] for i in (0, 1)]
        self._counters = [pair for pair in pairs if not pair[0].is_floating_point()]
        self._renewals = len(unwrap(runner.model).renewed)

    @torch.no_grad()
    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        averages, weights = self._floating
        if batch_idx >= self.begin:
            self._average(averages, weights, None)
        else:
            torch._foreach_copy_(averages, weights)
        for average, live in self._counters:
            average.copy_(live)
        self._begin_anew(runner)

    def _begin_anew(self, runner: Any) -> None:
        """What a stage of the method put into networks (a coarser scale, another run) begins its average."""
        renewed = unwrap(runner.model).renewed
        for name, key in {entry for changed in renewed[self._renewals:] for entry in changed if entry[0] in self.nets}:
            self.averages[name][key].copy_(self._live(runner, name)[key])
        self._renewals = len(renewed)

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        checkpoint.setdefault('ema', {}).update(whole(self.averages))

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        for name, state in checkpoint.get('ema', {}).items():
            if name in self.nets:
                if name not in self.averages:
                    self.averages[name] = {k: v.clone() for k, v in self._live(runner, name).items()}
                for k, v in without_features(getattr(unwrap(runner.model), name), state).items():
                    average = self.averages[name][k]
                    average.copy_(sharded_like(v, average))

    def before_val_epoch(self, runner: Any) -> None:
        self.swap(runner)

    def after_val_epoch(self, runner: Any, metrics: Any = None) -> None:
        self.swap(runner)

    def before_test_epoch(self, runner: Any) -> None:
        self.swap(runner)

    def after_test_epoch(self, runner: Any, metrics: Any = None) -> None:
        self.swap(runner)

    def evaluation_abandoned(self, runner: Any) -> None:
        self.swap(runner)

    @torch.no_grad()
    def swap(self, runner: Any) -> None:
        """Exchange the weights of the model and their averages."""
        for name, average in self.averages.items():
            for k, live in self._live(runner, name).items():
                kept = live.clone()
                live.copy_(average[k])
                average[k].copy_(kept)

    @staticmethod
    def _live(runner: Any, name: str) -> dict[str, Tensor]:
        net = unwrap(getattr(unwrap(runner.model), name))
        return {k: v for k, v in net.state_dict().items() if isinstance(v, Tensor)}


@contextmanager
def averaged_weights(runner: Any) -> Iterator[None]:
    """Inside, the model has its averaged weights where an :class:`EMAHook` keeps some."""
    hooks = [h for h in runner.hooks if isinstance(h, EMAHook)]
    for hook in hooks:
        hook.swap(runner)
    try:
        yield
    finally:
        for hook in hooks:
            hook.swap(runner)
