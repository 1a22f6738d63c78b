"""Noise of a batch against one call of torch, and against a generator for each sample: CPU time of one thread.

python tools/benchmark_noise.py
"""

import argparse
import functools
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from toolbox.cli import run

SHAPES = ((64, 1), (8, 16), (64, 128), (128, 100), (64, 512), (64, 3, 32, 32), (1, 3, 250, 250), (1, 256, 64, 64))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=31, help='in which the ways take turns')
    return parser.parse_args()


def seconds(function, repeats: int) -> float:
    """CPU seconds of a call."""
    started = time.thread_time()
    for _ in range(repeats):
        function()
    return (time.thread_time() - started) / repeats


def main() -> None:
    args = parse_args()
    import torch

    from toolbox.randomness.keys import hash_seed
    from toolbox.randomness.noise import noise, noise_of_generators
    torch.set_num_threads(1)
    print('| batch | torch.randn, ms | noise, ms | ratio | a generator for each sample, ms | torch.rand, ms | '
          'uniform noise, ms | ratio |\n|---|---|---|---|---|---|---|---|')
    for shape in SHAPES:
        seeds = [hash_seed(0, i) for i in range(shape[0])]
        ways = [functools.partial(torch.randn, shape), functools.partial(noise, seeds, 'z', shape[1:]),
                functools.partial(noise_of_generators, seeds, 'z', shape[1:]),
                functools.partial(torch.rand, shape), functools.partial(noise, seeds, 'z', shape[1:], 'uniform')]
        repeats = max(1, 50_000 // torch.Size(shape).numel())
        times = [[seconds(way, repeats) for way in ways] for _ in range(args.rounds)]
        normal, ours, old, uniform, flat = (1000 * min(column) for column in zip(*times, strict=True))
        ratios = [statistics.median(row[i] / row[j] for row in times) for i, j in ((1, 0), (4, 3))]
        print(f'| {" x ".join(map(str, shape))} | {normal:.3f} | {ours:.3f} | {ratios[0]:.2f} | {old:.3f} | '
              f'{uniform:.3f} | {flat:.3f} | {ratios[1]:.2f} |')


if __name__ == '__main__':
    run(main)
