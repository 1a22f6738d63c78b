"""A batch is a sample with one more dimension."""

from __future__ import annotations

from typing import Any

import torch

from ..errors import DataError
from ..registry import FUNCTIONS


@FUNCTIONS.register_module()
def stack_samples(samples: list[dict[str, Any]]) -> dict[str, Any]:
    """Stack tensors key by key, ``(C, H, W)`` to ``(N, C, H, W)``; 'meta' becomes a list of dicts.

    Raises:
        DataError: the samples do not have the same keys, sizes or types; names the two files.
    """
    first = samples[0]
    for other in samples[1:]:
        if other.keys() != first.keys():
            raise DataError(f'Samples of one batch have different keys: {sorted(first)} and {sorted(other)}.')
    return {key: [s[key] for s in samples] if key == 'meta' else _stack(key, samples) for key in first}


def _stack(key: str, samples: list[dict[str, Any]]) -> torch.Tensor:
    first = samples[0]
    for other in samples[1:]:
        if other[key].shape != first[key].shape or other[key].dtype != first[key].dtype:
            raise DataError(
                f'Images {key!r} of one batch differ: {_describe(key, first)}, but {_describe(key, other)}. '
                + _advice(first[key], other[key]))
    return torch.stack([s[key] for s in samples])


def _describe(key: str, sample: dict[str, Any]) -> str:
    height, width = sample[key].shape[-2:]
    channels = f'{sample[key].shape[0]} channels, ' if sample[key].ndim == 3 else ''
    meta = sample.get('meta', {})
    name = meta.get(f'{key}_path', f'sample {meta.get("index", "?")}')
    return f'{name!r} is {width}x{height} (width x height), {channels}{str(sample[key].dtype).removeprefix("torch.")}'


def _advice(a: torch.Tensor, b: torch.Tensor) -> str:
    if a.shape[-2:] != b.shape[-2:]:
        return ("Give all images one size: add dict(type='Resize', size=...) and/or dict(type='RandomCrop', size=...) "
                "to the dataset's pipeline, or use batch_size=1.")
    if a.shape != b.shape:
        return "Set the dataset's channels to 1, 3 or 4."
    return '8-bit and 16-bit files cannot be mixed in a batch: convert them, or use batch_size=1.'
