"""Photographs of several domains with the real configs, at a reduced size: train, resume, translate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import SHARED
from tiny import tiny_config

from toolbox import Translator
from toolbox.data.io import read_image
from toolbox.data.listing import list_images
from toolbox.engine import Runner

DATA = SHARED / 'data/domains'
CASES = {
    'configs/starganv2/afhq.py': ('afhq', ('cat', 'dog', 'wild')),
    'configs/starganv2/celeba_hq.py': ('celeba_hq', ('female', 'male')),
    'configs/stargan/rafd.py': ('afhq', ('cat', 'dog', 'wild'))}


@pytest.mark.skipif(not DATA.is_dir(), reason='the photographs stay in ../shared/data')
@pytest.mark.parametrize('path', CASES)
def test_photographs_train_resume_and_translate(path: str, tmp_path: Path) -> None:
    folder, domains = CASES[path]
    options: dict[str, Any] = {'model.domains': domains}
    for loader in ('train_dataloader', 'val_dataloader'):
        options |= {f'{loader}.batch_size': 2, f'{loader}.dataset.data_root': str(DATA / folder),
                    f'{loader}.dataset.split': '', f'{loader}.dataset.domains': domains,
                    f'{loader}.dataset.max_samples': 3}
    options['train_dataloader.dataset.serial'] = False
    if 'rafd' in path:  # photographs of 512 pixels: their middle, as of faces
        places = (('train_dataloader', 1), ('val_dataloader', 0))
        options |= {f'{loader}.dataset.pipeline.{i}.size': 400 for loader, i in places}
    Runner.from_cfg(tiny_config(path, tmp_path, tmp_path, 2, options)).train()
    cfg = tiny_config(path, tmp_path, tmp_path, 4, options)
    cfg.resume = True
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.iter == 4 and (tmp_path / 'samples/000004.png').is_file()
    translator = Translator(tmp_path)
    assert translator.directions == domains
    source = read_image(list_images(DATA / folder / domains[0])[0])[:64, :96]
    for domain in domains:
        result = translator(source, domain)
        assert result.shape == source.shape and np.ptp(result) > 0
    assert all(p.isfinite().all() for p in translator.model.parameters() if isinstance(p, torch.Tensor))
