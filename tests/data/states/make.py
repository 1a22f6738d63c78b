"""Makes the checkpoints of this folder: python tests/data/states/make.py

They are never made again for a version that is out: that old files keep loading is what they are for. A new version may
add files of its own, with its version in their names, and a line for each in tests/test_old_states.py.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / 'tests')]

import torch  # noqa: E402

from toolbox.engine import Runner  # noqa: E402
from toolbox.engine.config import load_config  # noqa: E402
from toolbox.engine.state import plain_config  # noqa: E402
from toolbox.use.load import load_method  # noqa: E402
from toolbox.version import __version__  # noqa: E402

DATA = {f'{split}_dataloader.dataset.{key}': value
        for split in ('train', 'val') for key, value in (('size', 16), ('length', 4))}
LENGTH = {'train_cfg': dict(_delete_=True, max_iters=2, val_interval=2), 'default_hooks.checkpoint.interval': 2,
          'default_hooks.samples': None, 'param_scheduler.constant': 2, 'param_scheduler.decay': 8,
          'visualizer': dict(type='Visualizer', vis_backends=[]),
          'model.init': dict(type='normal', gain=0.2)}
SMALL = {
    'cyclegan': {'model.pool_size': 2, **{f'model.{net}.{key}': value for net in ('G_AB', 'G_BA', 'D_A', 'D_B')
                 for key, value in (('base_channels', 1), ('blocks' if net[0] == 'G' else 'layers', 1))}},
    'pix2pix': {'model.G.base_channels': 1, 'model.G.downs': 4, 'model.D.base_channels': 2, 'model.D.layers': 1,
                'custom_hooks': [dict(type='EMAHook', nets=('G',), decay=0.5)]},
}


def image() -> torch.Tensor:
    """The image that is translated, ``(1, 3, 16, 16)`` in [-1, 1]."""
    return torch.linspace(-1, 1, 3 * 16 * 16).view(1, 3, 16, 16)


def translated(path: Path) -> list[float]:
    """Every 16th number of the translation of :func:`image`; without dropout, whose draws are torch's."""
    model, directions = load_method(path)
    model.test_cfg['dropout'] = False
    with torch.inference_mode():
        return model.eval().translate(image(), directions[0]).flatten()[::16].tolist()


def resumed(path: Path, config: dict[str, Any], work_dir: Path) -> dict[str, float]:
    """Sum of the absolute kernels of every network after one more iteration in one process.

    Biases in front of an instance norm have no true gradient; Adam moves them by what the rounding of a machine gives.
    """
    (work_dir / 'old.py').write_text('\n'.join(f'{key} = {value!r}' for key, value in config.items()))
    cfg = load_config(work_dir / 'old.py', {'work_dir': str(work_dir), 'load_from': str(path), 'resume': True,
                                            'launcher': 'none', 'train_cfg.max_iters': 3})
    model = Runner.from_cfg(cfg).train()
    return {name: sum(float(p.detach().double().abs().sum()) for p in getattr(model, name).parameters() if p.ndim > 1)
            for name in model.network_names()}


def train_on_two(method: str, folder: Path) -> Path:
    """The checkpoint of two iterations of two processes."""
    options = {**DATA, **LENGTH, **SMALL[method], 'work_dir': 'run'}
    cfg = load_config(ROOT / f'configs/{method}/synthetic.py', options)
    (folder / 'config.py').write_text('\n'.join(f'{k} = {v!r}' for k, v in plain_config(cfg.to_dict()).items()))
    command = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', '2',
               str(ROOT / 'tools/train.py'), 'config.py', '--launcher', 'pytorch']
    subprocess.run(command, cwd=folder, check=True, env={**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'})
    return folder / 'run/iter_2.pth'


def make(method: str, target: Path) -> dict[str, Any]:
    """Write the packed checkpoint; returns what a test compares with."""
    with tempfile.TemporaryDirectory() as folder:
        path = train_on_two(method, Path(folder))
        target.write_bytes(lzma.compress(path.read_bytes()))
        config = torch.load(path, weights_only=True)['config']
        return dict(translated=translated(path), resumed=resumed(path, config, Path(folder)))


def main() -> None:
    for method in SMALL:
        target = HERE / f'{method}_{__version__}.pth.xz'
        if target.exists():
            sys.exit(f'{target} exists: the files of a version that is out are not made again.')
        numbers = make(method, target)
        target.with_name(f'{method}_{__version__}.json').write_text(json.dumps(numbers) + '\n')
        print(f'{target.name}: {target.stat().st_size} bytes, SHA-256 '
              f'{hashlib.sha256(target.read_bytes()).hexdigest()}')


if __name__ == '__main__':
    main()
