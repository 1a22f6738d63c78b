"""Weight files: found, downloaded, verified and compared before they are used; nothing in them is executed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from toolbox.errors import CheckpointError, ConfigError, DataError
from toolbox.features.weights import WeightFile, cache_dir, fill, random_state

ROOT = Path(__file__).resolve().parents[1]


class Net(nn.Module):
    """A convolution with a norm, as in the large networks."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.head = nn.Linear(width, 2)


def net(width: int = 4) -> Net:
    with torch.device('meta'):
        return Net(width)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def state() -> dict[str, Tensor]:
    return random_state(net(), 3)


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: dict[str, Tensor]) -> WeightFile:
    """A file on a "server" with the usual name, and an empty cache."""
    monkeypatch.setenv('TOOLBOX_CACHE', str(tmp_path / 'cache'))
    server = tmp_path / 'server.pth'
    torch.save(state, server)
    digits = sha256(server)[:8]
    return WeightFile(f'net-{digits}.pth', digits, server.as_uri())


def loaded(file: WeightFile, path: str | None = None, **kwargs: object) -> tuple[Net, str]:
    made = net()
    return made, fill(made, path, file, 'Net.weights', **kwargs).text


def test_the_cache_is_one_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv('TOOLBOX_CACHE', str(tmp_path))
    assert cache_dir() == tmp_path and WeightFile('a.pth').path == tmp_path / 'weights/a.pth'
    monkeypatch.delenv('TOOLBOX_CACHE')
    monkeypatch.setenv('HOME', str(tmp_path / 'home'))
    assert cache_dir() == tmp_path / 'home/.cache/gan-toolbox'


def test_download_happens_once_and_is_verified(published: WeightFile, state: dict[str, Tensor]) -> None:
    made, text = loaded(published)
    assert text == f'weights {published.name} (sha256 {published.sha256})'
    assert all(torch.equal(value, state[key]) for key, value in made.state_dict().items())
    Path(published.url.removeprefix('file://')).unlink()
    assert loaded(published)[1] == text  # from the cache
    assert sorted(path.name for path in published.path.parent.iterdir()) == [published.name, f'{published.name}.lock']


def test_a_wrong_download_does_not_stay(published: WeightFile) -> None:
    wrong = WeightFile('net.pth', 'deadbeef', published.url)
    with pytest.raises(DataError, match=r'has the SHA-256 [0-9a-f]{64}, expected deadbeef\.\.\.; it was deleted'):
        loaded(wrong)
    assert [path.name for path in wrong.path.parent.iterdir()] == ['net.pth.lock']


def test_offline_the_message_says_what_to_do(published: WeightFile) -> None:
    Path(published.url.removeprefix('file://')).unlink()
    with pytest.raises(DataError) as caught:
        loaded(published)
    for part in ('Net.weights: the file', published.name, published.url, str(published.path), 'weights=PATH'):
        assert part in str(caught.value)


def test_a_file_without_an_address_is_asked_for(published: WeightFile) -> None:
    with pytest.raises(DataError, match=r'cannot be downloaded automatically. Fetch it from the page P and put'):
        loaded(WeightFile('net.pth', page='the page P'))


def test_a_cache_that_cannot_be_written_is_explained(published: WeightFile, tmp_path: Path) -> None:
    (tmp_path / 'cache').write_text('not a folder')
    with pytest.raises(DataError, match=r'cannot write .* to .*cache/weights: .*Set \$TOOLBOX_CACHE'):
        loaded(published)


def test_a_process_waits_for_the_download_of_another(published: WeightFile) -> None:
    source = Path(published.url.removeprefix('file://'))
    lock = published.path.with_name(f'{published.name}.lock')
    lock.parent.mkdir(parents=True)
    other = ('import fcntl, os, sys, time\n'
             'lock, source, target = sys.argv[1:]\n'
             "with open(lock, 'a') as file:\n"
             '    fcntl.flock(file, fcntl.LOCK_EX)\n'
             '    print(flush=True)\n'
             '    time.sleep(0.3)\n'
             '    os.rename(source, target)')
    argv = [sys.executable, '-c', other, str(lock), str(source), str(published.path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        # A download of our own would find nothing any more.
        assert loaded(published)[1].startswith(f'weights {published.name}')
    assert process.returncode == 0 and not source.exists()


def test_own_files_by_path(published: WeightFile, tmp_path: Path, state: dict[str, Tensor]) -> None:
    own = tmp_path / 'own.pth'
    torch.save({key: value.half() for key, value in state.items() if 'num_batches' not in key}, own)
    made, text = loaded(published, str(own))
    assert text == f'weights own.pth (sha256 {sha256(own)[:8]})'
    assert torch.equal(made.conv.weight, state['conv.weight'].half()) and made.bn.num_batches_tracked == 0
    assert not published.path.exists()
    with pytest.raises(DataError, match=r"no such file: 'nowhere.pth'. weights=None looks for net-"):
        loaded(published, 'nowhere.pth')
    with pytest.raises(ConfigError, match=r"Net.weights: expected a path, None or 'random', found 3"):
        loaded(published, 3)


def test_under_the_published_name_lies_the_published_file(
        published: WeightFile, tmp_path: Path, state: dict[str, Tensor]) -> None:
    state['head.bias'] += 1
    for name in (published.name, 'own-12345678.pth'):
        torch.save(state, tmp_path / name)
    with pytest.raises(CheckpointError, match=rf'its SHA-256 begins with [0-9a-f]{{8}}, expected {published.sha256}'):
        loaded(published, str(tmp_path / published.name))
    assert loaded(published, str(tmp_path / 'own-12345678.pth'))[0].head.bias.tolist() == [1, 1]
    loaded(published)
    published.path.write_bytes(published.path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match='damaged or a different one'):
        loaded(published)


def test_a_file_of_another_network_is_listed(published: WeightFile, tmp_path: Path, state: dict[str, Tensor]) -> None:
    other = tmp_path / 'other.pth'
    torch.save({**random_state(net(8), 0), 'AuxLogits.weight': torch.zeros(2), 'extra': torch.zeros(1)}, other)
    with pytest.raises(CheckpointError) as caught:
        loaded(published, str(other), unused=('AuxLogits.',))
    message = str(caught.value)
    assert '1 unexpected' in message and 'extra' in message and 'AuxLogits' not in message
    assert f'conv.weight: (8, 3, 3, 3) in {other}, (4, 3, 3, 3) in the model' in message
    del state['head.bias']
    torch.save(state, other)
    with pytest.raises(CheckpointError, match=r'Net.weights: .* does not fit Net:\n  1 missing in .*:\n    head.bias'):
        loaded(published, str(other))


class Code:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.folder),)


def test_nothing_in_a_file_is_executed(published: WeightFile, tmp_path: Path) -> None:
    hostile = tmp_path / 'hostile.pth'
    torch.save({'conv.weight': Code(tmp_path / 'harm')}, hostile)
    with pytest.raises(CheckpointError, match='refused'):
        loaded(published, str(hostile))
    assert not (tmp_path / 'harm').exists()


def test_torchscript_is_refused_with_the_name_of_the_right_file(published: WeightFile, tmp_path: Path) -> None:
    program = tmp_path / 'inception-2015-12-05.pt'
    with zipfile.ZipFile(program, 'w') as archive:  # what torch.jit.save writes
        archive.writestr('inception-2015-12-05/data.pkl', b'')
        archive.writestr('inception-2015-12-05/constants.pkl', b'')
    with pytest.raises(CheckpointError,
                       match=rf'a TorchScript program, .* Net.weights takes plain weights: {published.name}'):
        loaded(published, str(program))


def test_random_weights_depend_on_seed_and_key_alone(published: WeightFile) -> None:
    made, text = loaded(published, 'random', seed=7)
    assert text == 'seeded random weights (seed 7)' and not published.path.exists()
    again, other = random_state(net(), 7), random_state(net(), 8)
    assert torch.equal(made.conv.weight, again['conv.weight'])
    assert not torch.equal(made.conv.weight, other['conv.weight'])
    part = nn.ModuleDict({'conv': nn.Conv2d(3, 4, 3, bias=False)})
    assert torch.equal(random_state(part, 7)['conv.weight'], again['conv.weight'])
    bound = (6 / 27) ** 0.5
    assert 0.9 * bound < again['conv.weight'].abs().max() <= bound
    assert again['conv.weight'].std() == pytest.approx((2 / 27) ** 0.5, rel=0.15)  # He et al. 2015
    assert again['bn.weight'].tolist() == again['bn.running_var'].tolist() == [1] * 4
    assert again['head.bias'].tolist() == [0, 0]
    # The same numbers on every machine.
    assert again['conv.weight'][0, 0, 0].tolist() == pytest.approx([-0.045094, -0.0385626, -0.4123917], abs=1e-6)


def test_a_part_of_a_network_is_loaded_from_a_file_of_the_whole(published: WeightFile,
                                                                state: dict[str, Tensor]) -> None:
    part = net()
    del part.head
    fill(part, None, published, 'Net.weights', layout=net())
    assert torch.equal(part.conv.weight, state['conv.weight']) and not part.bn.running_var.is_meta
    with pytest.raises(CheckpointError, match=r'head\.weight'):
        fill(net(), None, published, 'Net.weights', layout=part)


def test_copies_are_the_same_weights(published: WeightFile, tmp_path: Path) -> None:
    made = net()
    source = fill(made, None, published, 'Net.weights')
    copied = tmp_path / 'copied.pth'
    shutil.copy(published.path, copied)
    assert fill(net(), str(copied), published, 'Net.weights').identity == source.identity
