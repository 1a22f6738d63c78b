"""Metrics on feature networks: one pass for all, features kept on disk, each metric, processes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from bound import bound
from commands import two_ranks
from mmengine.evaluator import Evaluator

from toolbox import features
from toolbox.errors import ConfigError, DataError
from toolbox.features import RandomFeatures
from toolbox.metrics import (
    FID,
    IS,
    KID,
    LPIPS,
    SIFID,
    SWD,
    ClassifierAccuracy,
    DensityCoverage,
    LPIPSDiversity,
    Metric,
    PrecisionRecall,
    SegmentationScore,
)
from toolbox.metrics.frechet import frechet_distance
from toolbox.metrics.store import FeatureStore, digest
from toolbox.registry import METRICS, build

SMALL = dict(type='RandomFeatures', channels=16, size=16)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp('cache')
    monkeypatch.setenv('TOOLBOX_CACHE', str(folder))
    return folder


@pytest.fixture
def extracted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images each call of a network was given."""
    calls: list[int] = []
    extract = RandomFeatures.extract

    def counting(self, images, outputs=None):
        calls.append(len(images))
        return extract(self, images, outputs)

    monkeypatch.setattr(RandomFeatures, 'extract', counting)
    return calls


def pictures(count: int, seed: int = 0, size: int = 20) -> list[dict]:
    """Samples as ``val_step`` returns them; the generated images are darker than the real ones."""
    rng = np.random.default_rng(seed)
    return [{'B': torch.from_numpy(rng.integers(0, 256, (3, size, size), np.uint8)),
             'fake_B': torch.from_numpy(rng.integers(0, 180, (3, size, size), np.uint8)),
             'meta': {'index': i, 'A_path': f'A/{i}.png', 'B_path': f'B/{i}.png'}} for i in range(count)]


def set_metrics() -> list[Metric]:
    return bound([FID(features=SMALL), KID(features=SMALL, size=5), IS(features=SMALL, splits=3), SWD(patches=16),
                  PrecisionRecall(features=SMALL, output='pool'), DensityCoverage(features=SMALL, output='pool', k=3)])


def result(metrics: Metric | list[Metric], samples: list[dict], batch: int = 4) -> dict[str, float]:
    evaluator = Evaluator(bound(metrics))
    for start in range(0, len(samples), batch):
        evaluator.process(samples[start:start + batch])
    return evaluator.evaluate(len(samples))


# One pass


def test_all_metrics_share_one_pass_of_the_network(extracted: list[int]) -> None:
    metrics = [FID(features=SMALL), KID(features=SMALL, size=5), IS(features=SMALL, splits=2),
               PrecisionRecall(features=SMALL, output='pool')]
    result(metrics, pictures(10), batch=4)
    assert sum(extracted) == 20, 'ten generated and ten real images'
    assert len({id(metric.network.net) for metric in metrics}) == 1
    assert FID(features={**SMALL, 'seed': 1}).network is not metrics[0].network
    built = [RandomFeatures(channels=16), RandomFeatures(channels=8)]
    assert [FID(features=net).network.net for net in built] == built


def test_results_do_not_depend_on_the_batch_or_on_former_results() -> None:
    samples, metrics = pictures(11), set_metrics()
    first = result(metrics, samples, 4)
    assert result(metrics, samples, 4) == first
    assert result(metrics, samples, 1) == first
    assert result(set_metrics(), pictures(11, seed=1), 4) != pytest.approx(first, rel=1e-5)


def test_images_of_several_sizes_and_gray_ones() -> None:
    samples = pictures(4) + pictures(4, seed=1, size=17)
    assert result(FID(features=SMALL), samples, 8) == result(FID(features=SMALL), samples, 1)
    gray = [{**s, 'fake_B': s['fake_B'][:1]} for s in pictures(4)]
    wide = [{**s, 'fake_B': s['fake_B'].repeat(3, 1, 1)} for s in gray]
    assert result(FID(features=SMALL), gray) == result(FID(features=SMALL), wide)
    with pytest.raises(DataError, match=r"'fake_B' of A/0\.png, B/0\.png has 2 channels"):
        result(FID(features=SMALL), [{**s, 'fake_B': s['fake_B'][:2]} for s in pictures(2)])


def test_fid_of_sums_is_fid_of_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = pictures(40)
    kept = result(FID(features=SMALL), samples)
    monkeypatch.setattr('toolbox.metrics.base.BLOCK', 8)
    streamed = result(FID(features=SMALL), samples)
    assert streamed == kept, 'records are reduced in blocks, but kept as long as they are few'
    monkeypatch.setattr('toolbox.metrics.frechet.KEEP', 10)
    summed = result(FID(features=SMALL), samples)
    assert summed['FID'] == pytest.approx(kept['FID'], rel=1e-9)
    assert {'FID_KID'} == set(kept) - set(summed)
    assert summed['FID_images'] == 40


def test_repeated_images_count_once() -> None:
    """4 images of A, 6 of B: the data set goes through A one and a half times."""
    samples = pictures(6)
    for i in (4, 5):
        samples[i]['fake_B'] = samples[i - 4]['fake_B']
        samples[i]['meta']['repeated'] = ['A']
    rows = {key: RandomFeatures(channels=16, size=16).extract(torch.stack([s[key] for s in samples]))['pool'].numpy()
            for key in ('fake_B', 'B')}
    metric = FID(features=SMALL)
    values = result(metric, samples)
    assert values['FID'] == pytest.approx(frechet_distance(rows['fake_B'][:4], rows['B']), rel=1e-6)
    assert values['FID_images'] == 4
    assert metric.protocol.startswith('4 generated images fake_B against 6 real images B; RandomFeatures, seeded '
                                      'random')
    back = FID(pred='fake_B', target='A', features=SMALL)
    assert result(back, [{**s, 'A': s['B']} for s in samples]) == {**values, 'FID': pytest.approx(
        frechet_distance(rows['fake_B'], rows['B'][:4])), 'FID_KID': pytest.approx(values['FID_KID'], abs=10),
        'FID_images': 6}


def test_too_few_images_and_wrong_arguments() -> None:
    precision = PrecisionRecall(features=SMALL, output='pool')
    for metric, least in ((FID(features=SMALL), 2), (IS(features=SMALL), 10), (precision, 4)):
        with pytest.raises(ConfigError,
                           match=f'metric {metric.name}: needs at least {least} images .*found 1 generated'):
            result(metric, pictures(1))
    with pytest.raises(ConfigError, match='not 2 for each'):
        samples = pictures(9)
        for sample in samples[1:]:
            sample['meta']['repeated'] = ['A']
        result(KID(features=SMALL, estimator='blocks', size=3), [*samples, *pictures(1)])
    for wrong in (dict(estimator='block'), dict(size=1), dict(subsets=0)):
        with pytest.raises(ConfigError, match=f'KID.{next(iter(wrong))}: expected'):
            KID(**wrong)
    with pytest.raises(ConfigError, match=r'unknown feature network .*RandomFeature.*mean .RandomFeatures'):
        result(FID(features=dict(type='RandomFeature')), pictures(2))
    with pytest.raises(ConfigError, match=r"outputs: expected one of .*, found 'fc2'"):
        result(PrecisionRecall(features=SMALL), pictures(2))


def test_few_images_are_warned_of_once(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr('toolbox.metrics.sets.print_log', lambda text, *_: said.append(text))
    metric = FID(features=SMALL)
    for _ in range(2):
        result(metric, pictures(5))
    assert len(said) == 1
    assert said[0].startswith('metric FID: 5 generated and 5 real images are few for 16 features')


def test_ugatit_estimator_is_scaled_and_says_so() -> None:
    samples = pictures(20)
    plain = result(KID(features=SMALL, estimator='blocks', size=10), samples)
    metric = KID(features=SMALL, estimator='blocks', size=10, scale=100)
    scaled = result(metric, samples)
    assert scaled['KID'] == pytest.approx(100 * plain['KID'])
    assert scaled['KID_error'] == pytest.approx(100 * plain['KID_error'])
    assert metric.protocol.endswith('blocks of at most 10; times 100')


# Features on disk


def test_features_of_real_images_are_kept(extracted: list[int], cache: Path) -> None:
    samples = pictures(6)
    first = result([FID(features=SMALL)], samples)
    assert sum(extracted) == 12
    assert len(list(cache.glob('features/*.bin'))) == 1
    assert result([FID(features=SMALL)], samples) == first
    assert sum(extracted) == 18, 'the second time generated images only'
    other = {**SMALL, 'seed': 3}
    result([FID(features=other)], samples)
    assert sum(extracted) == 30, 'another network, other features'
    samples[2]['B'] = samples[2]['B'].clone()
    samples[2]['B'][0, 0, 0] ^= 1
    changed = result([FID(features=SMALL)], samples)
    assert sum(extracted) == 37, 'six generated images and the one that has changed'
    assert changed['FID'] != first['FID']


def damage(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    if how == 'flipped':
        data[-3] ^= 16
    stale = bytes(data).replace(b'"format": 1', b'"format": 0')
    path.write_bytes(dict(cut=data[:-5], empty=b'', header=b'x' * len(data), flipped=data, stale=stale)[how])


@pytest.mark.fault
@pytest.mark.parametrize('how', ['cut', 'empty', 'header', 'flipped', 'stale'])
def test_damaged_features_are_computed_again(how: str, extracted: list[int], cache: Path) -> None:
    samples = pictures(5)
    first = result(FID(features=SMALL), samples)
    [path] = cache.glob('features/*.bin')
    intact = path.read_bytes()
    damage(path, how)
    assert result(FID(features=SMALL), samples) == first
    assert sum(extracted) == 20
    assert path.read_bytes() == intact


@pytest.mark.fault
def test_without_a_disk_features_are_computed_each_time(cache: Path, extracted: list[int]) -> None:
    (cache / 'features').write_text('no folder')
    first = result(FID(features=SMALL), pictures(5))
    assert result(FID(features=SMALL), pictures(5)) == first
    assert sum(extracted) == 20


def test_two_runs_may_write_to_one_store() -> None:
    a, b = FeatureStore('net', 'pool'), FeatureStore('net', 'pool')
    images = [np.full((3, 4, 4), i, np.uint8) for i in range(4)]
    rows = np.arange(8, dtype=np.float32).reshape(4, 2)
    for store, places in ((a, (0, 1, 2)), (b, (0, 3))):
        for i in places:
            store.get(digest(images[i]))
    for store, places in ((a, (0, 1)), (b, (0, 3)), (a, (2,))):
        for i in places:
            store.put(digest(images[i]), rows[i])
    a.finish()
    for i in range(4):
        np.testing.assert_array_equal(a.get(digest(images[i])), rows[i])
    assert digest(np.zeros((3, 2, 8), np.uint8)) != digest(np.zeros((3, 8, 2), np.uint8))


# Other metrics


class Fixed(torch.nn.Module):
    """A network that says what it was told to say."""

    protocol, key = 'fixed', 'fixed'

    def __init__(self, **said: torch.Tensor) -> None:
        super().__init__()
        self.said, self.outputs = said, tuple(said)

    def names(self, outputs: tuple[str, ...]) -> tuple[str, ...]:
        return outputs

    def extract(self, images: torch.Tensor, outputs: tuple[str, ...]) -> dict[str, torch.Tensor]:
        return {name: self.said[name][:len(images)] for name in outputs}


def test_segmentation_score_reads_the_label_maps_of_the_batch() -> None:
    truth = torch.tensor([[[0, 0], [1, 1]], [[1, 255], [0, 0]]])
    metric = bound(SegmentationScore(2, Fixed(labels=torch.tensor([[[0, 1], [1, 1]], [[1, 1], [0, 0]]]))))
    metric.process({'label_map': truth}, [{'fake_B': np.zeros((3, 2, 2), np.uint8)} for _ in range(2)])
    assert metric.evaluate(2) == pytest.approx(dict(
        mIoU=(3 / 4 + 3 / 4) / 2, pixel_accuracy=6 / 7, pixel_accuracy_all=6 / 8, class_accuracy=(3 / 4 + 1) / 2,
        fwIoU=3 / 4, SegmentationScore_images=2))
    with pytest.raises(ConfigError, match=r"target: the data set gives no 'label_map'.*Known: labels"):
        metric.process({'labels': truth}, [])
    with pytest.raises(DataError, match='must have one size'):
        metric.process({'label_map': truth[:, :1]}, [{'fake_B': np.zeros((3, 2, 2), np.uint8)}] * 2)


@pytest.mark.parametrize(('target', 'expected'), [
    (torch.tensor([1, 0, 1]), 1 / 3), (torch.tensor([[0., 1.], [1., 1.], [0., 0.]]), 4 / 6)])
def test_classifier_accuracy(target: torch.Tensor, expected: float) -> None:
    metric = bound(ClassifierAccuracy(Fixed(logits=torch.tensor([[-1., 2.], [-2., 1.], [3., -1.]]))))
    metric.process({'label': target}, [{'fake_B': np.zeros((3, 2, 2), np.uint8)} for _ in range(3)])
    assert metric.evaluate(3) == {'ClassifierAccuracy': pytest.approx(expected), 'ClassifierAccuracy_images': 3}


def test_lpips_is_the_squared_distance_of_embeddings_and_diversity_its_mean_over_pairs() -> None:
    features = {**SMALL, 'size': 8}
    net = RandomFeatures(channels=16, size=8)
    samples = pictures(3)
    rows = {key: net.extract(torch.stack([s[key] for s in samples]))['pool'].double() for key in ('B', 'fake_B')}
    expected = (rows['B'] - rows['fake_B']).square().sum(1)
    values = result(LPIPS(features=features, output='pool'), samples)
    assert values == {'LPIPS': pytest.approx(expected.mean().item(), rel=1e-5), 'LPIPS_images': 3}
    several = [{'fake_B_0': s['B'], 'fake_B_1': s['fake_B'], 'fake_B_2': s['B'], 'fake_B_mean': s['B']}
               for s in samples]
    metric = LPIPSDiversity(features=features, output='pool')
    assert result(metric, several)['LPIPSDiversity'] == pytest.approx(expected.mean().item() * 2 / 3, rel=1e-5)
    assert metric.protocol.startswith('3 inputs, 3 outputs fake_B each')
    with pytest.raises(ConfigError, match='two or more outputs'):
        result(metric, samples)
    with pytest.raises(DataError, match='images of one shape'):
        result(LPIPS(features=features, output='pool'), [{**samples[0], 'B': samples[0]['B'][:, 1:]}])


def test_sifid_compares_the_positions_within_each_pair() -> None:
    net, samples = RandomFeatures(channels=16, size=64), pictures(2, size=64)
    maps = {key: net.extract(torch.stack([s[key] for s in samples]), ['spatial'])['spatial'] for key in ('B', 'fake_B')}
    expected = [frechet_distance(*(maps[key][i].flatten(1).T.numpy() for key in ('fake_B', 'B'))) for i in range(2)]
    values = result(SIFID(features={**SMALL, 'size': 64}, output='spatial'), samples)
    assert values['SIFID'] == pytest.approx(np.mean(expected), rel=1e-5)


# Processes

RANKS = """
import json, sys
import torch.distributed as dist
from tests.test_metrics_sets import pictures, set_metrics
rank, samples = int(sys.argv[1]), pictures(11)
dist.init_process_group('gloo', init_method='file://' + sys.argv[2], rank=rank, world_size=2)
for indices in (list(range(11))[rank::2], [*range(11), 0][rank::2]):
    for metric in set_metrics():
        for start in range(0, len(indices), 2):
            metric.process(None, [samples[i] for i in indices[start:start + 2]])
        print(json.dumps(metric.evaluate(11)))
dist.destroy_process_group()
"""


@pytest.mark.dist
def test_two_processes_state_what_one_states(tmp_path: Path) -> None:
    expected = [result(metric, pictures(11)) for metric in set_metrics()]
    for lines in two_ranks(RANKS, tmp_path):
        found = [json.loads(line) for line in lines if line.startswith('{')]
        # matrix products round as they like
        assert found == [pytest.approx(values, rel=1e-6) for values in expected * 2]


def test_every_metric_says_how_it_was_made_and_which_way_is_better() -> None:
    METRICS.import_from_location()
    for name in METRICS.module_dict:
        cls = METRICS.get(name)
        given = {'SegmentationScore': dict(num_classes=3, features=SMALL), 'ClassifierAccuracy': dict(features=SMALL),
                 **{f'Style{what}': dict(features=dict(type='SceneReader'))
                    for what in ('Correlation', 'Diversity', 'Match')},
                 'BetweenDomains': dict(metric=dict(type='KID'), domains=('cat', 'dog'))}
        metric = build(dict(type=name, **given.get(name, {})), METRICS)
        assert isinstance(metric.higher_is_better, bool) and isinstance(metric.paired, bool)
        assert 'lower is better' in ' '.join(cls.__doc__.split()) or cls.higher_is_better or name == 'L1', name


def test_images_too_small_for_lpips_and_maps_in_place_of_vectors_are_explained() -> None:
    x = torch.rand(1, 3, 28, 28)
    assert features.LPIPS('vgg', weights='random', linear='random').distance(x, x) == 0
    with pytest.raises(DataError, match=r"images of 28x28 \(HxW\) are too small .*'alex' needs 31 .*'vgg' 16"):
        features.LPIPS('alex', weights='random', linear='random').distance(x, x)
    metric = FID(pred='fake', target='real', features=dict(type='RandomFeatures'), output='spatial')
    image = np.zeros((3, 16, 16), np.uint8)
    with pytest.raises(ConfigError, match=r"'spatial' of RandomFeatures is a map .* takes vectors, such as pool"):
        metric.process(None, [dict(fake=image, real=image)])
