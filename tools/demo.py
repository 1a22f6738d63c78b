"""Train CycleGAN on the embedded world on the CPU, score it against the true answers, and say where the pictures
are."""

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from toolbox.cli import prepare_cpu, run

prepare_cpu()
CONFIG = ROOT / 'configs' / 'cyclegan' / 'synthetic.py'
MARGIN = 0.15  # of the identity mapping's error that the translation must remove


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--work-dir', default=time.strftime('work_dirs/demo_%Y%m%d_%H%M%S'))
    parser.add_argument('--iters', type=int, help='shorter than the config, for a quick look')
    args = parser.parse_args()
    import torch

    from toolbox.engine import Runner
    from toolbox.engine.config import load_config
    from toolbox.use.report import write_report

    torch.set_num_threads(1)  # as fast as two for networks this small, and it does not matter what else runs
    options = {'work_dir': args.work_dir}
    if args.iters:
        options['train_cfg.max_iters'] = args.iters
    started = time.perf_counter()
    runner = Runner.from_cfg(load_config(CONFIG, options))
    runner.train()
    score = runner.train_loop.history[-1]['OracleScore']
    folder = Path(args.work_dir).resolve()
    print(f"""
{runner.max_iters} iterations in {(time.perf_counter() - started) / 60:.1f} minutes.
oracle score {score:.3f}: the translations A -> B remove {score:.0%} of the error that the unchanged input has against
the true striped animal (0 is the identity mapping, 1 the true answer; this demo asks for {MARGIN}).

picture   {folder / 'samples' / 'latest.png'}
report    {write_report(folder)}
translate python tools/translate.py {args.work_dir} IMAGE_OR_FOLDER OUT --direction AtoB""")
    return 0 if score >= MARGIN or args.iters else 1


if __name__ == '__main__':
    run(main)
