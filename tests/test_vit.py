"""The vision transformer of DINO and DINOv2: its numbers beside another implementation's, its files, its metrics."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest
import torch
from conftest import ROOT
from torch import Tensor, nn

from toolbox.features.vit import VisionTransformer

# What transformers 5.24.0 says (Dinov2Model, Dinov2WithRegistersModel, ViTModel) with the weights and images by the
# rules below. Where the authors interpolate positions in another way, it was given positions by their formula.
EXPECTED = ROOT / 'tests/data/parity/vit.npz'
CASES: dict[str, tuple[dict[str, Any], tuple[int, int]]] = {
    'dinov2': (dict(layer_scale=True), (24, 24)),
    'dinov2_smaller': (dict(layer_scale=True), (16, 16)),
    'registers': (dict(layer_scale=True, registers=4, offset=0.0, antialias=True), (16, 28)),
    'dino': ({}, (24, 24)),
    'dino_larger': ({}, (32, 32))}


def by_rule(net: nn.Module) -> dict[str, Tensor]:
    """Weights of which none is 0 or 1, from the names and shapes alone."""
    state = {}
    for key, value in net.state_dict().items():
        drawn = np.random.RandomState(zlib.crc32(key.encode())).standard_normal(tuple(value.shape)) * 0.3
        state[key] = torch.from_numpy(drawn + (value.ndim == 1 and not key.endswith('bias'))).float()
    return state


def network(case: str) -> tuple[VisionTransformer, Tensor]:
    """Two blocks of 16 numbers and 4 heads with patches of 4 x 4, and two images."""
    args, size = CASES[case]
    net = VisionTransformer(16, 2, 4, 4, 24, **args)
    net.load_state_dict(by_rule(net))
    images = np.random.RandomState(0).standard_normal((2, 3, *size))
    return net.eval(), torch.from_numpy(images).float()


def shown(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """Some of the tokens, for small files."""
    return {name: value if value.ndim == 2 else value[:, ::5] for name, value in found.items()}


@pytest.mark.parity
@pytest.mark.parametrize('case', CASES)
def test_numbers_are_those_of_another_implementation(case: str) -> None:
    net, images = network(case)
    with torch.no_grad():
        found = shown(net(images, ('cls', 'patches', 'keys1')))
    with np.load(EXPECTED) as expected:
        for name, value in found.items():
            np.testing.assert_allclose(value.numpy(), expected[f'{case}/{name}'], rtol=1e-5, atol=1e-5, err_msg=name)
