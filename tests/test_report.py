"""The report of one run: curves that can be read, and where the run comes from."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from test_painting_page import browser  # noqa: F401  the fixture

from toolbox.data.io import write_image
from toolbox.engine import origin as origins
from toolbox.engine.origin import about_method, origin
from toolbox.methods.cyclegan import CycleGAN
from toolbox.use.curves import curve, limits, smoothed, ticks
from toolbox.use.report import write_report


def lines(svg: str, colour: str) -> list[np.ndarray]:
    """The points ``(N, 2)`` of the lines of a colour."""
    found = re.findall(rf'points="([^"]*)" fill="none" stroke="{colour}"', svg)
    return [np.array([[float(x) for x in pair.split(',')] for pair in points.split()]) for points in found]


def test_the_first_point_does_not_squash_the_rest() -> None:
    points = [(0, 1000.0), *((step, 2 + step / 100) for step in range(1, 101))]
    (drawn,) = lines(curve('G/a', points), '#93c5fd')
    heights = drawn[:, 1]
    assert heights[1] - heights[-1] > 100, 'the rest has the height of the picture'
    assert heights[0] == heights.min(), 'the first point is at the edge'


def test_axes_have_round_numbers_a_unit_and_iterations() -> None:
    svg = curve('lr/G', [(step, step / 1e6) for step in range(0, 2001, 100)], 'learning rate')
    said = re.findall('>([^<]+)</text>', svg)
    assert {'0', '500', '1,000', '1,500', '2,000', '0.0005', '0.001', '0.0015', '0.002'} <= set(said)
    assert 'iteration; up: learning rate' in said and 'lr/G 0.002 (0 to 0.002)' in said


@pytest.mark.parametrize(('low', 'high'), [(0, 1), (-3, 7), (0.1, 0.1004), (1e-9, 2e-9), (99_999, 100_001), (0, 1e290)])
def test_ticks_are_within_and_few(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 2 <= len(found) <= 5 and all(low - 1e-9 * abs(high) <= x <= high * (1 + 1e-9) for x in found)


@pytest.mark.parametrize('value', [0.0, 5.0, -2.0])
def test_a_constant_curve_is_drawn(value: float) -> None:
    low, high = limits(value, value)
    assert low < value < high and 'nan' not in curve('D/x', [(1, value)]) + curve('D/x', [(1, value), (9, value)])


def test_smoothing_keeps_the_mean_and_removes_the_noise() -> None:
    noise = np.random.default_rng(0).normal(0, 1, 400)
    smooth = np.array([value for _, value in smoothed([*enumerate(5 + noise)])])
    assert len(smooth) == 400 and abs(smooth.mean() - 5) < 0.1 and smooth.std() < 0.4


def report(folder: Path, *rows: dict[str, float]) -> str:
    write_image(folder / 'samples/000010.png', np.zeros((4, 4, 3), np.uint8))
    (folder / '1/vis_data').mkdir(parents=True, exist_ok=True)
    (folder / '1/vis_data/scalars.json').write_text('\n'.join(map(json.dumps, rows)))
    return write_report(folder).read_text()


def test_the_best_iteration_of_a_score_is_marked(tmp_path: Path) -> None:
    page = report(tmp_path, *({'step': step, 'val/PSNR': psnr, 'val/L1': l1, 'val/mine': 1.0}
                              for step, psnr, l1 in ((10, 20.0, 0.3), (20, 25.0, 0.1), (30, 22.0, 0.05))))
    assert re.findall(r'best: (\d+)', page) == ['30', '20'], 'the lowest L1, the highest PSNR; of others none is known'


def test_losses_rates_and_scores_stand_under_their_headings(tmp_path: Path) -> None:
    page = report(tmp_path, {'step': 1, 'G/adv': 1, 'lr/G': 0.1, 'time/it_per_s': 2, 'val/PSNR': 3, 'grad_norm/G': 4})
    _, _, validation, losses, rates, _ = re.split('<h2>', page)
    for part, name in ((validation, 'val/PSNR'), (losses, 'G/adv'), (rates, 'lr/G'), (rates, 'time/it_per_s')):
        assert f'{name} ' in part and page.count(f'>{name} ') == 1
    assert 'grad_norm' not in page


def test_the_duration_is_that_of_the_iterations(tmp_path: Path) -> None:
    assert '2.5 minutes, without validation' in report(tmp_path, {'step': 100, 'time/it_per_s': 1.0},
                                                       {'step': 200, 'time/it_per_s': 2.0}, {'step': 200, 'G/a': 1})


@pytest.mark.fault
@pytest.mark.parametrize('content', ['{"seed": 1', '[]', '{"seed": [1], "code": null}', '[' * 50_000, '\x00', '"x"'])
def test_a_damaged_origin_does_not_break_the_report(tmp_path: Path, content: str) -> None:
    (tmp_path / '1').mkdir()
    (tmp_path / '1/run.json').write_text(content)
    assert '<th>seed</th>' not in report(tmp_path, {'step': 1, 'G/a': 1})


@pytest.mark.fault
def test_what_an_origin_says_is_text(tmp_path: Path) -> None:
    (tmp_path / '1').mkdir()
    (tmp_path / '1/run.json').write_text(json.dumps({'command': '<script>x</script>', 'seed': 's' * 10**4}))
    page = report(tmp_path, {'step': 1, 'G/a': 1})
    assert '&lt;script&gt;x' in page and page.count('<script>') == 1 and 's' * 2001 not in page


def test_an_origin_names_method_paper_code_and_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('sys.argv', ['/x/train.py', 'my config.py'])
    said = origin(SimpleNamespace(cfg=dict(model=dict(type='CycleGAN')), world_size=2, seed=7))
    assert said['method'] == CycleGAN.__name__ and said['paper'].endswith('adversarial networks, ICCV 2017.')
    assert (said['command'], said['seed']) == ("train.py 'my config.py'", '7')
    assert 'torch 2' in said['versions'] and '2 process(es)' in said['machine'] and said['code'].startswith('toolbox 0')
    assert about_method(CycleGAN) == about_method({'type': 'not there'}) == {}


def test_a_commit_is_named_in_a_clone_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(origins, '__file__', str(tmp_path / 'toolbox/engine/origin.py'))
    assert origins.commit.__wrapped__() == ''


@pytest.mark.browser
@pytest.mark.parametrize('width', [390, 1280])
def test_the_report_fits_its_screen(tmp_path: Path, browser: Any, width: int) -> None:  # noqa: F811
    """A run with a long name, as `make demo` gives it, on the screen of a telephone, too."""
    folder = tmp_path / ('demo_20261130_073241' * 3)
    (folder / '1').mkdir(parents=True)
    (folder / '1/run.json').write_text(json.dumps({'command': 'train.py ' + 'x' * 300, 'seed': 0}))
    report(folder, *({'step': step, 'G/adv': 1.0 / step, 'val/PSNR': step} for step in range(1, 9)))
    context = browser.new_context(viewport=dict(width=width, height=800), is_mobile=width < 400)
    tab, wrong = context.new_page(), []
    tab.on('pageerror', lambda error: wrong.append(str(error)))
    tab.on('console', lambda message: wrong.append(message.text) if message.type == 'error' else None)
    tab.goto((folder / 'report.html').as_uri())
    assert tab.evaluate('[innerWidth, document.documentElement.scrollWidth]') == [width, width]
    assert tab.evaluate("document.getElementById('picture').naturalWidth") == 4
    context.close()
    assert wrong == []
