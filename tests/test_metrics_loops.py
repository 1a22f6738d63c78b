"""Metrics on feature networks in the loops and on two folders."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from commands import command
from runs import assert_equal
from test_metrics_sets import SMALL, pictures
from tiny import METHOD_CONFIGS, some_by_turn, tiny_config

from toolbox.data.collate import stack_samples
from toolbox.data.io import write_image
from toolbox.engine import Runner
from toolbox.errors import ConfigError, DataError
from toolbox.metrics.folders import evaluate_folders, metric_of
from toolbox.randomness.state import rng_state


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp('cache')
    monkeypatch.setenv('TOOLBOX_CACHE', str(folder))
    return folder


# In the loops

ALL = [dict(type='FID', features=SMALL), dict(type='KID', features=SMALL, size=3),
       dict(type='IS', features=SMALL, splits=2),
       dict(type='PrecisionRecall', features=SMALL, output='pool'), dict(type='SWD', patches=8), dict(type='PSNR')]


def evaluated(path: str, work_dir: Path, data: Path, iters: int = 2, **options) -> Runner:
    options = {'val_evaluator': ALL, **options}
    runner = Runner.from_cfg(tiny_config(path, work_dir, data, iters, options))
    runner.train()
    return runner


def keys_of(path: str, work_dir: Path, data: Path) -> dict[str, str]:
    """Which images of a method are compared: the first that it makes, with real ones."""
    runner = Runner.from_cfg(tiny_config(path, work_dir, data, 2))
    shown = runner.model.val_step(stack_samples([runner.val_loop.dataloader.dataset[0]]))[0]
    made = next(key for key in shown if key.startswith(('fake', 'rec')))
    return dict(pred=made, target=runner.model.pictures[made].like or 'img')


@pytest.mark.parametrize('method', some_by_turn(METHOD_CONFIGS, 7))
def test_an_evaluation_leaves_no_trace(method: str, images: Path, tmp_path: Path) -> None:
    path = METHOD_CONFIGS[method]
    compared = keys_of(path, tmp_path / 'draft', images)
    runner = evaluated(path, tmp_path, images, val_evaluator=[{**metric, **compared} for metric in ALL])

    def state() -> dict:
        return dict(weights={k: v.clone() for k, v in runner.model.state_dict().items() if isinstance(v, torch.Tensor)},
                    buffers={k: v.clone() for k, v in runner.model.named_buffers()},
                    modes=[m.training for m in runner.model.modules()],
                    grads=[p.requires_grad for p in runner.model.parameters()], rng=rng_state())

    runner.model.train()
    before = state()
    scores = [runner.val_loop.run() for _ in range(2)]
    assert_equal(state(), before)
    assert scores[0] == scores[1]
    assert all(math.isfinite(v) for v in scores[0].values())


def test_one_line_in_a_config_is_enough(images: Path, tmp_path: Path) -> None:
    runner = evaluated('configs/cyclegan/synthetic.py', tmp_path, images, 4, **{
        'val_evaluator': dict(type='KID', features=SMALL, _delete_=True), 'default_hooks.checkpoint': dict(
            type='CheckpointHook', interval=2, save_best='KID', _delete_=True)})
    history = runner.train_loop.history
    assert (tmp_path / 'best_KID.pth').exists()
    best = min(history, key=lambda scores: scores['KID'])
    hook = next(hook for hook in runner.hooks if type(hook).__name__ == 'CheckpointHook')
    assert (hook.best['value'], hook.best['iter']) == (best['KID'], best['iter'])


def test_a_missing_weight_file_is_found_before_training(images: Path, tmp_path: Path,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('toolbox.features.weights.download', lambda url, _: refuse(url))

    def refuse(url: str) -> None:
        raise DataError(f'no network, {url}') from OSError('no network')

    cfg = tiny_config('configs/cyclegan/synthetic.py', tmp_path, images, 2,
                      {'val_evaluator': dict(type='FID', _delete_=True)})
    runner = Runner.from_cfg(cfg)
    with pytest.raises(DataError, match=r'the file pt_inception-2015-12-05-6726825d\.pth is needed'):
        runner.train()
    assert runner.iter == 0


def test_a_mistyped_feature_network_is_found_before_training(images: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'val_evaluator\.features\.type: .*RandomFeature.*mean'):
        tiny_config('configs/cyclegan/synthetic.py', tmp_path, images, 2,
                    {'val_evaluator': dict(type='KID', features=dict(type='RandomFeature'), _delete_=True)})


# Two folders


def saved(samples: list[dict], folder: Path, key: str, names: list[str]) -> Path:
    for sample, name in zip(samples, names, strict=True):
        write_image(folder / name, sample[key].permute(1, 2, 0).numpy())
    return folder


def test_folders_give_the_numbers_of_the_validation_loop(images: Path, tmp_path: Path) -> None:
    runner = evaluated('configs/pix2pix/facades.py', tmp_path, images)
    seen: list[dict] = []
    runner.val_loop.evaluator.process, process = (lambda data_samples, data_batch: (
        seen.extend(data_samples), process(data_samples, data_batch))), runner.val_loop.evaluator.process
    expected = runner.val_loop.run()
    real = saved(seen, tmp_path / 'real', 'B', [f'{i}.png' for i in range(len(seen))])
    fake = saved(seen, tmp_path / 'fake', 'fake_B', [f'{i:06d}_{i}.png' for i in range(len(seen))])
    values, protocols = evaluate_folders(real, fake, [metric_of(cfg) for cfg in ALL], batch_size=2)
    assert values == {name: value for name, value in expected.items() if 'untranslated' not in name}
    assert set(protocols) == set(values)


def test_the_command_for_folders(tmp_path: Path) -> None:
    samples = pictures(6)
    real = saved(samples, tmp_path / 'real', 'B', [f'{i}.png' for i in range(6)])
    fake = saved(samples[:5], tmp_path / 'fake', 'fake_B', [f'{i}.png' for i in range(5)])
    code, out, err = command(
        'eval_folders.py', str(real), str(fake), '--metrics', 'fid', "dict(type='kid', size=4)", 'swd', '--features',
        "dict(type='RandomFeatures', channels=16, size=16)", '--out', str(tmp_path / 'out.json'))
    assert code == 0, err
    written = json.loads((tmp_path / 'out.json').read_text())
    assert written['results']['FID_images'] == 5
    assert f'FID: {written["results"]["FID"]:.8g}\n' in out
    assert '5 generated images fake against 6 real images real; RandomFeatures, seeded random' in out
    assert written['protocols']['KID'].endswith('100 subsets of 4, seed 2020')


def refused(*argv: object) -> str:
    code, out, err = command('eval_folders.py', *map(str, argv))
    assert code == 2, out + err
    return err


@pytest.mark.fault
def test_folders_that_cannot_be_scored(tmp_path: Path) -> None:
    samples, network = pictures(3), ('--features', 'RandomFeatures')
    real = saved(samples, tmp_path / 'real', 'B', ['0.png', '1.png', '2.png'])
    one = saved(samples[:1], tmp_path / 'one', 'B', ['0.png'])
    (tmp_path / 'none').mkdir()
    corrupt = saved(samples[:2], tmp_path / 'corrupt', 'B', ['0.png', '1.png'])
    (corrupt / '1.png').write_bytes((corrupt / '1.png').read_bytes()[:100])
    assert 'No image in' in refused(real, tmp_path / 'none', *network)
    assert 'No such folder' in refused(tmp_path / 'nowhere', real, *network)
    assert 'corrupt/1.png' in refused(real, corrupt, *network)
    assert 'needs at least 2 images of either set, found 1 generated' in refused(real, one, *network)
    assert 'without a partner: 1, 2' in refused(real, one, '--metrics', 'psnr')
    assert '--batch-size' in refused(real, real, *network, '--batch-size', 0)
    assert "mean 'KID'" in refused(real, real, '--metrics', 'kidd')
    assert 'needs more than two folders' in refused(real, real, '--metrics', 'OracleScore')
