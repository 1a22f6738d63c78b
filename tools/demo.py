"""Train CycleGAN on the embedded world on the CPU, in less than four minutes on two free cores; score it against the
true answers, and say where the pictures are."""

import argparse
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from toolbox.cli import prepare_cpu, run
from toolbox.cli.process import free_cores, keep_freed_memory

prepare_cpu()
CONFIG = ROOT / 'configs' / 'cyclegan' / 'synthetic.py'
MARGIN = 0.15  # of the identity mapping's error that the translation must remove
ITERS, DECAY = 1800, 400  # about half of the config's; the rate falls to 0 in the last ones
MOST_THREADS = 4  # more do not help networks this small


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--work-dir', default=time.strftime('work_dirs/demo_%Y%m%d_%H%M%S'))
    parser.add_argument('--iters', type=int, help=f'in place of {ITERS}, for a quick look')
    args = parser.parse_args()
    import torch

    from toolbox.engine import Runner
    from toolbox.engine.config import load_config
    from toolbox.use.report import write_report

    torch.set_num_threads(min(free_cores(), MOST_THREADS))
    keep_freed_memory()
    started, iters = time.perf_counter(), args.iters or ITERS
    runner = Runner.from_cfg(load_config(CONFIG, {
        'work_dir': args.work_dir, 'train_cfg.max_iters': iters, 'train_cfg.val_interval': 600,
        'param_scheduler.constant': ITERS - DECAY, 'param_scheduler.decay': DECAY,
        'default_hooks.samples.interval': 100}))
    picture = Path(args.work_dir, 'samples', 'latest.png').resolve()
    print(f'In a few seconds, and then every 100 iterations, there is a new picture to look at:\n{picture}\n',
          flush=True)
    runner.train()
    score, minutes = runner.train_loop.history[-1]['OracleScore'], (time.perf_counter() - started) / 60
    print(f"""
{runner.max_iters} iterations in {minutes:.1f} minutes with {torch.get_num_threads()} thread(s).

picture   {picture}
          each row: a plain animal, its translation, the true answer, the way back; then the same from
          striped animals
          the way there: {picture.with_name('progress.gif')}
report    {write_report(args.work_dir).resolve()}
oracle score {score:.2f}
          How much of the difference between the plain animal and the true striped one the translation takes away,
          pixel by pixel: 0 for a network that changes nothing, 1 for the true answer. The network has never seen a
          pair. So it learns stripes, but not which: a stripe beside its true place counts as two mistakes, and a
          picture that looks right to you scores far below 1. This demo asks for {MARGIN}.

Three things to try next:
{next_steps(args.work_dir)}""")
    return 0 if score >= MARGIN or args.iters else 1


def next_steps(work_dir: str) -> str:
    """Commands that work as they are printed, from this folder."""
    script = Path(sys.executable).with_name('toolbox')
    program = os.path.relpath(script) if script.exists() else f'{os.path.relpath(sys.executable)} -m toolbox'
    return f"""1. Translate single files (these animals, or photographs of yours):
   {program} browse cyclegan/synthetic --files --split val --out animals
   {program} translate {work_dir} animals/valA striped
2. Train on: the stripes get sharper, in about twice the time.
   {program} train cyclegan/synthetic --resume {work_dir} --work-dir {work_dir}_longer
3. Photographs of your own: trainA and trainB, and a few in testA and testB, in a folder my_set:
   {program} train cyclegan/photos --cfg-options data_root=my_set --dry-run"""


if __name__ == '__main__':
    run(main)
