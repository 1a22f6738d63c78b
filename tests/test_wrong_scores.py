"""Mistakes that were found at the first validation or never are found before the first iteration."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config
from mmengine.hooks import Hook
from tiny import tiny_config

from toolbox.engine import Runner
from toolbox.engine.check import check_config
from toolbox.engine.config import complete
from toolbox.errors import ConfigError, UserError
from toolbox.hooks import say
from toolbox.metrics import FID, KID, PSNR, SWD, ImageMetric, Metric
from toolbox.registry import HOOKS, METRICS

PIX2PIX = 'configs/pix2pix/synthetic.py'


@METRICS.register_module(force=True)
class Silent(Metric):
    """Of a plugin that does not tell its results."""

    def measure(self, samples: Any) -> list[float]:
        return [1.0 for _ in samples]

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        return {'Silent_mean': sum(results) / len(results)}


@HOOKS.register_module(force=True)
class Speaker(Hook):
    def after_train_iter(self, runner: Any, **_: Any) -> None:
        say(runner, f'iteration {runner.iter} speaks')
        runner.logger.info('for the file')


def mistakes(path: str, folder: Path, images: Path, **options: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        tiny_config(path, folder, images, 2, options)
    return str(caught.value)


@pytest.mark.fault
@pytest.mark.parametrize(('metric', 'error', 'says'), [
    (dict(type='PSNR', pred='fake'), ConfigError, r"PSNR\.pred: .*no image 'fake'.*fake_B"),
    (dict(type='L1', target='b'), ConfigError, r"L1\.target: .*no image 'b'.*Known: A, B, fake_B"),
    (dict(type='MSSSIM'), UserError, r'MSSSIM')])
def test_a_metric_that_cannot_measure_is_refused_before_the_first_iteration(
        metric: dict, error: type, says: str, images: Path, tmp_path: Path) -> None:
    runner = Runner.from_cfg(tiny_config(PIX2PIX, tmp_path, images, 4, {'val_evaluator': [metric]}))
    with pytest.raises(error, match=says):
        runner.train()
    assert runner.iter == 0 and not list(tmp_path.glob('*.pth'))


def test_the_rehearsal_leaves_no_trace(images: Path, tmp_path: Path) -> None:
    runner = Runner.from_cfg(tiny_config(PIX2PIX, tmp_path, images, 2))
    runner.train()
    assert runner.train_loop.history[-1]['PSNR_images'] == len(runner.val_loop.dataloader.dataset)


@pytest.mark.fault
def test_a_result_that_no_metric_gives_is_refused_by_the_check(images: Path, tmp_path: Path) -> None:
    said = mistakes(PIX2PIX, tmp_path, images, **{'default_hooks.checkpoint.save_best': 'PSRN'})
    assert "default_hooks.checkpoint.save_best: no metric of val_evaluator gives a result 'PSRN'." in said
    assert "Did you mean 'PSNR'" in said and 'Known: L1, L1_images, PSNR,' in said
    said = mistakes(PIX2PIX, tmp_path, images, param_scheduler=dict(type='ReduceOnPlateauLR', _delete_=True))
    assert "param_scheduler.monitor: no metric of val_evaluator gives a result 'loss'." in said


def test_results_of_metrics_that_do_not_tell(images: Path, tmp_path: Path) -> None:
    options = {'val_evaluator': [dict(type='Silent')], 'default_hooks.checkpoint.save_best': 'Silent_mean'}
    tiny_config(PIX2PIX, tmp_path, images, 2, options)
    options['default_hooks.checkpoint.save_best'] = 'other'
    assert "gives a result 'other'" in mistakes(PIX2PIX, tmp_path, images, **options)
    tiny_config(PIX2PIX, tmp_path, images, 2, {**options, 'default_hooks.checkpoint.rule': 'less'})


def test_metrics_tell_the_names_of_their_results() -> None:
    class Own(ImageMetric):
        def score(self, pred: Any, target: Any) -> float:
            return 0.0
    assert PSNR(prefix='night').possible_results == ('night/PSNR', 'night/PSNR_images')
    assert FID().possible_results == ('FID', 'FID_KID', 'FID_images')
    assert KID(estimator='blocks').possible_results == ('KID', 'KID_error', 'KID_images')
    assert SWD().possible_results == ('SWD', 'SWD_*', 'SWD_images')
    assert Own().possible_results == ('Own', 'Own_images') and Silent().possible_results is None


@pytest.mark.fault
@pytest.mark.parametrize('key', ['model.G_AB.blocks', 'model.D_A.layers', 'model.G_AB.base_channels',
                                 'model.D_A.base_channels'])
def test_networks_that_no_machine_holds_are_refused(key: str, images: Path, tmp_path: Path) -> None:
    started = time.process_time()
    said = mistakes('configs/cyclegan/synthetic.py', tmp_path, images, **{key: 10**9})
    assert ' in [' in said or 'of this machine' in said
    assert time.process_time() - started < 20


WORDS = {
    'log_processor': (dict(by_epoch=False), 'log_processor: StatusHook prints'),
    'lr_config': (dict(policy='step'), 'lr_config: Write param_scheduler=dict'),
    'default_hooks.logger': (dict(type='LoggerHook'), 'default_hooks.logger: It is called status here'),
    'default_hooks.checkpoint.max_keep_ckpts': (3, 'max_keep_ckpts: It is called keep here'),
    'visualizer': (dict(type='Visualizer', vis_backends=[dict(type='NeptuneVisBackend')]),
                   "NeptuneVisBackend needs a package that is not installed: pip install neptune"),
    'test_dataloader': (dict(batch_size=2), 'not merged with val_dataloader'),
    'param_scheduler': (dict(type='ReduceOnPlateauLR', monitor='L1', by_epoch=False, _delete_=True),
                        'param_scheduler.by_epoch: ReduceOnPlateauLR looks at the scores')}


@pytest.mark.fault
def test_words_of_mmengine_are_answered_with_ours(images: Path, tmp_path: Path) -> None:
    said = mistakes(PIX2PIX, tmp_path, images, **{key: value for key, (value, _) in WORDS.items()})
    assert f'{len(WORDS)} mistake(s)' in said, said
    for _, text in WORDS.values():
        assert text in said


@pytest.mark.parametrize('options', [
    dict(visualizer=dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')])),
    dict(param_scheduler=dict(type='ReduceOnPlateauLR', monitor='L1', patience=0, _delete_=True))],
    ids=['visualizer', 'plateau'])
def test_parts_of_mmengine_work_as_its_manual_shows(options: dict, images: Path, tmp_path: Path) -> None:
    Runner.from_cfg(tiny_config(PIX2PIX, tmp_path, images, 2, options)).train()
    assert (tmp_path / 'iter_2.pth').is_file() and list(tmp_path.glob('*/vis_data/scalars.json'))


def test_a_hook_speaks_to_the_console_and_the_log(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    Runner.from_cfg(tiny_config(PIX2PIX, tmp_path, images, 2, dict(custom_hooks=[dict(type='Speaker')]))).train()
    lines, log = capsys.readouterr().out.splitlines(), next(tmp_path.glob('*/*.log')).read_text()
    assert 'iteration 0 speaks' in lines and 'iteration 1 speaks' in lines and 'for the file' not in ''.join(lines)
    assert 'iteration 1 speaks' in log and 'for the file' in log


def test_a_config_as_text_needs_a_folder() -> None:
    cfg = Config.fromstring("model = dict(type='GAN')\n", '.py')
    complete(cfg)
    assert any(problem.startswith('work_dir: required') for problem in check_config(cfg))
