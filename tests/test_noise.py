"""Noise as a pure function of seed, name and position: published numbers, distribution, bits, and older runs."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from tiny import tiny_config
from torch.utils._python_dispatch import TorchDispatchMode

from toolbox import Sampler
from toolbox.engine import Runner
from toolbox.errors import CheckpointError
from toolbox.files.checkpoint import read_checkpoint, write_checkpoint
from toolbox.methods.batch import Batch
from toolbox.randomness import counters
from toolbox.randomness.counters import Arrays, Tensors
from toolbox.randomness.noise import NOISE, noise, noise_of_generators

CPU = torch.device('cpu')
SEEDS = [5, 6, 2**62 + 9, 2**63 - 1, 0]
EDGES = [0, -1, 1, -2, 2**31 - 1, -2**31, 2**24, 2**24 + 1, -2**24 - 1, 127, 128, 255, 256, -256]


def test_published_numbers() -> None:
    """The first outputs of SplitMix64 for the seed 1234567."""
    states = np.array([[1234567]], np.uint64)
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431,
                16408922859458223821]
    assert Arrays().words(states, 0, 10).view(np.uint64)[0].tolist() == expected
    assert Arrays().states(range(5), 1234567)[:, 0].tolist() == expected, 'a seed is a place in the sequence of a key'


def test_both_forms_give_the_same_bits() -> None:
    """Those of the CPU and those of other devices."""
    arrays, tensors = Arrays(), Tensors(CPU)
    key = zlib.crc32(b'a name') << 32 | 77
    words = arrays.words(arrays.states(SEEDS, key), 0, 20_001)
    states = tensors.states(SEEDS, key)
    np.testing.assert_array_equal(tensors.words(states, 0, 20_001).numpy(), words)
    np.testing.assert_array_equal(tensors.words(states, 10_000, 12_345).numpy(), words[:, 10_000:12_345])
    for some in (words, np.array([EDGES], np.int32)):
        for prior in ('normal', 'uniform'):
            ours, theirs = (getattr(form, prior)(numbers) for form, numbers in
                            ((arrays, some.copy()), (tensors, torch.from_numpy(some.copy()))))
            assert ours.dtype == np.float32
            np.testing.assert_array_equal(theirs.numpy().view(np.int32), ours.view(np.int32))


@pytest.mark.gpu
def test_a_gpu_gives_the_same_bits_and_nobody_waits_for_it() -> None:
    cuda = torch.device('cuda')
    noise(SEEDS, 'z', (3,), device=cuda)  # the table goes to the device once
    torch.cuda.set_sync_debug_mode('error')
    try:
        made = [noise(SEEDS, 'z', (3, 50_001), prior, device=cuda) for prior in ('normal', 'uniform')]
    finally:
        torch.cuda.set_sync_debug_mode('default')
    for prior, rows in zip(('normal', 'uniform'), made, strict=True):
        assert torch.equal(rows.cpu(), noise(SEEDS, 'z', (3, 50_001), prior))


@pytest.mark.fault
@pytest.mark.parametrize('prior', ['normal', 'uniform'])
def test_a_number_depends_on_seed_name_and_position_alone(prior: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = noise(SEEDS, 'z', (7, 15), prior)
    assert torch.equal(noise(SEEDS[::-1], 'z', (7, 15), prior), whole.flip(0)), 'order'
    for i, seed in enumerate(SEEDS):
        assert torch.equal(noise([seed], 'z', (105,), prior)[0], whole[i].flatten()), 'batch size'
        assert torch.equal(noise([seed], 'z', (33,), prior)[0], whole[i].flatten()[:33]), 'other numbers of the row'
    for tile in (2, 34, 250):
        monkeypatch.setattr(Arrays, 'tile', tile)
        assert torch.equal(noise(SEEDS, 'z', (7, 15), prior), whole), 'tiles'
    others = [noise(SEEDS, 'z2', (7, 15), prior), noise(SEEDS, 'Z', (7, 15), prior), whole.roll(1, 0)]
    assert not (torch.stack(others) == whole).all(-1).any()


def test_numbers_follow_their_distribution() -> None:
    """The normal quantile everywhere, and no dependence between words, samples and uses that a million of them show."""
    words = np.unique(np.concatenate([np.linspace(-2**31, 2**31 - 1, 200_001), [s * 2**k for s in (-1, 1) for k in
                                                                                range(31)]]).astype(np.int32))
    x = words.astype(np.float32) + np.float32(0.5)
    exact = -np.sign(x) * torch.special.ndtri(torch.from_numpy(np.abs(x).astype(np.float64) / 2**32)).numpy()
    assert np.abs(Arrays().normal(words[None])[0] - exact).max() < 1.1e-6
    table = [noise(range(1000), name, (1000,), 'uniform') for name in ('z', 'z2')]
    u = ((table[0].flatten().double() + 1) / 2).sort().values
    places = (torch.arange(len(u)) + 0.5) / len(u)
    assert (u - places).abs().max() < 1.95 / len(u) ** 0.5, 'Kolmogorov, Smirnov: 1 of 1000'
    pairs = (table[0][:-1], table[0][1:]), (table[0][:, :-1], table[0][:, 1:]), table
    for a, b in pairs:  # samples next to each other, positions, uses
        assert abs(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1]) < 3.3e-3
        cells = ((a + 1) * 8).long() * 16 + ((b + 1) * 8).long()  # 16 x 16
        counts = cells.flatten().bincount(minlength=256).double()
        assert ((counts - counts.mean()) ** 2 / counts.mean()).sum() < 331, 'chi-squared with 255 degrees: 1 of 1000'
    bits = Arrays().words(Arrays().states(range(2000), 7), 0, 500)
    ones = np.array([(bits >> bit & 1).sum() for bit in range(32)])
    assert np.abs(ones - bits.size / 2).max() < 4 * bits.size ** 0.5 / 2


def test_the_table_is_the_same_on_every_machine() -> None:
    """Its logarithms are those of the machine's library; rounded to float32 they must not differ."""
    assert zlib.crc32(counters.polygon(CPU).numpy().tobytes()) == 3292359267


def test_the_default_type_changes_the_type_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = noise(SEEDS, 'z', (50,))
    for kept in (counters.polygon, counters._columns):
        monkeypatch.setattr(counters, kept.__name__, functools.cache(kept.__wrapped__))
    torch.set_default_dtype(torch.float64)
    try:
        made = noise(SEEDS, 'z', (50,))
    finally:
        torch.set_default_dtype(torch.float32)
    assert made.dtype == torch.float64 and torch.equal(made, expected.double())


def test_no_operation_for_each_sample() -> None:
    class Counted(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            self.count += 1
            return func(*args, **kwargs or {})

    counts = []
    for size in (1, 256):
        tensors = Tensors(CPU)
        with Counted() as mode:
            tensors.normal(tensors.words(tensors.states(range(size), 7), 0, 128))
        counts.append(mode.count)
    assert counts[0] == counts[1] <= 45


# Older runs

def test_the_former_numbers_are_still_there() -> None:
    assert noise_of_generators([3, 4], 'z', (3,))[1].tolist() == pytest.approx(
        [0.6236498951911926, -2.2551777362823486, 0.5980413556098938], abs=1e-7)
    assert noise_of_generators([2**62 + 9], 'penalty', (2,), 'uniform')[0].tolist() == pytest.approx(
        [0.8804396390914917, 0.11089193820953369], abs=1e-7)
    assert noise_of_generators([7], 'sample', (3,), truncation=0.5)[0].tolist() == pytest.approx(
        [0.17431795597076416, 0.011143668554723263, 0.3876356780529022], abs=1e-7)


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Path]:
    """A checkpoint of one iteration that does not say what its noise is a function of."""
    Runner.from_cfg(config(tmp_path / 'first', 1)).train()
    checkpoint = read_checkpoint(tmp_path / 'first/iter_1.pth')
    assert checkpoint['facts'].pop('noise') == 'counter'
    path = tmp_path / 'first/old.pth'
    write_checkpoint(checkpoint, path)
    return path


def config(folder: Path, iters: int, **options: Any) -> Config:
    return tiny_config('configs/gan/synthetic.py', folder, folder, iters, options)


@pytest.mark.fault
def test_an_old_run_goes_on_with_its_noise_and_a_new_one_has_the_new(old: Path, tmp_path: Path) -> None:
    for name, resume, rule in (('on', True, 'generators'), ('anew', False, 'counter')):
        runner = Runner.from_cfg(config(tmp_path / name, 1 + resume, load_from=str(old), resume=resume))
        runner.train()
        batch = Batch({'img': torch.zeros(2, 1)}, [{'seed': 3}, {'seed': 4}])
        assert torch.equal(runner.model.noise(batch, 'z', (3,)), NOISE[rule]([3, 4], 'z', (3,)))
        file, = (tmp_path / name).glob('iter_*.pth')
        assert read_checkpoint(file)['facts']['noise'] == rule
    tester = Runner.from_cfg(config(tmp_path / 'test', 1, load_from=str(old)), trains=False)
    tester.test()
    assert tester.model.noise_rule == 'generators', 'scores stay'
    before, now = (Sampler(path, device='cpu') for path in (old, old.parent / 'iter_1.pth'))
    assert [sampler.model.noise_rule for sampler in (before, now)] == ['generators', 'counter']
    assert not np.array_equal(before.sample(2), now.sample(2))
    checkpoint = read_checkpoint(old)
    checkpoint['facts']['noise'] = 'dice'
    write_checkpoint(checkpoint, tmp_path / 'odd.pth')
    with pytest.raises(CheckpointError, match=r"odd\.pth: facts\.noise is 'dice', expected one of \('counter', 'gen"):
        Sampler(tmp_path / 'odd.pth')
