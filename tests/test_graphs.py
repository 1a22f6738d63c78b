"""A direction as one graph: ONNX and torch.export, from the pixels of files to the pixels of files."""

from __future__ import annotations

import ast
import importlib.util
import re
import runpy
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import toolbox
from tiny import METHOD_CONFIGS, ROOT, tiny_config

from toolbox import Sampler, Translator
from toolbox.data.io import read_image, write_image
from toolbox.engine.state import plain_config
from toolbox.errors import ConfigError
from toolbox.files.checkpoint import write_checkpoint
from toolbox.layers.pooling import averaged_in_graph
from toolbox.registry import METHODS, build
from toolbox.use.graph_formats import FORMATS
from toolbox.use.graph_speed import speed_of
from toolbox.use.graphs import export_graph, mirrored_to
from toolbox.use.padding import mirrored

HAS_ONNX = all(importlib.util.find_spec(name) for name in ('onnxruntime', 'onnxscript'))
NEEDS_ONNX = pytest.mark.skipif(not HAS_ONNX, reason='pip install onnxscript onnxruntime')
WHOLE = 'number and size of images'
ONE = 'size of images, one at a time'
# What is free in the graphs of the others.
LESS = {'Pix2Pix': ONE, 'GauGAN': ONE, 'Pix2PixHD': ONE, 'SinGAN': 'nothing: one image',
        'Colorization': 'nothing: one image of 32x32 (HxW)',
        **dict.fromkeys(('GAN', 'WGAN', 'Autoencoder'), 'number of images')}
# By default: seconds each. The rest, with all directions, is tools/export_table.py.
FAST = {'.ts': ('CycleGAN', 'Pix2PixHD'), '.pt2': ('SinGAN', 'StarGAN'), '.onnx': ()}


def run_of(method: str, folder: Path, images: Path) -> Path:
    """A checkpoint with first weights, and with what a training leaves beside them."""
    cfg = tiny_config(METHOD_CONFIGS[method], folder, images)
    torch.manual_seed(0)
    model = build(cfg.model.to_dict(), METHODS)
    model.init_weights()
    if (bank := getattr(model, 'bank', None)) is not None:
        bank.rows.normal_()
        bank.seen.copy_(torch.arange(len(bank.seen)) % 5)  # of some classes nothing
    if hasattr(model, 'reached'):
        model.reached.fill_(len(model.amplitudes))
        model.amplitudes.fill_(0.5)
    path = folder / 'run.pth'
    write_checkpoint({'config': plain_config(cfg.to_dict()), 'meta': {'iter': 1}, 'state_dict': model.state_dict(),
                      'facts': {}}, path)
    return path


def cases() -> list:
    return [pytest.param(method, suffix, id=f'{method}{suffix}', marks=[
        *([] if method in FAST[suffix] else [pytest.mark.slow]), *([NEEDS_ONNX] if suffix == '.onnx' else [])])
        for method in METHOD_CONFIGS for suffix in FAST]


@pytest.mark.parametrize(('method', 'suffix'), cases())
def test_a_graph_gives_what_torch_gives(method: str, suffix: str, images: Path, tmp_path: Path) -> None:
    made = export_graph(run_of(method, tmp_path, images), tmp_path / f'graph{suffix}', size=(32, 32))
    assert made.difference <= 1 and made.path.stat().st_size > 1000
    assert made.free == LESS.get(method, WHOLE)
    assert [note.split(',')[0] for note in made.notes] == (
        ['dropout', 'norms take the statistics of each image'] if method in ('Pix2Pix', 'Colorization') else [])


def test_results_that_differ_are_not_passed_off(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of('GAN', tmp_path, images)
    for wrong in (lambda x: x ^ 2, lambda x: x[:, 1:]):
        def write(graph: Any, example: Any, dynamic: Any, path: Path, wrong: Any = wrong) -> Any:
            path.touch()
            return lambda *inputs: wrong(graph(*inputs))

        monkeypatch.setitem(FORMATS, 'torchscript', FORMATS['torchscript']._replace(write=write))
        with pytest.raises(ConfigError, match=r'GAN cannot be written as torchscript .* differ .* by (2|255) levels'):
            export_graph(run, tmp_path / 'graph.ts')
        assert not (tmp_path / 'graph.ts').exists()


def test_the_command_knows_formats_and_times_the_graph_against_torch(images: Path, tmp_path: Path,
                                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = str(run_of('GAN', tmp_path, images))
    code, out, err = toolbox('export', run, '--format', 'torchscript', '--time', '3')
    assert (code, err) == (0, '') and 'wrote run.ts; free: number of images; largest difference to torch: 0' in out
    assert re.search(r'images/s by the clock: torch [\d.e+]+, graph [\d.e+]+; per CPU second: torch .*, graph .*'
                     r'\(medians of 3 images each, in turns, 1 thread\(s\)\)', out)
    inputs = Sampler(run, device='cpu').model.directions['sample'].example(5, (16, 16))
    sample = torch.jit.load('run.ts')(*inputs.values())
    assert sample.dtype == torch.uint8 and len(sample) == 5
    assert toolbox('export', run, '--format', 'safetensors')[0] == 0 and (tmp_path / 'run.safetensors').exists()
    for words, message in (([], 'what should be written'), (['a.onnx', '--format', 'pt2'], 'ends in .pt2'),
                           (['a.ts', '--time', '-1'], 'expected numbers of images')):
        code, _, err = toolbox('export', run, *words)
        assert code == 2 and message in err, err


def test_both_are_timed_in_turns() -> None:
    calls = []
    speed = speed_of(lambda x: (calls.append('torch'), time.sleep(0.02)), lambda x: calls.append('graph'),
                     {'x': torch.zeros(1)}, 3)
    assert calls == ['torch', 'graph'] * 4 and speed.rounds == 3
    assert speed.torch_wall >= 0.02 > speed.torch_cpu and speed.graph_wall < 0.02


@NEEDS_ONNX
def test_the_service_translates_photographs_as_the_toolbox_does(images: Path, tmp_path: Path) -> None:
    """Of 96x160 after a training at other sizes, and of a size that is no multiple of the divisor; it needs neither
    torch nor the toolbox, and answers what is no image with an error."""
    run = run_of('CycleGAN', tmp_path, images)
    export_graph(run, tmp_path / 'graph.onnx', 'BtoA')
    folder = ROOT / 'docs/examples'
    with subprocess.Popen([sys.executable, 'onnx_service.py', str(tmp_path / 'graph.onnx'), '0'], cwd=folder,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as service:
        try:
            url = service.stdout.readline().strip()
            for size in ((96, 160), (45, 58)):
                photograph = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
                write_image(tmp_path / 'photograph.png', photograph)
                with urllib.request.urlopen(url, (tmp_path / 'photograph.png').read_bytes()) as answer:
                    (tmp_path / 'answer.png').write_bytes(answer.read())
                found, expected = read_image(tmp_path / 'answer.png'), Translator(run, 'BtoA', device='cpu')(photograph)
                assert found.shape == expected.shape and expected.std() > 5
                assert np.abs(found.astype(int) - expected.astype(int)).max() <= 1
            for body in (b'no image', b''):
                with pytest.raises(urllib.error.HTTPError, match='400'):
                    urllib.request.urlopen(url, body)
        finally:
            service.kill()
    imported = {node.names[0].name if isinstance(node, ast.Import) else node.module.split('.')[0]
                for node in ast.walk(ast.parse((folder / 'onnx_service.py').read_text()))
                if isinstance(node, (ast.Import, ast.ImportFrom))}
    assert imported == {'io', 'sys', 'http', 'numpy', 'onnxruntime', 'PIL'}


@pytest.mark.parametrize('side', [16, 17, 30, 37])
def test_images_grow_in_a_graph_as_everywhere(side: int) -> None:
    """Also sides that are too short to be mirrored, whose edge goes on."""
    for divisor in (8, 64, 256):
        pixels, before = mirrored(side, divisor)
        places, start = mirrored_to(side, divisor, torch.device('cpu'))
        assert before == start and places.tolist() == pixels.tolist(), divisor


@pytest.mark.parametrize(('height', 'width', 'cells'), [(7, 10, 4), (3, 5, 4), (8, 8, 8), (16, 12, 4)])
def test_cells_of_a_graph_are_those_of_adaptive_pooling(height: int, width: int, cells: int) -> None:
    x = torch.randn(2, 3, height, width, dtype=torch.float64)
    assert torch.allclose(averaged_in_graph(x, cells), torch.nn.functional.adaptive_avg_pool2d(x, cells), atol=1e-12)


@pytest.mark.fault
def test_what_cannot_be_a_graph_is_refused_with_the_reason(images: Path, tmp_path: Path,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of('GAN', tmp_path, images)
    with pytest.raises(ConfigError, match=r'ends in \.onnx or \.ts .* or \.pt2 \(or, for weights, \.safe'):
        export_graph(run, tmp_path / 'graph.tflite')
    with pytest.raises(ConfigError, match=r"no picture in direction 'sampel'.*'sample'"):
        export_graph(run, tmp_path / 'graph.pt2', 'sampel')
    with pytest.raises(ConfigError, match="'paint' makes pictures of a size of its own"):
        export_graph(run_of('SinGAN', tmp_path, images), tmp_path / 'graph.pt2', 'paint')
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    with pytest.raises(ConfigError, match=r"need onnxscript and onnxruntime: pip install 'gan-toolbox\[onnx\]'"):
        export_graph(run, tmp_path / 'graph.onnx')
    assert not list(tmp_path.glob('graph*'))


# The tables of docs/export.md


def test_the_table_has_all_synthetic_configs_and_no_empty_cell() -> None:
    table = re.search(r'<!-- table -->\n(.*?)<!-- end -->', (ROOT / 'docs/export.md').read_text(), re.DOTALL)[1]
    _, _, *rows = ([cell.strip() for cell in line.split('|')[1:-1]] for line in table.splitlines())
    assert {config for config, *_ in rows} == {
        f'{path.parent.name}/{path.stem}' for path in ROOT.glob('configs/*/synthetic*.py')}
    for config, direction, free, *cells in rows:
        assert len(cells) == len(FORMATS) and all(cells), (config, direction)
        assert free or all(cell.startswith('no: ') for cell in cells), (config, direction)


def test_empty_cells_of_the_table_are_measured_and_no_others(tmp_path: Path) -> None:
    page = tmp_path / 'page.md'
    page.write_text('Above.\n\n| config | direction | free | pt2 | torchscript |\n|---|---|---|---|---|\n'
                    '| gan/synthetic | sample | nothing | 7 |  |\n| wgan/synthetic | sample |  |  |  |\n\nBelow.\n')
    runpy.run_path(str(ROOT / 'tools/export_table.py'))['fill'](page, ['gan/synthetic'])
    filled = page.read_text()
    assert '\n| gan/synthetic | sample | nothing | 7 | 0 (number of images) |\n' in filled
    assert '\n| wgan/synthetic | sample |  |  |  |\n' in filled and filled.endswith('\n\nBelow.\n')
