"""Every registered norm, backbone, discriminator and loss: builds small, learns, and survives its state dict.

New parts are covered as soon as they register. One that needs more than images says so in ``ARGS`` or ``INPUTS``.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from mmengine.registry import Registry
from torch import Tensor, nn

from toolbox.registry import BACKBONES, DISCRIMINATORS, LOSSES, NORMS, build, known_names, parameters

# Values of the arguments that set the size of a network, for every part that has them.
SMALL = {'base_channels': 4, 'blocks': 1, 'downs': 2, 'layers': 2, 'hidden': 4, 'channels': 4,
         'image_size': 16, 'max_channels': 8, 'growth': 4, 'style': 8, 'latent': 4}
ARGS: dict[str, dict[str, Any]] = {
    'SPADE': {'cond_channels': 2}, 'Concat': {'cond_channels': 2}, 'SPADEGenerator': {'upsamplings': 4},
    'PGGANDiscriminator': {'layers': 1, 'global_layers': 1, 'grid': 2},
    'PerceptualLoss': {'layers': {'relu1_1': 1.0, 'relu2_1': 0.5}, 'features': {'type': 'VGG19', 'weights': 'random'}},
    **{name: {'z_dim': 8, 'size': 16, 'classes': 3} for name in ('MLPGenerator', 'DCGANGenerator',
                                                                 'ResnetGANGenerator')},
    **{name: {'in_channels': 3, 'size': 16} for name in ('MLPEncoder', 'ConvEncoder', 'DeepResnetCritic')},
    'CouplingFlow': {'z_dim': 8},
    'MLPDiscriminator': {'in_channels': 3, 'size': 16, 'classes': 3, 'branches': (6, 2)},
    'MultiscaleLogits': {'scales': 2},  # norms need more than one pixel
    'DCGANDiscriminator': {'size': 16, 'classes': 3, 'condition': 'projection'},
    'SRGANDiscriminator': {'size': 16, 'levels': 2},
    'ContentDiscriminator': {'in_channels': 3, 'size': 16, 'kernel': 3},
    'SinGANGenerator': {'scales': 1}, 'SinGANDiscriminator': {'scales': 1},
    **{name: {'size': 16} for name in ('StarGANDiscriminator', 'StarGANv2Generator', 'StyleEncoder', 'SPADEEncoder',
                                       'StarGANv2Discriminator')}}
Inputs = tuple[Any, ...] | list[tuple[Any, ...]]  # of one call, or of several where no single one uses all of a part
INPUTS: dict[str, Callable[[], Inputs]] = {
    'AdaIN': lambda: (image(4), torch.rand(2, 8)),
    'AdaLIN': lambda: (image(4), torch.rand(2, 8)),
    **dict.fromkeys(('SPADE', 'Concat'), lambda: (image(4), torch.rand(2, 2, 8, 8))),
    'SPADEGenerator': lambda: (torch.randn(2, 3, 32, 32, requires_grad=True),),  # norms need more than one pixel
    'AdversarialLoss': lambda: (image(1), True),
    'RelativisticLoss': lambda: (image(1), True, False, torch.randn(2, 1, 16, 16)),
    **dict.fromkeys(('MLPGenerator', 'DCGANGenerator', 'ResnetGANGenerator'),
                    lambda: (torch.randn(2, 8, requires_grad=True), torch.tensor([0, 2]))),
    **dict.fromkeys(('MLPDiscriminator', 'DCGANDiscriminator'), lambda: (image(3), torch.tensor([0, 2]))),
    'CouplingFlow': lambda: [(torch.randn(2, 8, requires_grad=True), to_code) for to_code in (False, True)],
    'SinGANGenerator': lambda: (image(3), torch.zeros(2, 3, 12, 12)),
    'StarGANGenerator': lambda: (image(3), torch.eye(5)[:2]),
    'UNITDecoder': lambda: (image(16),),
    'MUNITDecoder': lambda: (image(16), torch.randn(2, 8)),
    'StarGANv2Generator': lambda: (image(3), torch.randn(2, 8)),
    'InstanceEncoder': lambda: (image(3), torch.arange(2).repeat_interleave(8).expand(2, 16, 16)),
    'MappingNetwork': lambda: (torch.randn(2, 4, requires_grad=True), torch.tensor([0, 1])),
    **dict.fromkeys(('StyleEncoder', 'StarGANv2Discriminator'), lambda: (image(3), torch.tensor([0, 1]))),
    **dict.fromkeys(('DRITContentEncoder', 'DRITAttributeEncoder', 'DRITConcatAttributeEncoder'),
                    lambda: [(image(3), domain) for domain in 'AB']),
    **dict.fromkeys(('DRITGenerator', 'DRITConcatGenerator'),
                    lambda: [(image(16), torch.randn(2, 8), domain) for domain in 'AB']),
}
DEFAULT_INPUTS: dict[str, Callable[[], Inputs]] = {
    'norm': lambda: (image(4),), 'backbone': lambda: (image(3),), 'discriminator': lambda: (image(3),),
    'loss': lambda: (image(3), torch.rand(2, 3, 16, 16))}
PARTS = [pytest.param(registry, name, id=f'{registry.name}-{name}')
         for registry in (NORMS, BACKBONES, DISCRIMINATORS, LOSSES) for name in known_names(registry)
         if registry.get(name).__module__.startswith('toolbox.')]


def image(channels: int) -> Tensor:
    return torch.randn(2, channels, 16, 16, requires_grad=True)


def small(registry: Registry, name: str) -> nn.Module:
    accepted, _ = parameters(registry.get(name))
    sizes = {key: value for key, value in SMALL.items() if key in accepted}
    torch.manual_seed(0)
    return build({'type': name, **sizes, **ARGS.get(name, {})}, registry)


def inputs_of(registry: Registry, name: str) -> list[tuple[Any, ...]]:
    """Of each call."""
    torch.manual_seed(1)
    inputs = INPUTS.get(name, DEFAULT_INPUTS[registry.name])()
    return inputs if isinstance(inputs, list) else [inputs]


def called(part: nn.Module, inputs: list[tuple[Any, ...]]) -> list[Tensor]:
    return tensors([part(*call) for call in inputs])


def tensors(out: Any) -> list[Tensor]:
    """The tensors of nested lists, tuples and dicts."""
    if isinstance(out, Tensor):
        return [out]
    return [t for part in (out.values() if isinstance(out, dict) else out) for t in tensors(part)]


def shaken(module: nn.Module) -> nn.Module:
    """Away from initial values at which gradients vanish, e.g. a mixing weight of exactly 0 or 1."""
    with torch.no_grad():
        for p in module.parameters():
            p.add_(0.1 * torch.rand_like(p))
    return module


@pytest.mark.parametrize(('registry', 'name'), PARTS)
def test_forward_and_backward(registry: Registry, name: str) -> None:
    part, inputs = shaken(small(registry, name)), inputs_of(registry, name)
    outs = called(part, inputs)
    assert outs and all(torch.isfinite(out).all() for out in outs)
    if registry is LOSSES:
        assert [out.shape for out in outs] == [()]
    if not any(out.requires_grad for out in outs):
        assert not any(p.requires_grad for p in part.parameters()), 'without a gradient, although it could be trained'
        return
    sum(out.square().sum() * (i + 1) for i, out in enumerate(outs)).backward()
    assert all(torch.isfinite(call[0].grad).all() and call[0].grad.abs().sum() > 0 for call in inputs)
    for key, p in part.named_parameters():
        assert p.grad is not None and torch.isfinite(p.grad).all(), key


@pytest.mark.parametrize(('registry', 'name'), PARTS)
def test_state_dict_and_copy(registry: Registry, name: str) -> None:
    part, fresh, inputs = shaken(small(registry, name)), small(registry, name), inputs_of(registry, name)
    called(part, inputs)
    file = io.BytesIO()
    torch.save(part.state_dict(), file)
    file.seek(0)
    fresh.load_state_dict(torch.load(file, weights_only=True), strict=True)
    expected = called(part.eval(), inputs)
    for twin in (fresh.eval(), copy.deepcopy(part)):
        torch.testing.assert_close(called(twin, inputs), expected)


@pytest.mark.parametrize(('registry', 'name'), [p for p in PARTS if p.values[0] in (BACKBONES, DISCRIMINATORS)])
@pytest.mark.parametrize('norm', ['IN', 'BN', 'SyncBN', 'LN', 'ILN', 'none'])
def test_networks_take_any_unconditional_norm(registry: Registry, name: str, norm: str) -> None:
    if 'norm' not in parameters(registry.get(name))[0]:
        trained = [key for key, p in small(registry, name).named_parameters() if p.requires_grad]
        assert not any('norm' in key for key in trained), 'a norm that no config can change'
        return
    sizes = {key: value for key, value in SMALL.items() if key in parameters(registry.get(name))[0]}
    net = build({'type': name, **sizes, **ARGS.get(name, {}), 'norm': {'type': norm}}, registry)
    assert all(torch.isfinite(out).all() for out in called(net, inputs_of(registry, name)))


def test_every_part_is_documented() -> None:
    undocumented = [p.id for p in PARTS if not (p.values[0].get(p.values[1]).__doc__ or '').strip()]
    assert undocumented == []
