"""Broken images, workers that die or hang: an error that names them, or a skip that is written down."""

import contextlib
import logging
import os
import re
import resource
import signal
import struct
import time
import zlib
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from commands import command
from faults import in_child
from runs import EXACT, assert_equal, train
from test_distributed import write_config
from tiny import draw_images, tiny_config

from toolbox.data import loader
from toolbox.data.io import image_size, read_image, write_image
from toolbox.data.sets.attributes import AttributeImages
from toolbox.data.sets.datasets import PairedDataset, UnpairedDataset
from toolbox.data.workers import errors_of_workers
from toolbox.engine import Runner
from toolbox.errors import ConfigError, DataError
from toolbox.files.checkpoint import newest_intact, read_checkpoint
from toolbox.hooks.bad_images import BadImageHook
from toolbox.registry import DATASETS

pytestmark = pytest.mark.fault

PATH = 'configs/cyclegan/facades.py'
SKIP = {'train_dataloader.dataset.on_bad_image': 'skip', 'train_dataloader.dataset.max_bad': 0.4}


def png_header(width, height):
    """A PNG that claims a size and holds next to nothing."""
    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0))
            + chunk(b'IDAT', zlib.compress(bytes(1000))) + chunk(b'IEND', b''))


@pytest.mark.parametrize('side', [100_000, 13_000])
@pytest.mark.parametrize('name', ['x.png', 'x.jpg'])
def test_a_huge_header_is_refused_before_memory_is_taken(side, name, tmp_path):
    path = tmp_path / name
    path.write_bytes(png_header(side, side))

    def limited():
        used = int(re.search(r'VmSize:\s+(\d+)', Path('/proc/self/status').read_text())[1]) * 1024
        # 64 MiB more; the pixels take 412 and more
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**26, used + 2**26))
        with pytest.raises(DataError, match=rf'{name}.*({side}x{side}|{side**2} pixels)'):
            read_image(path)

    assert in_child(limited) == 0


def fifo(path):
    os.mkfifo(path)


BROKEN = {
    'empty': (lambda path: path.touch(), 'is empty'),
    'text': (lambda path: path.write_text('no image'), 'not a readable image'),
    'a folder': (lambda path: path.mkdir(), 'not a file'),
    'a pipe': (fifo, 'not a file'),
    'a device': (lambda path: path.symlink_to('/dev/zero'), 'not a file'),
    'a dangling link': (lambda path: path.symlink_to('nowhere'), 'No such file'),
    'a link to itself': (lambda path: path.symlink_to(path), 'symbolic links'),
}


@pytest.mark.parametrize('kind', BROKEN)
def test_what_is_no_image_is_named_and_nothing_hangs(kind, tmp_path):
    make, reason = BROKEN[kind]
    make(tmp_path / 'x.png')
    for read in (read_image, image_size):
        with pytest.raises(DataError, match=rf'x\.png.*{reason}'):
            read(tmp_path / 'x.png')


def test_the_content_decides_about_the_format(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)
    ok, data = cv2.imencode('.png', image)
    assert ok
    (tmp_path / 'x.jpg').write_bytes(data.tobytes())
    np.testing.assert_array_equal(read_image(tmp_path / 'x.jpg'), image[:, :, ::-1])


def test_an_image_of_one_pixel_trains_like_any_other(tmp_path):
    images = draw_images(tmp_path / 'images')
    cv2.imwrite(str(images / 'trainA' / '2.png'), np.full((1, 1, 3), 7, np.uint8))
    runner = train(tiny_config(PATH, tmp_path / 'run', images, 6))
    assert runner.iter == 6


@pytest.fixture
def broken(tmp_path):
    """Five images per domain; one of A is cut short, one of B is text."""
    images = draw_images(tmp_path / 'images')
    cut = images / 'trainA' / '1.png'
    cut.write_bytes(cut.read_bytes()[:200])
    (images / 'trainB' / '3.png').write_text('no image')
    return images


def test_by_default_a_bad_image_is_an_error_that_names_it(broken, tmp_path):
    config = write_config(tiny_config(PATH, tmp_path / 'run', broken, 12), tmp_path / 'config.py')
    code, _, err = command('train.py', config)
    assert code == 2
    assert re.search(r'train[AB]/[13]\.png', err)
    assert 'Traceback' not in err


@pytest.mark.parametrize('workers', [0, 2])
def test_skipped_images_are_listed_once_and_the_training_is_the_same(workers, broken, tmp_path, capfd):
    options = {**SKIP, 'train_dataloader.num_workers': workers}
    runner = train(tiny_config(PATH, tmp_path / 'run', broken, 12, options))
    assert runner.iter == 12
    lines = (tmp_path / 'run' / 'skipped_images.txt').read_text().splitlines()
    assert sorted(line.split('\t')[0] for line in lines) == [
        str(broken / 'trainA' / '1.png'), str(broken / 'trainB' / '3.png')]
    assert 'cut short' in (tmp_path / 'run' / 'skipped_images.txt').read_text()
    said = capfd.readouterr()
    assert (said.out + said.err).count('WARNING - skipped: ') == 2
    # stopped and resumed: the same images, no second entry
    train(tiny_config(PATH, tmp_path / 'halves', broken, 12, options), stop=5)
    train(tiny_config(PATH, tmp_path / 'halves', broken, 12, options), resume=True)
    for key in EXACT:
        assert_equal(*(read_checkpoint(tmp_path / name / 'iter_12.pth').get(key) for name in ('run', 'halves')), key)
    assert len((tmp_path / 'halves' / 'skipped_images.txt').read_text().splitlines()) == 2


def test_the_next_readable_file_of_the_same_domain_takes_the_place(broken):
    dataset = UnpairedDataset(str(broken), on_bad_image='skip', serial=True)
    sample = dataset[1]
    assert sample['meta']['A_path'].endswith('trainA/2.png')
    assert sample['meta']['B_path'].endswith('trainB/1.png')
    assert sample['meta']['skipped'][0][0].endswith('trainA/1.png')
    assert 'skipped' not in dataset[0]['meta']


def test_a_pair_is_skipped_as_a_whole(tmp_path):
    images = draw_images(tmp_path / 'images')
    path = images / 'train' / '2.png'
    data = bytearray(path.read_bytes())
    data[200:] = bytes(len(data) - 200)  # the header is good: only decoding finds out
    path.write_bytes(data)
    with pytest.raises(DataError, match=r'2\.png'):
        PairedDataset(str(images), layout='side_by_side')[2]
    sample = PairedDataset(str(images), layout='side_by_side', on_bad_image='skip')[2]
    assert sample['meta']['A_path'] == sample['meta']['B_path'] == str(images / 'train' / '3.png')


def test_too_many_bad_images_are_an_error(broken, tmp_path):
    options = {**SKIP, 'train_dataloader.dataset.max_bad': 0.2}
    with pytest.raises(DataError, match=r'skipped_images\.txt: 2 files cannot be read.*max_bad allows 1'):
        train(tiny_config(PATH, tmp_path / 'run', broken, 12, options))


def test_a_file_is_counted_once_whatever_its_name_and_its_entry_are(tmp_path):
    """A row of 40 attributes filled several lines of the list, and so does a name with line breaks."""
    names = ('a\nb\tc.png', *(f'{i}.png' for i in range(3)))
    for i, name in enumerate(names):
        write_image(tmp_path / 'images' / name, np.full((8, 8, 3), i, np.uint8))
    attributes = [f'n{i}' for i in range(40)]
    cells = ','.join(map(str, [1] * 40))
    (tmp_path / 'table.csv').write_text('\n'.join([f"file,{','.join(attributes)}",
                                                   *(f'"{name}",{cells}' for name in names)]))
    data = AttributeImages(attributes, tmp_path, ann_file='table.csv', test_size=0, on_bad_image='skip', max_bad=0.5)
    for name in names[:2]:
        (tmp_path / 'images' / name).write_bytes(b'no image')
    metas = [data[i]['meta'] for i in range(4)]
    runner = SimpleNamespace(work_dir=str(tmp_path), logger=logging.getLogger('none'),
                             forgo_output=contextlib.nullcontext)
    for _ in range(2):  # a resume
        hook = BadImageHook()
        hook.before_train(runner)
        hook.after_train_iter(runner, 0, dict(meta=metas * 2))
    listed = (tmp_path / 'skipped_images.txt').read_text().split('\n')
    assert sorted(line.partition('\t')[0] for line in listed if line) == [
        str(tmp_path / 'images/0.png'), str(tmp_path / 'images') + r'/a\nb\tc.png']


def test_a_set_without_any_readable_image_is_an_error(tmp_path):
    images = draw_images(tmp_path / 'images')
    for path in (images / 'trainA').iterdir():
        path.write_text('no image')
    with pytest.raises(DataError, match='None of the 5 files can be read'):
        UnpairedDataset(str(images), on_bad_image='skip')[0]


def test_evaluation_skips_nothing(images, tmp_path):
    options = {'val_dataloader.dataset.on_bad_image': 'skip'}
    runner = Runner.from_cfg(tiny_config(PATH, tmp_path, images, 4, options))
    with pytest.raises(ConfigError, match=r"val_dataloader\.dataset\.on_bad_image: 'skip' is for training"):
        runner.train()


@DATASETS.register_module(force=True)
class Failing(UnpairedDataset):
    """A set in whose worker something goes wrong at the fifth sample of the training."""

    def __init__(self, fault='', **kwargs):
        super().__init__(**kwargs)
        self.fault, self.count = fault, 0

    def load(self, index):
        self.count += 1
        if self.count == 5:
            if self.fault == 'killed':
                os.kill(os.getpid(), signal.SIGKILL)
            elif self.fault == 'hangs':
                time.sleep(1000)
            raise RuntimeError('a bug in a plugin')
        return super().load(index)


@pytest.mark.parametrize(('fault', 'message'), [
    ('killed', r'train_dataloader: DataLoader worker .*killed by signal: Killed.*memory[\s\S]*--resume'),
    ('hangs', r'train_dataloader: DataLoader timed out after 20 seconds.*hangs on a file')])
def test_a_worker_that_dies_or_hangs_ends_the_training_with_a_message(fault, message, images, tmp_path):
    options = {'train_dataloader.num_workers': 1, 'train_dataloader.timeout': 20,
               'train_dataloader.dataset.type': 'Failing',
               'train_dataloader.dataset.fault': fault, 'train_dataloader.prefetch_factor': 1}
    with pytest.raises(DataError, match=message):
        train(tiny_config(PATH, tmp_path, images, 12, options))
    path, damaged, _ = newest_intact(tmp_path)
    assert path.name in ('iter_2.pth', 'iter_4.pth')
    assert not damaged


class Killed(torch.utils.data.Dataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGKILL)


def test_the_death_of_a_worker_is_nobody_elses_error():
    """Its signal may come while the main process reads an image and takes every Exception for a damaged file."""
    deadline = time.monotonic() + 60
    with pytest.raises(DataError, match='killed by signal: Killed'), errors_of_workers():
        loader = iter(torch.utils.data.DataLoader(Killed(), num_workers=1))
        while time.monotonic() < deadline:
            with contextlib.suppress(Exception):
                time.sleep(0.01)
        del loader


def test_a_bug_in_a_worker_keeps_its_traceback(images, tmp_path):
    options = {'train_dataloader.num_workers': 1, 'train_dataloader.dataset.type': 'Failing'}
    with pytest.raises(RuntimeError, match='a bug in a plugin') as error:
        train(tiny_config(PATH, tmp_path, images, 12, options))
    assert not isinstance(error.value, DataError)
    assert 'in load' in str(error.value)


def children():
    """Processes that this one has started; tests before this one have left some that multiprocessing keeps."""
    return {pid for pid in os.listdir('/proc') if pid.isdecimal() and parent_of(pid) == os.getpid()
            and 'resource_tracker' not in Path(f'/proc/{pid}/cmdline').read_text()}


def test_no_worker_outlives_its_training(images, tmp_path):
    options = {'train_dataloader.num_workers': 2, 'train_dataloader.persistent_workers': True,
               'val_dataloader.num_workers': 1}
    before = children()
    runner = Runner.from_cfg(tiny_config(PATH, tmp_path, images, 4, options))
    runner.train()
    assert not children() - before


@pytest.mark.fault
def test_no_more_workers_than_cpus_are_started_and_it_is_said_once(images, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(os, 'sched_getaffinity', lambda pid: {0}, raising=False)
    loader.workers_for.cache_clear()
    options = {'train_dataloader.num_workers': 2, 'val_dataloader.num_workers': 2}
    runner = train(tiny_config(PATH, tmp_path / 'limited', images, 2, options))
    assert runner.train_loop.dataloader.num_workers == runner.val_loop.dataloader.num_workers == 1
    assert capfd.readouterr().out.count('num_workers: 2 asked for, 1 started: this process may use 1 CPU(s)') == 1
    train(tiny_config(PATH, tmp_path / 'none', images, 2))
    limited, none = (read_checkpoint(tmp_path / name / 'iter_2.pth') for name in ('limited', 'none'))
    for key in EXACT:
        assert_equal(limited.get(key), none.get(key), key)


@pytest.mark.parametrize(('quota', 'cpus'), [('150000 100000', 2), ('5000 100000', 1), ('max 100000', 4), (None, 4)])
def test_the_cpus_of_a_container_are_those_it_may_use(quota, cpus, tmp_path, monkeypatch):
    monkeypatch.setattr(os, 'sched_getaffinity', lambda pid: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(loader, 'CPU_QUOTA', tmp_path / 'cpu.max')
    if quota:
        (tmp_path / 'cpu.max').write_text(f'{quota}\n')
    assert loader.usable_cpus() == cpus


def parent_of(pid):
    try:
        return int(Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[1])
    except OSError:
        return None
