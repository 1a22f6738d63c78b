"""The detector of landmarks: a feature network of its own, also for checkpoints of 0.1.0, which hold its weights."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import ROOT
from test_converters import official_state
from torch import Tensor

from toolbox.backbones import StarGANv2Generator
from toolbox.converters import FAMILIES
from toolbox.engine import Runner
from toolbox.engine.config import load_config
from toolbox.errors import CheckpointError, DataError
from toolbox.features import LandmarkMasks
from toolbox.features.landmarks import official_layers
from toolbox.files.checkpoint import read_checkpoint
from toolbox.layers.init import init_weights
from toolbox.use.load import load_method

# Two iterations of configs/starganv2/synthetic.py with high_pass=1.0 and masks of a tiny detector with random weights,
# made by version 0.1.0, in which the detector was a part of G; and what that version made of it.
OLD = ROOT / 'tests/data/landmarks'
TINY = {'high_pass': 1.0, 'size': 32, 'style': 4, 'base_channels': 2, 'max_channels': 4}


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv('TOOLBOX_CACHE', str(tmp_path / 'cache'))
    (tmp_path / 'cache/weights').mkdir(parents=True)
    return tmp_path / 'cache/weights'


@pytest.fixture
def old(tmp_path: Path) -> Path:
    (tmp_path / 'old.pth').write_bytes(lzma.decompress((OLD / 'starganv2_0.1.0.pth.xz').read_bytes()))
    return tmp_path / 'old.pth'


def wing(state: dict[str, Tensor]) -> dict[str, Any]:
    """A file of the authors with the weights of ``state``, which has our names."""
    theirs = {ours: official for official, ours in official_layers().items()}
    named = {key.rpartition('.'): value for key, value in state.items()}
    return {'state_dict': {f'{theirs[module]}.{leaf}': value for (module, _, leaf), value in named.items()}, 'epoch': 1}


def masks_in(checkpoint: dict[str, Any]) -> dict[str, Tensor]:
    prefix = 'G.masks.'
    return {key[len(prefix):]: value for key, value in checkpoint['state_dict'].items() if key.startswith(prefix)}


def test_it_is_no_part_of_the_generator() -> None:
    G = StarGANv2Generator(**TINY, masks=dict(type='LandmarkMasks', weights='random', base_channels=2))
    assert not [key for key in (*G.state_dict(), *dict(G.named_parameters())) if 'masks' in key]
    before = {key: value.clone() for key, value in G.masks.net.state_dict().items()}
    init_weights(G.train(), 'kaiming')
    x, s = torch.rand(1, 3, 32, 32), torch.randn(1, 4)
    G(x, s).mean().backward()
    assert not G.masks.net.training and all(p.grad is None for p in G.masks.net.parameters())
    assert all(torch.equal(value, before[key]) for key, value in G.masks.net.state_dict().items())
    with torch.no_grad():
        outer, inner = G.masks(x)
        torch.testing.assert_close(G(x, s), G(x, s, (outer, inner)))
        assert not torch.allclose(G(x, s), G(x, s, [torch.zeros(1, 1, 32, 32)] * 2)), 'the skip acts'
    assert outer.shape == (1, 1, 256, 256) and 0 <= inner.min() <= outer.max() <= 1


def test_masks_of_pixels_are_those_of_the_image() -> None:
    masks = LandmarkMasks('random', base_channels=2)
    pixels = torch.randint(0, 256, (2, 3, 40, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        outer, inner = masks(pixels.double() / 127.5 - 1)
    assert outer.dtype == torch.float64 and outer.max() > 0
    found = masks.extract(pixels, ('outer', 'inner'))
    torch.testing.assert_close(found, {'outer': outer.float(), 'inner': inner.float()}, rtol=0, atol=1e-4)


@pytest.mark.parametrize('entry', ['state_dict', 'fan'])
def test_files_of_the_authors_are_read(entry: str, cache: Path, tmp_path: Path) -> None:
    recipe = FAMILIES['starganv2']['FAN']
    torch.manual_seed(0)
    net = recipe.build({})
    prefix = 'module.' if entry == 'fan' else ''
    state = {f'{prefix}{key}': value for key, value in official_state(net, recipe, {}).items()}
    torch.save({entry: {**state, 'extra.weight': torch.zeros(1)}, 'other': 3}, tmp_path / 'own.ckpt')
    masks = LandmarkMasks(str(tmp_path / 'own.ckpt'))
    torch.testing.assert_close(masks.net.state_dict(), net.net.state_dict(), rtol=0, atol=0)
    x = torch.rand(1, 3, 256, 256) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(masks(x), net(x)[1:])


def test_without_its_file_one_is_told_how_to_get_it(cache: Path, tmp_path: Path) -> None:
    G = StarGANv2Generator(**TINY, masks=dict(type='LandmarkMasks'))
    with pytest.raises(DataError, match=rf'the file wing\.ckpt is needed.*download\.sh wing(?s:.*){cache}/wing\.ckpt'):
        G(torch.rand(1, 3, 32, 32), torch.randn(1, 4))
    with pytest.raises(DataError, match=r"no such file: 'wong\.ckpt'"):
        LandmarkMasks('wong.ckpt').load()
    torch.save({'state_dicts': {}}, cache / 'wing.ckpt')
    with pytest.raises(CheckpointError, match=r"wing\.ckpt: holds no landmark detector: 'state_dict'"):
        LandmarkMasks().load()
    torch.save({'fan': {'conv1.conv.weight': torch.zeros(1)}}, cache / 'wing.ckpt')
    with pytest.raises(CheckpointError, match=r'does not fit LandmarkNet:\n  280 missing'):
        LandmarkMasks().load()


def test_a_path_of_another_machine_means_the_published_file(cache: Path, old: Path) -> None:
    state = masks_in(read_checkpoint(old))
    torch.save(wing(state), cache / 'wing.ckpt')
    masks = LandmarkMasks('/nowhere/weights/wing.ckpt', base_channels=2)
    torch.testing.assert_close(dict(masks.net.state_dict()), state, rtol=0, atol=0)


def test_an_old_checkpoint_translates_to_the_numbers_of_its_version(cache: Path, old: Path) -> None:
    expected = json.loads((OLD / 'starganv2_0.1.0.json').read_text())['translated']
    checkpoint = read_checkpoint(old)
    assert len(masks_in(checkpoint)) == 336 and 'masks.head.weight' in checkpoint['ema']['G']
    model, directions = load_method(old)
    x = torch.linspace(-1, 1, 3 * 32 * 32).view(1, 3, 32, 32)
    with torch.inference_mode(), pytest.raises(DataError, match=r'wing\.ckpt is needed'):
        model.eval().translate(x, directions[0], seed=3)
    torch.save(wing(masks_in(checkpoint)), cache / 'wing.ckpt')
    with torch.inference_mode():
        assert model.translate(x, directions[0], seed=3).flatten()[::48].tolist() == pytest.approx(expected, abs=1e-5)


def test_an_old_training_goes_on(cache: Path, old: Path, tmp_path: Path) -> None:
    checkpoint = read_checkpoint(old)
    torch.save(wing(masks_in(checkpoint)), cache / 'wing.ckpt')
    (tmp_path / 'old.py').write_text('\n'.join(f'{key} = {value!r}' for key, value in checkpoint['config'].items()))
    cfg = load_config(tmp_path / 'old.py', {'work_dir': str(tmp_path / 'on'), 'load_from': str(old), 'resume': True,
                                            'train_cfg.max_iters': 3, 'train_cfg.val_interval': 3})
    model = Runner.from_cfg(cfg).train()
    sums = {name: sum(float(p.detach().double().abs().sum()) for p in getattr(model, name).parameters() if p.ndim > 1)
            for name in 'GFED'}
    assert sums == pytest.approx(json.loads((OLD / 'starganv2_0.1.0.json').read_text())['resumed'], rel=1e-5)
    new = read_checkpoint(tmp_path / 'on/iter_3.pth')
    assert not masks_in(new) and not [key for key in new['ema']['G'] if 'masks' in key]
