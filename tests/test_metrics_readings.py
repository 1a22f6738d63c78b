"""The KID of U-GAT-IT's comparison: to the target, and the mean of target and source."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from bound import bound
from mmengine.evaluator import Evaluator

from toolbox.features import RandomFeatures
from toolbox.metrics import UGATITKID
from toolbox.metrics.kernel import kid_of_blocks

SMALL = dict(type='RandomFeatures', channels=16, size=16)


@pytest.fixture(autouse=True)
def cache(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('TOOLBOX_CACHE', str(tmp_path))


def samples(count: int, twice: int) -> list[dict]:
    """As ``val_step`` returns them; the last ``twice`` images of A are those of the first samples again."""
    rng = np.random.default_rng(0)
    made = [{key: torch.from_numpy(rng.integers(low, 256, (3, 20, 20), np.uint8))
             for key, low in (('A', 0), ('B', 60), ('fake_B', 120))} for _ in range(count)]
    for i, sample in enumerate(made):
        sample['meta'] = {'index': i}
        if i >= count - twice:
            first = made[i - (count - twice)]
            sample.update({'A': first['A'], 'fake_B': first['fake_B'], 'meta': {'index': i, 'repeated': ('A',)}})
    return made


@pytest.mark.parametrize('twice', [0, 4])
def test_both_readings_follow_from_the_block_estimator(twice: int) -> None:
    metric, batch = bound(UGATITKID(features=SMALL)), samples(24, twice)
    evaluator = Evaluator([metric])
    for start in range(0, 24, 5):
        evaluator.process(batch[start:start + 5])
    found = evaluator.evaluate(24)
    net = RandomFeatures(channels=16, size=16)
    features = {key: net.extract(torch.stack([sample[key] for sample in batch]))['pool'].numpy()
                for key in ('A', 'B', 'fake_B')}
    own = 24 - twice
    target = kid_of_blocks(features['fake_B'][:own], features['B'])
    source = kid_of_blocks(features['fake_B'][:own], features['A'][:own])
    assert found['UGATITKID_target'] == pytest.approx(100 * target[0], abs=1e-9)
    assert found['UGATITKID_target_error'] == pytest.approx(100 * target[1], abs=1e-9)
    assert found['UGATITKID_mean'] == pytest.approx(50 * (target[0] + source[0]), abs=1e-9)
    assert found['UGATITKID_mean_error'] == pytest.approx(50 * (target[1] + source[1]), abs=1e-9)
    assert found['UGATITKID_images'] == own
    assert metric.protocol.startswith(f'{own} generated images fake_B against 24 real images B')
    assert 'blocks of at most 10; times 100; the mean is with the source images A' in metric.protocol
