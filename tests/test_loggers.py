"""Numbers and pictures reach every logger that MMEngine knows, by the lines of its manual."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
from tiny import ROOT, tiny_config

from toolbox.engine.config import load_config
from toolbox.engine.runner import Runner
from toolbox.errors import ConfigError

GAN = 'configs/gan/synthetic.py'
# backend -> modules that it imports
MODULES = {'WandbVisBackend': ('wandb',), 'MLflowVisBackend': ('mlflow',), 'ClearMLVisBackend': ('clearml',),
           'NeptuneVisBackend': ('neptune', 'neptune.types'), 'DVCLiveVisBackend': ('dvclive', 'pygit2'),
           'AimVisBackend': ('aim',)}


@pytest.mark.parametrize('backend', MODULES)
def test_losses_rates_scores_and_samples_reach(backend: str, images: Path, tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    packages = {name: MagicMock(name=name, __spec__=ModuleSpec(name, None)) for name in MODULES[backend]}
    for name, package in packages.items():
        monkeypatch.setitem(sys.modules, name, package)
    options = {'visualizer': dict(type='Visualizer', vis_backends=[dict(type=backend)])}
    Runner.from_cfg(tiny_config(GAN, tmp_path, images, 2, {**options, 'default_hooks.status.interval': 1})).train()
    called = [call for package in packages.values() for call in package.mock_calls]
    said = ' '.join(map(str, called))
    for name in ('G/adv', 'D/real', 'lr/G', 'val/KID'):
        assert name in said, name
    pictures = [array for call in called for array in _values((call.args, call.kwargs))
                if isinstance(array, np.ndarray) and array.ndim == 3]
    assert len(pictures) == 2, 'of iteration 0 and of the last one'
    assert pictures[0].shape[2] == 3 and pictures[0].std() > 0
    if backend == 'MLflowVisBackend':
        assert 'samples/000002.png' in said, 'it takes the name of a file'


def _values(node: Any) -> list[Any]:
    nodes = node.values() if isinstance(node, Mapping) else node
    if isinstance(node, (Mapping, list, tuple)):
        return [value for part in nodes for value in _values(part)]
    return [node]


LINES = """
_base_ = '{base}'
vis_backends = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]
visualizer = dict(type='Visualizer', vis_backends=vis_backends)
"""


def test_the_lines_of_the_manual_train_as_they_are(tmp_path: Path) -> None:
    pytest.importorskip('tensorboard', reason='pip install tensorboard')
    (tmp_path / 'own.py').write_text(LINES.format(base=ROOT / GAN))
    loader = dict(dataset=dict(length=4), batch_size=2)
    Runner.from_cfg(load_config(tmp_path / 'own.py', dict(
        work_dir=str(tmp_path / 'run'), train_dataloader=loader, val_dataloader=loader,
        train_cfg=dict(max_iters=1, val_interval=1)))).train()
    assert list(tmp_path.glob('run/*/vis_data/scalars.json'))
    events = next(tmp_path.glob('run/*/vis_data/events*')).read_bytes()
    for name in (b'G/adv', b'lr/G', b'val/KID', b'samples'):
        assert name in events


@pytest.mark.fault
def test_backends_that_no_visualizer_reads_are_a_mistake(tmp_path: Path) -> None:
    (tmp_path / 'own.py').write_text(LINES.format(base=ROOT / GAN).rpartition('visualizer')[0])
    with pytest.raises(ConfigError, match='vis_backends: is read by the visualizer alone'):
        load_config(tmp_path / 'own.py')
