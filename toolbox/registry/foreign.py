"""What the arguments of torch's and MMEngine's parts may be: their own annotations name types, and seldom bounds."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

from .bounds import AtLeast, Count, Fraction, Natural, NonNegative, Path, Positive, Probability, ResultName, Seed

Pair = tuple[NonNegative, NonNegative]
OPTIMIZERS = {
    **dict.fromkeys(('lr', 'weight_decay', 'momentum', 'dampening', 'lr_decay', 'initial_accumulator_value', 'lambd',
                     'momentum_decay'), NonNegative),
    **dict.fromkeys(('amsgrad', 'maximize', 'nesterov', 'centered', 'capturable', 'differentiable',
                     'decoupled_weight_decay'), bool),
    **dict.fromkeys(('fused', 'foreach'), bool | None),
    'betas': tuple[Fraction, Fraction], 'eps': NonNegative | tuple[NonNegative | None, NonNegative],
    'alpha': Fraction, 'rho': Fraction, 't0': NonNegative, 'd': Positive, 'beta2_decay': float, 'etas': Pair,
    'step_sizes': Pair}
SCHEDULES = {
    **dict.fromkeys(('begin', 'cooldown', 'patience'), Natural),
    **dict.fromkeys(('end', 'step_size', 'T_max', 'total_steps', 'epoch_length'), Count),
    **dict.fromkeys(('by_epoch', 'verbose', 'convert_to_iter_based', 'three_phase'), bool),
    **dict.fromkeys(('gamma', 'power', 'factor', 'pct_start', 'div_factor', 'final_div_factor'), Positive),
    **dict.fromkeys(('start_factor', 'end_factor', 'eta_min_ratio', 'threshold', 'eps', 'start_ratio'), NonNegative),
    **dict.fromkeys(('eta_min', 'min_value'), float | Sequence[float] | None), 'eta_max': Positive,
    'milestones': Sequence[Natural], 'periods': Sequence[Count], 'restart_weights': Sequence[NonNegative],
    'last_step': Literal[-1],  # a resumed run goes on where its checkpoint says
    'monitor': ResultName, 'rule': Literal['less', 'greater'], 'threshold_rule': Literal['rel', 'abs']}
CLIPPING = {'max_norm': Positive, 'norm_type': Annotated[float, AtLeast(1)] | Literal['inf', float('inf')],
            'clip_value': Positive, 'error_if_nonfinite': bool, 'foreach': bool | None}
SAMPLERS = {'shuffle': bool, 'seed': Seed | None, 'round_up': bool}
LAYERS = {'eps': Positive, 'momentum': Probability | None, **dict.fromkeys(('affine', 'track_running_stats'), bool)}
LOGGERS = {'save_dir': Path | None, **dict.fromkeys(('img_save_dir', 'config_save_file', 'scalar_save_file'), Path),
           'name': str, 'image': type(None),
           **dict.fromkeys(('init_kwargs', 'fig_save_cfg', 'fig_show_cfg'), dict | None)}
# By the module that defines a constructor; what is derived from it elsewhere has annotations of its own.
TABLES: Mapping[str, Mapping[str, Any]] = {
    'torch.optim': OPTIMIZERS, 'torch.nn.utils': CLIPPING, 'torch.nn.modules': LAYERS,
    'mmengine.optim.optimizer': OPTIMIZERS, 'mmengine.optim.scheduler': SCHEDULES,
    'mmengine.dataset.sampler': SAMPLERS, 'mmengine.visualization': LOGGERS}


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Hints for the arguments of a function or constructor of a foreign package, as far as there is a table for it."""
    module = f'{getattr(function, "__module__", "")}.'
    table = next((table for package, table in TABLES.items() if module.startswith(f'{package}.')), {})
    return {name: table[name] for name in inspect.signature(function).parameters if name in table} if table else {}
