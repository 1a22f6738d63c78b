"""Whatever a method makes: which of it metrics score by default, where it is written, and what is diagnosed of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from test_health import Recorder
from tiny import METHOD_CONFIGS, tiny_config

from toolbox.data.collate import stack_samples
from toolbox.engine import Runner
from toolbox.errors import ConfigError
from toolbox.hooks import DiagnosisHook, SaveImagesHook
from toolbox.methods import CycleGAN, Pix2Pix, Shown
from toolbox.metrics import PSNR, UGATITKID, Metric, OracleScore
from toolbox.registry import METRICS, build

SMALL = dict(type='RandomFeatures', channels=16, size=16)
EVALUATOR = [dict(type='PSNR'), dict(type='OracleScore'), dict(type='UGATITKID', features=SMALL),
             dict(type='PSNR', pred='mine', target='yours', prefix='given')]


@pytest.fixture(scope='module', params=METHOD_CONFIGS)
def asked(request: pytest.FixtureRequest, images: Path, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A method as its tiny config is built, the metrics of its validation, and what two samples of a test look like."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('TOOLBOX_CACHE', str(tmp_path_factory.mktemp('cache')))
        options = {'val_evaluator': EVALUATOR, 'test_evaluator': []}
        work_dir = tmp_path_factory.mktemp('run')
        runner = Runner.from_cfg(tiny_config(METHOD_CONFIGS[request.param], work_dir, images, 2, options))
        dataset = runner.test_loop.dataloader.dataset
        outputs = runner.model.test_step(stack_samples([dataset[0], dataset[1]]))
        return SimpleNamespace(name=request.param, model=runner.model, pictures=runner.model.pictures, outputs=outputs,
                               metrics=runner.val_loop.evaluator.metrics, runner=runner)


def made_by(pictures: Mapping[str, Shown]) -> list[str]:
    return [key for key, shown in pictures.items() if shown.like]


def some(keys: list[str]) -> list[str]:
    """The first, the middle and the last of many."""
    return [keys[i] for i in sorted({0, len(keys) // 2, len(keys) - 1})]


def first_hand(pictures: Mapping[str, Shown]) -> list[str]:
    """What was made from data or from noise, and not from what was made."""
    made = made_by(pictures)
    return [key for key in made if pictures[key].of not in made]


# Metrics

FIRST = {'fake_B': ('B', 'A', 'oracle_B'), 'fake': ('img', None, 'oracle_img'), 'rec': ('img', 'img', 'oracle_img'),
         'fake of label_map': ('img', 'label_map', 'oracle_img'), 'fake of img': ('img', 'img', 'oracle_img'),
         'fake of LR': ('HR', 'LR', 'oracle_HR')}


def test_metrics_score_the_first_picture_that_a_method_makes(asked: SimpleNamespace) -> None:
    first = made_by(asked.pictures)[0]
    target, source = asked.pictures[first].like, asked.pictures[first].of or None
    expected = FIRST.get(f'{first} of {source}', FIRST.get(first, ('img', 'img')))
    assert expected[:2] == (target, source)
    psnr, oracle, kid, given = asked.metrics
    assert (psnr.pred, psnr.target) == (first, target)
    assert (kid.pred, kid.target, kid.source) == (first, target, source)
    answer = expected[2] if first in FIRST else f'oracle_{first.removeprefix("fake_")}'
    assert (oracle.pred, oracle.target, oracle.source) == (first, answer, source)
    assert (given.pred, given.target) == ('mine', 'yours')
    assert {first, target, source or target} <= asked.outputs[0].keys(), 'pictures that there are'
    assert all(asked.outputs[0][key].dtype == torch.uint8 for key in (first, target))


@pytest.mark.parametrize('metric', [PSNR, OracleScore, UGATITKID])
def test_keys_that_are_given_stay(metric: type[Metric], asked: SimpleNamespace) -> None:
    source = {} if metric is PSNR else {'source': 'theirs'}
    given = metric(pred='mine', target='yours', **source)
    first = metric(target='yours', **source)
    for one in (given, first):
        one.bind(asked.pictures)
    assert (given.pred, given.target, getattr(given, 'source', 'theirs')) == ('mine', 'yours', 'theirs')
    assert (first.pred, first.target, getattr(first, 'source', 'theirs')) == (
        made_by(asked.pictures)[0], 'yours', 'theirs')


def test_what_is_left_out_belongs_to_the_picture_that_is_given() -> None:
    psnr, oracle, kid = metrics = [metric(pred='fake_A') for metric in (PSNR, OracleScore, UGATITKID)]
    for metric in metrics:
        metric.bind(CycleGAN.shows)
    assert (psnr.target, kid.target, kid.source) == ('A', 'A', 'B')
    assert (oracle.target, oracle.source) == ('oracle_A', 'B')


@pytest.mark.parametrize(('metric', 'argument'), [
    *((dict(type=name), 'pred') for name in ('PSNR', 'L1', 'SWD', 'OracleScore')),
    *((dict(type=name, features=SMALL), 'pred') for name in ('FID', 'UGATITKID', 'IS', 'LPIPS', 'LPIPSDiversity')),
    (dict(type='PSNR', pred='fake_B'), 'target'), (dict(type='FID', pred='fake_B', features=SMALL), 'target'),
    (dict(type='OracleScore', pred='fake_B', target='B'), 'source'),
    (dict(type='UGATITKID', pred='fake_B', target='B', features=SMALL), 'source')])
def test_without_a_method_there_is_no_default(metric: dict, argument: str, tmp_path: Path,
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('TOOLBOX_CACHE', str(tmp_path))
    sample = {key: np.zeros((3, 20, 20), np.uint8) for key in ('A', 'B', 'fake_B', 'oracle_B')}
    with pytest.raises(ConfigError, match=rf'metric {metric["type"]}\.{argument}: which images\? Give their key'):
        build(metric, METRICS).process(None, [{**sample, 'meta': {}}])


# Images of a test


def origin(key: str, pictures: Mapping[str, Shown]) -> str:
    """The picture that no network made, at the end of the way back; empty for one from noise."""
    return origin(pictures[key].of, pictures) if pictures.get(key, Shown('')).like else key


def test_a_test_writes_a_folder_per_picture_and_files_with_the_name_of_the_source(
        asked: SimpleNamespace, tmp_path: Path) -> None:
    found = {key for key in asked.outputs[0]['meta'] if key.endswith('_path')}
    expected = {}
    shown = [key for key in made_by(asked.pictures) if key in asked.outputs[0]]  # some are made only when asked for
    assert shown
    for key in shown:
        source = origin(key, asked.pictures)
        assert not source or f'{source}_path' in found, f'the data set says where {source} comes from'
        expected[key] = [f'{i:06d}_{source}-{i}.png' if source else f'{i:06d}.png' for i in range(2)]
    renamed = [{key: f'there/{key.removesuffix("_path")}-{i}.jpg' for key in found} for i in range(2)]
    outputs = [{**sample, 'meta': {**sample['meta'], **paths}}
               for sample, paths in zip(asked.outputs, renamed, strict=True)]
    SaveImagesHook(str(tmp_path)).after_test_iter(asked.runner, 0, outputs=outputs)
    assert {p.name: sorted(file.name for file in p.iterdir()) for p in tmp_path.iterdir()} == expected
    key = shown[-1]
    written = cv2.imread(str(tmp_path / key / expected[key][1]))
    assert np.array_equal(written[..., ::-1].transpose(2, 0, 1), outputs[1][key].expand(3, -1, -1).numpy())


def test_what_was_made_from_what_was_made_carries_the_first_name(tmp_path: Path) -> None:
    image, meta = torch.zeros(3, 4, 4, dtype=torch.uint8), dict(A_path='s/horse7.jpg', B_path='t/zebra3.jpg', index=5)
    runner = SimpleNamespace(model=SimpleNamespace(pictures=CycleGAN.shows))
    sample = dict(meta=meta, **dict.fromkeys(CycleGAN.shows, image))
    SaveImagesHook(str(tmp_path)).after_test_iter(runner, 0, outputs=[sample])
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.glob('*/*')) == [
        'fake_A/000005_zebra3.png', 'fake_B/000005_horse7.png', 'rec_A/000005_horse7.png', 'rec_B/000005_zebra3.png']


# Diagnosis

Change = Callable[[dict], torch.Tensor]


def grid(pictures: Mapping[str, Shown], **other: Change) -> list[dict]:
    """Rows of a sound training: pairs are what they should be, translations are their sources, the rest differs.

    Args:
        pictures: of a method.
        **other: by key, an image from a row that is sound so far.
    """
    rng, rows = np.random.default_rng(0), []
    for _ in range(4):
        row = {}
        for key, shown in sorted(pictures.items(), key=lambda item: bool(item[1].like)):
            small = rng.integers(0, 256, (4, 4, 3), np.uint8)
            drawn = torch.from_numpy(cv2.resize(small, (32, 32), interpolation=cv2.INTER_CUBIC)).permute(2, 0, 1)
            row[key] = row.get(shown.like if shown.paired else shown.of, drawn)
        rows.append({**row, **{key: change(row) for key, change in other.items()}, 'meta': {}})
    return rows


def warnings(pictures: Mapping[str, Shown], **other: Change) -> list[str]:
    hook, runner, rows = DiagnosisHook(), Recorder(pictures), grid(pictures, **other)
    for _ in range(hook.patience_samples - 1):
        hook.after_samples(runner, rows)
    assert runner.lines == [], 'it may pass'
    for _ in range(3):
        hook.after_samples(runner, rows)
    return runner.lines


def gray(row: dict) -> torch.Tensor:
    return torch.full((3, 32, 32), 90, dtype=torch.uint8)


def test_a_sound_grid_is_not_warned_of(asked: SimpleNamespace) -> None:
    assert set(grid(asked.pictures)[0]) == {*asked.pictures, 'meta'}
    assert warnings(asked.pictures) == []


def test_collapse_is_seen_in_whatever_a_method_makes(asked: SimpleNamespace) -> None:
    keys = first_hand(asked.pictures)
    assert keys
    for key in some(keys):
        [line] = warnings(asked.pictures, **{key: gray})
        assert line.startswith(f'iteration 7: the images {key} hardly differ from each other: 0 of how '
                               f'{asked.pictures[key].of or asked.pictures[key].like} do')
    assert len(warnings(asked.pictures, **dict.fromkeys(keys, gray))) == len(keys)


def test_inversion_is_seen_against_the_source_and_in_pairs_against_the_answer(asked: SimpleNamespace) -> None:
    for key in some(first_hand(asked.pictures)):
        shown = asked.pictures[key]
        reference = shown.like if shown.paired else shown.of
        lines = warnings(asked.pictures, **{key: lambda row, of=reference or shown.like: 255 - row[of]})
        if not reference:
            assert lines == [], 'noise has no brightness that an image should keep'
        else:
            [line] = lines
            assert line.startswith(f'iteration 7: {key} is dark where {reference} is bright (correlation -1.00)')


def test_an_inversion_that_the_true_answer_has_is_right() -> None:
    def turned(row: dict) -> torch.Tensor:
        return 255 - row['A']

    assert warnings(Pix2Pix.shows, B=turned, fake_B=turned) == []
    [line] = warnings(Pix2Pix.shows, B=turned, fake_B=lambda row: row['A'])
    assert 'fake_B is dark where B is bright (correlation -1.00)' in line
    [line] = warnings(CycleGAN.shows, B=turned, fake_B=turned)
    assert 'fake_B is dark where A is bright' in line, 'B of an unpaired set is no answer'


def test_what_explains_a_picture_is_not_judged(asked: SimpleNamespace) -> None:
    explaining = [key for key, shown in asked.pictures.items() if shown.of and not shown.like]
    assert {key for key in asked.pictures if 'attention' in key} <= {*explaining}
    for change in (gray, lambda row: 255 - row[asked.pictures[explaining[0]].of]):
        assert warnings(asked.pictures, **dict.fromkeys(explaining, change)) == []
