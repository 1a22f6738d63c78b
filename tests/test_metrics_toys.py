"""Accuracy of attributes and domains: 1 for the true answers, and what is counted."""

from __future__ import annotations

import pytest
import torch

from toolbox.data.sets.toys import SyntheticAttributes, SyntheticDomains
from toolbox.errors import ConfigError
from toolbox.metrics import AttributeAccuracy, DomainAccuracy

DIRECTIONS = ('red', 'green', 'blue', 'striped', 'not_striped', 'outlined', 'not_outlined')


def scores(metric: AttributeAccuracy | DomainAccuracy, samples: list[dict]) -> dict[str, float]:
    metric.process(None, samples)
    return metric.evaluate(len(samples))


def attributes(predict) -> dict[str, float]:
    data = SyntheticAttributes(length=30, split='val')
    samples = [data[i] for i in range(30)]
    return scores(AttributeAccuracy(), [{**s, **{f'fake_{name}': predict(s, name) for name in DIRECTIONS}}
                                        for s in samples])


def test_the_true_answers_have_every_attribute_and_keep_the_others() -> None:
    found = attributes(lambda sample, name: sample[f'oracle_{name}'])
    assert found.pop('AttributeAccuracy_images') == 30
    assert set(found) == {'AttributeAccuracy', *(f'AttributeAccuracy_{name}' for name in ('kept', *DIRECTIONS))}
    assert set(found.values()) == {1.0}


def test_unchanged_images_have_nothing_that_was_asked_for() -> None:
    found = attributes(lambda sample, name: sample['img'])
    assert (found['AttributeAccuracy'], found['AttributeAccuracy_kept']) == (0, 1)


def test_what_is_lost_on_the_way_counts() -> None:
    found = attributes(lambda sample, name: sample['oracle_red'] if name == 'striped' else sample[f'oracle_{name}'])
    assert found['AttributeAccuracy_striped'] == 0 and found['AttributeAccuracy_red'] == 1
    assert found['AttributeAccuracy_kept'] < 1


def test_domains_and_references() -> None:
    data = SyntheticDomains(length=24, split='val')
    samples = [data[i] for i in range(24)]
    right = {f'fake_{name}': f'oracle_{name}' for name in (*data.domains, 'ref')}
    found = scores(DomainAccuracy(), [{**s, **{key: s[answer] for key, answer in right.items()}} for s in samples])
    assert {key: value for key, value in found.items() if not key.endswith('images')} == dict.fromkeys((
        'DomainAccuracy', *(f'DomainAccuracy_{name}' for name in (*data.domains, 'ref', 'hue'))), 1.0)
    found = scores(DomainAccuracy(), [{**s, 'fake_plain': s['img'], 'fake_ref': s['img']} for s in samples])
    assert found['DomainAccuracy'] == found['DomainAccuracy_plain'] == pytest.approx(1 / 3)
    assert found['DomainAccuracy_ref'] == 0 and found['DomainAccuracy_hue'] < 0.5


@pytest.mark.parametrize('batch', [7, 300])
def test_more_images_than_a_block_are_counted(batch: int) -> None:
    data = SyntheticDomains(length=3, split='val')
    samples = [{**data[i], **{f'fake_{name}': data[i][f'oracle_{name}'] for name in data.domains}} for i in range(3)]
    samples[2]['fake_plain'] = samples[2]['img']
    metric, many = DomainAccuracy(), samples * 200
    for start in range(0, len(many), batch):
        metric.process(None, many[start:start + batch])
    assert metric.evaluate(len(many)) == {**scores(DomainAccuracy(), samples), 'DomainAccuracy_images': 600}


def test_samples_of_another_kind_are_refused() -> None:
    sample = SyntheticAttributes(length=1, split='val')[0]
    with pytest.raises(ConfigError, match=r"fake_yellow: toys have no attribute 'yellow'"):
        AttributeAccuracy().process(None, [{**sample, 'fake_yellow': sample['img']}])
    with pytest.raises(ConfigError, match='the samples hold none of fake_plain'):
        DomainAccuracy().process(None, [sample])
    with pytest.raises(ConfigError, match="no image 'mask'"):
        AttributeAccuracy().process(None, [{'img': torch.zeros(3, 32, 32, dtype=torch.uint8)}])
