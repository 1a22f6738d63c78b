"""Every command reads its checkpoint once: each byte from the disk, each checksum compared."""

from __future__ import annotations

import argparse
import shutil
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from runs import train
from tiny import tiny_config

import toolbox.files.checked_zip as checked_zip
from toolbox import Translator
from toolbox.cli import test as test_command
from toolbox.files.checkpoint import read_description
from toolbox.use.export import export_weights
from toolbox.use.interpolate import interpolate
from toolbox.use.publishing import publish

PATH = 'configs/cyclegan/facades.py'
KERNEL = Path('/proc/self/io')  # what this process has read


@pytest.fixture(scope='module')
def whole(images: Path, once) -> Path:
    """A run whose checkpoint is larger than all else that a command reads, and most of it in one tensor."""
    def make(folder: Path) -> None:
        train(tiny_config(PATH, folder, images, 2))
        path = folder / 'iter_2.pth'
        content = torch.load(path, weights_only=True)
        content['ranks'][0]['extra'] = {'large': torch.arange(4_000_000.)}
        torch.save(content, path)
    return once('reads', make)


def resume(run: Path, images: Path) -> None:
    train(tiny_config(PATH, run, images, 2), resume=True)


def start(run: Path, images: Path) -> None:
    train(tiny_config(PATH, run / 'new', images, 1, {'load_from': str(run / 'iter_2.pth')}))


def score(run: Path, images: Path) -> None:
    cfg = tiny_config(PATH, run / 'test', images)
    cfg.dump(run / 'c.py')
    test_command.main(argparse.Namespace(config=str(run / 'c.py'), checkpoint=str(run), which='last', out=None,
                                         work_dir=None, cfg_options=None, launcher='none', local_rank=None))


COMMANDS: dict[str, Callable[[Path, Path], object]] = {
    'train --resume': resume, 'train load_from=': start, 'test': score,
    'translate': lambda run, _: Translator(run)(np.zeros((32, 32, 3), np.uint8)),
    'export': lambda run, _: export_weights(run, run / 'a.safetensors'),
    'push': lambda run, _: publish(run, run, 'user/name', 'mit', 'facades'),
    'interpolate': lambda run, _: interpolate(run, run, 0.5, run / 'between.pth'),
}


@pytest.mark.skipif(not KERNEL.exists(), reason='only Linux counts what a process reads')
@pytest.mark.parametrize('command', COMMANDS)
def test_a_command_reads_its_checkpoint_once(command: str, whole: Path, images: Path, tmp_path: Path,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    run = shutil.copytree(whole, tmp_path / 'run')
    size, hashed = (run / 'iter_2.pth').stat().st_size, [0]

    def crc32(data: memoryview) -> int:
        hashed[0] += len(data)
        return zlib.crc32(data)

    monkeypatch.setattr(checked_zip, 'crc32', crc32)
    files = 2 if command == 'interpolate' else 1  # of two runs
    before = int(KERNEL.read_text().split()[1])
    COMMANDS[command](run, images)
    read = int(KERNEL.read_text().split()[1]) - before
    assert files <= read / size < files + 0.3
    assert files - 0.1 < hashed[0] / size <= files


def test_the_description_is_read_without_the_tensors(whole: Path) -> None:
    before = int(KERNEL.read_text().split()[1])
    described = read_description(whole / 'iter_2.pth')
    assert int(KERNEL.read_text().split()[1]) - before < 0.1 * (whole / 'iter_2.pth').stat().st_size
    assert described['meta']['iter'] == 2 and described['config']['model']['type'] == 'CycleGAN'
    assert described['facts']['pixels'] == 'shown'


def test_reads_of_the_list_of_entries_are_not_compared_with_an_entry_of_their_length(tmp_path: Path) -> None:
    """torch first reads the last 4096 bytes, which can begin in an entry of so many."""
    path = tmp_path / 'w.pth'
    for count in range(0, 64, 9):
        torch.save({**{f'a{i}': torch.full((5,), float(i)) for i in range(count)}, 'w': torch.randn(1024)}, path)
        with checked_zip.CheckedZip(path) as file:
            torch.load(file, weights_only=True)
            file.check_the_rest()
        assert not file.damaged, count
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as file:
        entry = next(entry for entry in file.infolist() if entry.file_size == 4096)
        at = data.index(file.read(entry))
    data[at + 7] ^= 1
    path.write_bytes(data)
    with checked_zip.CheckedZip(path) as file:
        torch.load(file, weights_only=True)
    assert file.damaged == entry.filename
