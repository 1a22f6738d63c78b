from __future__ import annotations

import json
import logging
import pickle
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from toolbox.data.browse import contact_sheet, draw_samples
from toolbox.data.io import read_image, write_image
from toolbox.errors import ConfigError, DataError
from toolbox.randomness.keys import SampleKey
from toolbox.registry import DATASETS, build

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / 'shared/data'


def make(name: str, **args: object) -> object:
    return build({'type': name, **args}, DATASETS)


def flat(level: int, height: int = 8, width: int = 8) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def fill(folder: Path, levels: list[int], height: int = 8, width: int = 8) -> None:
    for level in levels:
        write_image(folder / f'{level}.png', flat(level, height, width))


def side_by_side(left: int, right: int, width: int = 16, height: int = 8) -> np.ndarray:
    return np.concatenate([flat(left, height, width // 2), flat(right, height, width - width // 2)], axis=1)


def level(image: torch.Tensor) -> int:
    assert image.unique().numel() == 1
    return int(image.flatten()[0])


@pytest.mark.parametrize('pattern', ['{split}{domain}', '{split}/{domain}'])
def test_unpaired_length_and_partners(tmp_path: Path, pattern: str) -> None:
    for split in ('train', 'test'):
        fill(tmp_path / pattern.format(split=split, domain='A'), [1, 2, 3])
        fill(tmp_path / pattern.format(split=split, domain='B'), [11, 12, 13, 14, 15])
    train = make('UnpairedDataset', data_root=str(tmp_path))
    assert len(train) == 5
    assert [level(train[i]['A']) for i in range(5)] == [1, 2, 3, 1, 2]
    assert {level(train[SampleKey(0, seed)]['B']) for seed in range(40)} == {11, 12, 13, 14, 15}
    test = make('UnpairedDataset', data_root=str(tmp_path), split='test')
    assert [level(test[SampleKey(i, 9)]['B']) for i in range(5)] == [11, 12, 13, 14, 15]
    assert len(make('UnpairedDataset', data_root=str(tmp_path), max_samples=2)) == 2


def test_unpaired_meta_channels_and_named_folders(tmp_path: Path) -> None:
    fill(tmp_path / 'cats', [1], 6, 9)
    fill(tmp_path / 'dogs', [2])
    sample = make('UnpairedDataset', data_root=str(tmp_path), A='cats', B='dogs', channels={'A': 1, 'B': 3},
                  pipeline=[{'type': 'Resize', 'size': 4}])[0]
    assert sample['A'].shape == (1, 4, 4) and sample['B'].shape == (3, 4, 4)
    assert sample['A'].dtype == torch.uint8
    assert sample['meta'] == {'A_path': str(tmp_path / 'cats/1.png'), 'B_path': str(tmp_path / 'dogs/2.png'),
                              'A_size': (6, 9), 'B_size': (8, 8), 'index': 0, 'seed': 0}


def test_unpaired_domains_draw_apart_and_pairs_together(tmp_path: Path) -> None:
    ramp = np.arange(16, dtype=np.uint8)[:, None, None] + np.zeros((16, 16, 3), np.uint8)
    for domain in 'AB':
        write_image(tmp_path / f'train{domain}/1.png', ramp)
    crop = [{'type': 'RandomCrop', 'size': 1}]
    unpaired = make('UnpairedDataset', data_root=str(tmp_path), pipeline=crop)
    paired = make('PairedDataset', data_root=str(tmp_path), pipeline=crop)
    keys = [SampleKey(0, seed) for seed in range(30)]
    assert all(torch.equal(s['A'], s['B']) for s in (paired[key] for key in keys))
    assert sum(not torch.equal(s['A'], s['B']) for s in (unpaired[key] for key in keys)) > 20


def test_sixteen_bit_sample(tmp_path: Path) -> None:
    for domain in 'AB':
        write_image(tmp_path / f'train{domain}/1.png', np.full((4, 4, 3), 40000, np.uint16))
    assert make('UnpairedDataset', data_root=str(tmp_path))[0]['A'].dtype == torch.uint16


@pytest.mark.parametrize('pattern', ['{split}{domain}', '{split}_{domain}', '{split}/{domain}', '{domain}/{split}'])
def test_paired_folders_match_by_stem(tmp_path: Path, pattern: str) -> None:
    first, second = (tmp_path / pattern.format(split='train', domain=d) for d in 'AB')
    fill(first, [1, 2, 10])
    for stem, value in {'1': 101, '2': 102, '10': 110}.items():
        write_image(second / f'{stem}.bmp', flat(value))
    dataset = make('PairedDataset', data_root=str(tmp_path))
    assert [(level(s['A']), level(s['B'])) for s in (dataset[i] for i in range(3))] == [(1, 101), (2, 102), (10, 110)]
    swapped = make('PairedDataset', data_root=str(tmp_path), swap=True)
    assert (level(swapped[0]['A']), level(swapped[0]['B'])) == (101, 1)
    assert swapped[0]['meta']['A_path'].endswith('.bmp')


def test_paired_side_by_side_of_even_and_odd_width(tmp_path: Path) -> None:
    write_image(tmp_path / 'train/1.png', side_by_side(1, 101))
    write_image(tmp_path / 'train/2.png', side_by_side(2, 102, width=17))
    dataset = make('PairedDataset', data_root=str(tmp_path), channels={'A': 1, 'B': 3})
    first, second = dataset[0], dataset[1]
    assert (level(first['A']), level(first['B'])) == (1, 101)
    assert first['A'].shape == (1, 8, 8) and first['B'].shape == (3, 8, 8)
    assert second['A'].shape[2] == 8 and second['B'].shape[2] == 9
    swapped = make('PairedDataset', data_root=str(tmp_path), swap=True, channels={'A': 1, 'B': 3})[0]
    assert (level(swapped['A']), level(swapped['B'])) == (101, 1)
    assert swapped['A'].shape[0] == 1


@pytest.mark.parametrize('name', ['pairs.csv', 'pairs.json'])
def test_paired_list(tmp_path: Path, name: str) -> None:
    fill(tmp_path / 'x', [1, 2])
    fill(tmp_path / 'y', [101, 102])
    rows = [{'A': 'x/1.png', 'B': 'y/102.png'}, {'A': 'x/2.png', 'B': 'y/101.png'}]
    text = json.dumps(rows) if name.endswith('json') else 'A,B\n' + ''.join(f'{r["A"]},{r["B"]}\n' for r in rows)
    (tmp_path / name).write_text(text)
    dataset = make('PairedDataset', data_root=str(tmp_path), ann_file=name)
    assert [(level(s['A']), level(s['B'])) for s in (dataset[i] for i in range(2))] == [(1, 102), (2, 101)]


@pytest.mark.parametrize(('name', 'text', 'message'), [
    ('p.csv', 'a;b\n1;2\n', "header 'A,B'"), ('p.csv', 'A,B\nx/1.png\n', 'line 2: 1 cells where the header has 2'),
    ('p.csv', 'A,B\nx/1.png,y/9.png\n', r'line 2: no such file.*9\.png'), ('p.json', '{', 'not valid JSON'),
    ('p.json', '{"A": 1}', 'expected a list'), ('q.csv', '', 'Cannot read')])
def test_wrong_lists_are_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    fill(tmp_path / 'x', [1])
    (tmp_path / name.replace('q', 'p')).write_text(text)
    with pytest.raises(DataError, match=message):
        make('PairedDataset', data_root=str(tmp_path), ann_file=name)


def test_unmatched_stems_are_listed_or_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / 'trainA', list(range(1, 16)))
    fill(tmp_path / 'trainB', [15, 16])
    with pytest.raises(DataError) as error:
        make('PairedDataset', data_root=str(tmp_path))
    text = str(error.value)
    assert '15 files' in text and '10.png: no partner' in text and '11.png: no partner' not in text
    assert '... and 4 more' in text and '16.png: no partner' in text
    assert 'train_dataloader.dataset.on_bad_pair=skip' in text
    lines = capture_log(monkeypatch)
    dataset = make('PairedDataset', data_root=str(tmp_path), on_bad_pair='skip')
    assert len(dataset) == 1 and len(dataset.skipped) == 15
    assert len(lines) == 1 and 'left out 15 files' in lines[0] and '14.png' in lines[0]


def capture_log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []

    def note(message: str, logger: str, level: int) -> None:
        assert level == logging.WARNING
        lines.append(message)
    monkeypatch.setattr('toolbox.data.sets.pairs.print_log', note)
    return lines


def test_single_image_among_side_by_side_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i, width in enumerate([16, 16, 17, 18, 20]):
        write_image(tmp_path / f'val/{i}.png', side_by_side(i, 100 + i, width))
    write_image(tmp_path / 'val/odd.png', flat(9))
    (tmp_path / 'val/empty.png').touch()
    with pytest.raises(DataError, match=r'(?s)2 files.*odd\.png: 8x8.*on_bad_pair=skip'):
        make('PairedDataset', data_root=str(tmp_path), split='val')
    lines = capture_log(monkeypatch)
    dataset = make('PairedDataset', data_root=str(tmp_path), split='val', on_bad_pair='skip')
    assert len(dataset) == 5
    assert len(dataset.skipped) == 2 and 'empty.png' in dataset.skipped[0]
    assert len(lines) == 1


def test_stems_that_differ_in_suffix_only_are_ambiguous(tmp_path: Path) -> None:
    fill(tmp_path / 'trainA', [1])
    fill(tmp_path / 'trainB', [1])
    write_image(tmp_path / 'trainA/1.bmp', flat(1))
    with pytest.raises(DataError, match='ambiguous'):
        make('PairedDataset', data_root=str(tmp_path))


@pytest.mark.parametrize('name', ['UnpairedDataset', 'PairedDataset'])
def test_missing_set_shows_tree_neighbours_command_and_synthetic(tmp_path: Path, name: str) -> None:
    (tmp_path / 'horse2zebra_old').mkdir()
    with pytest.raises(DataError) as error:
        make(name, data_root=str(tmp_path / 'horse2zebra'))
    text = str(error.value)
    for part in ('trainA', 'trainB', "'horse2zebra_old'", 'toolbox prepare horse2zebra', '<method>/synthetic'):
        assert part in text
    fill(tmp_path / 'set/testA', [1])
    (tmp_path / 'set/trainA').mkdir()
    with pytest.raises(DataError, match=r'testA/ \(1 images\), trainA/ \(no image\)'):
        make(name, data_root=str(tmp_path / 'set'))
    with pytest.raises(ConfigError, match='data_root is not set'):
        make(name)


@pytest.mark.parametrize(('args', 'message'), [
    ({'layout': 'stacked'}, 'side_by_side'), ({'layout': 'list'}, 'ann_file go together'),
    ({'layout': 'folders', 'ann_file': 'x.csv'}, 'ann_file go together'),
    ({'on_bad_pair': 'ignore'}, "'error', 'skip'"),
    ({'channels': 0}, 'channels'), ({'channels': {'A': 3}}, 'channels'), ({'split_name': 'x'}, 'no such argument'),
    ({'pipeline': [{'type': 'Resize', 'size': 8}, {'type': 'Flip'}]}, r'pipeline\[1\]')])
def test_wrong_options_are_refused(tmp_path: Path, args: dict, message: str) -> None:
    write_image(tmp_path / 'train/1.png', side_by_side(1, 2))
    with pytest.raises(ConfigError, match=message):
        make('PairedDataset', data_root=str(tmp_path), **args)


def test_errors_name_the_file(tmp_path: Path) -> None:
    fill(tmp_path / 'trainA', [1])
    fill(tmp_path / 'trainB', [1])
    with pytest.raises(DataError, match=r'trainA/1\.png.*8x8.*256x256'):
        make('UnpairedDataset', data_root=str(tmp_path), pipeline=[{'type': 'RandomCrop', 'size': 256}])[0]
    (tmp_path / 'trainB/1.png').write_bytes(b'\x89PNG')
    with pytest.raises(DataError, match=r'trainB/1\.png.*4 bytes'):
        make('UnpairedDataset', data_root=str(tmp_path))[0]
    with pytest.raises(IndexError):
        make('UnpairedDataset', data_root=str(tmp_path))[1]


@pytest.mark.parametrize('build_one', [
    lambda root: make('UnpairedDataset', data_root=root, pipeline=[{'type': 'RandomFlip'}]),
    lambda root: make('PairedDataset', data_root=root), lambda root: make('SyntheticPaired', size=16)])
def test_datasets_are_picklable(tmp_path: Path, build_one: Callable) -> None:
    fill(tmp_path / 'trainA', [1])
    fill(tmp_path / 'trainB', [1])
    dataset = build_one(str(tmp_path))
    again = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(again[SampleKey(0, 5)]['B'], dataset[SampleKey(0, 5)]['B'])


def test_contact_sheet_shows_every_kind_of_image() -> None:
    samples = [{'A': torch.full((3, 8, 12), 10 * i, dtype=torch.uint8), 'ids': torch.arange(96).reshape(8, 12) % 3,
                'deep': torch.full((1, 4, 4), 65535, dtype=torch.uint16), 'meta': {}} for i in range(1, 4)]
    sheet = contact_sheet(samples)
    assert sheet.shape == (16 + 3 * 12, 12 + 12 + 4 + 2 * 4, 3)
    assert (sheet[16:24, :12] == 10).all() and (sheet[28:36, :12] == 20).all()
    assert len(np.unique(sheet[16:24, 16:28].reshape(-1, 3), axis=0)) == 3


def test_drawn_samples_follow_the_sampler() -> None:
    dataset = make('SyntheticPaired', size=16, length=6)
    assert [s['meta']['index'] for s in draw_samples(dataset, 4, training=False)] == [0, 1, 2, 3]
    assert sorted(s['meta']['index'] for s in draw_samples(dataset, 99, training=True)) == list(range(6))


@pytest.mark.skipif(not SHARED.is_dir(), reason='the real sets stay in ../shared/data')
def test_real_sets_load() -> None:
    pipeline = [{'type': 'Resize', 'size': 70}, {'type': 'RandomCrop', 'size': 64}, {'type': 'RandomFlip'}]
    cats = make('UnpairedDataset', data_root=str(SHARED / 'cat2dog'), pipeline=pipeline)
    assert len(cats) == 80 and cats[79]['B'].shape == (3, 64, 64)
    masks = make('PairedDataset', data_root=str(SHARED / 'satellite_mask'), pipeline=pipeline)
    with pytest.raises(DataError, match='60 images are nearly square'):
        make('PairedDataset', data_root=str(SHARED / 'satellite_mask'), split='val', on_bad_pair='skip')
    assert masks[0]['A'].shape == masks[0]['B'].shape == (3, 64, 64)
    streets = make('PairedDataset', data_root=str(SHARED / 'coco_stuff'), A='img', B='label', channels={'A': 3, 'B': 1},
                   pipeline=pipeline)
    assert len(streets) == 13 and streets[0]['B'].shape == (1, 64, 64)


def test_browse_script_writes_a_sheet(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    def script(*args: str) -> int:
        monkeypatch.setattr(sys, 'argv', ['browse_dataset.py', *args])
        with pytest.raises(SystemExit) as exit_:
            runpy.run_path(str(ROOT / 'tools/browse_dataset.py'), run_name='__main__')
        return exit_.value.code

    config = str(ROOT / 'configs/cyclegan/synthetic.py')
    assert script(config, '--n', '2', '--out', str(tmp_path / 'sheet.png')) == 0
    assert read_image(tmp_path / 'sheet.png').shape == (16 + 2 * 68, 4 * 64 + 3 * 4, 3)
    assert script(config, '--split', 'val', '--n', '1', '--out', str(tmp_path / 'val.png'), '--cfg-options',
                  'val_dataloader.dataset.size=32') == 0
    assert read_image(tmp_path / 'val.png').shape[0] == 16 + 36
    assert script(str(ROOT / 'configs/cyclegan/horse2zebra.py'), '--cfg-options', f'data_root={tmp_path}') == 2
    assert 'trainA' in capsys.readouterr().err
