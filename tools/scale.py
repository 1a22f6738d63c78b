"""What each process of a training moves and keeps, as the rows of the tables in docs/distributed.md.

Networks are built without memory, so that nothing is trained: gradients that an iteration averages (MB, by phase), what
each GPU sends for that at 2, 8 and 64 GPUs (a ring sends 2 (N - 1) / N of all gradients), the state that it holds, and
what checkpoints take.

python tools/scale.py
python tools/scale.py cyclegan/horse2zebra --cfg-options model.pool_size=0
python tools/scale.py --save 3                      how long a training waits for a checkpoint of its 400 MB
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
PAPERS = ('cyclegan/horse2zebra', 'pix2pix/facades', 'pix2pixhd/cityscapes_512', 'spade/coco_stuff',
          'ugatit/selfie2anime', 'ugatit_light/selfie2anime', 'aggan/horse2zebra', 'unit/cat2dog', 'munit/edges2shoes',
          'drit/cat2dog', 'stargan/celeba', 'starganv2/afhq', 'srgan/srgan_x4', 'dcgan/celeba', 'wgan_gp/lsun_bedroom')
GPUS = (2, 8, 64)
MB = 1e6


def main() -> None:
    from toolbox.engine.config import parse_options
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', nargs='*', metavar='CONFIG', default=PAPERS)
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE')
    parser.add_argument('--save', type=int, metavar='N', help='measure N checkpoints of a CycleGAN of 256 px')
    args = parser.parse_args()
    if args.save:
        measure_saves(args.save)
        return
    sent = ' | '.join(f'sent, {n} GPUs' for n in GPUS)
    print(f'| config | gradients per iteration | {sent} | buffers | held | checkpoint | each further file |\n'
          f'|---|---|{"---|" * len(GPUS)}---|---|---|---|')
    for config in args.configs:
        print(row(config, parse_options(args.cfg_options)), flush=True)


def row(config: str, options: dict[str, Any]) -> str:
    """One line of the table, in MB."""
    import torch

    from toolbox.engine.config import load_config
    from toolbox.methods.image_pool import ImagePool
    from toolbox.registry import METHODS, build
    cfg = load_config(config, options)
    with torch.device('meta'):
        model = build(cfg.model, METHODS, 'model')
    phases = gradients(model)
    total = sum(phases.values())
    networks = [getattr(model, name) for name in model.network_names()]
    weights, buffers = (sum(t.numel() * t.element_size() for net in networks for t in kind(net)) / MB
                        for kind in (lambda net: net.parameters(), lambda net: net.buffers()))
    height, width = crop(cfg)
    images = sum(module.size for module in model.modules() if isinstance(module, ImagePool))
    pools = images * 3 * height * width * 4 / MB
    listed = ', '.join(f'{name} {size:.0f}' for name, size in phases.items())
    cells = [f'{listed}', *(f'{2 * (n - 1) / n * total:.0f}' for n in GPUS), f'{buffers:.2f}', f'{4 * weights:.0f}',
             f'{3 * weights + buffers + pools:.0f}', f'{pools:.0f}' if pools else 'none']
    return f'| {config} | {" | ".join(cells)} |'


def gradients(model: Any) -> dict[str, float]:
    """MB that one iteration averages in each phase (the mean over many); DDP reduces whole networks."""
    sizes = {}
    for phase in model.schedule:
        networks = [getattr(model, name) for name in phase.networks]
        size = sum(p.numel() * p.element_size() for net in networks for p in net.parameters()) / MB
        sizes[phase.name] = size * phase.times * sum(map(phase.is_due, range(60))) / 60
    return sizes


def crop(cfg: Any) -> tuple[int, int]:
    """Height and width of the images of a training: the last size that its transforms name."""
    sizes = [*_sizes(cfg.train_dataloader.dataset)]
    size = sizes[-1] if sizes else 0
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def _sizes(node: Any) -> Iterator[Any]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, (list, tuple)) else ()
    for key, value in items:
        if key == 'size':
            yield value
        else:
            yield from _sizes(value)


def measure_saves(count: int) -> None:
    """Seconds of the training (wall, and CPU of its thread) that a checkpoint takes: written by it, and by a thread."""
    import torch

    from toolbox.engine import Runner
    from toolbox.engine.config import load_config
    from toolbox.engine.saving import take_snapshot
    from toolbox.methods.image_pool import ImagePool
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        cfg = load_config('cyclegan/horse2zebra', {'work_dir': folder, 'param_scheduler': None, 'val_cfg': None,
                                                      'val_dataloader': None, 'val_evaluator': None})
        cfg.train_dataloader = load_config('cyclegan/synthetic').train_dataloader
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            runner = Runner.from_cfg(cfg)
            runner.build_training()
            runner.initialise_weights()
        for module in runner.model.modules():
            if isinstance(module, ImagePool):
                module._images = [torch.rand(1, 3, 256, 256) for _ in range(module.size)]
        for _, wrapper in runner.optim_wrapper.items():
            for p in (p for group in wrapper.optimizer.param_groups for p in group['params']):
                p.grad = torch.zeros_like(p)
            wrapper.step()
        path, waits = Path(folder, 'iter_0.pth'), []
        for _ in range(count):  # by turns
            started = time.perf_counter(), time.thread_time()
            snapshot = take_snapshot(runner, {})
            copied = time.perf_counter(), time.thread_time()
            snapshot.write(path)
            written = time.perf_counter(), time.thread_time()
            waits.append([end[i] - started[i] for end in (written, copied) for i in (0, 1)])
            del snapshot
        for name, i in (('written by the training itself', 0), ('copied for the thread', 2)):
            wall, cpu = (sorted(wait[i + j] for wait in waits)[count // 2] for j in (0, 1))
            print(f'{name}: {path.stat().st_size / MB:.0f} MB, the training waits {wall:.2f} s ({cpu:.2f} s of CPU), '
                  f'median of {count}')


if __name__ == '__main__':
    main()
