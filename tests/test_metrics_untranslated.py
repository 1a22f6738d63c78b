"""Scores of untranslated images beside metrics of sets, one pass for all outputs, and fast products of exact worth."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from toolbox.features import RandomFeatures
from toolbox.methods.directions import Shown
from toolbox.metrics import (
    FID,
    IS,
    KID,
    SWD,
    UGATITKID,
    BetweenDomains,
    ComparesSets,
    DensityCoverage,
    PrecisionRecall,
    manifold,
)
from toolbox.metrics.frechet import frechet_distance
from toolbox.metrics.kernel import kid_of_subsets
from toolbox.metrics.manifold import covering, radii
from toolbox.metrics.pairs import remembered

SMALL = dict(type='RandomFeatures', channels=16, size=16)
PICTURES = {'fake_B': Shown('to B', of='A', like='B'), 'rec_A': Shown('back', of='fake_B', like='A')}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('TOOLBOX_CACHE', str(tmp_path / 'cache'))
    # Networks of other tests, which tracebacks may keep alive, know the cache of these.
    monkeypatch.setattr('toolbox.metrics.features._networks', weakref.WeakValueDictionary())


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Images that networks were given, call by call."""
    calls: list[int] = []
    extract = RandomFeatures.extract
    monkeypatch.setattr(RandomFeatures, 'extract', lambda self, images, outputs=None: (
        calls.append(len(images)), extract(self, images, outputs))[1])
    return calls


def samples(count: int, repeated: int = 0) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    brightest = dict(A=90, B=256, fake_B=180)
    made = [{key: rng.integers(0, high, (3, 20, 20), np.uint8) for key, high in brightest.items()}
            for _ in range(count)]
    for i, sample in enumerate(made):
        sample['meta'] = {'repeated': ['A']} if i >= count - repeated else {}
        if i >= count - repeated:
            sample |= {key: made[i - count + repeated][key] for key in ('A', 'fake_B')}
    return made


def evaluated(metric: Any, batch: list[dict[str, Any]]) -> dict[str, float]:
    metric.process({'label': [0] * len(batch)}, batch)
    return metric.evaluate(len(batch))


def metrics() -> Iterator[ComparesSets]:
    yield FID(features=SMALL)
    yield KID(features=SMALL, size=4)
    yield IS(features=SMALL, splits=2)
    yield PrecisionRecall(features=SMALL, output='pool')
    yield DensityCoverage(features=SMALL, output='pool', k=2)
    yield SWD(patches=8)
    yield UGATITKID(features=SMALL, size=4)


@pytest.mark.parametrize('number', range(7))
def test_sources_are_scored_as_if_they_were_translations(number: int) -> None:
    metric, batch = list(metrics())[number], samples(9, repeated=2)
    metric.bind(PICTURES)
    found = evaluated(metric, batch)
    same = list(metrics())[number]
    same.bind(PICTURES)
    same.baseline = False
    expected = evaluated(same, [{**sample, 'fake_B': sample['A']} for sample in batch])
    assert not any('untranslated' in name for name in expected)
    expected = {f'{name}_untranslated': value for name, value in expected.items() if not name.endswith('_images')}
    assert {name: value for name, value in found.items() if 'untranslated' in name} == pytest.approx(expected, rel=1e-9)
    own = {name: value for name, value in found.items() if 'untranslated' not in name}
    same.forget()
    assert evaluated(same, batch) == pytest.approx(own, rel=1e-9)
    assert set(found) <= set(metric.reported) and '_untranslated: A in place of fake_B' in metric.protocol
    assert metric.protocol.startswith(('7 generated images fake_B', ''))


def test_later_evaluations_repeat_them_without_a_pass(passes: list[int]) -> None:
    metric, batch = FID(features=SMALL), samples(6)
    metric.bind(PICTURES)
    first = evaluated(metric, batch)
    assert sum(passes) == 18
    darker = [{**sample, 'fake_B': sample['fake_B'] // 2} for sample in batch]
    second = evaluated(metric, darker)
    assert sum(passes) == 24, 'generated images only'
    assert second['FID'] != first['FID'] and second['FID_untranslated'] == first['FID_untranslated']


@pytest.mark.fault
def test_who_has_no_source_has_no_such_score() -> None:
    for pictures in ({'fake': Shown('from noise', like='B')}, {'rec_A': PICTURES['rec_A'], **PICTURES}):
        metric = FID(features=SMALL)
        metric.bind(pictures)
        assert metric.source is None
    metric = FID(features=SMALL)
    metric.bind(PICTURES)
    metric.baseline = False
    assert set(evaluated(metric, samples(4))) == {'FID', 'FID_KID', 'FID_images'}
    wide = [{**sample, 'A': np.zeros((6, 20, 20), np.uint8)} for sample in samples(4)]
    said: list[str] = []
    metric = FID(features=SMALL)
    metric.bind(PICTURES)
    metric.warn = said.append
    assert set(evaluated(metric, wide)) == {'FID', 'FID_KID', 'FID_images'}
    assert said[0] == ("'A' is (6, 20, 20) (C, H, W), which is not scored as if it were 'fake_B': there is no "
                       'FID_untranslated.')
    small = [{**sample, 'A': sample['A'][:, :16, :16]} for sample in samples(4)]
    metric = SWD(patches=8)
    metric.bind(PICTURES)
    assert not any('untranslated' in name for name in evaluated(metric, small))


def test_between_domains_real_images_of_the_source_stand_for_translations() -> None:
    rng = np.random.default_rng(0)
    batch = [{'img': rng.integers(0, 80 * (1 + i % 3), (3, 20, 20), np.uint8), 'meta': {},
              **{f'fake_{name}': rng.integers(0, 200, (3, 20, 20), np.uint8) for name in 'xyz'}} for i in range(18)]
    metric = BetweenDomains(dict(type='FID', features=SMALL, target='img'), tuple('xyz'))
    for _ in range(2):
        metric.process({'label': [i % 3 for i in range(18)]}, batch)
        found = metric.evaluate(18)
    net = RandomFeatures(channels=16, size=16)
    images = torch.stack([torch.from_numpy(sample['img']) for sample in batch])
    rows = [net.extract(images[k::3])['pool'].numpy() for k in range(3)]
    assert found['x2z/FID_untranslated'] == pytest.approx(frechet_distance(rows[0], rows[2]), rel=1e-6)
    pairs = [found[f'{a}2{b}/FID_untranslated'] for a in 'xyz' for b in 'xyz' if a != b]
    assert found['FID_untranslated'] == pytest.approx(np.mean(pairs)) and found['FID'] != found['FID_untranslated']
    metric.baseline = False
    metric.process({'label': [i % 3 for i in range(18)]}, batch)
    assert not any('untranslated' in name for name in metric.evaluate(18))


def test_one_pass_gives_all_outputs_that_metrics_ask_for(passes: list[int]) -> None:
    features = dict(SMALL, outputs=('pool',))
    together = [FID(features=features), KID(features=features, output='logits_unbiased', size=4)]
    for metric in together:
        metric.bind({'fake_B': Shown('', like='B')})
        metric.load()
    batch = samples(5)
    for expected in (10, 15):  # then real ones come from the disk, for either output
        for metric in together:
            metric.process(None, batch)
        for metric in together:
            metric.evaluate(5)
        assert sum(passes) == expected


# Products in float32

def features(count: int, d: int, seed: int) -> np.ndarray:
    return np.maximum(0, np.random.default_rng(seed).normal(size=(count, d)) + 0.3).astype(np.float32)


def test_kid_from_float32_products_is_that_from_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    fake, real = features(300, 64, 1) * 1.1, features(260, 64, 2) + 5
    compute = kid_of_subsets.__wrapped__  # what was remembered would be exact
    exact = compute(fake, real, 20, 100, 1)
    monkeypatch.setattr('toolbox.metrics.pairs.SINGLE', 0)
    monkeypatch.setattr('toolbox.metrics.pairs.HELD', 0)
    fast = compute(fake, real, 20, 100, 1)
    assert fast != exact and fast == pytest.approx(exact, rel=1e-6)


@pytest.mark.fault
@pytest.mark.parametrize('held', [0, 2**26])
def test_coverings_from_float32_products_are_exact(held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where many vectors are equal, or so near that float32 does not tell them apart."""
    sets = [(features(300, 32, 1), features(280, 32, 2)), (features(90, 3, 1) * 1e-30, features(80, 3, 2) * 1e-30),
            (np.round(features(300, 2, 1), 1), np.round(features(290, 2, 2), 1))]
    near = features(40, 8, 3)
    sets.append((np.concatenate([near] * 5) + 1e3, np.concatenate([near, near + 1e-5] * 2) + 1e3))
    monkeypatch.setattr(manifold, '_coverings', manifold._coverings.__wrapped__)  # not what was remembered
    exact = [covering(real, fake, 4) for real, fake in sets]
    distances = [radii(real, 2) for real, _ in sets]
    monkeypatch.setattr('toolbox.metrics.pairs.SINGLE', 0)
    monkeypatch.setattr('toolbox.metrics.pairs.HELD', held)
    monkeypatch.setattr('toolbox.metrics.pairs.ROWS', 64)
    for (real, fake), expected, distance in zip(sets, exact, distances, strict=True):
        assert covering(real, fake, 4) == expected and expected.recall > 0
        np.testing.assert_allclose(radii(real, 2), distance, rtol=1e-9, atol=1e-12)


def test_what_was_computed_is_remembered_by_its_arguments() -> None:
    calls: list[float] = []

    @remembered
    def total(rows: np.ndarray, factor: int = 1) -> float:
        calls.append(rows.sum() * factor)
        return calls[-1]

    a = np.arange(6.0)
    assert total(a) == total(a.copy()) == 15 and len(calls) == 1
    assert total(a, factor=2) == 30 and total(a.reshape(2, 3)) == 15 and total(a.astype(np.float32)) == 15
    assert len(calls) == 4
    for i in range(10):
        total(a + i + 1)
    assert total(a) == 15 and len(calls) == 15, 'forgotten, in favour of later ones'
