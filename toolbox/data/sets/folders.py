"""Where the images of a set are, and what to say when they are not there."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...errors import DataError
from ..fetch.packaged import PACKAGED
from ..fetch.published import SETS
from ..listing import has_images, list_images, scan
from ..names import Files
from ..places import files_in, is_folder, subfolders


def find_domains(root: Path, split: str, names: Mapping[str, str | None], patterns: Sequence[str]) -> dict[str, Path]:
    """The folder of each domain: a name that is given, else the first pattern that all domains satisfy.

    Args:
        root: folder of the set.
        split: 'train', 'test', ...
        names: per key ('A', 'B') a folder relative to ``root`` (or absolute), in which ``{split}`` stands for the
            split, or None for the patterns.
        patterns: with the fields ``{split}`` and ``{domain}``.

    Raises:
        DataError: no pattern fits; shows the expected tree and what is there.
    """
    given = {key: root / name.replace('{split}', split) for key, name in names.items() if name}
    standard = [key for key in names if key not in given]
    choices = [{key: root / p.format(split=split, domain=key) for key in standard} | given for p in patterns]
    for choice in choices:
        if all(has_images(folder) for folder in choice.values()):
            return {key: choice[key] for key in names}
    raise missing_images(root, [[f'{folder}/*.jpg' for folder in choice.values()]
                                for choice in (choices if standard else choices[:1])], split)


def list_domain(folder: Path, max_samples: int | None) -> Files:
    """The first ``max_samples`` images of a folder in natural order."""
    return list_images(folder)[:max_samples]


def missing_images(root: Path, expected: Sequence[Sequence[str]], split: str = '') -> DataError:
    """The error for a set that is not where it should be.

    Args:
        root: folder of the set.
        expected: alternatives, each a list of paths that belong together.
        split: the part of the set that is looked for.
    """
    trees = '\n  or\n'.join('\n'.join(f'    {line}' for line in tree) for tree in expected)
    known_sets = (*SETS, *PACKAGED)
    near = difflib.get_close_matches(root.name, known_sets, n=1, cutoff=0.6)
    name = near[0] if near else 'NAME'
    known = '' if near else f'\n    (NAME is one of {", ".join(sorted(known_sets))})'
    without = ('' if split in ('', 'train') else
               f'To train without validation, if {split!r} is only for that: --no-validate.\n')
    return DataError(
        f'No images found for this dataset in {str(root)!r}. Expected:\n{trees}\n'
        f'Found: {_found(root)}.\n{without}'
        f'To download a published set:\n    toolbox prepare {name}{known}\n'
        'To start right now without any data: use the config <method>/synthetic.')


def _found(root: Path) -> str:
    if is_folder(root):
        counts = [f'{p.name}/ ({_count(p)})' for p in sorted(subfolders(root))]
        files = len(files_in(root))
        return ', '.join(counts[:12] + [f'{files} files'] * bool(files)) or 'an empty folder'
    parent = next(p for p in root.absolute().parents if p.is_dir())
    folders = [p.name for p in subfolders(parent) if not p.name.startswith('.')]
    near = difflib.get_close_matches(root.name, folders, n=4, cutoff=0.4) or sorted(folders)[:8]
    return f'the folder does not exist; {str(parent)!r} holds {", ".join(map(repr, near)) or "no folders"}'


def _count(folder: Path) -> str:
    try:
        return f'{len(scan(folder)[0])} images'
    except DataError:
        return 'no image'
