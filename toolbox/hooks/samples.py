"""What the networks make of the same inputs, as the training goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.visualization import LocalVisBackend

from ..data.collate import stack_samples
from ..data.io import write_image
from ..engine.sharding import gathered
from ..engine.state import unwrap
from ..randomness.state import preserve_rng
from ..registry import HOOKS, Count, File
from .ema import averaged_weights

HEADER = 14
GAP = 2


@HOOKS.register_module()
class SampleHook(Hook):
    """Write a labelled grid of fixed inputs and their translations to ``work_dir/samples``, iteration 0 included.

    One row per input, one column per image of the method's ``predict``. The inputs are spread evenly over the
    validation set (or, without one, the training set) and stay the same for the whole run, also after a resume.

    Args:
        interval: iterations between grids; the last iteration always gets one.
        rows: number of inputs.
    """

    def __init__(self, interval: Count = 500, rows: Count = 4) -> None:
        self.interval, self.rows = interval, rows
        self.samples: list[dict[str, Any]] | None = None

    def before_train(self, runner: Any) -> None:
        if runner.iter == 0:
            self._write(runner)

    def after_iteration(self, runner: Any) -> None:
        if runner.iter % self.interval == 0 or runner.iter == runner.max_iters:
            self._write(runner)

    @torch.no_grad()
    def _write(self, runner: Any) -> None:
        model = unwrap(runner.model)
        with preserve_rng(), averaged_weights(runner), gathered(model):
            if not is_main_process():
                return
            rows = [model.val_step(stack_samples([sample]))[0] for sample in self._inputs(runner)]
        runner.call_hook('after_samples', rows=rows)
        grid = draw_grid(rows)
        with runner.forgo_output():
            self._show(runner, grid)

    def _show(self, runner: Any, grid: np.ndarray) -> None:
        path = Path(runner.work_dir, 'samples', f'{runner.iter:06d}.png')
        write_image(path, grid)
        write_image(path.with_name('latest.png'), grid)
        for backend in runner.visualizer._vis_backends.values():
            if not isinstance(backend, LocalVisBackend):  # that one would write a second copy of the file
                backend.add_image('samples', grid, runner.iter)

    def _inputs(self, runner: Any) -> list[dict[str, Any]]:
        if self.samples is None:
            loop = runner.val_loop or runner.train_loop
            dataset = loop.dataloader.dataset
            picks = np.linspace(0, len(dataset) - 1, min(self.rows, len(dataset))).astype(int)
            self.samples = [dataset[int(i)] for i in picks]
        return self.samples


def draw_grid(rows: list[dict[str, Any]]) -> np.ndarray:
    """One row per dict of uint8 images ``(C, H, W)``, one labelled column per key -> ``(H, W, 3)`` uint8."""
    keys = [k for k in rows[0] if k != 'meta']
    height, width = rows[0][keys[0]].shape[-2:]
    lines = [np.concatenate([_tile(row[k], height, width) for k in keys], 1) for row in rows]
    header = np.full((HEADER, lines[0].shape[1], 3), 255, np.uint8)
    for i, key in enumerate(keys):
        scale = min(0.4, 0.4 * width / (7.0 * max(1, len(key))))
        cv2.putText(header, key, (i * (width + GAP) + 2, HEADER - 4), cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1,
                    cv2.LINE_AA)
    return np.concatenate([header, *lines], 0)


def _tile(image: torch.Tensor, height: int, width: int) -> np.ndarray:
    array = image.permute(1, 2, 0).numpy()
    if array.shape[2] < 3:
        array = np.repeat(array[..., :1], 3, 2)
    array = array[..., :3]
    if array.shape[:2] != (height, width):
        array = cv2.resize(array, (width, height), interpolation=cv2.INTER_AREA)
    return np.pad(array, ((0, GAP), (0, GAP), (0, 0)), constant_values=255)


@HOOKS.register_module()
class SaveImagesHook(Hook):
    """Write the predicted images of a test run to ``out_dir/<key>/<index>_<name of the source>.png``.

    The index tells apart images of one name in several folders, and those that meet several partners.

    Args:
        out_dir: folder.
    """

    def __init__(self, out_dir: File) -> None:
        self.out_dir = Path(out_dir)

    def after_test_iter(self, runner: Any, batch_idx: int, data_batch: Any = None,
                        outputs: list[dict[str, Any]] | None = None) -> None:
        for sample in outputs or ():
            meta = sample['meta']
            for key, image in sample.items():
                if key.startswith(('fake', 'rec')):
                    source = meta.get('B_path' if key in ('fake_A', 'rec_B') else 'A_path')
                    name = f'{meta.get("index", 0):06d}' + (f'_{Path(source).stem}' if source else '')
                    write_image(self.out_dir / key / f'{name}.png', image.permute(1, 2, 0).numpy())
