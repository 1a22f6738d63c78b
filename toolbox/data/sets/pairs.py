"""Finds the pairs of a paired set in any of its layouts, and the files that belong to no pair."""

from __future__ import annotations

import csv
import json
import logging
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from mmengine.logging import print_log

from ...errors import ConfigError, DataError
from ..io import has_images, image_size, list_images
from .folders import missing_images

FOLDER_PATTERNS = ('{split}{domain}', '{split}_{domain}', '{split}/{domain}', '{domain}/{split}')
Layout = Literal['auto', 'side_by_side', 'folders', 'list']
MAX_ASPECT_DEVIATION = 0.25
_SHOWN = 10
_SKIP_HINT = ('To leave such files out: --cfg-options train_dataloader.dataset.on_bad_pair=skip '
              '(val_dataloader..., and of test_dataloader).')


class Pair(NamedTuple):
    """Two files, or one with both images side by side."""

    first: Path
    second: Path | None


class Found(NamedTuple):
    """Good pairs, and a line for every file that makes none, grouped by where the file is."""

    pairs: list[Pair]
    bad: list[list[str]]


def find_pairs(root: Path, split: str, layout: Layout, domains: tuple[str, str], ann_file: str | None,
               skip_bad: bool) -> tuple[list[Pair], list[str]]:
    """Pairs of a set in natural order, and a line per file left out.

    Raises:
        ConfigError: a layout that does not go with ``ann_file``.
        DataError: nothing found, or bad pairs while ``skip_bad`` is off.
    """
    if (layout == 'list' and not ann_file) or (ann_file and layout not in ('list', 'auto')):
        raise ConfigError(f"PairedDataset: layout 'list' and ann_file go together, "
                          f'found layout={layout!r}, ann_file={ann_file!r}.')
    if ann_file:
        found, place = _from_list(root, root / ann_file), root / ann_file
    elif layout != 'side_by_side' and (folders := _domain_folders(root, split, domains)):
        found, place = _by_stem(*folders), folders[0].parent
    elif layout != 'folders' and has_images(root / split):
        found, place = _side_by_side(root / split), root / split
    else:
        raise missing_images(root, _expected(root, split, layout, domains))
    skipped = [line for group in found.bad for line in group]
    if skipped and not skip_bad:
        raise DataError(f'{len(skipped)} files in {str(place)!r} are no pair ({len(found.pairs)} pairs are good):\n  '
                        + '\n  '.join(_first_of_each(found.bad)) + f'\n{_SKIP_HINT}')
    if skipped:
        print_log(f'{str(place)!r}: left out {len(skipped)} files that are no pair, kept {len(found.pairs)} pairs:\n  '
                  + '\n  '.join(skipped), logger='current', level=logging.WARNING)
    if not found.pairs:
        raise DataError(f'No pair of images in {str(place)!r}.')
    return found.pairs, skipped


def _first_of_each(groups: list[list[str]]) -> list[str]:
    lines = []
    for group in groups:
        lines += group[:_SHOWN]
        if len(group) > _SHOWN:
            lines.append(f'... and {len(group) - _SHOWN} more')
    return lines


def _expected(root: Path, split: str, layout: str, domains: tuple[str, str]) -> list[list[str]]:
    trees = []
    if layout != 'folders':
        trees.append([f'{root / split}/*.jpg    (A in the left half, B in the right one)'])
    if layout != 'side_by_side':
        trees += [[f'{root / p.format(split=split, domain=d)}/NAME.jpg' for d in domains] for p in FOLDER_PATTERNS]
    return trees


def _domain_folders(root: Path, split: str, domains: tuple[str, str]) -> tuple[Path, Path] | None:
    for pattern in FOLDER_PATTERNS:
        first, second = (root / pattern.format(split=split, domain=domain) for domain in domains)
        if has_images(first) and has_images(second):
            return first, second
    return None


def _by_stem(first: Path, second: Path) -> Found:
    a, b = _stems(first), _stems(second)
    bad = [[f'{path}: no partner in {second}' for stem, path in a.items() if stem not in b],
           [f'{path}: no partner in {first}' for stem, path in b.items() if stem not in a]]
    return Found([Pair(path, b[stem]) for stem, path in a.items() if stem in b], bad)


def _stems(folder: Path) -> dict[str, Path]:
    stems: dict[str, Path] = {}
    for path in list_images(folder):
        stem = path.relative_to(folder).with_suffix('').as_posix()
        if stem in stems:
            raise DataError(f'{str(stems[stem])!r} and {str(path)!r} differ only in their suffix, so pairs matched by '
                            'file name are ambiguous. Rename or remove one of them.')
        stems[stem] = path
    return stems


def _side_by_side(folder: Path) -> Found:
    """Reads every header: real sets contain single images and broken files among the pairs."""
    sizes: dict[Path, tuple[int, int]] = {}
    bad: list[str] = []
    for path in list_images(folder):
        try:
            sizes[path] = image_size(path)
        except DataError as e:
            bad.append(str(e))
    usual = statistics.median(w / h for h, w in sizes.values()) if sizes else 0.0
    pairs = []
    for path, (height, width) in sizes.items():
        if width < 2 or abs(width / height / usual - 1) > MAX_ASPECT_DEVIATION:
            bad.append(f'{path}: {width}x{height}, width/height {width / height:.2f} where {usual:.2f} is usual')
        else:
            pairs.append(Pair(path, None))
    return Found(pairs, [bad])


def _from_list(root: Path, ann_file: Path) -> Found:
    pairs, bad = [], []
    for where, row in _rows(ann_file):
        names: list[Any] = [row.get(key) for key in ('A', 'B')]
        if not all(isinstance(name, str) and name for name in names):
            raise DataError(f'{where}: expected the two columns A and B with file names, found {str(row)[:200]}.')
        pair = Pair(*(root / name for name in names))
        missing = [str(path) for path in pair if path is not None and not _is_file(path)]
        if missing:
            bad.append(f'{where}: no such file: {", ".join(missing)}')
        else:
            pairs.append(pair)
    return Found(pairs, [bad])


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # no file can have such a name
        return False


def _rows(ann_file: Path) -> Sequence[tuple[str, dict[str, str]]]:
    """(place for messages, row) of a CSV file with the header ``A,B`` or a JSON list of such dicts."""
    try:
        text = ann_file.read_text(encoding='utf-8-sig')
    except (OSError, UnicodeDecodeError) as e:
        raise DataError(f'Cannot read the list of pairs {str(ann_file)!r}: {e}.') from e
    if ann_file.suffix.lower() == '.json':
        return _json_rows(ann_file, text)
    reader = csv.DictReader(text.splitlines())
    try:
        if not {'A', 'B'} <= set(reader.fieldnames or ()):
            raise DataError(f"{str(ann_file)!r}: the first line must be the header 'A,B', found "
                            f'{str(reader.fieldnames)[:200]}.')
        return [(f'{ann_file}, line {reader.line_num}', row) for row in reader]
    except csv.Error as e:
        raise DataError(f'{str(ann_file)!r}, line {reader.line_num} is not valid CSV: {e}.') from e


def _json_rows(ann_file: Path, text: str) -> Sequence[tuple[str, dict[str, str]]]:
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise DataError(f'{str(ann_file)!r} is not valid JSON: {e}.') from e
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f'{str(ann_file)!r}: expected a list [{{"A": "a/1.png", "B": "b/1.png"}}, ...].')
    return [(f'{ann_file}, entry {i}', row) for i, row in enumerate(rows)]
