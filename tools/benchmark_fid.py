"""FID, KID and coverings from random features, against slower ways to the same numbers: CPU seconds, one process and
thread.

python tools/benchmark_fid.py --images 5000
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
    return parser.parse_args()


def timed(function, *args):
    """Result and CPU seconds: on a shared machine the wall clock measures the others."""
    started = time.process_time()
    result = function(*args)
    return result, time.process_time() - started


def by_square_root(means, covariances):
    """As pytorch-fid computes it."""
    import numpy as np
    from scipy import linalg
    root = linalg.sqrtm(covariances[0] @ covariances[1])
    return ((means[0] - means[1]) ** 2).sum() + np.trace(covariances[0] + covariances[1] - 2 * root.real)


def main() -> None:
    args = parse_args()
    os.environ.update(dict.fromkeys(('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS'), '1'))
    import numpy as np

    from toolbox.metrics import manifold, pairs
    from toolbox.metrics.frechet import frechet_distance
    from toolbox.metrics.kernel import kid_of_subsets
    from toolbox.metrics.moments import Moments
    rng = np.random.default_rng(0)
    sets = [np.maximum(0, rng.normal(size=(args.images, args.features)) * scale + 0.3).astype(np.float32)
            for scale in (1.0, 1.1)]
    frechet_distance(sets[0][:64], sets[1][:64])  # loads the libraries
    moments, gathering = timed(lambda: [Moments.of(rows) for rows in sets])
    print(f'statistics of both sets: {gathering:.2f} s')
    ours, seconds = timed(frechet_distance, *moments)
    print(f'FID from them {ours:.9g}: {seconds:.2f} s')
    theirs, others = timed(by_square_root, *zip(*((m.mean, m.covariance) for m in moments), strict=True))
    print(f'by scipy.linalg.sqrtm {theirs:.9g}: {others:.2f} s, {others / seconds:.1f} times as long, '
          f'relative difference {abs(ours / theirs - 1):.0e}')
    ours, seconds = timed(frechet_distance, *sets)
    print(f'FID from the features {ours:.9g}: {seconds:.2f} s; statistics and sqrtm take '
          f'{(gathering + others) / seconds:.1f} times as long')
    size = min(1000, args.images)
    compute = kid_of_subsets.__wrapped__  # it remembers its results
    kid, seconds = timed(compute, *sets, 100, size)
    print(f'KID {kid[0]:.9g} +- {kid[1]:.3g} of 100 subsets of {size}: {seconds:.2f} s')
    together, fast = timed(manifold._coverings.__wrapped__, *sets, manifold.CUSTOMARY)
    print(f'precision, recall, density and coverage: {fast:.2f} s')
    # Every product in float64 and on its own, and each metric by itself.
    pairs.SINGLE, pairs.HELD = float('inf'), 0
    exact, others = timed(compute, *sets, 100, size)
    print(f'KID {exact[0]:.9g} from products in float64: {others:.2f} s, {others / seconds:.1f} times as long')
    apart, others = timed(lambda: [manifold._coverings.__wrapped__(*sets, (k,))[k] for k in manifold.CUSTOMARY])
    print(f'coverings in float64, each metric by itself: {others:.2f} s, {others / fast:.1f} times as long, '
          f'{"equal" if apart == [together[k] for k in manifold.CUSTOMARY] else "DIFFERENT"} results')


if __name__ == '__main__':
    run(main)
