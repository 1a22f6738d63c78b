"""Finds the label maps of a set, its photographs, and the maps of its objects."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from ..listing import has_images, list_images
from ..names import Files, Rows
from .folders import missing_images
from .pairs import leave_out, stems, without_partner

Folders = dict[str, Path]  # by the key of a sample
Entry = dict[str, Path]
KEYS = ('label_map', 'instance_map', 'img')
LAYOUTS: tuple[Mapping[str, str], ...] = (
    {'label_map': '{split}_label', 'instance_map': '{split}_inst', 'img': '{split}_img'},
    {'label_map': '{split}/label', 'instance_map': '{split}/inst', 'img': '{split}/img'},
    {'label_map': 'gtFine/{split}', 'instance_map': 'gtFine/{split}', 'img': 'leftImg8bit/{split}'},
    {'label_map': 'annotations/{long}', 'img': 'images/{long}'},
    {'label_map': 'annotations/{split}2017', 'img': 'images/{split}2017'},
    {'label_map': '{facades}', 'img': '{facades}'},  # PNG and JPEG in one folder
    {'label_map': '{split}', 'img': '{split}'})
_WORDS_OF_SETS = {'long': {'train': 'training', 'val': 'validation'}, 'facades': {'train': 'base', 'val': 'extended'}}
_ENDINGS = {'label_map': '_gtFine_labelIds', 'instance_map': '_gtFine_instanceIds', 'img': '_leftImg8bit'}
_WORDS = ('img', 'image', 'photo', 'label', 'labels', 'mask', 'seg', 'inst', 'instance')


def find_label_maps(root: Path, split: str, names: Mapping[str, str | None], instances: bool | None,
                    skip_bad: bool) -> tuple[Rows[Entry], list[str]]:
    """The files of each sample, by key, in natural order; and a line per file left out.

    Args:
        root: folder of the set.
        split: 'train', 'val', ...
        names: by key, a folder relative to ``root`` (with the field ``{split}``, or without), or None for the layouts.
        instances: whether there must be maps of objects; None takes them if they are there.
        skip_bad: leave out files without a partner.

    Raises:
        DataError: nothing found, or files without a partner while ``skip_bad`` is off.
    """
    choices = _choices(root, split, names)
    folders = next((found for found in choices if _are_there(found, instances is True)), None)
    if folders is None:
        raise missing_images(root, [_expected(choice, instances is True) for choice in choices], split)
    keys = [key for key in KEYS if key in folders and (key != 'instance_map' or instances is not False)]
    files = {key: found for key in keys if (found := _files(folders, key))}
    common = [stem for stem in files['label_map'] if all(stem in found for found in files.values())]
    bad = [lines for key in files if key != 'label_map' for lines in without_partner(
        (files['label_map'], files[key]), (folders['label_map'], folders[key]), _WORDS)]
    skipped = leave_out(bad, len(common), root, skip_bad)
    columns = (Files(folders[key], [found[stem] for stem in common]) for key, found in files.items())
    return Rows(partial(_entry, tuple(files)), *columns), skipped


def _entry(keys: tuple[str, ...], *paths: Path) -> Entry:
    return dict(zip(keys, paths, strict=True))


def _choices(root: Path, split: str, names: Mapping[str, str | None]) -> list[Folders]:
    """All sets of folders that are looked at, in this order."""
    given = {key: name for key, name in names.items() if name}
    layouts = [given] if {'label_map', 'img'} <= given.keys() else [{**layout, **given} for layout in LAYOUTS]
    words = {name: known.get(split, split) for name, known in _WORDS_OF_SETS.items()}
    return [{key: root / name.format(split=split, **words) for key, name in layout.items()} for layout in layouts]


def _expected(folders: Folders, instances: bool) -> list[str]:
    """A line for each folder, with the names of its files."""
    keys = [key for key in KEYS if key in folders and (key != 'instance_map' or instances)]
    ending = {key: _ENDINGS[key] if folders[key].parent.name in ('gtFine', 'leftImg8bit') else '' for key in keys}
    return [f'{folders[key]}/NAME{ending[key]}.{"jpg" if key == "img" else "png"}' for key in keys]


def _are_there(folders: Folders, instances: bool) -> bool:
    keys = [key for key in KEYS if key != 'instance_map' or instances]
    return all(key in folders and has_images(folders[key]) and _files(folders, key) for key in keys)


def _files(folders: Folders, key: str) -> dict[str, str]:
    """Names of the files of one kind, by what their names have in common with those of the others.

    Where some names end as in Cityscapes, only those of this kind count. Photographs and label maps in one folder are
    told apart by their suffix.
    """
    folder = folders[key]
    if not has_images(folder):
        return {}
    files = list_images(folder)
    names = list(files.names)
    if any(os.path.splitext(name)[0].endswith(tuple(_ENDINGS.values())) for name in names):
        own = [name for name in names if os.path.splitext(name)[0].endswith(_ENDINGS[key])]
        return stems(Files(folder, own), _ENDINGS[key])
    if folders['label_map'] == folders['img']:
        files = Files(folder, [name for name in names if name.lower().endswith('.png') == (key == 'label_map')])
    return stems(files)
