"""Official files of StarGAN and StarGAN v2 become checkpoints that translate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from commands import command
from test_converters import official_state
from test_inference import image
from torch import Tensor

from toolbox import Translator
from toolbox.converters import FAMILIES, convert_checkpoint, from_official
from toolbox.errors import CheckpointError, ConfigError
from toolbox.files.checkpoint import read_checkpoint
from toolbox.use.load import load_method

V1 = dict(Generator=dict(conv_dim=2, c_dim=3, repeat_num=2),
          Discriminator=dict(image_size=32, conv_dim=2, c_dim=3, repeat_num=3))
SIZES = dict(img_size=32, max_conv_dim=6, dim_in=4)
V2 = dict(generator=('Generator', dict(SIZES, style_dim=5, w_hpf=0)),
          mapping_network=('MappingNetwork', dict(latent_dim=3, style_dim=5, num_domains=3, hidden_dim=7)),
          style_encoder=('StyleEncoder', dict(SIZES, style_dim=5, num_domains=3)),
          discriminator=('Discriminator', dict(SIZES, num_domains=3)))


def state_of(family: str, cls: str, args: dict) -> dict[str, Tensor]:
    recipe = FAMILIES[family][cls]
    args = recipe.complete(args, cls)
    return official_state(recipe.build(args), recipe, args)


def v1_files(folder: Path) -> dict[str, dict[str, Tensor]]:
    torch.manual_seed(0)
    states = {cls: state_of('stargan', cls, args) for cls, args in V1.items()}
    for number in (1000, 200):
        for cls, state in states.items():
            torch.save(state, folder / f'{number}-{cls[0]}.ckpt')
    return states


def test_a_run_of_stargan(tmp_path: Path) -> None:
    states = v1_files(tmp_path)
    names = ['Black_Hair', 'Blond_Hair', 'Male']
    code, _, err = command('convert_checkpoint.py', 'stargan', str(tmp_path), str(tmp_path / 'ours.pth'), '--names',
                           *names)
    assert (code, err) == (0, '')
    checkpoint = torch.load(tmp_path / 'ours.pth', weights_only=True)
    assert checkpoint['meta']['files'] == ['1000-D.ckpt', '1000-G.ckpt']
    assert not any('running' in key for key in checkpoint['state_dict'])
    model, directions = load_method(tmp_path / 'ours.pth')
    assert directions == ('Black_Hair', 'Blond_Hair', 'Male', 'not_Male')
    x, c = torch.rand(2, 3, 32, 32), torch.tensor([[1.0, 0, 1], [0, 1, 0]])
    # as the authors test
    official = from_official('stargan', 'Generator', V1['Generator'], states['Generator']).train()
    with torch.no_grad():
        torch.testing.assert_close(model.G.eval()(x, c), official(x, c))
    assert model.D.size == 32 and np.any(Translator(tmp_path / 'ours.pth')(image(32, 32)))


def test_g_of_stargan_alone_needs_the_attributes(tmp_path: Path) -> None:
    v1_files(tmp_path)
    (tmp_path / '200-D.ckpt').unlink()
    path = convert_checkpoint('stargan', tmp_path / '200-G.ckpt', tmp_path / 'ours.pth')
    assert torch.load(path, weights_only=True)['meta']['networks'] == ['G']
    source = image(32, 32)
    assert Translator(path, attributes=['attribute_1'])(source).shape == source.shape
    with pytest.raises(ConfigError, match=r'no discriminator.*--attributes'):
        Translator(path)(source)


@pytest.mark.parametrize('w_hpf', [0, 1, 2])
@pytest.mark.parametrize('discriminator', [False, True])
def test_files_of_starganv2(tmp_path: Path, w_hpf: int, discriminator: bool) -> None:
    torch.manual_seed(0)
    args = {**V2, 'generator': ('Generator', {**V2['generator'][1], 'w_hpf': w_hpf})}
    states = {name: state_of('starganv2', *part) for name, part in args.items()
              if discriminator or name != 'discriminator'}
    torch.save(states, tmp_path / '100000_nets_ema.ckpt')
    path = convert_checkpoint('starganv2', tmp_path, tmp_path / 'ours.pth', names=('cat', 'dog', 'wild'))
    model, directions = load_method(path)
    assert directions == ('cat', 'dog', 'wild') and (model.G.high_pass is not None) == (w_hpf > 0)
    assert ('networks' in torch.load(path, weights_only=True)['meta']) != discriminator
    x, z, y = torch.rand(2, 3, 32, 32), torch.randn(2, 3), torch.tensor([2, 0])
    nets = {name: from_official('starganv2', *args[name], states[name]) for name in states}
    with torch.no_grad():
        torch.testing.assert_close(model.G(x, model.F(z, y)), nets['generator'](x, nets['mapping_network'](z, y)))
        torch.testing.assert_close(model.E(x, y), nets['style_encoder'](x, y))
        if discriminator:
            torch.testing.assert_close(model.D(x, y), nets['discriminator'](x, y))


def test_the_detector_stays_in_the_file_of_the_authors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    states = {name: state_of('starganv2', *part) for name, part in V2.items()}
    states['generator'] = state_of('starganv2', 'Generator', {**V2['generator'][1], 'w_hpf': 1})
    states['fan'] = state_of('starganv2', 'FAN', {})
    monkeypatch.setenv('TOOLBOX_CACHE', str(tmp_path))
    (tmp_path / 'weights').mkdir()
    torch.save(states, tmp_path / 'weights/wing.ckpt')
    path = convert_checkpoint('starganv2', tmp_path / 'weights/wing.ckpt', tmp_path / 'ours.pth')
    assert not [key for key in read_checkpoint(path)['state_dict'] if 'masks' in key]
    model, _ = load_method(path)
    assert torch.equal(model.G.masks.net.head.weight, states['fan']['l0.weight'])


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    v1_files(tmp_path)
    with pytest.raises(CheckpointError, match=r'holds no 300-G\.ckpt. Iterations there: 200, 1000'):
        convert_checkpoint('stargan', tmp_path, tmp_path / 'ours.pth', epoch='300')
    with pytest.raises(CheckpointError, match='the model has 3 labels, found 2 names: a, b'):
        convert_checkpoint('stargan', tmp_path, tmp_path / 'ours.pth', names=('a', 'b'))
    torch.save(state_of('stargan', 'Discriminator', {**V1['Discriminator'], 'c_dim': 2}), tmp_path / '1000-D.ckpt')
    with pytest.raises(CheckpointError, match='G has 3 labels and D 2'):
        convert_checkpoint('stargan', tmp_path, tmp_path / 'ours.pth')
    with pytest.raises(CheckpointError, match=r'holds no <iteration>_nets_ema\.ckpt'):
        convert_checkpoint('starganv2', tmp_path, tmp_path / 'ours.pth')
    torch.save({name: {'a': torch.zeros(1)} for name in list(V2)[:3]}, tmp_path / 'x.ckpt')
    with pytest.raises(CheckpointError, match='not the networks of StarGAN v2'):
        convert_checkpoint('starganv2', tmp_path / 'x.ckpt', tmp_path / 'ours.pth')
