"""Train every synthetic config for some time, and write the gallery and the README's pictures from the results:

python tools/gallery.py [CONFIG ...] [--seconds 120] [--only-page]

Seconds are those of one core that the process had, for each config, over all calls: what was trained for so long, or to
the end of its config, is not trained again. A call that was stopped goes on where it was. What the page has of other
configs stays.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault('OMP_NUM_THREADS', '1')
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / 'tools')]

import numpy as np
import torch
from gallery_texts import FAMILIES, NO_ROW, OF_README, TEXTS
from mmengine.hooks import Hook
from PIL import Image, ImageDraw, ImageFont

from toolbox.captions import captioned
from toolbox.cli import run
from toolbox.engine import Runner
from toolbox.engine.config import load_config
from toolbox.errors import ConfigError, did_you_mean
from toolbox.files.replacing import replacing
from toolbox.hooks.samples import SampleHook

NEVER = 10**6  # iterations between what is done at the end alone
ROWS, QUALITY = 2, 82  # of a picture
CELL, EXAMPLES, LABEL = 96, 4, 190  # of the README's picture: pixels of a side, pairs in a row, pixels of its name
THUMB = 64  # height of the README's small pictures
ENOUGH = 0.2  # of a config's own length: what had less is in the gallery, and not in the README
HEAD = '''# Gallery

What every synthetic config has learnt after a short time on one CPU core, without a download. `make gallery` trains
them (about an hour for all on a free core; a call that was stopped goes on where it was), draws these pictures and
writes this page. The inputs are from the validation sets, which no network was trained on. Under each picture: how far
the training went, and the CPU seconds that it had (none where the training of the same config was there already). Where
the config's own length is not reached, the picture shows what is there so far; [proofs.md](proofs.md) has the numbers
at full length.
'''


class Budget(Hook):
    """Ends a training as soon as it has had so many CPU seconds, in this and earlier calls."""

    priority = 'VERY_HIGH'

    def __init__(self, seconds: float, state: dict[str, Any]) -> None:
        self.seconds, self.state = seconds, state
        self.started = time.process_time() - state.get('seconds', 0)

    def before_train(self, runner: Any) -> None:
        self.first = runner.iter
        if self.state.get('seconds', 0) >= self.seconds:
            runner.train_loop._max_iters = min(runner.iter, runner.max_iters)

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        if time.process_time() - self.started > self.seconds:  # all that happens at the end follows this iteration
            runner.train_loop._max_iters = runner.iter + 1

    def after_train(self, runner: Any) -> None:
        self.state.update(iterations=runner.iter)
        if runner.iter > self.first:
            self.state.update(seconds=round(time.process_time() - self.started),
                              scores=dict((runner.train_loop.history or [{}])[-1]))


class Result(NamedTuple):
    """What is kept of a training in its folder: rows of pictures by key, their captions, and how they came about."""

    rows: list[dict[str, torch.Tensor]]
    captions: dict[str, str]
    state: dict[str, Any]

    @property
    def is_far(self) -> bool:
        return bool(self.state['iterations'] >= ENOUGH * self.state['length'])

    @classmethod
    def of(cls, folder: Path) -> Result:
        rows, captions = torch.load(folder / 'cells.pt')
        return cls(rows, captions, json.loads((folder / 'gallery.json').read_text()))


def train(config: str, folder: Path, seconds: float) -> None:
    """Train a config for what it has left of its seconds, and keep what is shown of it."""
    note = folder / 'gallery.json'
    state: dict[str, Any] = json.loads(note.read_text()) if note.is_file() else {}
    cfg = load_config(ROOT / f'configs/{config}.py', {
        'work_dir': str(folder), 'resume': True, 'train_cfg.val_interval': None,
        'default_hooks.samples.interval': NEVER,
        'default_hooks.checkpoint.interval': NEVER})
    runner = Runner.from_cfg(cfg)
    length = runner.train_loop.max_iters
    runner.register_hook(Budget(seconds, state))
    runner.train()
    if 'scores' not in state and runner.val_loop.evaluator.metrics:
        state['scores'] = runner.val_loop.run()
    state.update(length=length, seed=runner.seed)
    hook = next(hook for hook in runner.hooks if isinstance(hook, SampleHook))
    rows = [{key: value for key, value in row.items() if key != 'meta'} for row in hook.rows_of(runner)]
    with replacing(folder / 'cells.pt') as new:
        torch.save((rows, hook.captions(runner, rows[0])), new)
    with replacing(note) as new:
        new.write_text(json.dumps(state))


def save(path: Path, picture: np.ndarray) -> None:
    with replacing(path) as new:
        Image.fromarray(picture).save(new, 'JPEG', quality=QUALITY, optimize=True)


def cell(image: torch.Tensor, side: int) -> np.ndarray:
    """``(C, H, W)`` -> ``(side, side, 3)``; whole numbers of pixels stay sharp."""
    pixels = image.permute(1, 2, 0).numpy()
    rgb = Image.fromarray(np.repeat(pixels, 3, 2) if pixels.shape[2] == 1 else pixels[:, :, :3])
    sharp = side % rgb.height == 0
    return np.asarray(rgb.resize((side, side), Image.Resampling.NEAREST if sharp else Image.Resampling.BICUBIC))


def pair(row: dict[str, Any], source: str, result: str, side: int) -> np.ndarray:
    """Input and output of a row side by side, ``(side, 2 * side + 2, 3)``; the output alone where there is no input."""
    cells = [cell(row[key], side) for key in (source, result) if key]
    gap = np.full((side, 2, 3), 255, np.uint8)
    return np.concatenate([cells[0], *(part for one in cells[1:] for part in (gap, one))], 1)


def families(results: dict[str, Result]) -> np.ndarray:
    """A row per family: its name, and examples of input and output."""
    rows = [family for family in FAMILIES if family[1] in results and results[family[1]].is_far]
    width = LABEL + EXAMPLES * (2 * CELL + 14)
    picture = Image.new('RGB', (width, len(rows) * (CELL + 6)), 'white')
    draw, font, small = ImageDraw.Draw(picture), ImageFont.load_default(17), ImageFont.load_default(12)
    for number, (name, config, source, result) in enumerate(rows):
        top = number * (CELL + 6)
        draw.text((4, top + 26), name, 'black', font)
        draw.text((4, top + 50), config.split('/')[0], 'gray', small)
        for place, row in enumerate(results[config].rows[:EXAMPLES]):
            example = pair(row, source, result, CELL)
            left = LABEL + place * (2 * CELL + 14)
            picture.paste(Image.fromarray(example), (left + (0 if source else CELL // 2), top))
    return np.asarray(picture)


def entry(config: str, state: dict[str, Any]) -> str:
    """The gallery's lines about a config."""
    title, page, text, *_ = TEXTS[config]
    scores = ''.join(f', {name} {value:.3g}' for name, value in state.get('scores', {}).items()
                     if name != 'iter' and not name.endswith(('_images', '_std')))
    seconds = f', {state["seconds"]} CPU seconds' if 'seconds' in state else ''
    name = config.replace('/', '_')
    return f'''
## {title}

{text} Page: [{page}]({page}).

![{title}: {text}](images/gallery/{name}.jpg)

`toolbox train {config}`, seed {state['seed']}, iteration {state['iterations']} of {state['length']}{seconds}{scores}.
'''


def entries_of(page: Path) -> dict[str, str]:
    """The lines about each config that the page has."""
    parts = re.split(r'^(?=## )', page.read_text(), flags=re.MULTILINE) if page.is_file() else []
    named = {part: re.search(r'^`toolbox train (\S+)`', part, re.MULTILINE) for part in parts}
    return {found[1]: f'\n{part.rstrip()}\n' for part, found in named.items() if found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', nargs='*', metavar='CONFIG', help='such as cyclegan/synthetic; all by default')
    parser.add_argument('--seconds', type=float, default=120, help='CPU seconds for each config (%(default)s)')
    parser.add_argument('--only-page', action='store_true', help='train nothing: draw and write from what is there')
    parser.add_argument('--runs', type=Path, default=Path('work_dirs/gallery'), help='folder of the trainings')
    parser.add_argument('--docs', type=Path, default=ROOT / 'docs', help='folder of gallery.md and images/gallery')
    args = parser.parse_args()
    for config in args.configs:
        if config not in TEXTS:
            raise ConfigError(f'no picture is made of {config!r}.{did_you_mean(config, TEXTS)}')
    torch.set_num_threads(1)
    folders = {config: args.runs / config.replace('/', '_') for config in TEXTS}
    for config in [] if args.only_page else args.configs or TEXTS:
        train(config, folders[config], args.seconds)
    results = {config: Result.of(folder) for config, folder in folders.items() if (folder / 'cells.pt').is_file()}
    print(*(f'{config} was not trained: its entry stays' for config in TEXTS if config not in results), sep='\n')
    write(results, args.docs)


def write(results: dict[str, Result], docs: Path) -> None:
    images = docs / 'images/gallery'
    for config, result in results.items():
        name, (*_, source, made) = config.replace('/', '_'), TEXTS[config]
        cells = [[row[key].permute(1, 2, 0).numpy() for key in result.captions] for row in result.rows[:ROWS]]
        save(images / f'{name}.jpg', captioned(cells, [*result.captions.values()]))
        if result.is_far and config not in NO_ROW:
            save(images / f'{name}_small.jpg', pair(result.rows[0], source, made, THUMB))
    if results.keys() >= {config for _, config, *_ in FAMILIES}:
        save(images / 'families.jpg', families(results))
    page = docs / 'gallery.md'
    entries = entries_of(page) | {config: entry(config, result.state) for config, result in results.items()}
    with replacing(page) as new:
        new.write_text(HEAD + ''.join(entries[config] for config in TEXTS if config in entries) + OF_README)
    print(f'{page}: {len(results)} pictures, '
          f'{sum(path.stat().st_size for path in images.iterdir()) / 1e6:.2f} MB')


if __name__ == '__main__':
    run(main)
