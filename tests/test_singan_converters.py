"""SinGAN's networks and folders of the authors: equal numbers, readable errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from commands import toolbox as run_toolbox
from sampled import assert_close
from test_converters import official_state
from torch import Tensor

from toolbox.converters import convert_checkpoint, from_official
from toolbox.converters.singan import CRITIC, GENERATOR, RECIPES, factor_between
from toolbox.errors import CheckpointError
from toolbox.pyramids import Pyramid
from toolbox.use.load import load_method
from toolbox.use.sampler import Sampler

CASES = range(3)
ROUNDED_UP = (61, 120)  # an image whose coarsest scale is a pixel larger than asked for


@pytest.mark.parity
@pytest.mark.parametrize('case', CASES)
def test_networks_of_the_authors(parity, case: int) -> None:
    data = parity('singan_models')['cases'][case]
    G, D = (from_official('singan', cls, data['opt'], data[key]) for cls, key in ((GENERATOR, 'G'), (CRITIC, 'D')))
    close = dict(rtol=0, atol=1e-5)
    assert_close(G(data['z'], data['prev']), data['y_train'], **close)
    assert_close(D(data['x']), data['d_train'], **close)
    assert_close(G.eval()(data['z'], data['prev']), data['y_eval'], **close)
    assert_close(D.eval()(data['x']), data['d_eval'], **close)


def layout(folder: Path, data: dict[str, Any]) -> Path:
    """What the authors' training leaves, as their versions of torch wrote it."""
    for n, (G, D) in enumerate(zip(data['G'], data['D'], strict=True)):
        (folder / str(n)).mkdir(parents=True)
        for net, state in (('G', G), ('D', D)):
            torch.save(state, folder / str(n) / f'net{net}.pth')
    for name in ('Zs', 'NoiseAmp', 'reals'):
        torch.save(data[name], folder / f'{name}.pth')
    (folder / 'Gs.pth').write_bytes(b'modules')  # not opened
    return folder


def trained(parity) -> dict[str, Any]:
    """The model of 'singan_generate': the authors', or one by the rule, whose critics are random."""
    if (data := parity('singan_generate').get('model')) is None:
        return parity('singan_traj3_reforward')
    args = RECIPES[CRITIC].complete(dict(nfc=4, min_nfc=4, ker_size=3, num_layer=5, nc_im=3), CRITIC)
    critics = [official_state(RECIPES[CRITIC].build(args), RECIPES[CRITIC], args) for _ in data['G']]
    z = F.pad(data['Zs'][0][:, :1, 5:-5, 5:-5], (5,) * 4).expand(-1, 3, -1, -1).clone()
    return {**data, 'D': critics, 'Zs': [z, *data['Zs'][1:]], 'size': data['reals'][-1].shape[2:]}


@pytest.fixture
def official(parity, tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    data = trained(parity)
    return layout(tmp_path / 'scale_factor=0.750000,alpha=10', data), data


@pytest.mark.parity
def test_a_folder_of_the_authors_makes_their_images(official: tuple[Path, dict[str, Any]], parity,
                                                    tmp_path: Path) -> None:
    src, data = official
    path = convert_checkpoint('singan', src, tmp_path / 'ours.pth')
    model: Any
    model, directions = load_method(path)
    assert 'sample' in directions
    assert model.factor == pytest.approx(data['scale_factor'], abs=1e-15)
    made = parity('singan_generate')['random']
    with torch.no_grad(), model.evaluating():
        assert_close(model.shown(made['event_value']), made['out'], rtol=0, atol=1e-5)
    assert_close(model.reals, data['reals'], rtol=0, atol=0)
    torch.testing.assert_close(model.amplitudes, torch.tensor([float(x) for x in data['NoiseAmp']]))
    torch.testing.assert_close(model.z0[0, 0], data['Zs'][0][0, 0, 5:-5, 5:-5])
    assert Sampler(path).sample(2, seed=1).shape == (2, *data['size'], 3)
    contents = torch.load(path, weights_only=True)
    assert contents['meta']['files'][:4] == ['reals.pth', 'Zs.pth', 'NoiseAmp.pth', '0/netG.pth']
    assert 'networks' not in contents['meta']


@pytest.mark.parity
def test_a_folder_without_critics_is_enough(official: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    for path in official[0].glob('*/netD.pth'):
        path.unlink()
    path = tmp_path / 'ours.pth'
    code, out, _ = run_toolbox('convert', 'singan', str(official[0]), str(path))
    assert code == 0 and f'toolbox sample {path} samples.png' in out
    assert torch.load(path, weights_only=True)['meta']['networks'] == ['G']
    assert Sampler(path).sample(1).shape == (1, *official[1]['size'], 3)


def shortened(folder: Path) -> None:
    for name in ('Zs', 'NoiseAmp'):
        torch.save(torch.load(folder / f'{name}.pth', weights_only=True)[:2], folder / f'{name}.pth')


def modules(folder: Path) -> None:
    torch.save([torch.nn.Identity()], folder / 'Zs.pth')


def widened(folder: Path) -> None:
    state = torch.load(folder / '1/netG.pth', weights_only=True)
    torch.save({key: torch.cat([x, x]) if x.ndim and 'tail' not in key else x for key, x in state.items()},
               folder / '1/netG.pth')


@pytest.mark.parity
@pytest.mark.fault
@pytest.mark.parametrize(('damage', 'message'), [
    (lambda folder: (folder / 'reals.pth').unlink(), r'reals\.pth: is missing. The folder of one training'),
    (lambda folder: (folder / '2/netG.pth').unlink(), r'2/netG\.pth: is missing; .* of 3 scales'),
    (shortened, 'reals.pth is of 3 scales, Zs.pth of 2 .*not finished'),
    (modules, r'Zs\.pth'), (widened, "scale 1 is of .*'nfc': 8.*it should be of .*'nfc': 4"),
    (lambda folder: torch.save([torch.zeros(1, 3, 9, 9)] * 3, folder / 'Zs.pth'), r'must be \(20 \+ 10, 26 \+ 10\)'),
    (lambda folder: torch.save({'a': torch.zeros(1)}, folder / '0/netG.pth'), r'no layer .*head\.conv\.weight')])
def test_a_folder_that_is_not_whole_is_one_error(official: tuple[Path, dict[str, Any]], tmp_path: Path, damage,
                                                message: str) -> None:
    damage(official[0])
    with pytest.raises(CheckpointError, match=message):
        convert_checkpoint('singan', official[0], tmp_path / 'ours.pth')
    assert not (tmp_path / 'ours.pth').exists()


def images(*sizes: tuple[int, int]) -> list[Tensor]:
    return [torch.zeros(1, 3, *size) for size in sizes]


def test_the_factor_follows_from_the_sizes() -> None:
    for size in ((186, 248), (120, 80), (333, 100), ROUNDED_UP):
        pyramid = Pyramid.of_image(size)
        assert factor_between(images(*pyramid.sizes), Path('x')) == pytest.approx(pyramid.factor, abs=1e-15)
    assert min(Pyramid.of_image(ROUNDED_UP).sizes[0]) == 26
    other = factor_between(images((39, 52), (48, 64), (60, 80)), Path('x'))
    assert 0.798 < other <= 0.8
    for bad in ([(25, 34)], [(25, 34), (20, 34), (50, 60)]):
        with pytest.raises(CheckpointError, match=r'reals\.pth is of'):
            factor_between(images(*bad), Path('x'))


def test_what_was_never_trained_so_is_refused() -> None:
    with pytest.raises(CheckpointError, match='padd_size=1'):
        from_official('singan', CRITIC, dict(nfc=4, min_nfc=4, ker_size=3, num_layer=3, nc_im=3, padd_size=1), {})
