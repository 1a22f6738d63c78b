"""What the networks make of the same inputs, as the training goes on."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.visualization import LocalVisBackend, MLflowVisBackend
from PIL import Image

from ..captions import captioned
from ..data.arrays import fitting_suffix
from ..data.collate import stack_samples
from ..data.io import write_image
from ..data.ranges import range_in, to_8bit
from ..engine.sharding import gathered
from ..engine.state import unwrap
from ..files.replacing import replacing, shortened
from ..methods.directions import Shown, source_of
from ..pictures import band_places
from ..randomness.state import preserve_rng
from ..registry import HOOKS, Between, Count, File
from .ema import averaged_weights

ORACLE = 'oracle_'  # and a name: the true answer, in synthetic data sets
FRAMES = 20  # of the progress, at most
MILLISECONDS = 400  # of each


@HOOKS.register_module()
class SampleHook(Hook):
    """Write a labelled grid of fixed inputs and their translations to ``work_dir/samples``, iteration 0 included.

    One row per input, one column per image of the method's ``predict``, with the true answer (of a synthetic set) next
    to the translation. The inputs are spread evenly over the validation set (or, without one, the training set) and
    stay the same for the whole run, also after a resume. At the end ``progress.gif`` shows the grids in turn.

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
        self.titles: Mapping[str, str] = {}

    def before_train(self, runner: Any) -> None:
        if runner.iter == 0:
            self._write(runner)

    def after_iteration(self, runner: Any) -> None:
        if runner.iter % self.interval == 0 or runner.iter == runner.max_iters:
            self._write(runner)
        if runner.iter == runner.max_iters and is_main_process():
            with runner.forgo_output():
                write_progress(Path(runner.work_dir, 'samples'), runner.iter)

    def _write(self, runner: Any) -> None:
        rows = self.rows_of(runner)
        if not is_main_process():
            return
        runner.call_hook('after_samples', rows=rows)
        with runner.forgo_output():
            self._show(runner, draw_grid(rows, self.captions(runner, rows[0])))

    @torch.no_grad()
    def rows_of(self, runner: Any) -> list[dict[str, Any]]:
        """The inputs and what the networks make of them now, one dict per input; empty but in the main process."""
        model = unwrap(runner.model)
        with preserve_rng(), averaged_weights(runner), gathered(model):
            if not is_main_process():
                return []
            return [as_shown(model.val_step(stack_samples([sample]))[0], self.bands)
                    for sample in self._inputs(runner)]

    def captions(self, runner: Any, row: Mapping[str, Any]) -> dict[str, str]:
        """What the pictures of a row are, by key, in the order to show them."""
        pictures = unwrap(runner.model).pictures
        keys = reading_order([key for key in row if key != 'meta'], pictures)
        return {key: caption_of(key, pictures, self.titles) for key in keys}

    def _show(self, runner: Any, grid: np.ndarray) -> None:
        path = Path(runner.work_dir, 'samples', f'{runner.iter:06d}.png')
        write_image(path, grid)
        with replacing(path.with_name('latest.png')) as latest:
            shutil.copyfile(path, latest)
        for backend in runner.visualizer._vis_backends.values():
            if not isinstance(backend, LocalVisBackend):  # that one would write a second copy of the file
                is_file = isinstance(backend, MLflowVisBackend)  # there the name is that of a file
                backend.add_image(f'samples/{path.name}' if is_file else 'samples', grid, runner.iter)

    def _inputs(self, runner: Any) -> list[dict[str, Any]]:
        if self.samples is None:
            loop = runner.val_loop or runner.train_loop
            dataset = loop.dataloader.dataset
            self.titles = getattr(dataset, 'titles', {})
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


def draw_grid(rows: Sequence[Mapping[str, Any]], captions: Mapping[str, str]) -> np.ndarray:
    """One row per dict of uint8 images ``(C, H, W)``, one column per caption, by key -> ``(H, W, 3)`` uint8."""
    return captioned([[row[key].permute(1, 2, 0).numpy() for key in captions] for row in rows], [*captions.values()])


def reading_order(keys: Sequence[str], pictures: Mapping[str, Shown]) -> list[str]:
    """The keys of a method's pictures, and after each translation the true answer ``oracle_<name>``, if there is one.

    ``<name>`` is that of a direction's target; of several translations to it the answer follows the last, which is the
    one with an example.
    """
    order = [key for key in keys if not key.startswith(ORACLE)]
    for oracle in (key for key in keys if key.startswith(ORACLE)):
        name = oracle.removeprefix(ORACLE)
        made = [place for place, key in enumerate(order, 1) if translates(key, name, pictures)]
        order.insert(made[-1] if made else len(order), oracle)
    return order


def translates(key: str, name: str, pictures: Mapping[str, Shown]) -> bool:
    """Whether a picture was made for the target ``name`` out of another one of the data set."""
    shown = pictures.get(key, Shown(key))
    return (shown.is_made and shown.of != name and source_of(key, pictures) == shown.of
            and key.partition('_')[2].rstrip('_0123456789') == name)


def caption_of(key: str, pictures: Mapping[str, Shown], titles: Mapping[str, str]) -> str:
    """What a picture is, with the data set's name for its domain: 'translation to B: striped'."""
    if key.startswith(ORACLE):
        return f'true answer, {key.removeprefix(ORACLE)}'
    shown = pictures.get(key, Shown(key))
    title = titles.get(shown.like or key, '')
    return f'{shown.caption}: {title}' if title else shown.caption


def write_progress(folder: Path, last: int) -> None:
    """``progress.gif`` in ``folder`` from its grids up to an iteration, one after another, the last one for longer."""
    steps = sorted(int(path.stem) for path in folder.glob('[0-9]*.png') if path.stem.isdecimal())
    steps = [step for step in steps if step <= last]
    chosen = sorted({steps[i] for i in np.linspace(0, len(steps) - 1, FRAMES).round().astype(int)}) if steps else []
    frames = [Image.open(folder / f'{step:06d}.png').convert('RGB') for step in chosen]
    if len(frames) > 1:
        frames = [frame.resize(frames[-1].size, Image.Resampling.NEAREST) for frame in frames]
        # One palette for all, so that no colour flickers, from a part of the pixels, which takes a tenth of the time.
        palette = Image.fromarray(np.concatenate([np.asarray(frame)[::4, ::4] for frame in frames])).quantize(256)
        first, *rest = (frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames)
        with replacing(folder / 'progress.gif') as path:
            first.save(path, 'GIF', save_all=True, append_images=rest, loop=0,
                       duration=[MILLISECONDS] * len(rest) + [4 * MILLISECONDS])


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
