"""Sets of images as a folder, a zip and an LMDB: CPU seconds of the start, images per second, and equal trainings.

python tools/benchmark_sets.py --images 20000                  (the same images in three kinds of sets)
python tools/benchmark_sets.py --startup 100 10000 500000      (time of the start by number of files)
python tools/benchmark_sets.py --photographs 40                (CPU time of a photograph on its way to a batch)
"""

import argparse
import hashlib
import multiprocessing
import os
import pickle
import statistics
import sys
import tempfile
import time
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from toolbox.cli import run

SETTLED = 2.5  # seconds after which the index of a set is kept


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--images', type=int, default=20_000, help='of 64x64, in each set')
    parser.add_argument('--iters', type=int, default=20, help='of a DCGAN on each set, batches of 16')
    parser.add_argument('--startup', type=int, nargs='+', metavar='FILES', help='measure starts with so many files')
    parser.add_argument('--photographs', type=int, metavar='FILES', help='measure reading and resizing of so many')
    parser.add_argument('--root', type=Path, help='where the sets are made and removed (default: a temporary folder)')
    return parser.parse_args()


def content(count: int, variety: int, shape: tuple[int, int, int], suffix: str):
    """(name, bytes) of files; ``variety`` different images."""
    import numpy as np

    from toolbox.data.io import write_image
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f'image{suffix}')
        data = []
        for seed in range(variety):
            write_image(path, np.random.default_rng(seed).integers(0, 256, shape, np.uint8))
            data.append(path.read_bytes())
    yield from ((f'{i // 1000:03d}/img{i:08d}{suffix}', data[i % variety]) for i in range(count))


def make(root: Path, files) -> dict[str, Path]:
    """The three sets; without the package lmdb two."""
    sets = {'folder': root / 'set', 'zip': root / 'set.zip'}
    try:
        import lmdb
        sets['LMDB'] = root / 'set_lmdb'
    except ImportError:
        print('without LMDB: pip install lmdb')
    edit = lmdb.open(str(sets['LMDB']), map_size=2**34).begin(write=True) if 'LMDB' in sets else None
    with zipfile.ZipFile(sets['zip'], 'w') as archive:
        for name, data in files:
            path = sets['folder'] / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            archive.writestr(name, data)
            if edit is not None:
                edit.put(name.encode(), data)
    if edit is not None:
        edit.commit()
    time.sleep(SETTLED)
    return sets


def in_child(function, *args):
    """Result and CPU seconds of a call in a process of its own, which knows no archive yet."""
    with multiprocessing.get_context('fork').Pool(1) as pool:
        return pool.apply(timed, (function, *args))


def timed(function, *args):
    started = time.process_time()
    result = function(*args)
    return result, time.process_time() - started


def start(kind: str, root: Path, **options) -> int:
    """Bytes that each worker that is not forked would be sent."""
    from toolbox.registry import DATASETS, build
    return len(pickle.dumps(build(dict(type=kind, data_root=str(root), **options), DATASETS, 'dataset')))


def read_all(root: Path) -> str:
    from toolbox.data.sets.classes import ImageFolder
    found = hashlib.sha256()
    data = ImageFolder(str(root))
    for i in range(len(data)):
        found.update(data[i]['img'].numpy())
    return found.hexdigest()


def trained(root: Path, work_dir: Path, iters: int) -> str:
    from toolbox.engine import Runner
    from toolbox.engine.config import load_config
    runner = Runner.from_cfg(load_config('configs/dcgan/lsun_bedroom.py', {
        'data_root': str(root), 'work_dir': str(work_dir), 'train_cfg': dict(_delete_=True, max_iters=iters),
        'train_dataloader.batch_size': 16, 'train_dataloader.num_workers': 2, 'default_hooks.samples': None}))
    runner.train()
    found = hashlib.sha256()
    for value in runner.model.state_dict().values():
        found.update(value.contiguous().numpy())
    return found.hexdigest()


def compare(root: Path, images: int, iters: int) -> None:
    sets = make(root, content(images, 200, (64, 64, 3), '.jpg'))
    print('| set | first start, s | later starts, s | images/s | pixels | weights after '
          f'{iters} iterations |\n|---|---|---|---|---|---|')
    for kind, place in sets.items():
        first, later = (in_child(start, 'ImageFolder', place)[1] for _ in range(2))
        pixels, seconds = in_child(read_all, place)
        weights = trained(place, root / f'run_{kind}', iters)
        print(f'| {kind} | {first:.2f} | {later:.2f} | {images / (seconds - later):.0f} | {pixels[:8]} | '
              f'{weights[:8]} |', flush=True)


def startup(root: Path, count: int) -> None:
    sets = make(root, content(count, 1, (8, 16, 3), '.png'))
    names = [name for name, _ in content(count, 1, (8, 16, 3), '.png')]
    (root / 'pairs.csv').write_text('A,B\n' + ''.join(f'set/{name},set/{name}\n' for name in names))
    (root / 'list.csv').write_text('file,a,b,c\n' + ''.join(f'{name},1,0,1\n' for name in names))
    kinds = {kind: ('ImageFolder', place, {}) for kind, place in sets.items()} | {
        'pairs side by side': ('PairedDataset', root, dict(split='set', layout='side_by_side')),
        'CSV of pairs': ('PairedDataset', root, dict(ann_file='pairs.csv')),
        'CSV of attributes': ('AttributeImages', root, dict(images='set', ann_file='list.csv', test_size=0,
                                                            attributes=['a', 'b', 'c']))}
    for name, (kind, place, options) in kinds.items():
        (_, first), (size, later) = (in_child(_start, kind, place, options) for _ in range(2))
        print(f'| {count} | {name} | {first:.2f} | {later:.2f} | {size / 1e6:.1f} |', flush=True)


def _start(kind: str, place: Path, options: dict) -> int:
    return start(kind, place, **options)


def photographs(root: Path, count: int) -> None:
    """A table of medians: CPU ms of a JPEG of 256 px that is resized to 286, cut to 256 and mirrored, and of parts."""
    import numpy as np

    from toolbox.data.io import read_image, write_image
    from toolbox.data.transforms import resize
    from toolbox.registry import DATASETS, build
    rng = np.random.default_rng(0)
    for i in range(count):  # smooth, with grain
        image = resize(rng.integers(0, 256, (28, 28, 3), np.uint8), 256, 256) + rng.normal(0, 6, (256, 256, 3))
        write_image(root / f'{i:04d}.jpg', image.clip(0, 255).astype(np.uint8))
    images = [read_image(path) for path in sorted(root.iterdir())]
    decoding = median_ms(lambda i: read_image(root / f'{i:04d}.jpg'), count)
    print('| resized by | whole, ms | decoding | resizing |\n|---|---|---|---|')
    for name in ('bicubic', 'fast'):
        pipeline = [dict(type='Resize', size=286, filter=name), dict(type='RandomCrop', size=256),
                    dict(type='RandomFlip')]
        data = build(dict(type='ImageFolder', data_root=str(root), pipeline=pipeline), DATASETS, 'dataset')
        whole = median_ms(data.__getitem__, count)
        resizing = median_ms(lambda i, name=name: resize(images[i], 286, 286, name), count)
        print(f'| `{name}` | {whole:.2f} | {decoding:.2f} | {resizing:.2f} |', flush=True)


def median_ms(call, count: int, passes: int = 9) -> float:
    """CPU milliseconds of one call with a number below ``count``: the median of some passes, after one that warms."""
    found = []
    for _ in range(passes + 1):
        started = time.process_time()
        for i in range(count):
            call(i)
        found.append((time.process_time() - started) / count * 1e3)
    return statistics.median(found[1:])


def main() -> None:
    args = parse_args()
    with tempfile.TemporaryDirectory(dir=args.root) as folder:
        os.environ['TOOLBOX_CACHE'] = f'{folder}/cache'
        from toolbox.engine import Runner  # noqa: F401 (imports are no part of what is measured)
        from toolbox.registry import DATASETS, build
        build(dict(type='SyntheticShapes'), DATASETS, 'dataset')
        if args.photographs:
            photographs(Path(folder), args.photographs)
            return
        if not args.startup:
            compare(Path(folder), args.images, args.iters)
            return
        print('| files | set | first start, s | later starts, s | MB for a worker |\n|---|---|---|---|---|')
        for count in args.startup:
            root = Path(folder, str(count))
            root.mkdir()
            startup(root, count)


if __name__ == '__main__':
    run(main)
