"""Metrics between all domains: which images count for which pair, real images of another set, processes."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import ROOT, two_ranks

from toolbox.data.sets.toys import SyntheticDomains
from toolbox.engine.config import load_config
from toolbox.errors import ConfigError
from toolbox.features import RandomFeatures
from toolbox.metrics import FID, BetweenDomains, LPIPSDiversity
from toolbox.metrics.frechet import frechet_distance
from toolbox.metrics.kernel import kid_of_blocks

SMALL = dict(type='RandomFeatures', channels=16, size=16)
NAMES = ('plain', 'striped', 'outlined')
FID_CFG = dict(type='FID', target='img', features=SMALL)
REAL = dict(type='SyntheticDomains', size=16, length=20, split='real')


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('TOOLBOX_CACHE', str(tmp_path_factory.mktemp('cache')))


def translated(count: int = 12, outputs: int = 1) -> tuple[dict, list[dict]]:
    """A batch of labels, and samples as ``val_step`` returns them; images are noise, each other by domain and
    output."""
    rng = np.random.default_rng(0)
    keys = ['img', *(f'fake_{name}{f"_{i}" if i else ""}' for name in NAMES for i in range(outputs))]
    samples = [{'meta': {'index': i}, **{key: torch.from_numpy(rng.integers(0, 200 + 5 * n, (3, 16, 16), np.uint8))
                                         for n, key in enumerate(keys)}} for i in range(count)]
    return {'label': torch.arange(count) % 3, 'target': (torch.arange(count) + 1) % 3}, samples


def result(metric: BetweenDomains, data: tuple[dict, list[dict]], batch: int = 5,
           indices: list[int] | None = None) -> dict:
    facts, samples = data
    indices = list(range(len(samples))) if indices is None else indices
    for start in range(0, len(indices), batch):
        part = indices[start:start + batch]
        metric.process({key: value[part] for key, value in facts.items()}, [samples[i] for i in part])
    return metric.evaluate(len(samples))


def features(images: list[torch.Tensor]) -> np.ndarray:
    return RandomFeatures(channels=16, size=16).extract(torch.stack(images), ['pool'])['pool'].numpy()


def test_every_pair_compares_its_translations_with_the_target_domain() -> None:
    data = facts, samples = translated()
    found = result(BetweenDomains(FID_CFG, NAMES), data)
    pairs = {}
    for s, t in permutations(range(3), 2):
        fake = features([x[f'fake_{NAMES[t]}'] for x, label in zip(samples, facts['label'], strict=True) if label == s])
        real = features([x['img'] for x, label in zip(samples, facts['label'], strict=True) if label == t])
        pairs[f'{NAMES[s]}2{NAMES[t]}/FID'] = frechet_distance(fake, real)
    assert {key: found[key] for key in pairs} == pytest.approx(pairs, rel=1e-6)
    assert found['FID'] == pytest.approx(np.mean([*pairs.values()]), rel=1e-6)
    assert found['FID_images'] == 24 and found['plain2striped/FID_images'] == 4
    assert result(BetweenDomains(FID_CFG, NAMES, prefix='latent'), data)['latent/FID'] == found['FID']


def test_all_outputs_count() -> None:
    data = facts, samples = translated(outputs=3)
    found = result(BetweenDomains(FID_CFG, NAMES), data)
    keys = ('fake_striped', 'fake_striped_1', 'fake_striped_2')
    fake = features([x[key] for x, label in zip(samples, facts['label'], strict=True) if label == 0 for key in keys])
    real = features([x['img'] for x, label in zip(samples, facts['label'], strict=True) if label == 1])
    assert found['plain2striped/FID'] == pytest.approx(frechet_distance(fake, real), rel=1e-6)
    assert found['plain2striped/FID_images'] == 12


def test_diversity_is_that_of_the_translations_to_other_domains() -> None:
    data = facts, samples = translated(outputs=2)
    diversity = dict(type='LPIPSDiversity', features=SMALL, output='pool')
    metric = BetweenDomains(diversity, NAMES)
    found = result(metric, data)
    alone = LPIPSDiversity('fake_plain', features=SMALL, output='pool')
    alone.process(None, [x for x, label in zip(samples, facts['label'], strict=True) if label == 2])
    assert found['outlined2plain/LPIPSDiversity'] == pytest.approx(alone.evaluate(4)['LPIPSDiversity'], rel=1e-6)
    assert len([key for key in found if key.endswith('/LPIPSDiversity')]) == 6
    assert metric.higher_is_better and not BetweenDomains(FID_CFG, NAMES).higher_is_better


def test_kid_in_both_readings_takes_the_sources_of_each_pair() -> None:
    data = _, samples = translated(24)
    both = dict(type='UGATITKID', target='img', source='img', size=4, features=SMALL)
    found = result(BetweenDomains(both, NAMES), data)
    fake = features([x['fake_outlined'] for x in samples[1::3]])
    to_target, to_source = (kid_of_blocks(fake, features([x['img'] for x in samples[i::3]]), 4)[0] * 100
                            for i in (2, 1))
    assert found['striped2outlined/UGATITKID_target'] == pytest.approx(to_target, rel=1e-6)
    assert found['striped2outlined/UGATITKID_mean'] == pytest.approx((to_target + to_source) / 2, rel=1e-6)
    alone = result(BetweenDomains(both, NAMES, pairs=False), data)
    assert alone == {key: value for key, value in found.items() if '/' not in key}


def test_metrics_that_share_a_network_do_not_disturb_each_other() -> None:
    facts, samples = translated(outputs=2)
    configs = [FID_CFG, dict(type='LPIPSDiversity', features=SMALL, output='pool')]
    together = [BetweenDomains(cfg, NAMES) for cfg in configs]
    for metric in together:
        metric.process(facts, samples)
    assert [metric.evaluate(12) for metric in together] == [result(BetweenDomains(cfg, NAMES), (facts, samples), 12)
                                                            for cfg in configs]


def test_images_that_went_to_one_domain_each() -> None:
    facts, samples = translated()
    for sample in samples:
        sample['fake_ref'] = sample.pop('fake_plain')
    found = result(BetweenDomains(FID_CFG, NAMES, pred='fake_ref', wanted='target'), (facts, samples))
    assert {key for key in found if key.endswith('/FID')} == {'plain2striped/FID', 'striped2outlined/FID',
                                                              'outlined2plain/FID'}
    fake = features([x['fake_ref'] for x in samples[::3]])
    assert found['plain2striped/FID'] == pytest.approx(frechet_distance(fake,
                                                                        features([x['img'] for x in samples[1::3]])))


def test_real_images_of_a_set_of_their_own_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    data = facts, samples = translated()
    metric = BetweenDomains(FID_CFG, NAMES, real=REAL)
    found = result(metric, data)
    real = SyntheticDomains(16, 20, 'real')
    fake = features([x['fake_striped'] for x, label in zip(samples, facts['label'], strict=True) if label == 2])
    stripes = features([real[i]['img'] for i in range(1, 20, 3)])
    assert found['outlined2striped/FID'] == pytest.approx(frechet_distance(fake, stripes), rel=1e-6)
    assert 'real images of SyntheticDomains real; ' in metric.protocol and 'RandomFeatures' in metric.protocol
    monkeypatch.setattr(SyntheticDomains, '__getitem__', lambda *_: pytest.fail('read again'))
    assert result(metric, data) == found


def test_many_records_become_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    data = translated(outputs=2)
    few = result(BetweenDomains(FID_CFG, NAMES, real=REAL), data)
    for module in ('domains', 'frechet'):
        monkeypatch.setattr(f'toolbox.metrics.{module}.KEEP', 3)
    monkeypatch.setattr('toolbox.metrics.base.BLOCK', 4)
    many = result(BetweenDomains(FID_CFG, NAMES, real=REAL), data)
    assert {key: few[key] for key in many} == pytest.approx(many, rel=1e-3)  # of 8 images in 16 dimensions
    assert 'FID_KID' in few and 'FID_KID' not in many


def test_the_mean_is_one_of_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('toolbox.metrics.frechet.KEEP', 7)
    found = result(BetweenDomains(FID_CFG, NAMES), translated(11))  # 4, 4 and 3 of a domain: 7 or 8 records in a pair
    assert 'plain2outlined/FID_KID' in found and 'plain2striped/FID_KID' not in found
    assert 'FID' in found and 'FID_KID' not in found


RANKS = """
import json, sys
import torch.distributed as dist
from tests.test_metrics_domains import FID_CFG, NAMES, REAL, BetweenDomains, result, translated
rank = int(sys.argv[1])
dist.init_process_group('gloo', init_method='file://' + sys.argv[2], rank=rank, world_size=2)
for real in (None, REAL):
    print(json.dumps(result(BetweenDomains(FID_CFG, NAMES, real=real), translated(11), 2, [*range(11), 0][rank::2])))
dist.destroy_process_group()
"""


@pytest.mark.dist
def test_two_processes_state_what_one_states(tmp_path: Path) -> None:
    expected = [result(BetweenDomains(FID_CFG, NAMES, real=real), translated(11)) for real in (None, REAL)]
    for lines in two_ranks(RANKS, tmp_path):
        found = [json.loads(line) for line in lines if line.startswith('{')]
        assert found == [pytest.approx(values, rel=1e-6) for values in expected]


def test_what_is_wrong_is_said() -> None:
    facts, samples = translated()
    with pytest.raises(ConfigError, match=r'domains: expected a list .* with 2 or more different items'):
        BetweenDomains(FID_CFG, ['plain'])
    with pytest.raises(ConfigError, match=r"metric.*unknown metric 'FIDD'.*FID"):
        BetweenDomains(dict(type='FIDD'), NAMES)
    with pytest.raises(ConfigError, match=r'metric: ClassifierAccuracy needs more than the images'):
        BetweenDomains(dict(type='ClassifierAccuracy', features=SMALL), NAMES)
    with pytest.raises(ConfigError, match=r"label: the data set gives no 'label'"):
        BetweenDomains(FID_CFG, NAMES).process({}, samples)
    with pytest.raises(ConfigError, match=r'2 names, but the labels of a batch go from 0 to 2'):
        BetweenDomains(FID_CFG, NAMES[:2]).process(facts, samples)
    with pytest.raises(ConfigError, match=r"metric FID.pred: the samples hold no image 'fale_plain'.*fake_plain"):
        BetweenDomains(FID_CFG, NAMES, pred='fale_').process(facts, samples)
    only = {'label': torch.zeros(12, dtype=torch.long), 'target': torch.zeros(12, dtype=torch.long)}
    with pytest.raises(ConfigError, match=r'no image went from one of'):
        result(BetweenDomains(FID_CFG, NAMES, wanted='target', pred='fake_plain'), (only, samples))


def test_the_real_set_lies_where_the_data_lies() -> None:
    cfg = load_config(ROOT / 'configs/starganv2/afhq.py', {'data_root': 'elsewhere/afhq'})
    roots = [metric.real.data_root for metric in cfg.test_evaluator if 'real' in metric]
    assert roots == ['elsewhere/afhq'] * 2
    assert FID.__name__ == cfg.test_evaluator[0].metric.type
