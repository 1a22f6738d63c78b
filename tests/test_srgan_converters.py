"""Files of ESRGAN, Real-ESRGAN and the known SRGANs: equal numbers, whole files, readable errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sampled import assert_close, assert_outputs
from test_converters import official_state
from torch import Tensor, nn

from toolbox import Translator
from toolbox.converters import FAMILIES, convert_checkpoint, from_official
from toolbox.errors import CheckpointError
from toolbox.layers.intervals import converted
from toolbox.use.load import load_method

RRDB = {'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 4, 'num_block': 2, 'num_grow_ch': 2}
SMALL: dict[tuple[str, str], dict[str, Any]] = {
    ('esrgan', 'RRDBNet'): RRDB, ('srgan', 'GeneratorResNet'): {'n_residual_blocks': 1},
    ('srgan', 'SRResNet'): {'channels': 4, 'num_rcb': 2, 'upscale_factor': 3}}


def as_network(data: dict[str, Any]) -> dict[str, Any]:
    """The fixture of PyTorch-GAN in the form of the others: it was evaluated behind one pass of training."""
    if 'G_half' not in data:
        return data
    state = {key: value.float() if value.is_floating_point() else value for key, value in data['G_half'].items()}
    after = data['running_after']
    another = {key: 1.9 * value - 0.9 * state[key] for key, value in after.items()}  # of the same images
    state |= after
    return {'name': 'srgan_pytorchgan_G', 'cls': 'GeneratorResNet', 'args': {'n_residual_blocks': 2},
            'state_dict': state, 'inputs': {'x': data['x']}, 'outputs': {'train': data['y_train'],
                                                                         'eval': data['y_eval']},
            'state_after_train_forward': another}


@pytest.mark.parity
@pytest.mark.parametrize(('name', 'family'), [('es_rrdb', 'esrgan'), ('srgan_pytorchgan_G', 'srgan')])
def test_networks_of_the_authors(parity: Callable, name: str, family: str) -> None:
    data = as_network(parity(name))
    net = from_official(family, data['cls'], data['args'], data['state_dict'])
    assert net.training
    for mode, expected in sorted(data['outputs'].items()):
        with torch.no_grad():
            assert_outputs(net.train(mode == 'train')(data['inputs']['x']), expected, 1e-4)
    recipe = FAMILIES[family][data['cls']]
    state = official_state(net, recipe, recipe.complete(data['args'], name))
    for key, value in data.get('state_after_train_forward', {}).items():
        assert_close(state[key], value, atol=1e-5, rtol=1e-5)


def official(family: str, cls: str, **more: Any) -> dict[str, Tensor]:
    """Random weights of a small official network."""
    recipe = FAMILIES[family][cls]
    args = recipe.complete({**SMALL[family, cls], **more}, cls)
    torch.manual_seed(0)
    net = recipe.build(args)
    for p in net.parameters():
        nn.init.normal_(p, 0.0, 0.1)
    return official_state(net, recipe, args)


def first_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Of RRDB_ESRGAN_x4_old_arch.pth, by the authors' own table; there are two blocks here."""
    table = {'conv_first': 'model.0', 'conv_body': 'model.1.sub.2', 'conv_up1': 'model.3', 'conv_up2': 'model.6',
             'conv_hr': 'model.8', 'conv_last': 'model.10'}

    def named(key: str) -> str:
        module, _, leaf = key.rpartition('.')
        if module in table:
            return f'{table[module]}.{leaf}'
        return module.replace('body', 'model.1.sub').replace('rdb', 'RDB') + f'.0.{leaf}'
    return {named(key): value for key, value in state.items()}


def second_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    pairs = {'conv_body': 'trunk_conv', 'body': 'RRDB_trunk', 'rdb': 'RDB', 'conv_up': 'upconv', 'conv_hr': 'HRconv'}

    def named(key: str) -> str:
        for newest, older in pairs.items():
            key = key.replace(newest, older)
        return key
    return {named(key): value for key, value in state.items()}


def asked(path: Path, x: Tensor) -> Tensor:
    """The picture that a checkpoint makes of images in [-1, 1]."""
    model, directions = load_method(path)
    assert directions == ('upscale',)
    return model.translate(x, 'upscale')


@pytest.mark.parametrize('names', [first_names, second_names, lambda state: state,
                                   lambda state: {f'module.{key}': value for key, value in state.items()}],
                         ids=['first', 'second', 'third', 'parallel'])
@pytest.mark.parametrize('kind', ['plain', 'params_ema'])
def test_files_of_esrgan_with_all_their_names(names: Callable, kind: str, tmp_path: Path) -> None:
    state = names(official('esrgan', 'RRDBNet'))
    torch.save(state if kind == 'plain' else {'params_ema': state, 'params': {}}, tmp_path / 'RRDB.pth')
    path = convert_checkpoint('esrgan', tmp_path / 'RRDB.pth', tmp_path / 'ours.pth')
    x = torch.rand(1, 3, 6, 5, generator=torch.Generator().manual_seed(1))
    theirs = from_official('esrgan', 'RRDBNet', RRDB, state).eval()(x).detach()  # [0, 1] to [0, 1]
    torch.testing.assert_close(asked(path, 2 * x - 1), 2 * theirs - 1)


@pytest.mark.parametrize(('scale', 'channels'), [(1, 3), (2, 1)])
def test_scales_of_real_esrgan_are_read_off_the_first_layer(scale: int, channels: int, tmp_path: Path) -> None:
    args = {'scale': scale, 'num_in_ch': channels, 'num_out_ch': channels}
    torch.save({'params': official('esrgan', 'RRDBNet', **args)}, tmp_path / 'x.pth')
    path = convert_checkpoint('esrgan', tmp_path / 'x.pth', tmp_path / 'ours.pth')
    image = np.random.default_rng(0).integers(0, 256, (7, 9), dtype=np.uint8)
    assert Translator(path, device='cpu')(image).shape == (7 * scale, 9 * scale, channels)


@pytest.mark.parametrize(('cls', 'interval'), [('GeneratorResNet', 'imagenet'), ('SRResNet', 'unit')])
def test_files_of_srgan(cls: str, interval: str, tmp_path: Path) -> None:
    state = official('srgan', cls)
    torch.save(state if cls == 'GeneratorResNet' else {'epoch': 3, 'state_dict': {}, 'ema_state_dict': state},
               tmp_path / 'x.pth')
    path = convert_checkpoint('srgan', tmp_path / 'x.pth', tmp_path / 'ours.pth')
    x = torch.rand(1, 3, 6, 5, generator=torch.Generator().manual_seed(1)) * 2 - 1
    theirs = from_official('srgan', cls, SMALL['srgan', cls], state).eval()(converted(x, 'signed', interval)).detach()
    expected = converted(theirs, interval, 'signed')
    assert expected.std() > 0.01
    torch.testing.assert_close(asked(path, x), expected)


def test_the_first_names_of_lornatang() -> None:
    state = official('srgan', 'SRResNet')
    old = {f'conv_block{key[4:]}' if key.startswith('conv') else key: value for key, value in state.items()}
    nets = [from_official('srgan', 'SRResNet', SMALL['srgan', 'SRResNet'], given) for given in (state, old)]
    assert 'conv_block1.0.weight' in old
    torch.testing.assert_close(nets[0].state_dict(), nets[1].state_dict())


@pytest.mark.parametrize(('family', 'cls', 'args', 'size', 'first', 'last'), [
    ('srgan', 'Discriminator', {}, 96, 'features.0', 'classifier.2'),
    ('esrgan', 'VGGStyleDiscriminator', {'num_in_ch': 3, 'num_feat': 2}, 128, 'conv0_0', 'linear2'),
    ('esrgan', 'VGGStyleDiscriminator', {'num_in_ch': 3, 'num_feat': 2, 'input_size': 256}, 256, 'conv0_0', 'linear2')])
def test_discriminators(family: str, cls: str, args: dict, size: int, first: str, last: str) -> None:
    recipe = FAMILIES[family][cls]
    full = recipe.complete(args, cls)
    with torch.device('meta'):
        state = official_state(recipe.build(full), recipe, full)
    assert state[f'{first}.weight'].shape[1:] == (3, 3, 3) and state[f'{last}.weight'].shape[0] == 1
    state = {key: torch.zeros(value.shape, dtype=value.dtype) for key, value in state.items()}
    state[f'{last}.bias'] += 7
    net = from_official(family, cls, args, state).eval()
    assert net(torch.rand(1, 3, size, size)).tolist() == [[7.0]]


def test_old_and_new_arguments_are_the_same() -> None:
    state = official('esrgan', 'RRDBNet')
    args = dict(in_nc=3, out_nc=3, nf=4, nb=2, gc=2)
    nets = [from_official('esrgan', 'RRDBNet', given, state) for given in (args, RRDB)]
    torch.testing.assert_close(nets[0].state_dict(), nets[1].state_dict())
    with pytest.raises(CheckpointError, match=r"unknown argument 'num_fea'\. Did you mean 'num_feat'"):
        from_official('esrgan', 'RRDBNet', {**RRDB, 'num_fea': 1}, state)


@pytest.mark.fault
@pytest.mark.parametrize(('family', 'change', 'message'), [
    ('esrgan', lambda state: {'a': torch.zeros(1)}, 'not an RRDBNet .* it has no layer'),
    ('esrgan', lambda state: {**state, 'conv_first.weight': torch.zeros(4, 5, 3, 3)}, 'no scale of Real-ESRGAN'),
    ('esrgan', lambda state: {k: v for k, v in state.items() if 'rdb2' not in k}, 'body.0.rdb2.conv1.bias'),
    ('esrgan', lambda state: {**state, 'conv_hr.bias': torch.full((4,), float('nan'))}, 'every result would be NaN'),
    ('srgan', lambda state: state, 'neither a GeneratorResNet of PyTorch-GAN nor an SRResNet'),
    ('esrgan', lambda state: {'epoch': 3}, 'expected a plain state dict'),
])
def test_other_files_are_explained(family: str, change: Callable, message: str, tmp_path: Path) -> None:
    torch.save(change(official('esrgan', 'RRDBNet')), tmp_path / 'x.pth')
    with pytest.raises(CheckpointError, match=message):
        convert_checkpoint(family, tmp_path / 'x.pth', tmp_path / 'ours.pth')
    assert not (tmp_path / 'ours.pth').exists()
