"""The published sets that ``tools/prepare_data.py`` knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_HOST = 'http://efrosgans.eecs.berkeley.edu'
_UNPAIRED = ('trainA', 'trainB', 'testA', 'testB')


@dataclass(frozen=True)
class PublishedSet:
    """Where an archive comes from and what it must hold.

    Attributes:
        url: of the archive; empty if the set may not be redistributed (``note`` says what to do).
        folders: expected folders with their number of images, None where it is not known.
        sha256: of the archive, None where the authors give none.
        note: shown to the user.
    """

    url: str
    folders: Mapping[str, int | None] = field(default_factory=dict)
    sha256: str | None = None
    note: str = ''

    @property
    def archive(self) -> str:
        """File name of the archive."""
        return self.url.rsplit('/', 1)[-1]


def _cyclegan(name: str, *counts: int) -> PublishedSet:
    numbers = counts or (None,) * len(_UNPAIRED)
    return PublishedSet(f'{_HOST}/cyclegan/datasets/{name}.zip', dict(zip(_UNPAIRED, numbers, strict=True)))


def _pix2pix(name: str, **counts: int | None) -> PublishedSet:
    return PublishedSet(f'{_HOST}/pix2pix/datasets/{name}.tar.gz', counts)


_CITYSCAPES = PublishedSet('', note=(
    'Cityscapes may not be redistributed. Register at cityscapes-dataset.com, download '
    'gtFine_trainvaltest.zip and leftImg8bit_trainvaltest.zip, and put the colour label maps and the photographs, '
    'under the same file names, into two folders per split: <root>/cityscapes/trainA (labels), trainB (photographs), '
    'valA, valB. PairedDataset matches them by file name (docs/data.md).'))

SETS: dict[str, PublishedSet] = {
    'horse2zebra': _cyclegan('horse2zebra', 1067, 1334, 120, 140),
    'monet2photo': _cyclegan('monet2photo', 1072, 6287, 121, 751),
    **{name: _cyclegan(name) for name in (
        'apple2orange', 'summer2winter_yosemite', 'cezanne2photo', 'ukiyoe2photo', 'vangogh2photo',
        'iphone2dslr_flower', 'ae_photos')},
    'maps_unpaired': _cyclegan('maps'),
    'facades_unpaired': _cyclegan('facades'),
    'facades': _pix2pix('facades', train=400, val=100, test=106),
    'maps': _pix2pix('maps', train=1096, val=1098),
    'edges2shoes': _pix2pix('edges2shoes', train=None, val=None),
    'edges2handbags': _pix2pix('edges2handbags', train=None, val=None),
    'night2day': _pix2pix('night2day', train=None, val=None, test=None),
    'cityscapes': _CITYSCAPES,
}
