"""`toolbox browse --files`: images of the drawn worlds as files that the data sets and the commands read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from commands import ROOT, toolbox

from toolbox.data.io import read_image
from toolbox.data.sets.classes import ClassFolders
from toolbox.data.sets.datasets import UnpairedDataset
from toolbox.data.sets.scenes import SyntheticScenes
from toolbox.data.sets.synthetic import SyntheticUnpaired


def browse(config: str, out: Path) -> tuple[int, str, str]:
    path = ROOT / f'configs/{config}.py'
    return toolbox('browse', str(path), '--files', '--split', 'val', '--n', '4', '--out', str(out))


def test_two_domains_are_a_set_to_train_on_and_each_file_is_its_sample(tmp_path: Path) -> None:
    code, out, err = browse('cyclegan/synthetic', tmp_path / 'animals')
    assert (code, err) == (0, '') and f'{tmp_path}/animals/valA: 4 images' in out.splitlines()
    drawn = SyntheticUnpaired(size=64, length=32, split='val')
    read = UnpairedDataset(str(tmp_path / 'animals'), split='val')
    assert len(read) == 4
    for number in range(4):
        for key in ('A', 'B'):
            assert np.array_equal(read[number][key], drawn[number][key])
        oracle = read_image(tmp_path / f'animals/val_oracle_B/{number:05d}.png')
        assert np.array_equal(oracle, drawn[number]['oracle_B'].permute(1, 2, 0).numpy())


def test_images_with_classes_are_in_folders_of_their_classes(tmp_path: Path) -> None:
    assert browse('starganv2/synthetic', tmp_path)[0] == 0
    read = ClassFolders(str(tmp_path), split='val_img', classes=['plain', 'striped', 'outlined'])
    assert [int(read[number]['label']) for number in range(len(read))] == [0, 0, 1, 2]


def test_maps_are_files_of_their_numbers(tmp_path: Path) -> None:
    assert browse('spade/synthetic', tmp_path)[0] == 0
    sample = SyntheticScenes(size=32, length=32, split='val', style=(0.0, 0.0, 0.0))[1]
    for key, kind in (('label_map', np.uint8), ('instance_map', np.uint16)):
        stored = read_image(tmp_path / f'val_{key}/00001.png', channels=1)
        assert stored.dtype == kind and np.array_equal(stored[:, :, 0], sample[key].numpy())


@pytest.mark.fault
def test_a_folder_with_files_is_not_mixed_with_new_ones(tmp_path: Path) -> None:
    assert browse('cyclegan/synthetic', tmp_path)[0] == 0
    for path in (tmp_path / 'valA').iterdir():
        path.unlink()
    code, _, err = browse('cyclegan/synthetic', tmp_path)
    assert code == 2 and f'{tmp_path}/val_oracle_B: already there, and not empty; choose another folder' in err
    assert not any((tmp_path / 'valA').iterdir()), 'nothing is written'
