"""Trainings with attention on real photographs, where the folder with them is there."""

from __future__ import annotations

import numpy as np
import pytest
from commands import command
from conftest import SHARED
from runs import train
from tiny import tiny_config

from toolbox.data.io import read_image

PHOTOGRAPHS = SHARED / 'data/cat2dog'


@pytest.mark.skipif(not PHOTOGRAPHS.is_dir(), reason='the photographs stay in ../shared/data')
@pytest.mark.parametrize('config', ['configs/ugatit/cat2dog.py', 'configs/ugatit_light/selfie2anime.py',
                                    'configs/aggan/horse2zebra.py'])
def test_photographs_train_resume_and_translate(config: str, tmp_path) -> None:
    data = {'data_root': str(PHOTOGRAPHS)}
    train(tiny_config(config, tmp_path / 'run', PHOTOGRAPHS, 4, data), stop=2)
    runner = train(tiny_config(config, tmp_path / 'run', PHOTOGRAPHS, 4, data), resume=True)
    assert runner.iter == 4
    cat = sorted((PHOTOGRAPHS / 'testA').iterdir())[0]
    code, out, err = command('translate.py', str(tmp_path / 'run'), str(cat), str(tmp_path / 'out'), '--attention')
    assert code == 0 and '1 translated' in out, err
    before, after, shown = (read_image(path, 3) for path in (
        cat, tmp_path / 'out' / f'{cat.stem}.png', tmp_path / 'out' / f'{cat.stem}_attention.png'))
    assert before.shape == after.shape == shown.shape
    assert not np.array_equal(before, after) and not np.array_equal(before, shown)
