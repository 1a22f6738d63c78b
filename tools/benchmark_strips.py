"""CycleGAN's generator (9 blocks, 64 channels, random weights) on an image at once and in strips.

CPU time of one thread, and memory beyond that before the image, in processes of their own that take turns.

python tools/benchmark_strips.py
python tools/benchmark_strips.py --size 2000 3000 --pairs 1
"""

from __future__ import annotations

import argparse
import sys
from multiprocessing import get_context
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from toolbox.cli import prepare_cpu, run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--size', type=int, nargs=2, default=(600, 900), metavar=('HEIGHT', 'WIDTH'))
    parser.add_argument('--pairs', type=int, default=2)
    args = parser.parse_args()
    print('| image | whole, MB | in strips, MB | CPU time of the whole, s | in strips / whole | '
          'numbers that differ | by at most, levels |\n|---|---|---|---|---|---|---|')
    for _ in range(args.pairs):
        (whole, memory, first), (strips, less, second) = (alone(in_strips, *args.size) for in_strips in (False, True))
        off = np.abs(first.astype(int) - second)
        share = f'1 in {off.size / (off > 0).sum():.0f}' if off.any() else 'none'
        print(f'| {args.size[1]}x{args.size[0]} | {memory} | {less} | {whole:.1f} | {strips / whole:.2f} | '
              f'{share} | {off.max()} |', flush=True)


def alone(in_strips: bool, height: int, width: int) -> tuple[float, str, np.ndarray]:
    """CPU seconds, megabytes and the image, in a fresh process."""
    with get_context('spawn').Pool(1) as pool:
        return pool.apply(made, (in_strips, height, width))


def made(in_strips: bool, height: int, width: int) -> tuple[float, str, np.ndarray]:
    import torch

    from toolbox.benchmarks.machine import peak_of
    from toolbox.benchmarks.work import seconds_of
    from toolbox.registry import BACKBONES, build
    from toolbox.use import large
    from toolbox.use.inputs import from_tensor
    torch.set_num_threads(1)
    torch.manual_seed(0)
    G = build(dict(type='ResnetGenerator', base_channels=64, blocks=9, norm=dict(type='IN')), BACKBONES).eval()
    G.requires_grad_(False)  # as a Translator has it
    found: dict[str, Any] = {}

    def numbers(image: torch.Tensor) -> np.ndarray:
        return from_tensor(image, np.dtype(np.uint8))

    def ask(given: dict[str, torch.Tensor]) -> torch.Tensor:
        return G(given['A'])

    def make(x: torch.Tensor) -> None:
        if in_strips:
            found['image'] = large.in_strips(ask, {'A': x}, (slice(0, x.shape[2]), slice(0, x.shape[3])), numbers)
        else:
            found['image'] = numbers(ask({'A': x})[0])

    make(torch.zeros(1, 3, 64, 64))  # what the first call loads
    x = torch.rand(1, 3, height, width) * 2 - 1
    memory = peak_of(lambda: found.update(seconds=seconds_of(lambda: make(x))[1]))
    return found['seconds'], '?' if memory is None else f'{memory / 1e6:.0f}', found['image']


if __name__ == '__main__':
    prepare_cpu()
    run(main)
