"""What the networks make of the same inputs, as the training goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.visualization import LocalVisBackend, MLflowVisBackend

from ..data.arrays import fitting_suffix
from ..data.collate import stack_samples
from ..data.io import write_image
from ..data.ranges import range_in, to_8bit
from ..engine.sharding import gathered
from ..engine.state import unwrap
from ..files.replacing import shortened
from ..methods.directions import source_of
from ..pictures import arrange, band_places
from ..randomness.state import preserve_rng
from ..registry import HOOKS, Between, Count, File
from .ema import averaged_weights

GAP = 2


@HOOKS.register_module()
class SampleHook(Hook):
    """Write a labelled grid of fixed inputs and their translations to ``work_dir/samples``, iteration 0 included.

    One row per input, one column per image of the method's ``predict``. The inputs are spread evenly over the
    validation set (or, without one, the training set) and stay the same for the whole run, also after a resume.

    Args:
        interval: iterations between grids; the last iteration always gets one.
        rows: number of inputs.
        bands: three bands to show as red, green and blue, or one as gray, of images with other than one or three; the
            first band is 1. The first three when None.
    """

    def __init__(self, interval: Count = 500, rows: Annotated[int, Between(1, 256)] = 4,
                 bands: tuple[Count, Count, Count] | tuple[Count] | None = None) -> None:
        self.interval, self.rows, self.bands = interval, rows, bands
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
            rows = [as_shown(model.val_step(stack_samples([sample]))[0], self.bands)
                    for sample in self._inputs(runner)]
        runner.call_hook('after_samples', rows=rows)
        grid = draw_grid(rows, {key: shown.caption for key, shown in model.pictures.items()})
        with runner.forgo_output():
            self._show(runner, grid)

    def _show(self, runner: Any, grid: np.ndarray) -> None:
        path = Path(runner.work_dir, 'samples', f'{runner.iter:06d}.png')
        write_image(path, grid)
        write_image(path.with_name('latest.png'), grid)
        for backend in runner.visualizer._vis_backends.values():
            if not isinstance(backend, LocalVisBackend):  # that one would write a second copy of the file
                is_file = isinstance(backend, MLflowVisBackend)  # there the name is that of a file
                backend.add_image(f'samples/{path.name}' if is_file else 'samples', grid, runner.iter)

    def _inputs(self, runner: Any) -> list[dict[str, Any]]:
        if self.samples is None:
            loop = runner.val_loop or runner.train_loop
            dataset = loop.dataloader.dataset
            picks = np.linspace(0, len(dataset) - 1, min(self.rows, len(dataset))).astype(int)
            self.samples = [dataset[int(i)] for i in picks]
        return self.samples


def as_shown(sample: dict[str, Any], bands: Sequence[int] | None = None) -> dict[str, Any]:
    """The images of a sample as uint8 ``(C, H, W)``, other numbers scaled by their range, and its meta.

    Raises:
        ConfigError: an image does not have such a band.
    """
    shown = {key: torch.from_numpy(to_8bit(image.numpy(), known)) if (known := range_in(sample['meta'], key)) else image
             for key, image in sample.items() if key != 'meta'}
    shown = {key: image[band_places(len(image), bands, f'default_hooks.samples.bands: of {key!r}')]
             for key, image in shown.items()}
    return {**shown, 'meta': sample['meta']}


def draw_grid(rows: list[dict[str, Any]], captions: Mapping[str, str] = MappingProxyType({})) -> np.ndarray:
    """One row per dict of uint8 images ``(C, H, W)``, one column per key under its caption -> ``(H, W, 3)`` uint8."""
    keys = [key for key in rows[0] if key != 'meta']
    grid = arrange([[row[key].permute(1, 2, 0).numpy() for key in keys] for row in rows],
                   [captions.get(key, key) for key in keys], GAP)
    return np.pad(grid, ((0, GAP), (0, GAP), (0, 0)), constant_values=255)


@HOOKS.register_module()
class SaveImagesHook(Hook):
    """Write the images that the method makes in a test to ``out_dir/<key>/<index>_<name of the source>.png``.

    They have the type and range of the files of the data set; what PNG cannot hold gets the suffix of the source (TIFF,
    ``.npy``). The index tells apart images of one name in several folders, and those that meet several partners.

    Args:
        out_dir: folder.
    """

    def __init__(self, out_dir: File) -> None:
        self.out_dir = Path(out_dir)

    def after_test_iter(self, runner: Any, batch_idx: int, data_batch: Any = None,
                        outputs: Sequence[Any] | None = None) -> None:
        pictures = unwrap(runner.model).pictures
        made = [key for key, shown in pictures.items() if shown.is_made]
        for sample in outputs or ():
            meta = sample['meta']
            for key in (key for key in made if key in sample):
                source = meta.get(f'{source_of(key, pictures)}_path')
                name = f'{meta.get("index", 0):06d}' + (f'_{shortened(Path(source).stem, 240)}' if source else '')
                image = sample[key].permute(1, 2, 0).numpy()
                suffix = fitting_suffix(image.dtype.name, image.shape[2], source or '')
                write_image(self.out_dir / key / f'{name}{suffix}', image)
