"""The tables of docs/export.md: the largest difference of every graph of every method to torch, and images per second.

python tools/export_table.py                            all configs/*/synthetic*.py, after an iteration each
python tools/export_table.py cyclegan/synthetic --formats onnx
python tools/export_table.py --missing                  measures the empty cells of the page and writes them there
python tools/export_table.py --time 20                  the second table: 20 images each, in onnxruntime and in torch
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
PAGE = ROOT / 'docs/export.md'
SIZE = (64, 64)

if TYPE_CHECKING:
    from toolbox.use.graphs import Exported


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', nargs='*', metavar='CONFIG')
    parser.add_argument('--formats', nargs='+', default=['pt2', 'torchscript', 'onnx'])
    parser.add_argument('--first', action='store_true', help='only the first direction of each')
    parser.add_argument('--missing', action='store_true', help=f'fill the empty cells in {PAGE.relative_to(ROOT)}')
    parser.add_argument('--time', type=int, metavar='N',
                        help='time N images in the first direction of each that takes some')
    args = parser.parse_args()
    drawn = sorted(ROOT.glob('configs/*/synthetic*.py'))
    configs = args.configs or [f'{path.parent.name}/{path.stem}' for path in drawn]
    if args.missing:
        fill(PAGE, configs)
    elif args.time:
        print_speeds(configs, args.time)
    else:
        print_differences(configs, args.formats, 1 if args.first else None)


def print_differences(configs: list[str], formats: list[str], most: int | None) -> None:
    print(f'| config | direction | free | {" | ".join(formats)} |\n|---|---|---|{"---|" * len(formats)}')
    for config in configs:
        with trained(config) as run:
            for direction in pictures(run)[:most]:
                row = measured(run, [config, direction, '', *[''] * len(formats)], formats)
                print(line_of(row), flush=True)


def fill(page: Path, configs: list[str]) -> None:
    """Measure the empty cells of a table like that of :func:`print_differences`; a row is written when it is whole."""
    table = [[cell.strip() for cell in line.split('|')[1:-1]] for line in page.read_text('utf-8').splitlines()
             if line.startswith('| ')]
    formats = next(row[3:] for row in table if row[:3] == ['config', 'direction', 'free'])
    empty = [row for row in table if row[0] in configs and len(row) == 3 + len(formats) and '' in row[3:]]
    for config, rows in itertools.groupby(empty, lambda row: row[0]):
        with trained(config) as run:
            for row in rows:
                whole = line_of(measured(run, row, formats))
                page.write_text(page.read_text('utf-8').replace(line_of(row), whole), 'utf-8')
                print(whole, flush=True)


def measured(run: Path, row: list[str], formats: list[str]) -> list[str]:
    """A row ``[config, direction, free, a cell for each format]`` with its empty cells filled."""
    config, direction, free, *cells = row
    for place, kind in enumerate(formats):
        if cells[place]:
            continue
        made = exported(run, direction, kind)
        if isinstance(made, str):
            cells[place] = made
            continue
        free = free or made.free
        cells[place] = f'{made.difference:.3g}' + f' ({made.free})' * (made.free != free)
    return [config, direction, free, *cells]


def print_speeds(configs: list[str], rounds: int) -> None:
    print('| config | direction | torch, images/s | onnxruntime | torch, CPU ms per image | onnxruntime |')
    print('|---|---|---|---|---|---|')
    for config in configs:
        with trained(config) as run:
            for direction in pictures(run, of_maps=True)[:1]:
                made = exported(run, direction, 'onnx', rounds)
                if isinstance(made, str) or made.speed is None:
                    print(line_of([config, direction, str(made), '', '', '']), flush=True)
                    continue
                found = made.speed
                numbers = (1 / found.torch_wall, 1 / found.graph_wall, 1000 * found.torch_cpu, 1000 * found.graph_cpu)
                cells = [f'{x:.3g}' if x < 100 else f'{x:.0f}' for x in numbers]
                print(line_of([config, direction, *cells]), flush=True)


def line_of(row: list[str]) -> str:
    return f'| {" | ".join(row)} |'


@contextlib.contextmanager
def trained(config: str) -> Iterator[Path]:
    """A run of one iteration."""
    from toolbox import train
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.redirect_stdout(io.StringIO()):
            train(config, work_dir=folder, validate=False, **shortest(config))
        yield Path(folder)


def pictures(run: Path, of_maps: bool = False) -> list[str]:
    """Directions that make pictures; ``of_maps``: of pictures or maps, and as large as these."""
    from toolbox.use.load import find_checkpoint, load_method
    method, names = load_method(find_checkpoint(run))
    asked = {name: method.directions[name] for name in names}
    return [name for name, known in asked.items() if known.gives in method.pictures
            and (not of_maps or (known.maps and not known.own_size))]


def exported(run: Path, direction: str, kind: str, rounds: int = 0) -> Exported | str:
    """The graph, or why there is none."""
    from toolbox.cli.export import SUFFIXES
    from toolbox.errors import ConfigError
    from toolbox.use.graphs import export_graph
    try:
        return export_graph(run, run / f'graph{SUFFIXES[kind]}', direction, SIZE, kind=kind, rounds=rounds)
    except ConfigError as error:
        return f'no: {str(error).rpartition(": ")[2]}'


def shortest(config: str) -> dict[str, object]:
    """One iteration; of a training that is as long as its stages, one for each."""
    from toolbox.engine.config import load_config
    cfg = load_config(config)
    if cfg.train_cfg.get('max_iters') == 'stages':
        return {'model.scale_iters': 1}
    return {'train_cfg': {'max_iters': 1, '_delete_': True}, 'train_dataloader.batch_size': 2}


if __name__ == '__main__':
    main()
