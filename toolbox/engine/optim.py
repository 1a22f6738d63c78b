"""One optimiser per phase: which networks it steps, autocast, loss scaling and gradient clipping."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.optim import OptimWrapper, OptimWrapperDict
from torch import Tensor, nn

from ..errors import CheckpointError, ConfigError, did_you_mean
from ..registry import OPTIM_WRAPPERS, OPTIMIZERS, build, check_arguments
from .optim_state import by_rate, fitted
from .precision import AMP_DTYPES, Amp, require_fast
from .sharding import unsharded
from .state import parameter_names, unwrap

CLIPPING: dict[str, Callable[..., Any]] = {'norm': nn.utils.clip_grad_norm_, 'value': nn.utils.clip_grad_value_}


@OPTIM_WRAPPERS.register_module()
class PhaseOptimizer(OptimWrapper):
    """An optimiser with autocast, a loss scaler of its own (fp16) and gradient clipping.

    MMEngine's ``AmpOptimWrapper`` needs an accelerator and writes the gradient norm with a synchronisation into the
    message hub at each step; here the norm stays a tensor.

    Args:
        optimizer: of the networks of one phase.
        clip_grad: ``dict(max_norm=...)`` or ``dict(type='value', clip_value=...)``.
        amp: None, ``'bf16'``, ``'fp16'`` (GPU only), or ``'bf16-slow'``: bf16 even on a processor without instructions
            for it.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, clip_grad: dict[str, Any] | None = None,
                 amp: Amp | None = None) -> None:
        super().__init__(optimizer, clip_grad=dict(clip_grad) if clip_grad else None)
        self.base_param_settings: Any = None  # a pseudo group of MMEngine for logs that this toolbox does not write
        self.device = get_device()
        if amp is not None:
            require_fast(amp, self.device)
        self.amp = amp
        self.scaler = torch.amp.GradScaler(self.device) if amp == 'fp16' else None
        self.grad_norm: Tensor | None = None
        self.skip_nonfinite = False  # do not step with gradients that are not finite; waits for the device
        self.skipped = 0  # steps in a row

    @contextmanager
    def autocast(self) -> Iterator[None]:
        if self.amp is None:
            yield
        else:
            with torch.autocast(self.device, AMP_DTYPES[self.amp]):
                yield

    def backward(self, loss: Tensor, **kwargs: Any) -> None:
        (self.scaler.scale(loss) if self.scaler else loss).backward(**kwargs)

    def step(self, **kwargs: Any) -> None:
        if self.clip_grad_kwargs:
            if self.scaler:
                self.scaler.unscale_(self.optimizer)
            self._clip_grad()
        if self.scaler:
            self.scaler.step(self.optimizer, **kwargs)
            self.scaler.update()
        elif self.skip_nonfinite and not self._gradients_are_finite():
            self.skipped += 1
        else:
            self.optimizer.step(**kwargs)
            self.skipped = 0

    def _gradients_are_finite(self) -> bool:
        gradients = [p.grad for group in self.optimizer.param_groups for p in group['params'] if p.grad is not None]
        return not gradients or bool(torch.stack(torch._foreach_norm(gradients)).isfinite().all())

    def _clip_grad(self) -> None:
        params = [p for group in self.optimizer.param_groups for p in group['params'] if p.grad is not None]
        if params:
            self.grad_norm = unsharded(self.clip_func(params, **(self.clip_grad_kwargs or {})))

    def state_dict(self) -> dict[str, Any]:
        state = dict(type=type(self.optimizer).__name__, optimizer=self.optimizer.state_dict())
        if self.scaler:
            state['scaler'] = self.scaler.state_dict()
        return state

    def load_state_dict(self, state_dict: dict[str, Any], planned: bool = False) -> None:
        """Load moments, and the settings too unless those that it has now are ``planned``."""
        if state_dict['type'] != type(self.optimizer).__name__:
            raise CheckpointError(f"it is of {state_dict['type']}, the config has {type(self.optimizer).__name__}")
        self.optimizer.load_state_dict(fitted(state_dict['optimizer'], self.optimizer, planned))
        if self.scaler and 'scaler' in state_dict:
            self.scaler.load_state_dict(state_dict['scaler'])


def build_optimizers(model: nn.Module, cfg: dict[str, Any]) -> OptimWrapperDict:
    """Optimisers of a method, one per key of ``cfg`` that is not ``amp``.

    Args:
        model: the method, wrapped or not.
        cfg: ``dict(G=dict(nets=('G_AB', 'G_BA'), optimizer=dict(type='Adam', lr=2e-4), lr_mult=dict(G_BA=0.5),
            clip_grad=dict(max_norm=1.0)), D=..., amp='bf16')``. ``lr_mult`` scales the learning rate of
            networks and of their parts (``{'G_BA.0': 0.1}``).
    """
    amp = cfg.get('amp')
    wrappers = {}
    for key, part in cfg.items():
        if key == 'amp':
            continue
        groups = _groups(unwrap(model), part, f'optim_wrapper.{key}')
        optimizer = build(part['optimizer'], OPTIMIZERS, f'optim_wrapper.{key}.optimizer',
                          params=[dict(params=params) for params in groups.values()])
        for group, factor in zip(optimizer.param_groups, groups, strict=True):
            group['lr'] *= factor
        wrappers[key] = PhaseOptimizer(optimizer, part.get('clip_grad'), amp)
    return OptimWrapperDict(**wrappers)


def clipping_problems(clip_grad: Any, where: str) -> list[str]:
    """Messages about arguments that the gradient clipping of a phase cannot take."""
    if not isinstance(clip_grad, Mapping):
        return [f"{where}: expected dict(max_norm=...) or dict(type='value', clip_value=...), found {clip_grad!r}."]
    kind = clip_grad.get('type', 'norm')
    if kind not in CLIPPING:
        return [f'{where}.type: unknown {kind!r}.{did_you_mean(kind, CLIPPING)}']
    return check_arguments(CLIPPING[kind], {k: v for k, v in clip_grad.items() if k != 'type'}, where, ('parameters',))


def _groups(model: Any, part: dict[str, Any], where: str) -> dict[float, list[nn.Parameter]]:
    """Parameters by the factor of their learning rate."""
    networks = {name: getattr(model, name) for name in model.network_names()}
    names = (part['nets'],) if isinstance(part['nets'], str) else tuple(part['nets'])
    for name in names:
        if name not in networks:
            raise ConfigError(f'{where}: {type(model).__name__} has no network {name!r}.{did_you_mean(name, networks)}')
    for path in part.get('lr_mult') or {}:
        model.part(path)
    plain = parameter_names(model)
    return by_rate(part, {name: [(plain[p], p) for p in net.parameters()] for name, net in networks.items()})
