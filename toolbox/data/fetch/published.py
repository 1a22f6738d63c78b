"""The published sets that ``toolbox prepare`` knows.

The authors' CycleGAN archives go by their own names; those of pix2pix, some of which share them, by ``pix2pix_NAME``.
"""

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


def _cityscapes(name: str, test: str) -> PublishedSet:
    return PublishedSet('', note=(
        'Cityscapes may not be redistributed. Register at cityscapes-dataset.com, download '
        'leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip, and put photographs and colour label maps, one '
        f'file name for both, into <root>/{name}/trainA (photographs), trainB (label maps), {test}A and {test}B.'))


SETS: dict[str, PublishedSet] = {
    'horse2zebra': _cyclegan('horse2zebra', 1067, 1334, 120, 140),
    'monet2photo': _cyclegan('monet2photo', 1072, 6287, 121, 751),
    'maps': _cyclegan('maps', 1096, 1096, 1098, 1098),
    **{name: _cyclegan(name) for name in (
        'apple2orange', 'summer2winter_yosemite', 'cezanne2photo', 'ukiyoe2photo', 'vangogh2photo', 'facades',
        'iphone2dslr_flower', 'ae_photos')},
    'cityscapes': _cityscapes('cityscapes', 'test'),
    'pix2pix_facades': _pix2pix('facades', train=400, val=100, test=106),
    'pix2pix_maps': _pix2pix('maps', train=1096, val=1098),
    'pix2pix_edges2shoes': _pix2pix('edges2shoes', train=None, val=None),
    'pix2pix_edges2handbags': _pix2pix('edges2handbags', train=None, val=None),
    'pix2pix_night2day': _pix2pix('night2day', train=None, val=None, test=None),
    'pix2pix_cityscapes': _cityscapes('pix2pix_cityscapes', 'val'),
}
