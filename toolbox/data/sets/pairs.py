"""Finds the pairs of a paired set in any of its layouts, and the files that belong to no pair."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import statistics
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from mmengine.logging import print_log

from ...errors import ConfigError, DataError
from ..facts import MAX_ASPECT_DEVIATION
from ..io import image_size
from ..listing import has_images, list_images
from ..names import Files, Rows
from ..showing import Pixels
from ..sizes import image_sizes
from .folders import missing_images
from .tables import Lookup, read_csv, read_text

FOLDER_PATTERNS = ('{split}{domain}', '{split}_{domain}', '{split}/{domain}', '{domain}/{split}')
Layout = Literal['auto', 'side_by_side', 'folders', 'list']
_SHOWN = 10
_DIFFERENCES = ('only in the form of Unicode (NFC or NFD)', 'only in upper and lower case',
                'only in the ending that names its domain')
_NEAR_HINT = 'Names of partners must be equal up to the suffix. Rename the files'
_LIST_HINT = ", or name the pairs in a list: ann_file='pairs.csv' with the header A,B."
_SKIP_HINT = ('To leave such files out: --cfg-options train_dataloader.dataset.on_bad_pair=skip '
              '(val_dataloader..., and of test_dataloader).')


class Pair(NamedTuple):
    """Two files, or one with both images side by side."""

    first: Path
    second: Path | None


class Found(NamedTuple):
    """Good pairs, and a line for every file that makes none, grouped by where the file is."""

    pairs: Rows[Pair]
    bad: list[list[str]]


def find_pairs(root: Path, split: str, layout: Layout, domains: tuple[str, str], ann_file: str | None,
               skip_bad: bool, pixels: Pixels) -> tuple[Rows[Pair], list[str]]:
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
        found, place = _by_stem(*folders, domains), folders[0].parent
    elif layout != 'folders' and has_images(root / split):
        found, place = _side_by_side(root / split, layout == 'side_by_side', pixels), root / split
    else:
        raise missing_images(root, _expected(root, split, layout, domains), split)
    return found.pairs, leave_out(found.bad, len(found.pairs), place, skip_bad, _LIST_HINT)


def leave_out(bad: list[list[str]], good: int, place: Path, skip_bad: bool, list_hint: str = '.') -> list[str]:
    """The lines of ``bad``, which are logged.

    Args:
        bad: lines about files that make no pair, grouped by where they are.
        good: how many pairs there are.
        place: of the set.
        skip_bad: leave such files out; else they are an error.
        list_hint: what else can be done where names nearly agree.

    Raises:
        DataError: there are bad files while ``skip_bad`` is off, or no good pair.
    """
    skipped = [line for group in bad for line in group]
    if skipped and not skip_bad:
        near = any(f' differs {difference}' in line for line in skipped for difference in _DIFFERENCES)
        hints = [f'{_NEAR_HINT}{list_hint}'] * near + [_SKIP_HINT]
        raise DataError(f'{len(skipped)} files in {str(place)!r} are no pair ({good} pairs are good):\n  '
                        + '\n  '.join(_first_of_each(bad)) + ''.join(f'\n{hint}' for hint in hints))
    if skipped:
        print_log(f'{str(place)!r}: left out {len(skipped)} files that are no pair, kept {good} pairs:\n  '
                  + '\n  '.join(skipped), logger='current', level=logging.WARNING)
    if not good:
        raise DataError(f'No pair of images in {str(place)!r}.')
    return skipped


def shape_of(pairs: Sequence[Pair], pixels: Pixels) -> tuple[str, float] | None:
    """How pairs are stored ('joined' or 'two files'), and width/height of one image, the median of the first ones."""
    joined, aspects = pairs[0].second is None, []
    for pair in pairs[:_SHOWN]:
        with contextlib.suppress(DataError):  # reading it will say so
            height, width = image_size(pair.first, pixels)
            aspects.append(width / height / (2 if joined else 1))
    return ('joined' if joined else 'two files', statistics.median(aspects)) if aspects else None


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


def _by_stem(first: Path, second: Path, domains: tuple[str, str]) -> Found:
    a, b = (stems(list_images(folder)) for folder in (first, second))
    common = [stem for stem in a if stem in b]
    return Found(Rows(Pair, Files(first, [a[stem] for stem in common]), Files(second, [b[stem] for stem in common])),
                 without_partner((a, b), (first, second), domains))


def without_partner(files: tuple[dict[str, str], dict[str, str]], folders: tuple[Path, Path],
                    domains: Sequence[str]) -> list[list[str]]:
    """A line for every file, of two folders and by stem, that has no partner in the other one.

    Args:
        files: their names in the two folders, by stem.
        folders: the two.
        domains: words that people add to names of the one or the other kind.
    """
    (a, b), (first, second) = files, folders
    lone_a, lone_b = ({stem: name for stem, name in own.items() if stem not in other}
                      for own, other in ((a, b), (b, a)))
    return [[f'{folder / name}: no partner in {other}{near}' for name, near in _near_misses(own, others, domains)]
            for own, folder, others, other in ((lone_a, first, lone_b, second), (lone_b, second, lone_a, first))]


def _near_misses(own: dict[str, str], others: dict[str, str],
                 domains: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Every file without a partner, and in what the name of another one differs if people take it for the same."""
    ending = re.compile(rf'[_-]?({"|".join(map(re.escape, domains))})$', re.IGNORECASE)
    known: list[dict[str, str]] = [{}, {}, {}]
    for stem, name in others.items():
        for form, there in zip(_forms(stem, ending), known, strict=True):
            there[form] = name
    for stem, name in own.items():
        near = (f'; {there[form].rpartition("/")[2]} differs {difference}' for form, there, difference
                in zip(_forms(stem, ending), known, _DIFFERENCES, strict=True) if form in there)
        yield name, next(near, '')


def _forms(stem: str, ending: re.Pattern[str]) -> tuple[str, str, str]:
    """A name with fewer and fewer differences, in the order of ``_DIFFERENCES``."""
    composed = unicodedata.normalize('NFC', stem)
    return composed, composed.casefold(), ending.sub('', composed.casefold())


def stems(files: Files, ending: str = '') -> dict[str, str]:
    """Names of files in their folder, by these names without suffix and without an ending that they all have.

    Raises:
        DataError: two files have the same stem.
    """
    found: dict[str, str] = {}
    for name in files.names:
        stem = os.path.splitext(name)[0].removesuffix(ending)
        if stem in found:
            raise DataError(f'{str(files.root / found[stem])!r} and {str(files.root / name)!r} differ only in their '
                            'suffix, so pairs matched by file name are ambiguous. Rename or remove one of them.')
        found[stem] = name
    return found


def _side_by_side(folder: Path, said: bool, pixels: Pixels) -> Found:
    """Reads every header: real sets contain single images and broken files among the pairs.

    ``said``: the config asks for this layout; else images that are nearly square are taken for single ones.
    """
    files = list_images(folder)
    sizes, bad = image_sizes(files, pixels)
    there = np.flatnonzero(sizes[:, 0])
    height, width = sizes[there].T
    aspect = width / height
    usual = float(np.median(aspect)) if len(there) else 0.0
    if len(there) and not said and abs(usual - 1) <= MAX_ASPECT_DEVIATION:
        raise DataError(f'{str(folder)!r}: the {len(there)} images are nearly square (width/height {usual:.2f}), as '
                        'single images are, and not pairs A|B side by side. If they are single: put the images of A '
                        f'and B into the folders {folder.name}A and {folder.name}B beside it, with equal names. If '
                        "they are pairs of narrow images: layout='side_by_side' in the data set. If only the training "
                        "set has pairs: validate on a part of it, split='train', hold_out=dict(block=20, every=5, "
                        'gap=2), held_out=True, with the same hold_out in train_dataloader.dataset.')
    odd = (width < 2) | (np.abs(aspect / (usual or 1) - 1) > MAX_ASPECT_DEVIATION)
    bad += [f'{files[int(there[i])]}: {width[i]}x{height[i]}, width/height {aspect[i]:.2f} where {usual:.2f} is usual'
            for i in np.flatnonzero(odd)]
    return Found(Rows(_joined, files[there[~odd]]), [bad])


def _joined(path: Path) -> Pair:
    return Pair(path, None)


def _from_list(root: Path, ann_file: Path) -> Found:
    pairs: list[list[str]] = []
    bad, lookup = [], Lookup(root)
    word, rows = _rows(ann_file)
    for number, *row in rows:
        if not all(isinstance(name, str) and name for name in row):
            raise DataError(f'{ann_file}, {word} {number}: expected the two columns A and B with file names, found '
                            f'{str(tuple(row))[:200]}.')
        found = [lookup.find(name) for name in row]
        if None in found:
            missing = [f'{name!r}{lookup.near(name)}' for name, there in zip(row, found, strict=True) if there is None]
            bad.append(f'{ann_file}, {word} {number}: no such file: {", ".join(dict.fromkeys(missing))}')
        else:
            pairs.append([name for name in found if name])
    return Found(Rows(Pair, *(Files(root, [pair[i] for pair in pairs]) for i in (0, 1))), [bad])


def _rows(ann_file: Path) -> tuple[str, list[tuple[int, Any, Any]]]:
    """What a CSV file with the columns A and B, or a JSON list of such dicts, is counted in; number and names of each
    row."""
    text = read_text(ann_file)
    if ann_file.suffix.lower() == '.json':
        return 'entry', [(i, row.get('A'), row.get('B')) for i, row in enumerate(_json_rows(ann_file, text))]
    table = read_csv(ann_file, text)
    if table.columns.count('A') != 1 or table.columns.count('B') != 1:
        raise DataError(f"{str(ann_file)!r}: the first line must be the header 'A,B', found "
                        f'{str(table.columns)[:200]}.')
    a, b = table.columns.index('A'), table.columns.index('B')
    return 'line', [(row.line, row.cells[a], row.cells[b]) for row in table.rows]


def _json_rows(ann_file: Path, text: str) -> list[dict[str, object]]:
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise DataError(f'{str(ann_file)!r} is not valid JSON: {e}.') from e
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f'{str(ann_file)!r}: expected a list [{{"A": "a/1.png", "B": "b/1.png"}}, ...].')
    return rows
