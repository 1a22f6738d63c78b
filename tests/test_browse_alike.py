"""`toolbox browse --alike`: images of the validation set that the training set has, too, or nearly."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from commands import ROOT, toolbox
from tiny import METHOD_CONFIGS, draw_images, tiny_config

from toolbox.cli.browse import show_alike
from toolbox.data.browse import most_alike
from toolbox.data.io import read_image
from toolbox.registry import DATASETS, build


@pytest.fixture(scope='module')
def leaking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs; of three to validate on, the second is the training pair 4.png once more, cut and compressed again."""
    root, rng = tmp_path_factory.mktemp('leaking'), np.random.default_rng(0)
    for split, count in (('train', 5), ('val', 3)):
        (root / split).mkdir()
        for i in range(count):
            coarse = rng.integers(0, 256, (6, 12, 3), dtype=np.uint8)
            cv2.imwrite(str(root / split / f'{i}.png'), cv2.resize(coarse, (160, 80), interpolation=cv2.INTER_CUBIC))
    pair = cv2.imread(str(root / 'train/4.png'))
    cut = np.hstack([pair[1:-1, 1:79], pair[1:-1, 81:159]])
    (root / 'val/1.png').unlink()
    cv2.imwrite(str(root / 'val/1.jpg'), cut, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return root


def test_a_copy_that_was_cut_and_compressed_comes_first(leaking: Path, tmp_path: Path) -> None:
    code, out, err = toolbox('browse', str(ROOT / 'configs/pix2pix/facades.py'), '--alike', '--n', '2', '--out',
                             str(tmp_path / 'sheet.png'), '--cfg-options', f'data_root={leaking}')
    assert code == 0, err
    first, second, last = out.strip().splitlines()[-3:]
    assert first.split()[1:] == [str(leaking / 'val/1.jpg'), str(leaking / 'train/4.png')]
    assert float(first.split()[0]) < 0.3 * float(second.split()[0])
    assert last == (f'{tmp_path / "sheet.png"}: 2 of 3 images of val, each beside the most similar one of the training '
                    'set')
    height, width = read_image(tmp_path / 'sheet.png').shape[:2]
    assert height > 2 * 78 and width > 78 + 80  # the images as the files have them


def test_the_difference_is_in_gray_levels_of_the_first_image(leaking: Path) -> None:
    def pairs(split: str) -> object:
        return build(dict(type='PairedDataset', data_root=str(leaking), split=split, pipeline=[]), DATASETS)
    found = most_alike(pairs('val'), pairs('train'))

    def small(path: Path) -> np.ndarray:
        return cv2.resize(read_image(path)[:, :80], (32, 32), interpolation=cv2.INTER_AREA).astype(float)
    asked = small(leaking / 'val/0.png')
    levels = [np.abs(asked - small(path)).mean() for path in sorted((leaking / 'train').iterdir())]
    mine = next(pair for pair in found if pair.place == 0)
    assert (mine.levels, mine.other) == (pytest.approx(min(levels)), int(np.argmin(levels)))
    assert [pair.levels for pair in found] == sorted(pair.levels for pair in found)


def test_the_training_set_is_not_compared_with_itself(leaking: Path) -> None:
    code, _, err = toolbox('browse', str(ROOT / 'configs/pix2pix/facades.py'), '--alike', '--split', 'train',
                           '--cfg-options', f'data_root={leaking}')
    assert code == 2 and 'choose --split val or test' in err


@pytest.mark.parametrize('path', METHOD_CONFIGS.values())
def test_sets_of_every_kind_are_compared(path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cfg = tiny_config(path, tmp_path, draw_images(tmp_path / 'data'))
    show_alike(cfg, 'val', 1, str(tmp_path / 'sheet.png'))
    levels, one, other = capsys.readouterr().out.splitlines()[0].split('  ')[-3:]
    assert 0 <= float(levels) < 256 and one and other
    assert (tmp_path / 'sheet.png').is_file()
