"""Checkpoints between two others, and trainings that start from a file with some of their networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import command

from toolbox import Translator
from toolbox.errors import CheckpointError, ConfigError
from toolbox.files.checkpoint import read_checkpoint, write_checkpoint
from toolbox.registry import METHODS, build
from toolbox.use.interpolate import interpolate

G = dict(type='SRResNet', base_channels=4, blocks=1, scale=2, norm=dict(type='BN'))
D = dict(type='SRGANDiscriminator', base_channels=2, head='pooled', levels=2, hidden=4, norm=dict(type='none'))


def saved(path: Path, seed: int, ema: bool = False, facts: dict | None = None, **model: Any) -> Path:
    """A checkpoint of random weights; its averages are three times as large."""
    config = dict(type='SRGAN', G=G, w_content=0.0, w_rec=1.0, **model)
    torch.manual_seed(seed)
    method = build(config, METHODS)
    state = method.state_dict()
    state['G.blocks.0.norm1.num_batches_tracked'] += seed
    own = {key.removeprefix('G.'): 3 * value for key, value in state.items() if key.startswith('G.')}
    write_checkpoint({'config': {'model': config}, 'meta': {'iter': 1}, 'state_dict': state, 'facts': facts or {},
                      **({'ema': {'G': own}} if ema else {})}, path)
    return path


def used(path: Path) -> dict[str, torch.Tensor]:
    return Translator(path, device='cpu').model.G.state_dict()


def test_weights_lie_between_and_the_rest_is_that_of_the_second(tmp_path: Path) -> None:
    """PSNR weights without a discriminator, and weights of an adversarial training with averages."""
    first, second = saved(tmp_path / 'psnr.pth', 1), saved(tmp_path / 'gan.pth', 2, ema=True, D=D)
    made = interpolate(first, second, 0.25, tmp_path / 'out.pth')
    ends, between = (used(first), used(second)), used(made)
    for key, value in between.items():
        if key.endswith('num_batches_tracked'):
            assert value == ends[1][key]
        else:
            torch.testing.assert_close(value, 0.75 * ends[0][key] + 0.25 * ends[1][key], msg=key)
    assert between['blocks.0.norm1.running_var'].equal(torch.full((4,), 0.75 + 0.25 * 3))
    result, gan = read_checkpoint(made), read_checkpoint(second)
    assert result['config'] == gan['config'] and 'ema' not in result
    assert all(value.equal(gan['state_dict'][key]) for key, value in result['state_dict'].items() if key[0] == 'D')
    image = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    assert Translator(made, device='cpu')(image).shape == (18, 14, 3)


@pytest.mark.parametrize('alpha', [0, 1])
def test_the_ends_are_the_two_networks_exactly(alpha: float, tmp_path: Path) -> None:
    files = saved(tmp_path / 'a.pth', 1), saved(tmp_path / 'b.pth', 2)
    between, end = used(interpolate(*files, alpha, tmp_path / 'out.pth')), used(files[alpha])
    assert all(value.equal(end[key]) for key, value in between.items() if 'tracked' not in key)


@pytest.mark.fault
@pytest.mark.parametrize(('other', 'message'), [
    (dict(G={**G, 'scale': 1}), r'other networks:\n  model.G.scale: 2 and 1'),
    (dict(G={**G, 'reads': 'signed'}), "model.G.reads: 'unit' and 'signed'"),
    (dict(G={**G, 'blocks': 2}), r'model.G.blocks: 1 and 2'),
    (dict(facts={'value_range': {'HR': [0, 4095, 'uint16']}}), 'trained on data of other kinds:\n  value_range'),
])
def test_other_networks_and_data_are_refused(other: dict[str, Any], message: str, tmp_path: Path) -> None:
    first = saved(tmp_path / 'a.pth', 1, facts={'value_range': {'HR': [0, 255, 'uint8']}})
    path = tmp_path / 'b.pth'
    config = {'type': 'SRGAN', 'G': other.get('G', G), 'w_content': 0.0, 'w_rec': 1.0}
    write_checkpoint({'config': {'model': config}, 'meta': {'iter': 1}, 'facts': other.get('facts', {}),
                      'state_dict': build(config, METHODS).state_dict()}, path)
    with pytest.raises(CheckpointError, match=message):
        interpolate(first, path, 0.5, tmp_path / 'out.pth')
    assert not (tmp_path / 'out.pth').exists()


@pytest.mark.fault
@pytest.mark.parametrize('alpha', [-0.1, 1.2, float('nan')])
def test_nothing_is_made_up_beyond_the_ends(alpha: float, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'alpha: expected a number in \[0, 1\], found'):
        interpolate(tmp_path, tmp_path, alpha, tmp_path / 'out.pth')


def test_arguments_that_one_config_leaves_out_are_no_difference(tmp_path: Path) -> None:
    interpolate(saved(tmp_path / 'a.pth', 1), saved_with(tmp_path / 'b.pth', reads='unit', in_channels=3), 0.5,
                tmp_path / 'out.pth')


def saved_with(path: Path, **args: Any) -> Path:
    config = {'type': 'SRGAN', 'G': {**G, **args}, 'w_content': 0.0, 'w_rec': 1.0}
    write_checkpoint({'config': {'model': config}, 'meta': {'iter': 1},
                      'state_dict': build(config, METHODS).state_dict()}, path)
    return path


def test_the_command(tmp_path: Path) -> None:
    files = [str(saved(tmp_path / f'{seed}.pth', seed)) for seed in (1, 2)]
    code, out, err = command('interpolate.py', *files, '--alpha', '0.5', '-o', str(tmp_path / 'out.pth'))
    assert code == 0, err
    assert 'translate' in out and (tmp_path / 'out.pth').exists()
    code, _, err = command('interpolate.py', *files, '--alpha', '2', '-o', str(tmp_path / 'out.pth'))
    assert code and 'alpha: expected a number in [0, 1], found 2' in err
