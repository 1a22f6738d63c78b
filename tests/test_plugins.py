"""The plugin of docs/plugins.md, exactly as printed there: it trains, is saved, and comes back from its checkpoint."""

from __future__ import annotations

import os
import re
from pathlib import Path

import cv2
import forked
import numpy as np
import pytest

from toolbox.files.checkpoint import read_checkpoint

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / 'docs/plugins.md').read_text()
TINY = ('train_cfg.max_iters=4', 'train_cfg.val_interval=2', 'train_dataloader.dataset.length=4',
        'train_dataloader.dataset.size=16', 'val_dataloader.dataset.length=2', 'val_dataloader.dataset.size=16',
        'model.D_A.layers=1', 'model.D_B.layers=1', 'model.D_A.base_channels=2', 'model.D_B.base_channels=2',
        'default_hooks.samples.rows=1')


def run(folder: Path, script: str, *argv: str, path: str = '') -> forked.Started:
    return forked.run(f'tools/{script}', *argv, cwd=folder, folder=folder, name=Path(script).stem,
                      env={**os.environ, 'PYTHONPATH': path})


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder far from the package with the two files of the page."""
    plugin, config = re.findall(r'```python\n(.*?)```', PAGE, re.DOTALL)
    folder = tmp_path_factory.mktemp('plugin')
    (folder / 'my_plugin.py').write_text(plugin)
    (folder / 'my_config.py').write_text(config.replace("['configs/", f"['{ROOT}/configs/"))
    cv2.imwrite(str(folder / 'horse.png'), np.full((17, 23, 3), 90, np.uint8))
    return folder


@pytest.fixture(scope='module')
def trained(folder: Path) -> forked.Started:
    """The first command of the page, on tiny networks; the hook stops it at the first validation."""
    options = (*TINY, 'custom_hooks.0.value=-1e9')
    return run(folder, 'train.py', 'my_config.py', '--work-dir', 'mine', '--cfg-options', *options, path=str(folder))


def test_the_commands_of_the_page_name_its_files() -> None:
    (commands,) = re.findall(r'```bash\n(.*?)```', PAGE, re.DOTALL)
    assert [line.split()[:3] for line in commands.splitlines()] == [
        ['PYTHONPATH=my_folder', 'python', 'tools/train.py'], ['PYTHONPATH=my_folder', 'python', 'tools/translate.py']]


def test_all_four_parts_take_part_in_the_training(folder: Path, trained: forked.Started) -> None:
    assert trained.returncode == 0, trained.stderr
    assert 'FlatGenerator' in trained.stdout and 'that is enough' in trained.stdout
    checkpoint = read_checkpoint(folder / 'mine/iter_2.pth')  # saved where the hook stopped, of 4 iterations
    assert checkpoint['meta']['iter'] == 2 and not (folder / 'mine/iter_4.pth').exists()
    assert checkpoint['config']['model']['reconstruction'] == {'type': 'CharbonnierLoss', 'eps': 0.01}
    weights = checkpoint['state_dict']
    assert weights['G_AB.net.1.weight'].shape == (1, 16, 1, 1), 'the norm of the plugin has one weight per channel'
    assert not (weights['G_AB.net.1.weight'] == 1).all(), 'the norm is trained'


def test_a_checkpoint_with_plugins_is_rebuilt(folder: Path, trained: forked.Started) -> None:
    assert trained.returncode == 0, trained.stderr
    refused = run(folder, 'translate.py', 'mine', 'horse.png', 'out', path=str(folder))
    assert refused.returncode == 2 and '--plugins my_plugin' in refused.stderr, 'its import would run code'
    done = run(folder, 'translate.py', 'mine', 'horse.png', 'out', '--plugins', 'my_plugin', path=str(folder))
    assert done.returncode == 0, done.stderr
    assert cv2.imread(str(folder / 'out/horse.png')).shape == (17, 23, 3)


def test_without_its_folder_on_the_path_the_plugin_is_asked_for(folder: Path) -> None:
    done = run(folder, 'train.py', 'my_config.py')
    assert done.returncode == 2
    assert "cannot import 'my_plugin'" in done.stderr and 'PYTHONPATH=folder' in done.stderr
    assert 'Traceback' not in done.stderr
