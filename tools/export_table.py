"""The largest difference of every graph of every method to torch, as the rows of the table in docs/export.md.

python tools/export_table.py                            all configs/*/synthetic*.py, after an iteration each
python tools/export_table.py cyclegan/synthetic --formats onnx
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', nargs='*', metavar='CONFIG')
    parser.add_argument('--formats', nargs='+', default=['pt2', 'torchscript', 'onnx'])
    parser.add_argument('--first', action='store_true', help='only the first direction of each')
    args = parser.parse_args()
    drawn = sorted(ROOT.glob('configs/*/synthetic*.py'))
    configs = args.configs or [f'{path.parent.name}/{path.stem}' for path in drawn]
    print(f'| config | direction | free | {" | ".join(args.formats)} |\n|---|---|---|{"---|" * len(args.formats)}')
    for config in configs:
        with tempfile.TemporaryDirectory() as folder:
            write_rows(config, args.formats, Path(folder), 1 if args.first else None)


def write_rows(config: str, formats: list[str], folder: Path, most: int | None) -> None:
    from toolbox import train
    from toolbox.cli.export import SUFFIXES
    from toolbox.errors import ConfigError
    from toolbox.use.graphs import export_graph
    from toolbox.use.load import find_checkpoint, load_method
    with contextlib.redirect_stdout(io.StringIO()):
        train(config, work_dir=folder, validate=False, **shortest(config))
    method, names = load_method(find_checkpoint(folder))
    for direction in [name for name in names if method.directions[name].gives in method.pictures][:most]:
        free, cells = '', []
        for kind in formats:
            try:
                made = export_graph(folder, folder / f'graph{SUFFIXES[kind]}', direction, (64, 64), kind=kind)
            except ConfigError as error:
                cells.append(f'no: {str(error).rpartition(": ")[2]}')
                continue
            free = free or made.free
            cells.append(f'{made.difference:.3g}' + f' ({made.free})' * (made.free != free))
        print(f'| {config} | {direction} | {free} | {" | ".join(cells)} |', flush=True)


def shortest(config: str) -> dict[str, object]:
    """One iteration; of a training that is as long as its stages, one for each."""
    from toolbox.engine.config import load_config
    cfg = load_config(config)
    if cfg.train_cfg.get('max_iters') == 'stages':
        return {'model.scale_iters': 1}
    return {'train_cfg': {'max_iters': 1, '_delete_': True}, 'train_dataloader.batch_size': 2}


if __name__ == '__main__':
    main()
