from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from toolbox.data.collate import stack_samples
from toolbox.data.io import write_image
from toolbox.data.preprocessor import DataPreprocessor, to_uint8
from toolbox.data.samplers import EvalSampler, InfiniteSampler
from toolbox.data.sets.datasets import ImageDataset
from toolbox.errors import DataError
from toolbox.randomness.keys import SampleKey, hash_seed, seeded
from toolbox.randomness.state import preserve_rng
from toolbox.registry import DATA_SAMPLERS, DATASETS, FUNCTIONS, build


class Draws(ImageDataset):
    """Samples that show the state of every global generator."""

    groups = (('A',),)

    def __len__(self) -> int:
        return 7

    def load(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        numbers = [index, random.random(), np.random.random(), float(torch.rand(()))]
        return {'A': np.frombuffer(np.array(numbers).tobytes(), np.uint8).reshape(1, -1, 1)}, {}


def take(sampler: InfiniteSampler, count: int) -> list[SampleKey]:
    return list(itertools.islice(sampler, count))


def batches(workers: int, persistent: bool, position: int, count: int) -> list[torch.Tensor]:
    dataset = Draws()
    sampler = InfiniteSampler(dataset, seed=3)
    sampler.position = position
    loader = DataLoader(dataset, batch_size=2, sampler=sampler, num_workers=workers, collate_fn=stack_samples,
                        persistent_workers=persistent and workers > 0)
    return [batch['A'] for batch in itertools.islice(loader, count)]


@pytest.mark.filterwarnings('ignore:This DataLoader will create:UserWarning')  # two are the point, also on one core
def test_samples_do_not_depend_on_workers_or_restarts() -> None:
    reference = torch.stack(batches(0, False, 0, 8))
    assert torch.equal(torch.stack(batches(2, True, 0, 8)), reference)
    assert torch.equal(torch.stack(batches(2, False, 10, 3)), reference[5:])  # in the middle of the second pass
    assert torch.equal(torch.stack(batches(0, False, 6, 5)), reference[3:])


def test_two_passes_draw_different_numbers_in_different_orders() -> None:
    keys = take(InfiniteSampler(range(50), seed=0), 100)
    first, second = keys[:50], keys[50:]
    assert sorted(k.index for k in first) == sorted(k.index for k in second) == list(range(50))
    assert [k.index for k in first] != [k.index for k in second]
    assert len({k.seed for k in keys}) == 100
    plain = take(InfiniteSampler(range(3), shuffle=False, seed=0), 7)
    assert [k.index for k in plain] == [0, 1, 2, 0, 1, 2, 0]


def test_seed_decides_the_order() -> None:
    assert take(InfiniteSampler(range(9), seed=1), 20) == take(InfiniteSampler(range(9), seed=1), 20)
    assert take(InfiniteSampler(range(9), seed=1), 20) != take(InfiniteSampler(range(9), seed=2), 20)
    assert isinstance(InfiniteSampler(range(9)).seed, int)


def test_fast_forward_costs_nothing() -> None:
    sampler = InfiniteSampler(range(10), seed=0)
    sampler.position = 10 ** 12 + 3
    assert take(sampler, 1)[0].seed == hash_seed(0, 10 ** 12 + 3)


def in_process(monkeypatch: pytest.MonkeyPatch, rank: int, world: int) -> None:
    monkeypatch.setattr('toolbox.data.samplers.get_dist_info', lambda: (rank, world))


@pytest.mark.parametrize('world', [2, 3])
def test_processes_share_one_sequence(monkeypatch: pytest.MonkeyPatch, world: int) -> None:
    whole = take(InfiniteSampler(range(7), seed=5), 24)
    for rank in range(world):
        in_process(monkeypatch, rank, world)
        sampler = InfiniteSampler(range(7), seed=5)
        assert take(sampler, 8) == whole[rank::world][:8]
        sampler.position = 4 * world
        assert take(sampler, 2) == whole[4 * world + rank::world][:2]
        assert len(sampler) == -(-7 // world)


@pytest.mark.parametrize(('size', 'world'), [(7, 2), (7, 3), (2, 4), (8, 4)])
def test_evaluation_shares_are_uneven_but_complete(monkeypatch: pytest.MonkeyPatch, size: int, world: int) -> None:
    shares = []
    for rank in range(world):
        in_process(monkeypatch, rank, world)
        sampler = EvalSampler(range(size), seed=rank)
        shares.append(list(sampler))
        assert len(sampler) == len(shares[-1])
    assert sorted(itertools.chain(*shares)) == [SampleKey(i, i) for i in range(size)]
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_empty_dataset_is_refused() -> None:
    with pytest.raises(DataError, match='empty'):
        InfiniteSampler([], seed=0)


def test_registered_under_the_names_configs_use() -> None:
    for cls in (InfiniteSampler, EvalSampler):
        assert type(build({'type': cls.__name__, 'dataset': range(3), 'seed': 0}, DATA_SAMPLERS)) is cls
    assert FUNCTIONS.get('stack_samples') is stack_samples


def test_seeded_restores_every_generator() -> None:
    def draw() -> tuple[float, float, float]:
        return random.random(), float(np.random.random()), float(torch.rand(()))

    with seeded(1):
        first = draw()
        with seeded(2):
            other = draw()
        inner = draw()
    outside = draw()
    with seeded(1):
        assert draw() == first and draw() == inner
    assert other != first and outside != inner
    with seeded(11):
        expected = draw(), draw()
    with seeded(11):
        before = draw()
        with pytest.raises(RuntimeError), seeded(5):
            raise RuntimeError
        assert (before, draw()) == expected


def test_a_sample_leaves_the_random_numbers_of_the_gpu_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.accelerator, 'is_available', lambda: True)
    for name in ('manual_seed_all', 'get_rng_state_all', 'set_rng_state_all'):
        monkeypatch.setattr(torch.cuda, name, lambda *args, name=name: asked.append(name) or [])
    with seeded(3):
        assert not asked
    with preserve_rng(3):
        assert asked == ['get_rng_state_all', 'manual_seed_all']
    assert asked == ['get_rng_state_all', 'manual_seed_all', 'set_rng_state_all']


def test_hash_is_in_range_and_spreads() -> None:
    seeds = {hash_seed(a, b) for a in range(50) for b in range(50)}
    assert len(seeds) == 2500
    assert all(0 <= s < 2 ** 63 for s in seeds)
    bits = np.mean([[s >> k & 1 for k in range(63)] for s in seeds], axis=0)
    assert np.abs(bits - 0.5).max() < 0.06
    assert hash_seed(-1, 0) >= 0 and hash_seed(0, 1) != hash_seed(1, 0)


def test_stack_samples() -> None:
    samples = [{'A': torch.full((3, 2, 2), i, dtype=torch.uint8), 'meta': {'index': i}} for i in range(3)]
    batch = stack_samples(samples)
    assert batch['A'].shape == (3, 3, 2, 2) and batch['A'][2].eq(2).all()
    assert batch['meta'] == [{'index': 0}, {'index': 1}, {'index': 2}]


@pytest.mark.parametrize(('other', 'message'), [
    (torch.zeros(3, 4, 6, dtype=torch.uint8), r"x\.png' is 4x4.*y\.png' is 6x4.*Resize"),
    (torch.zeros(1, 4, 4, dtype=torch.uint8), r'3 channels.*1 channels.*Set the dataset'),
    (torch.zeros(3, 4, 4, dtype=torch.uint16), 'uint8.*uint16.*16-bit')])
def test_batches_of_unlike_images_are_refused(other: torch.Tensor, message: str) -> None:
    samples = [{'A': torch.zeros(3, 4, 4, dtype=torch.uint8), 'meta': {'A_path': 'x.png'}},
               {'A': other, 'meta': {'A_path': 'y.png'}}]
    with pytest.raises(DataError, match=message):
        stack_samples(samples)
    with pytest.raises(DataError, match='different keys'):
        stack_samples([{'A': other}, {'B': other}])


def test_preprocessor_ranges_and_types() -> None:
    deep = torch.tensor([0, 13107, 65535]).to(torch.uint16)
    batch = {'A': torch.tensor([0, 51, 255], dtype=torch.uint8), 'deep': deep, 'labels': torch.tensor([0, 255]),
             'x': torch.tensor([0.3], dtype=torch.float64), 'meta': [{'index': 0}]}
    done = DataPreprocessor()(batch)
    for key in ('A', 'deep'):
        torch.testing.assert_close(done[key], torch.tensor([-1.0, -0.6, 1.0]), rtol=0, atol=1e-6)
    assert done['labels'].dtype == torch.int64 and done['labels'].tolist() == [0, 255]
    assert done['x'].dtype == torch.float64 and done['x'].item() == 0.3
    assert done['meta'] is batch['meta']
    assert batch['A'].dtype == torch.uint8


def test_preprocessor_has_no_state_and_keeps_float32_in_any_model() -> None:
    module = torch.nn.ModuleDict({'data': DataPreprocessor(), 'net': torch.nn.Linear(1, 1)}).double()
    assert list(module.state_dict()) == ['net.weight', 'net.bias']
    assert not list(module['data'].parameters())
    assert module['data']({'A': torch.zeros(1, dtype=torch.uint8)})['A'].dtype == torch.float32
    assert module.to('meta')['data'].device.type == 'meta'


def test_to_uint8_rounds_clamps_and_inverts() -> None:
    every = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(DataPreprocessor()({'A': every})['A']), every)
    values = torch.tensor([-3.0, -1.0, 0.0, 100.6 / 127.5 - 1, 1.0, 7.0], dtype=torch.bfloat16).float()
    assert to_uint8(values).tolist()[:3] == [0, 0, 128] and to_uint8(values).tolist()[4:] == [255, 255]
    assert to_uint8(torch.tensor([100.6 / 127.5 - 1])).item() == 101  # truncation would give 100


def test_runner_builds_the_loader(tmp_path: Path) -> None:
    from mmengine.runner import Runner
    for i in range(3):
        write_image(tmp_path / f'trainA/{i}.png', np.full((6, 6, 3), i, np.uint8))
        write_image(tmp_path / f'trainB/{i}.png', np.full((6, 6, 3), i, np.uint8))
    config = {'dataset': {'type': 'toolbox.UnpairedDataset', 'data_root': str(tmp_path)}, 'batch_size': 2,
              'sampler': {'type': 'toolbox.EvalSampler'}, 'collate_fn': {'type': stack_samples}, 'num_workers': 0}
    assert DATASETS.get('UnpairedDataset') is not None
    loader = Runner.build_dataloader(config, seed=0)
    assert [batch['A'].shape[0] for batch in loader] == [2, 1]
