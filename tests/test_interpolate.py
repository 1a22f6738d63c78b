"""Checkpoints between two others, and trainings that start from a file with some of their networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import command
from tiny import tiny_config

from toolbox import Translator
from toolbox.engine import Runner
from toolbox.errors import CheckpointError, ConfigError
from toolbox.files.checkpoint import read_checkpoint, write_checkpoint
from toolbox.registry import METHODS, build
from toolbox.use.interpolate import interpolate

G = dict(type='SRResNet', base_channels=4, blocks=1, scale=2, norm=dict(type='BN'))
D = dict(type='SRGANDiscriminator', base_channels=2, head='pooled', levels=2, hidden=4, norm=dict(type='none'))


def saved(path: Path, seed: int, ema: bool = False, facts: dict | None = None, **model: Any) -> Path:
    """A checkpoint of random weights; its averages are three times as large."""
    config = {'type': 'SRGAN', 'G': G, 'w_content': 0.0, 'w_rec': 1.0, **model}
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
    path = saved(tmp_path / 'b.pth', 2, **other)
    with pytest.raises(CheckpointError, match=message):
        interpolate(first, path, 0.5, tmp_path / 'out.pth')
    assert not (tmp_path / 'out.pth').exists()


@pytest.mark.fault
@pytest.mark.parametrize('alpha', [-0.1, 1.2, float('nan')])
def test_nothing_is_made_up_beyond_the_ends(alpha: float, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'alpha: expected a number in \[0, 1\], found'):
        interpolate(tmp_path, tmp_path, alpha, tmp_path / 'out.pth')


def test_arguments_that_one_config_leaves_out_are_no_difference(tmp_path: Path) -> None:
    files = saved(tmp_path / 'a.pth', 1), saved(tmp_path / 'b.pth', 2, G={**G, 'reads': 'unit', 'in_channels': 3})
    assert interpolate(*files, 0.5, tmp_path / 'out.pth').is_file()


def test_the_command(tmp_path: Path) -> None:
    files = [str(saved(tmp_path / f'{seed}.pth', seed)) for seed in (1, 2)]
    code, out, err = command('interpolate.py', *files, '--alpha', '0.5', '-o', str(tmp_path / 'out.pth'))
    assert code == 0, err
    assert 'translate' in out and (tmp_path / 'out.pth').exists()
    code, _, err = command('interpolate.py', *files, '--alpha', '2', '-o', str(tmp_path / 'out.pth'))
    assert code and 'alpha: expected a number in [0, 1], found 2' in err


# A training that starts from a file with some of its networks


def started(tmp_path: Path, images: Path, source: Path, **options: Any) -> Runner:
    cfg = tiny_config('configs/srgan/synthetic.py', tmp_path / 'run', images, 1, {
        'load_from': str(source), 'model.pretrain_iters': 0, 'train_cfg.val_interval': 1, **options})
    return Runner.from_cfg(cfg)


def alone(tmp_path: Path, images: Path) -> Path:
    """A generator of the same config, as SRResNet's training leaves it."""
    model = tiny_config('configs/srgan/synthetic.py', tmp_path / 'x', images, 1).model
    return saved(tmp_path / 'psnr.pth', 1, ema=True, G=model.G.to_dict())


def test_a_generator_alone_starts_a_training_against_a_discriminator(tmp_path: Path, images: Path) -> None:
    source = alone(tmp_path, images)
    runner = started(tmp_path, images, source)
    before = {key: value.clone() for key, value in runner.model.D.state_dict().items()}
    runner.load_checkpoint(str(source), start=True)
    expected = read_checkpoint(source)['state_dict']
    assert all(value.equal(expected[f'G.{key}']) for key, value in runner.model.G.state_dict().items())
    assert all(value.equal(before[key]) for key, value in runner.model.D.state_dict().items())
    runner.train()
    text = next((tmp_path / 'run').glob('*/*.log')).read_text()
    assert f'load_from: {source} has no weights of D, which starts untrained' in text
    both = tmp_path / 'run/iter_1.pth'
    other = tiny_config('configs/srgan/srresnet_x4.py', tmp_path / 'back', images, 1, {'load_from': str(both)})
    Runner.from_cfg(other).train()
    text = next((tmp_path / 'back').glob('*/*.log')).read_text()
    assert f'load_from: {both} has weights of D, which SRGAN has not' in text


@pytest.mark.fault
@pytest.mark.parametrize('how', ['resume', 'test', 'other shapes', 'no generator'])
def test_what_must_be_whole_is_refused(how: str, tmp_path: Path, images: Path) -> None:
    source = alone(tmp_path, images)
    checkpoint = read_checkpoint(source)
    if how == 'other shapes':
        checkpoint['state_dict']['G.stem.weight'] = torch.zeros(7, 3, 9, 9)
    if how == 'no generator':
        checkpoint['state_dict'] = {'D.logit.bias': torch.zeros(1)}
    write_checkpoint({**checkpoint, 'ema': {}}, source)
    runner = started(tmp_path, images, source, resume=how == 'resume')
    with pytest.raises(CheckpointError, match=r'missing in|of another shape'):
        runner.test() if how == 'test' else runner.train()
