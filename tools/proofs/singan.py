"""One image: SinGAN of a drawn landscape; of a real photograph, as a command: python tools/proofs/singan.py [PHOTO]

Without PHOTO it is the rocket of scikit-image (SpaceX, CC0), its middle square. 64 pixels, one core, half an hour.
What is in --out already is not trained again.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

if __name__ == '__main__':
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    sys.path[:0] = [str(Path(__file__).resolve().parents[i]) for i in (1, 2)]

import numpy as np
import torch

from proofs import Claim, proof, table
from toolbox.data.collate import stack_samples
from toolbox.data.io import read_image, write_image
from toolbox.data.worlds.bags import draw_bag
from toolbox.data.worlds.houses import draw_house
from toolbox.engine import Runner
from toolbox.engine.config import load_config
from toolbox.metrics.single import PatchDistance, PixelDiversity, patch_distance
from toolbox.pictures import arrange
from toolbox.resampling import imresize

ROOT = Path(__file__).resolve().parents[2]
SAMPLES, SIDE = 100, 64
RMSE = 0.06  # of the reconstruction, in [-1, 1]
OTHERS = ('astronaut', 'chelsea', 'coffee', 'hubble_deep_field', 'motorcycle_left', 'retina')  # of scikit-image


def train(config: str, out: Path, changes: Mapping[str, Any]) -> Any:
    """A Runner after its training, or as it was after it; CPU seconds of all its parts stand in the folder."""
    spent = out / 'seconds.txt'
    before = float(spent.read_text()) if spent.exists() else 0.0
    runner = Runner.from_cfg(load_config(ROOT / f'configs/singan/{config}', {
        'work_dir': str(out), 'train_dataloader.num_workers': 0, 'train_cfg.val_interval': None,
        'resume': (out / 'last_checkpoint').exists(), **changes}))
    start = time.process_time()
    try:
        runner.train()  # what is finished ends at once
    finally:
        spent.write_text(f'{before + time.process_time() - start:.0f}')
    return runner


def samples_of(runner: Any, count: int = SAMPLES) -> list[dict[str, Any]]:
    """Random samples, with the reconstruction and the image."""
    data, found = runner.val_loop.dataloader.dataset, []
    for start in range(0, count, 10):
        batch = stack_samples([data[i % len(data)] for i in range(start, start + 10)])
        batch['meta'] = [{**meta, 'seed': start + i} for i, meta in enumerate(batch['meta'])]
        found += runner.model.val_step(batch)
    return found


def score(metric: Any, samples: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    metric.process(None, samples)
    return metric.evaluate(len(samples))


def claims(samples: Sequence[Mapping[str, Any]], others: Sequence[np.ndarray], rmse: float = RMSE) -> list[Claim]:
    """What must hold; ``others`` are other images ``(3, h, w)``."""
    real = samples[0]['img'].numpy()
    missing = (samples[0]['rec'].float() - samples[0]['img'].float()) / 127.5
    found = score(PatchDistance('fake', 'img'), samples)
    distance, mixed = found['PatchDistance'], found['PatchDistance_shuffled']
    nearest = min(patch_distance(other, real) for other in others)
    return [Claim('RMSE of the reconstruction, in [-1, 1]', float(missing.square().mean().sqrt()), at_most=rmse),
            Claim('diversity of 100 samples', score(PixelDiversity('fake', 'img'), samples)['PixelDiversity'],
                  at_least=0.2),
            Claim('distance of their patches (before: shuffled tiles)', distance, mixed, at_most=0.7 * mixed),
            Claim('the same (before: the nearest of the other images)', distance, nearest, at_most=0.7 * nearest)]


def sheet(samples: Sequence[Mapping[str, Any]], rows: int = 3, columns: int = 6) -> np.ndarray:
    """The image and its reconstruction, then random samples."""
    cells = [samples[0]['img'], samples[0]['rec'], *(sample['fake'] for sample in samples)]
    cells = [cell.permute(1, 2, 0).numpy() for cell in cells[:rows * columns]]
    return arrange([cells[i:i + columns] for i in range(0, len(cells), columns)])


@proof('landscape, SinGAN')
def landscape(out: Path) -> list[Claim]:
    runner = train('synthetic.py', out / 'singan', {'work_dir': str(out / 'singan')})
    samples = samples_of(runner)
    write_image(out / 'singan.png', sheet(samples))
    others = [draw(np.random.default_rng(seed), SIDE)['photo'].transpose(2, 0, 1)
              for draw in (draw_bag, draw_house) for seed in range(4)]  # other landscapes are of the same parts
    return claims(samples, others, rmse=0.1)  # after 200 iterations of a scale


def photographs() -> tuple[np.ndarray, list[np.ndarray]]:
    """The middle square of the rocket, and other photographs of scikit-image at the size of the training."""
    try:
        import skimage
    except ImportError as error:
        raise SystemExit('no scikit-image here: .venv/bin/pip install -c constraints.txt scikit-image') from error
    folder = Path(skimage.__file__).parent / 'data'
    files = {path.stem: path for path in folder.iterdir() if path.stem in ('rocket', *OTHERS)}
    others = [small(read_image(files[name], 3)) for name in OTHERS]
    return read_image(files['rocket'], 3)[:, 106:533], others


def small(image: np.ndarray) -> np.ndarray:
    """``(3, h, w)``, the longer side as in the training."""
    return imresize(image, SIDE / max(image.shape[:2])).transpose(2, 0, 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('photo', type=Path, nargs='?', help='of your own')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/singan'))
    parser.add_argument('--iters', type=int, default=500, help='of each scale (2000 in the paper)')
    args = parser.parse_args()
    torch.set_num_threads(1)
    image, others = photographs()
    photo = args.photo or args.out / 'rocket.png'
    if args.photo is None:
        write_image(photo, image)
    runner = train('image.py', args.out / 'run', {
        'data_root': str(photo), 'model.scale_iters': args.iters,
        'train_dataloader.dataset.max_size': SIDE, 'val_dataloader.dataset.max_size': SIDE,
        'param_scheduler.schedule.milestones': [args.iters * 4 // 5], 'default_hooks.samples.interval': args.iters})
    samples = samples_of(runner)
    write_image(args.out / 'samples.png', sheet(samples))
    found = claims(samples, others)
    seconds = float((args.out / 'run/seconds.txt').read_text())
    print(table([(f'{photo.name}, SinGAN', found, seconds)]))
    for claim in (claim for claim in found if not claim.holds):
        print(f'not so: {claim.what} is {claim.after:.4g}, must be {claim.bound}', file=sys.stderr)
    return 0 if all(claim.holds for claim in found) else 1


if __name__ == '__main__':
    sys.exit(main())
