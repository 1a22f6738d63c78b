"""A direction as one graph: ONNX and torch.export, from the pixels of files to the pixels of files."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import METHOD_CONFIGS, tiny_config

from toolbox import Translator
from toolbox.engine.state import plain_config
from toolbox.errors import ConfigError
from toolbox.files.checkpoint import write_checkpoint
from toolbox.registry import METHODS, build
from toolbox.use.graphs import export_graph, mirrored_to
from toolbox.use.padding import mirrored

HAS_ONNX = all(importlib.util.find_spec(name) for name in ('onnxruntime', 'onnxscript'))
NEEDS_ONNX = pytest.mark.skipif(not HAS_ONNX, reason='pip install onnxscript onnxruntime')
FAST = ('GAN', 'CycleGAN')
WHOLE = 'number and size of images'
# What is free in the graphs of the others.
LESS = {'StarGAN': 'size of images, one at a time', 'Pix2Pix': 'size of images, one at a time',
        'GauGAN': 'size of images, one at a time', 'Colorization': 'nothing: one image of 32x32 (HxW)'}


def run_of(method: str, folder: Path, images: Path) -> Path:
    cfg = tiny_config(METHOD_CONFIGS[method], folder, images)
    torch.manual_seed(0)
    model = build(cfg.model.to_dict(), METHODS)
    model.init_weights()
    path = folder / 'run.pth'
    write_checkpoint({'config': plain_config(cfg.to_dict()), 'meta': {'iter': 1}, 'state_dict': model.state_dict(),
                      'facts': {}}, path)
    return path


def methods() -> list:
    known = [name for name in METHOD_CONFIGS if name not in ('Pix2PixHD', 'SinGAN')]
    return [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in known]


@pytest.mark.parametrize('suffix', ['.pt2', pytest.param('.onnx', marks=NEEDS_ONNX)])
@pytest.mark.parametrize('method', methods())
def test_a_graph_gives_what_torch_gives(method: str, suffix: str, images: Path, tmp_path: Path) -> None:
    made = export_graph(run_of(method, tmp_path, images), tmp_path / f'graph{suffix}', size=(32, 32))
    assert made.difference <= 1 and made.path.stat().st_size > 1000
    assert made.free == LESS.get(method, WHOLE)
    assert bool(made.notes) == (method in ('Pix2Pix', 'Colorization'))


@NEEDS_ONNX
def test_onnx_alone_translates_a_photograph_as_the_toolbox_does(images: Path, tmp_path: Path) -> None:
    """Of a size that is no multiple of the divisor."""
    import onnxruntime
    run = run_of('CycleGAN', tmp_path, images)
    export_graph(run, tmp_path / 'graph.onnx', 'BtoA')
    photograph = np.random.default_rng(0).integers(0, 256, (45, 58, 3), dtype=np.uint8)
    session = onnxruntime.InferenceSession(tmp_path / 'graph.onnx')
    found = session.run(['fake_A'], {'B': photograph[None]})[0][0]
    expected = Translator(run, 'BtoA', device='cpu')(photograph)
    assert found.shape == expected.shape and expected.std() > 5
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= 1


@pytest.mark.parametrize('side', [16, 17, 30, 37])
def test_images_grow_in_a_graph_as_everywhere(side: int) -> None:
    pixels, before = mirrored(side, 8)
    places, start = mirrored_to(side, 8, torch.device('cpu'))
    assert before == start and places.tolist() == pixels.tolist()


@pytest.mark.fault
def test_what_cannot_be_a_graph_is_refused_with_the_reason(images: Path, tmp_path: Path,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of('GAN', tmp_path, images)
    with pytest.raises(ConfigError, match=r'ends in \.onnx or \.pt2'):
        export_graph(run, tmp_path / 'graph.tflite')
    with pytest.raises(ConfigError, match=r"no picture in direction 'sampel'.*'sample'"):
        export_graph(run, tmp_path / 'graph.pt2', 'sampel')
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    with pytest.raises(ConfigError, match=r'\.onnx files need onnxscript and onnxruntime: pip install'):
        export_graph(run, tmp_path / 'graph.onnx')
    assert not list(tmp_path.glob('graph*'))
