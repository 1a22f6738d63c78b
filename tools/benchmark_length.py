"""Whether time, memory, start and files grow with the length of a training: 100, 1000, 10,000, ... iterations.

Each life is a process of its own that goes on where the last one ended; CPU time of a small fully connected GAN,
without validation and samples.

python tools/benchmark_length.py --most 100000
"""

from __future__ import annotations

import argparse
import contextlib
import io
import resource
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from toolbox.cli import prepare_cpu, run

SMALL = {'model.G.hidden': 16, 'model.G.z_dim': 8, 'model.D.hidden': 16, 'train_dataloader.batch_size': 2,
         'default_hooks.samples': None}


class Life(NamedTuple):
    start: float  # CPU seconds until the first iteration, imports included
    iteration: float  # CPU seconds
    memory: float  # peak, MB
    size: float  # of the work directory, MB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--most', type=int, default=10_000, help='iterations of the last life')
    args = parser.parse_args()
    print('| iterations | start, CPU s | CPU ms per iteration | peak memory, MB | work directory, MB |')
    print('|---|---|---|---|---|')
    with tempfile.TemporaryDirectory() as folder:
        end = 100
        while end <= args.most:
            with get_context('spawn').Pool(1) as pool:
                life = pool.apply(live, (folder, end))
            print(f'| {end:,} | {life.start:.1f} | {1000 * life.iteration:.2f} | {life.memory:.0f} | {life.size:.2f} |',
                  flush=True)
            end *= 10


def live(folder: str, end: int) -> Life:
    """Train until iteration ``end``."""
    from mmengine.hooks import Hook
    from mmengine.registry import HOOKS

    from toolbox import train
    begun: list[tuple[int, float]] = []

    @HOOKS.register_module()
    class Begin(Hook):
        def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
            if not begun:
                begun.append((runner.iter, time.process_time()))

    with contextlib.redirect_stdout(io.StringIO()):
        train('gan/synthetic', work_dir=folder, resume=True, validate=False, **SMALL, **{
            'train_cfg.max_iters': end, 'default_hooks.checkpoint.interval': end,
            'custom_hooks': [dict(type='Begin')], 'env_cfg.mp_cfg.mp_start_method': 'spawn'})
    (first, at), now = begun[0], time.process_time()
    size = sum(path.stat().st_size for path in Path(folder).rglob('*') if path.is_file())
    return Life(at, (now - at) / (end - first), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, size / 1e6)


if __name__ == '__main__':
    prepare_cpu()
    run(main)
