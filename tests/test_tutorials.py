"""The plugin of docs/tutorials/cut.md: its numbers against loops, and who changes in a step."""

from __future__ import annotations

import importlib.util
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from mmengine.optim import OptimWrapperDict
from tiny import some_by_turn
from torch import Tensor, nn

from toolbox.engine.optim import PhaseOptimizer
from toolbox.errors import ConfigError
from toolbox.methods import Phase
from toolbox.registry import BACKBONES, LOSSES, METHODS
from toolbox.registry.parts import PartRegistry

PLUGIN = Path(__file__).resolve().parents[1] / 'docs/tutorials/cut.py'


@pytest.fixture(scope='module')
def cut() -> Iterator[ModuleType]:
    """The module; its names are free again afterwards."""
    spec = importlib.util.spec_from_file_location('cut', PLUGIN)
    module = sys.modules['cut'] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules['cut']
    for registry, name in ((LOSSES, 'PatchNCELoss'), (BACKBONES, 'PatchHeads'), (METHODS, 'CUT')):
        del registry.module_dict[name]


def small(cut: ModuleType, **arguments: Any) -> nn.Module:
    torch.manual_seed(0)
    return cut.CUT(G=dict(type='ResnetGenerator', base_channels=4, blocks=2), F=dict(type='PatchHeads', width=8),
                   D=dict(type='PatchDiscriminator', base_channels=4, layers=1),
                   layers=('down.0', 'down.1', 'blocks.1'), **arguments)


def batch() -> dict[str, Tensor]:
    return {key: torch.rand(2, 3, 12, 12) * 2 - 1 for key in 'AB'}


def optimizers(method: nn.Module) -> OptimWrapperDict:
    return OptimWrapperDict(**{phase.name: PhaseOptimizer(torch.optim.SGD(
        [p for name in phase.trains for p in getattr(method, name).parameters()], 0.1)) for phase in method.schedule})


def test_patch_nce_of_orthogonal_patches(cut: ModuleType) -> None:
    """Patches that equal their own partner and are at right angles to all others: log(1 + (P - 1) exp(-1 / t))."""
    eye = torch.eye(6).expand(2, -1, -1)
    for temperature in (0.2, 0.5):
        loss = cut.PatchNCELoss(temperature)(eye, eye)
        assert loss.item() == pytest.approx(math.log(1 + 5 * math.exp(-1 / temperature)), rel=1e-4)
    wrong = cut.PatchNCELoss()(eye, eye.roll(1, 1)).item()
    assert wrong == pytest.approx(math.log(math.exp(1 / 0.07) + 5)), 't = 0.07, and the partner is another patch'


def by_hand(queries: Tensor, keys: Tensor, t: float = 0.07) -> float:
    """Eq. 3 in loops: one image and one patch after the other, with its own image's patches as negatives."""
    terms = []
    for q, k in zip(queries.tolist(), keys.tolist(), strict=True):
        for place, own in enumerate(q):
            alike = [sum(x * y for x, y in zip(own, other, strict=True)) / t for other in k]
            terms.append(math.log(sum(math.exp(x) for x in alike)) - alike[place])
    return sum(terms) / len(terms)


def test_patch_nce_in_loops_and_its_gradients(cut: ModuleType) -> None:
    torch.manual_seed(1)
    queries, keys = (nn.functional.normalize(torch.randn(3, 5, 4), dim=2).requires_grad_() for _ in range(2))
    loss = cut.PatchNCELoss()(queries, keys)
    loss.backward()
    assert loss.item() == pytest.approx(by_hand(queries, keys), rel=1e-5)
    assert keys.grad is None and queries.grad.abs().sum() > 0


def encoded(G: nn.Module, x: Tensor) -> list[Tensor]:
    down0 = G.down[0](G.stem(x))
    down1 = G.down[1](down0)
    return [x, down0, down1, G.blocks[1](G.blocks[0](down1))]


@pytest.mark.parametrize(('w_nce_A', 'w_nce_B'), [(1.0, 2.0), (10.0, 0.0)])
def test_the_terms_compare_each_image_with_its_translation(cut: ModuleType, w_nce_A: float, w_nce_B: float) -> None:
    """With all places of the maps, no draw decides; the second case is FastCUT."""
    method, data = small(cut, w_nce_A=w_nce_A, w_nce_B=w_nce_B), batch()

    def nce(images: Tensor) -> float:
        with torch.no_grad():
            pairs = zip(encoded(method.G, method.G(images)), encoded(method.G, images), method.F.heads, strict=True)
            found = [[nn.functional.normalize(head(x.flatten(2).transpose(1, 2)), dim=2) for x in pair]
                     for *pair, head in pairs]
        return sum(by_hand(*pair) for pair in found) / len(found)

    expected = {'G/nce_A': w_nce_A * nce(data['A']), **({'G/nce_B': w_nce_B * nce(data['B'])} if w_nce_B else {})}
    logs = method.train_step(data, optimizers(method))
    assert {key: logs[key].item() for key in logs if 'nce' in key} == pytest.approx(expected, rel=1e-4)


def test_a_step_changes_what_the_schedule_says(cut: ModuleType) -> None:
    method, changed = small(cut), []
    before: dict[str, Tensor] = {}

    def remember(phase: Phase) -> None:
        before.update({key: value.clone() for key, value in method.state_dict().items()})

    def compare(phase: Phase) -> None:
        names = {key.partition('.')[0] for key, value in method.state_dict().items() if not value.equal(before[key])}
        changed.append((phase.name, names))

    method.before_phase, method.after_phase = remember, compare
    method.train_step(batch(), optimizers(method))
    assert changed == [('D', {'D'}), ('G', {'G', 'F'})]
    heads = {key.split('.')[2] for key, value in method.state_dict().items()
             if key.startswith('F.') and not value.equal(before[key])}
    assert heads == {'0', '1', '2', '3'}, 'one head for the pixels and one for each layer'


def test_only_so_many_places_are_compared(cut: ModuleType) -> None:
    method, sizes = small(cut, patches=20), []
    method.F.register_forward_hook(lambda net, given, made: sizes.append([x.shape for x in made]))
    method.train_step(batch(), optimizers(method))
    assert sizes == 4 * [[(2, 20, 8), (2, 20, 8), (2, 9, 8), (2, 9, 8)]]


def test_mistakes_are_explained(cut: ModuleType) -> None:
    with pytest.raises(ConfigError, match=r"no network or part 'G\.blocks\.4'"):
        cut.CUT(G=dict(type='ResnetGenerator', base_channels=2, blocks=1), F=dict(type='PatchHeads'),
                D=dict(type='PatchDiscriminator', base_channels=2))
    with pytest.raises(ConfigError, match='as many channels'):
        small(cut, channels=dict(A=3, B=1))


def test_a_name_that_is_taken_is_said(cut: ModuleType) -> None:
    with pytest.raises(ConfigError, match=r"'L1Loss' is there already, in toolbox\.losses.*\('MyL1Loss'\)"):
        LOSSES.register_module('L1Loss', module=type('Another', (nn.Module,), {}))
    registry = PartRegistry('thing', locations=['toolbox.losses'], scope='toolbox')
    registry.register_module(module=type('Mine', (), {}))
    assert registry._imported, 'names of the toolbox are taken before those of a plugin'


def cells(share: float, page: str = 'noise_to_images') -> list[str]:
    """Those of a page of docs/tutorials, with this share of the iterations."""
    text = PLUGIN.with_name(f'{page}.md').read_text().replace('SHARE = 1.0', f'SHARE = {share}')
    assert f'SHARE = {share}' in text
    return re.findall(r'```python\n(.*?)```', text, re.DOTALL)


def test_cells_on_points_run(capsys: pytest.CaptureFixture[str]) -> None:
    *points, images = cells(0.004)
    names: dict[str, Any] = {}
    for cell in points:
        exec(cell, names)
    assert 'toolbox.train' in images
    found = capsys.readouterr().out
    assert re.search(r'GAN: \[\d(, \d)+\]\nWGAN-GP: \[\d(, \d){4}\]\nsaturating: [\d.e-]+\nnon-saturating: ', found)


def run_cells(page: str, share: float, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names that all cells of a page leave, run in a folder that looks like a clone."""
    (folder / 'configs').symlink_to(PLUGIN.parents[2] / 'configs')
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    for cell in cells(share, page):
        exec(cell, names)
    return names


def check_pairs(names: dict[str, Any], out: str) -> None:
    assert names['logs']['G/cycle_A'].item() == pytest.approx(names['by_hand'].item(), rel=1e-4)
    assert len(re.findall(r'^(?:all terms|no cycle|no identity) .*KID_untranslated', out, re.MULTILINE)) == 3
    assert len([*Path('work_dirs/without_pairs/translated').iterdir()]) == 8


def check_scene(names: dict[str, Any], out: str) -> None:
    assert re.search(r'before the norm 0\.187, after IN 0\.000, after SPADE 0\.0[1-9]', out)
    assert 'photographs 1.000, painted 0.' in out and out.count('daylight, ') == 3
    assert [name for name, edit in names['edits'].items() if (edit != names['before']).any()] == [
        'with a house', 'with a field']


def check_image(names: dict[str, Any], out: str) -> None:
    method = names['method']
    with torch.no_grad():
        known = method.shown([method.z0, *[None] * (method.scales - 1)])
    torch.testing.assert_close(names['x'], known)
    away = names['photo'].astype(int) - names['edited'][2]
    assert abs(away[:, :10]).max() <= 1, 'far from the mask the photograph stays'


@pytest.mark.parametrize(('page', 'check'), [
    pytest.param(page, check, marks=mark) for (page, check), mark in zip(
        {'without_pairs': check_pairs, 'paint_a_scene': check_scene, 'one_image': check_image}.items(),
        [getattr(chosen, 'marks', ()) for chosen in some_by_turn(range(3), 1)], strict=True)])
def test_all_cells_of_a_tutorial_run(page: str, check: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                     capsys: pytest.CaptureFixture[str]) -> None:
    names = run_cells(page, 0.002, tmp_path, monkeypatch)
    check(names, capsys.readouterr().out)
    assert [*tmp_path.glob('work_dirs/*/*.png')], 'a picture'


def quoted(text: str) -> Iterator[tuple[Path, str]]:
    """The lines of code that tables of a tutorial quote, with the files that head their columns."""
    for table in re.findall(r'(?:^\|.*\n)+', text, re.MULTILINE):
        head, _, *rows = ([*re.split(r'(?<!\\)\|', line)] for line in table.splitlines())
        for place, title in enumerate(head):
            if source := re.search(r'\(\.\./\.\./(toolbox/[\w/]+\.py)\)', title):
                yield from ((PLUGIN.parents[2] / source[1], code) for row in rows
                            for code in re.findall('`([^`]+)`', row[place]))


@pytest.mark.parametrize('page', ['without_pairs', 'paint_a_scene', 'one_image'])
def test_lines_beside_the_formulas_are_in_the_code(page: str) -> None:
    lines = [*quoted(PLUGIN.with_name(f'{page}.md').read_text())]
    assert len(lines) >= 3
    assert [line for file, line in lines if line not in file.read_text()] == []


@pytest.mark.slow
def test_all_cells_run_and_the_gradients_are_those_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = run_cells('noise_to_images', 0.01, tmp_path, monkeypatch)
    assert set(names['scores']) == {'gan', 'dcgan', 'wgan', 'wgan_gp'}
    assert (tmp_path / 'work_dirs/noise/images.png').exists()
    names['SHARE'] = 1.0
    saturating, other, critic = map(names['gradient'], ('saturating', 'non-saturating', 'wgan-gp'))
    assert saturating < 0.03 and other > 1.5 and critic == pytest.approx(1, abs=0.3)
