"""FID and KID from random features, against FID by scipy.linalg.sqrtm, in one process.

python tools/benchmark_fid.py --images 5000 --threads 2
"""

import argparse
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from toolbox.cli import run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--images', type=int, default=5000, help='of each set')
    parser.add_argument('--features', type=int, default=2048)
    parser.add_argument('--threads', type=int, default=1)
    return parser.parse_args()


def timed(function, *args):
    started = time.perf_counter()
    result = function(*args)
    return result, time.perf_counter() - started


def by_square_root(fake, real):
    """As pytorch-fid computes it."""
    import numpy as np
    from scipy import linalg
    means, covariances = zip(*((x.mean(0, dtype=np.float64), np.cov(x, rowvar=False)) for x in (fake, real)), strict=True)
    root = linalg.sqrtm(covariances[0] @ covariances[1])
    return ((means[0] - means[1]) ** 2).sum() + np.trace(covariances[0] + covariances[1] - 2 * root.real)


def main() -> None:
    args = parse_args()
    os.environ.update(dict.fromkeys(('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS'), str(args.threads)))
    import numpy as np
    import torch

    from toolbox.metrics.frechet import frechet_distance
    from toolbox.metrics.kernel import kid_of_subsets
    torch.set_num_threads(args.threads)
    rng = np.random.default_rng(0)
    fake, real = (np.maximum(0, rng.normal(size=(args.images, args.features)) * scale + 0.3).astype(np.float32)
                  for scale in (1.0, 1.1))
    frechet_distance(fake[:64], real[:64])  # loads the libraries
    ours, seconds = timed(frechet_distance, fake, real)
    print(f'FID {ours:.9g}: {seconds:.2f} s')
    theirs, others = timed(by_square_root, fake, real)
    print(f'FID by sqrtm {theirs:.9g}: {others:.2f} s, {others / seconds:.1f} times as long, '
          f'difference {abs(ours / theirs - 1):.1e}')
    kid, seconds = timed(kid_of_subsets, fake, real, 100, min(1000, args.images))
    print(f'KID {kid[0]:.6g} +- {kid[1]:.3g}, 100 subsets of {min(1000, args.images)}: {seconds:.2f} s')


if __name__ == '__main__':
    run(main)
