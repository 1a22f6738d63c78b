"""Networks of NVlabs/SPADE."""

from __future__ import annotations

import re
from typing import Any, Literal

from ..errors import CheckpointError
from ..norms import SPADE
from .base import Recipe

BASES: dict[str, Literal['SyncBN', 'BN', 'IN']] = {'syncbatch': 'SyncBN', 'batch': 'BN', 'instance': 'IN'}


def _layer(args: dict[str, Any]) -> SPADE:
    match = re.fullmatch(r'spade(syncbatch|batch|instance)(\d+)x(\d+)', args['config_text'])
    if match is None or match[2] != match[3]:
        raise CheckpointError(f"config_text: expected spade{{{'|'.join(BASES)}}}{{k}}x{{k}}, found"
                              f" {args['config_text']!r}.")
    return SPADE(args['norm_nc'], args['label_nc'], BASES[match[1]], hidden=128, kernel_size=int(match[2]))


def _layer_modules(args: dict[str, Any]) -> dict[str, str]:
    return {'param_free_norm': 'base', 'mlp_shared.0': 'shared', 'mlp_gamma': 'gamma', 'mlp_beta': 'beta'}


def _is_instance_statistic(key: str, args: dict[str, Any]) -> bool:
    return 'instance' in args['config_text'] and key.startswith('param_free_norm.')


RECIPES = {'SPADE': Recipe(_layer, _layer_modules, ('config_text', 'norm_nc', 'label_nc'),
                           ignore=_is_instance_statistic)}
