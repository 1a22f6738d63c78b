"""What files hold beyond the image that is read of them: further frames or pages, and a tag that turns them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import DataError
from .arrays import COLOURS, TIFF_SUFFIXES
from .decoding import count_frames
from .io import orientation_of
from .places import located, open_file
from .ranges import LOOKED_AT
from .showing import Pixels

AMONG = 1000  # entries of a large set
SEVERAL = ('.gif', '.webp', '.png', '.tif', '.tiff')  # suffixes of files that may have frames or pages


def frames_left_out(path: str | os.PathLike[str], channels: Collection[int] = ()) -> int:
    """How many frames or pages a file has, of which the first is read; 0 if there is one, or each is a band."""
    suffix = Path(path).suffix.lower()
    count = _count(path) if suffix in SEVERAL else 1
    are_bands = suffix in TIFF_SUFFIXES and count in channels and count not in COLOURS
    return 0 if count == 1 or are_bands else count


def _count(path: str | os.PathLike[str]) -> int:
    try:
        with open_file(located(path)) as file:
            return count_frames(file)
    except (OSError, DataError):  # said when it is read
        return 1


def remarks_on(lists: Iterable[Sequence[Any]], channels: Collection[int], pixels: Pixels) -> Iterator[str]:
    """Remarks for the user of a data set, from a few files of each kind spread over its lists.

    Args:
        lists: of files, or of tuples or dicts of files.
        channels: numbers of channels that images are read with.
        pixels: how they are read.
    """
    looked = [*dict.fromkeys(path for entries in lists for path in _spread(entries))]
    several = {path: frames for path in looked if (frames := frames_left_out(path, channels))}
    if several:
        path, frames = next(iter(several.items()))
        yield (f'{len(several)} of the {len(looked)} files looked at have several frames or pages ({str(path)!r}: '
               f'{frames}); of each the first is used.')
    if pixels == 'stored' and (tagged := [path for path in looked if _is_turned(path)]):
        yield (f'{len(tagged)} of the {len(looked)} files looked at have an orientation tag ({str(tagged[0])!r}), '
               "which pixels='stored' leaves out: viewers show them turned.")


def hint_on_turned(paths: Iterable[str | os.PathLike[str]], pixels: Pixels | None) -> str:
    """A sentence for an error about images that do not fit together, if one of them was turned; else nothing."""
    found = [str(path) for path in paths if pixels == 'shown' and _is_turned(path)]
    return '' if not found else (f" {found[0]!r} was turned by its orientation tag; if its partners fit the pixels as "
                                 "they are stored, write pixels='stored' in the data sets.")


def _spread(entries: Sequence[Any]) -> Iterator[Path]:
    """A few files of each suffix and place in their entries; of a large set, among a thousand entries."""
    kinds: dict[tuple[str, int], list[Path]] = {}
    step = max(1, len(entries) // AMONG)
    for entry in (entries[number] for number in range(0, len(entries), step)):
        paths = entry.values() if isinstance(entry, Mapping) else entry if isinstance(entry, tuple) else (entry,)
        for place, path in enumerate(paths):
            if isinstance(path, Path):
                kinds.setdefault((path.suffix.lower(), place), []).append(path)
    for found in kinds.values():
        count = min(LOOKED_AT, len(found))
        yield from (found[number * len(found) // count] for number in range(count))


def _is_turned(path: str | os.PathLike[str]) -> bool:
    try:
        return orientation_of(path) != 1
    except DataError:  # said when it is read
        return False
