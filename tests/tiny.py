"""Any config of configs/ made so small that training it takes a second."""

from __future__ import annotations

import copy
import subprocess
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from toolbox.engine.config import load_config

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted(str(p.relative_to(ROOT)) for p in (ROOT / 'configs').glob('[!_]*/*.py'))


@cache
def config_file(path: str) -> Config:
    """A config of configs/ as its file states it, read once: to look at, not to change."""
    return Config.fromfile(str(ROOT / path))


# One config of each method: the first, or that with the most networks.
METHOD_CONFIGS = {config_file(path).model.type: path for path in reversed(CONFIGS)} | {
    'GauGAN': 'configs/spade/synthetic_vae.py', 'SRGAN': 'configs/srgan/synthetic.py'}
SMALL = dict(base_channels=2, max_channels=4, blocks=1, downs=4, layers=2, hidden=4, length=6, pool_size=2, rows=1,
             branches=(3, 2), n_critic=2, attention_epochs=1, masks=None, coarse_from=None, growth=2, pretrain_iters=1,
             scale_iters=2, min_size=12, max_size=24,
             dilations=(2,), grid=1, d_iter=2, kernel=3, global_layers=1, perceptual=dict(type='L1Loss', _delete_=True),
             hold_out=dict(block=1, every=3, gap=0), pretrained=dict(type='EfficientNetLite0', weights='random'),
             long_runs=dict(long=3, first=1, period=3, _delete_=True))
# What the tests that compare two runs replace or leave out, and by which configs of one kind differ otherwise.
REPLACED = ('data_root', 'train_cfg', 'default_hooks', 'filename', 'test_dataloader', 'test_evaluator')
FEATURE_METRICS = ('FID', 'IS', 'KID', 'LPIPSDiversity', 'UGATITKID')
SIZES = {512: 32, 490: 36, 286: 36, 216: 32, 54: 8, 256: 32, 240: 32, 144: 36, 108: 36, 178: 34, 68: 36, 128: 32,
         224: 32, 96: 32, 64: 32, 48: 32, 16: 32,
         (256, 512): (64, 128), (480, 640): (32, 36),
         (512, 1024): (16, 32)}
SUBSET = 4  # images in a subset of KID
WIDTHS = {512: 64, 640: 64, 1024: 64, 2048: 128}  # of label maps, which are drawn twice as wide as high
# Sets with a folder of their own
ROOTS = {'DomainFolders': 'domains', 'AttributeImages': 'attributes', 'SemanticDataset': 'semantic',
         'SuperResolutionDataset': 'photographs', 'SingleImageDataset': 'photographs/Set5/0.png'}
EMOTIONS = ('angry', 'contemptuous', 'disgusted', 'fearful', 'happy', 'neutral', 'sad', 'surprised')
DOMAINS = ('female', 'male', 'cat', 'dog', 'wild', 'google', 'twitter', 'black', 'color', *EMOTIONS)
ATTRIBUTES = ('Black_Hair', 'Blond_Hair', 'Brown_Hair', 'Male', 'Young')


def tiny_config(path: str, work_dir: Path, data: Path, iters: int = 6, options: dict[str, Any] | None = None) -> Config:
    """The config with tiny networks, images and data, ``iters`` long, validating and saving every 2 iterations."""
    full = config_file(path)
    edits: dict[str, Any] = {}
    collect(full._cfg_dict, '', edits)
    _relocate(full._cfg_dict, '', data, edits)
    edits.update({
        'work_dir': str(work_dir), 'train_cfg': dict(_delete_=True, max_iters=iters, val_interval=2),
        'default_hooks.checkpoint': dict(type='CheckpointHook', interval=2, keep=0, _delete_=True),
        'default_hooks.samples.interval': 3})
    edits.update({f'{key}.num_workers': 0 for key in full if key.endswith('_dataloader')})
    if 'data_root' in full:
        edits['data_root'] = str(data)
    schedule = full.get('param_scheduler')
    if isinstance(schedule, Mapping) and schedule['type'] == 'LinearDecayLR':
        edits.update({'param_scheduler.constant': 2, 'param_scheduler.decay': 4, 'param_scheduler.by_epoch': False})
    return load_config(ROOT / path, {**edits, **(options or {})})


@cache
def distinct_configs() -> list[str]:
    """One config of each group that the tests, which replace data, sizes and length, cannot tell apart."""
    groups: dict[str, str] = {}
    for path in CONFIGS:
        small = copy.deepcopy(config_file(path))
        edits: dict[str, Any] = {}
        collect(small._cfg_dict, '', edits)
        _relocate(small._cfg_dict, '', Path('data'), edits)
        small.merge_from_dict(edits)
        full = small.to_dict()
        groups.setdefault(repr([(key, full[key]) for key in sorted(full) if key not in REPLACED and key[0] != '_']),
                          path)
    return [*groups.values()]


def default_and_slow(paths: list[str]) -> list[Any]:
    """Parameters of a test: by default one config of each folder, another one after the next commit; the rest is
    ``slow``."""
    folders: dict[Path, list[str]] = {}
    for path in paths:
        folders.setdefault(Path(path).parent, []).append(path)
    chosen = {own[turn() % len(own)] for own in folders.values()}
    return [path if path in chosen else pytest.param(path, marks=pytest.mark.slow) for path in paths]


def some_by_turn(names: Iterable[str], count: int = 5) -> list[Any]:
    """Parameters of a test: by default a few of them, others after the next commit; the rest is ``slow``."""
    names = [*names]
    chosen = {(turn() * count + place) % len(names) for place in range(count)}
    return [name if place in chosen else pytest.param(name, marks=pytest.mark.slow)
            for place, name in enumerate(names)]


@cache
def turn() -> int:
    """The number of commits: what rotates is the same on each run of a commit."""
    done = subprocess.run(['git', 'rev-list', '--count', 'HEAD'], cwd=ROOT, capture_output=True, text=True, check=False)
    return int(done.stdout) if done.returncode == 0 else 0


def collect(node: Any, where: str, edits: dict[str, Any]) -> None:
    """What makes each part of a config small, by its path."""
    items = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        here = f'{where}.{key}' if where else str(key)
        if key in SMALL:
            edits[here] = min(value, SMALL[key]) if key == 'downs' else SMALL[key]
        elif key == 'type' and value in FEATURE_METRICS:  # without a weight file, and blocks for 5 images
            output = {'output': 'pool'} if value == 'LPIPSDiversity' else {}
            size = {'size': 3} if value == 'UGATITKID' else {}
            features = dict(type='RandomFeatures', channels=16, size=16)
            edits.update({f'{where}.{name}': v for name, v in {'features': features, **output, **size}.items()})
        elif key == 'type' and value == 'SegmentationScore':  # a segmenter without a weight file
            edits.update({f'{where}.features': dict(type='SceneReader', _delete_=True), f'{where}.num_classes': 8,
                          f'{where}.ids': None})
        elif key in ('size', 'image_size') and (value := tuple(value) if isinstance(value, list) else value) in SIZES:
            edits[here] = SUBSET if node.get('type') == 'KID' else SIZES[value]
        elif key == 'width' and value in WIDTHS:
            edits[here] = WIDTHS[value]
        elif key == 'batch_size':
            edits[here] = min(value, 4)
        elif not here.startswith('_'):
            collect(value, here, edits)


def _relocate(node: Any, where: str, data: Path, edits: dict[str, Any]) -> None:
    """Give data sets of another layout the folder that has it."""
    for key, value in node.items() if isinstance(node, Mapping) else enumerate(node):
        here = f'{where}.{key}' if where else str(key)
        if isinstance(value, (Mapping, list)) and not here.startswith('_'):
            kind = value.get('type') if isinstance(value, Mapping) else None
            named = 'domains' if isinstance(value, Mapping) and isinstance(value.get('A'), str) else None
            if folder := ROOTS.get(kind, named):
                edits[f'{here}.data_root'] = str(data / folder)
            if kind == 'AttributeImages':
                edits[f'{here}.test_size'] = 4
            _relocate(value, here, data, edits)


def draw_images(root: Path, count: int = 5) -> Path:
    """Data in every layout the configs ask for.

    ``trainA``, ``trainB``, ..., A|B in ``train``, ``val``, ``test``, a folder per domain, a table of attributes, label
    and instance maps, small and large photographs, MNIST and CIFAR-10.
    """
    rng = np.random.default_rng(0)
    _draw_domains(root / 'domains', rng)
    _draw_attributes(root / 'attributes', rng)
    _draw_maps(root / 'semantic', rng)
    _draw_small_and_large(root / 'photographs', rng)
    for split in ('train', 'val', 'test'):
        for name, width in (('A', 40), ('B', 40), ('', 80)):
            folder = root / f'{split}{name}'
            folder.mkdir(parents=True, exist_ok=True)
            for i in range(count):
                _draw_noise(folder / f'{i}.png', rng, width)
    draw_labelled(root, rng, count)
    return root


def draw_labelled(root: Path, rng: np.random.Generator, count: int) -> None:
    """The files of MNIST and of CIFAR-10."""
    for prefix in ('train', 't10k'):
        for kind, shape in (('images-idx3', (count, 28, 28)), ('labels-idx1', (count,))):
            header = bytes((0, 0, 8, len(shape))) + b''.join(n.to_bytes(4, 'big') for n in shape)
            (root / f'{prefix}-{kind}-ubyte').write_bytes(header + rng.integers(0, 10, shape, np.uint8).tobytes())
    (root / 'cifar-10-batches-bin').mkdir(exist_ok=True)
    for name in (*(f'data_batch_{i}' for i in range(1, 6)), 'test_batch'):
        records = rng.integers(0, 10, (count, 3073), np.uint8)
        (root / 'cifar-10-batches-bin' / f'{name}.bin').write_bytes(records.tobytes())


def _draw_noise(path: Path, rng: np.random.Generator, width: int = 40, height: int = 36) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = rng.integers(0, 256, (9, width // 4, 3), dtype=np.uint8)
    cv2.imwrite(str(path), cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC))


def _draw_maps(root: Path, rng: np.random.Generator) -> None:
    """Numbers from 0 to 7, which every table of classes has, and objects (of 8 bits: sets of single images read these
    files, too)."""
    for split in ('train', 'val', 'test'):
        for i in range(4):  # as many as some metrics need
            _draw_noise(root / f'{split}_img/{i}.png', rng, 64, 32)
            labels = np.kron(rng.integers(0, 8, (4, 8)), np.ones((8, 8), int))
            for kind, numbers in (('label', labels.astype(np.uint8)), ('inst', (labels * 30 + i).astype(np.uint8))):
                (root / f'{split}_{kind}').mkdir(exist_ok=True)
                cv2.imwrite(str(root / f'{split}_{kind}/{i}.png'), numbers)


def _draw_small_and_large(root: Path, rng: np.random.Generator) -> None:
    for folder in ('DIV2K_train_HR', 'Set5', 'Set14'):
        for i in range(5):
            _draw_noise(root / folder / f'{i}.png', rng)
    for i in range(5):
        _draw_noise(root / f'DIV2K_train_LR_bicubic/X4/{i}x4.png', rng, 10, 9)


def _draw_domains(root: Path, rng: np.random.Generator) -> None:
    for split in ('train', 'val', 'test'):
        for name in DOMAINS:
            for i in range(4 if split == 'test' else 2):  # 4 are two blocks of UGATITKID
                _draw_noise(root / split / name / f'{i}.png', rng)


def _draw_attributes(root: Path, rng: np.random.Generator, count: int = 10) -> None:
    lines = [str(count), ' '.join(ATTRIBUTES)]
    for i in range(count):
        _draw_noise(root / f'images/{i}.jpg', rng)
        lines.append(f'{i}.jpg ' + ' '.join(rng.choice(['1', '-1'], len(ATTRIBUTES))))
    (root / 'list_attr_celeba.txt').write_text('\n'.join(lines))
