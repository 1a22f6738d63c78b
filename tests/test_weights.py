"""Weights as safetensors: written from a run, used alone, started from, and hostile ones refused."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import command
from safetensors.torch import load_file, save_file
from test_inference import cyclegan, image, save
from tiny import tiny_config

from toolbox.data.io import read_image, write_image
from toolbox.engine import Runner
from toolbox.errors import CheckpointError, ConfigError
from toolbox.files.checkpoint import read_checkpoint
from toolbox.registry import METHODS, build
from toolbox.use.export import export_weights
from toolbox.use.translator import Translator

CONFIG = 'configs/cyclegan/synthetic.py'


@pytest.fixture
def averaged(tmp_path: Path) -> Path:
    """A checkpoint with averages of G_AB that differ from its weights."""
    other = build(cyclegan(), METHODS, 'model').G_AB.state_dict()
    return save(tmp_path / 'run.pth', cyclegan(), ema={'G_AB': {k: v + 0.1 for k, v in other.items()}})


def test_the_command_writes_what_translates_alone(averaged: Path, tmp_path: Path) -> None:
    out = tmp_path / 'away/out.safetensors'
    code, text, err = command('export_weights.py', str(averaged), str(out))
    assert (code, err) == (0, '') and 'translate.py' in text
    source = image(20, 24)
    expected = [Translator(averaged, direction)(source) for direction in ('AtoB', 'BtoA')]
    averaged.unlink()
    t = Translator(out)
    assert t.directions == ('AtoB', 'BtoA')
    assert np.array_equal(t(source), expected[0]), 'averages are written where there are some'
    assert np.array_equal(t(source, 'BtoA'), expected[1])
    write_image(tmp_path / 'a.png', source)
    assert command('translate.py', str(out), str(tmp_path / 'a.png'), str(tmp_path / 'pictures'))[0] == 0
    assert np.array_equal(read_image(tmp_path / 'pictures/a.png'), expected[0])
    assert [p.name for p in out.parent.iterdir()] == [out.name]


def test_only_the_networks_that_are_asked_for(averaged: Path, tmp_path: Path) -> None:
    path = export_weights(averaged, tmp_path / 'out.safetensors', ['G_BA'])
    assert {name.split('.')[0] for name in load_file(path)} == {'G_BA'}
    assert Translator(path).directions == ('BtoA',)
    with pytest.raises(ConfigError, match=r"no network 'G_BAA'.*Did you mean 'G_BA'"):
        export_weights(averaged, tmp_path / 'out.safetensors', ['G_BAA'])
    with pytest.raises(ConfigError, match="no network 'D_A'"):
        export_weights(path, tmp_path / 'again.safetensors', ['D_A'])
    with pytest.raises(ConfigError, match=r'ends in \.safetensors'):
        export_weights(averaged, tmp_path / 'out.pth')


def test_a_training_starts_from_it_and_cannot_resume_from_it(tmp_path: Path) -> None:
    Runner.from_cfg(tiny_config(CONFIG, tmp_path / 'one', tmp_path, 2)).train()
    names = ['G_AB', 'G_BA', 'D_A', 'D_B']
    path = export_weights(tmp_path / 'one', tmp_path / 'out.safetensors', names)
    cfg = tiny_config(CONFIG, tmp_path / 'two', tmp_path, 2, {'load_from': str(path)})
    runner = Runner.from_cfg(cfg)
    runner.load_or_resume()
    saved = read_checkpoint(tmp_path / 'one/iter_2.pth')
    expected = {**saved['state_dict'], **{f'{net}.{k}': v for net, state in saved['ema'].items() for k,
                                          v in state.items()}}
    for name, value in runner.model.state_dict().items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, expected[name]), name
    cfg.resume = True
    with pytest.raises(CheckpointError, match='holds weights only'):
        Runner.from_cfg(cfg).train()


def header(path: Path) -> tuple[dict, bytes]:
    content = path.read_bytes()
    end = 8 + struct.unpack('<Q', content[:8])[0]
    return json.loads(content[8:end]), content[end:]


def with_header(path: Path, edit: dict) -> None:
    old, rest = header(path)
    text = json.dumps({**old, **edit}).encode()
    path.write_bytes(struct.pack('<Q', len(text)) + text + rest)


def metadata(**entries: str) -> dict:
    return {'__metadata__': {'toolbox': '"0.1.0"', **entries}}


def first_tensor(path: Path, **fields: object) -> dict:
    name, entry = next((k, v) for k, v in header(path)[0].items() if k != '__metadata__')
    return {name: {**entry, **fields}}


HOSTILE = {
    'empty': lambda p: p.write_bytes(b''),
    'huge header': lambda p: p.write_bytes(struct.pack('<Q', 1 << 62) + p.read_bytes()[8:]),
    'header beyond the file': lambda p: p.write_bytes(struct.pack('<Q', 90_000_000) + p.read_bytes()[8:]),
    'truncated header': lambda p: p.write_bytes(p.read_bytes()[:100]),
    'truncated weights': lambda p: p.write_bytes(p.read_bytes()[:-100]),
    'header of random bytes': lambda p: p.write_bytes(struct.pack('<Q', 64) + np.random.default_rng(0).bytes(64)),
    'offsets beyond the file': lambda p: with_header(p, first_tensor(p, data_offsets=[0, 1 << 50])),
    'shape that does not fit its bytes': lambda p: with_header(p, first_tensor(p, shape=[1 << 40])),
    'unknown kind of number': lambda p: with_header(p, first_tensor(p, dtype='PICKLE')),
    'no metadata': lambda p: save_file({'a': torch.zeros(2)}, p),
    'config that is no JSON': lambda p: with_header(p, metadata(config="__import__('os')")),
    'config nested without end': lambda p: with_header(p, metadata(config='[' * 100_000)),
    'config that is a list': lambda p: with_header(p, metadata(config='[1]')),
    'config that names code': lambda p: with_header(p, metadata(config='{"model": {"type": "os.system"}}')),
    'weights of another shape': lambda p: save_file(
        {k: torch.zeros(3) for k in load_file(p)}, p, header(p)[0]['__metadata__']),
    'pickle': lambda p: torch.save({'toolbox': 1}, p),
}


@pytest.mark.fault
@pytest.mark.parametrize('name', HOSTILE)
def test_a_hostile_file_is_refused(averaged: Path, tmp_path: Path, name: str) -> None:
    path = export_weights(averaged, tmp_path / 'out.safetensors')
    HOSTILE[name](path)
    with pytest.raises(CheckpointError, match=r'out\.safetensors'):
        Translator(path)
