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


def _by_hand(name: str, why: str, tree: str) -> PublishedSet:
    return PublishedSet('', note=f'{why} Then lay it out so:\n' + tree.format(f'<root>/{name}'))


_CITYSCAPES_LABELS = _by_hand('cityscapes_labels', (
    'Cityscapes may not be redistributed. Register at cityscapes-dataset.com, download leftImg8bit_trainvaltest.zip '
    'and gtFine_trainvaltest.zip, and unpack both into one folder; split is train or val.'), (
    '    {0}/leftImg8bit/train/aachen/*_leftImg8bit.png\n'
    '    {0}/gtFine/train/aachen/*_gtFine_labelIds.png and *_gtFine_instanceIds.png'))
_COCO_STUFF = _by_hand('coco_stuff', (
    'COCO-Stuff comes in three archives: train2017.zip and val2017.zip from http://images.cocodataset.org/zips/ and '
    'stuffthingmaps_trainval2017.zip, linked at https://github.com/nightrome/cocostuff.'), (
    '    {0}/images/train2017/*.jpg         {0}/annotations/train2017/*.png (stuffthingmaps)\n'
    '    {0}/images/val2017/*.jpg           {0}/annotations/val2017/*.png\n'
    'or, with maps of the objects, as the authors of SPADE do:\n'
    '    {0}/train_img/*.jpg  {0}/train_label/*.png  {0}/train_inst/*.png  (val_...)'))
_CELEBAMASK_HQ = _by_hand('celebamask_hq', (
    'CelebAMask-HQ is for non-commercial research: agree to its terms at https://github.com/switchablenorms/'
    'CelebAMask-HQ and download CelebAMask-HQ.zip. Merge the masks of each face into one PNG whose gray levels are the '
    'places in toolbox/data/classes/celebamask_hq.txt, later classes over earlier ones (g_mask.py of the authors).'), (
    '    {0}/train_img/*.jpg  {0}/train_label/*.png  {0}/val_img/*.jpg  {0}/val_label/*.png'))

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
    'ade20k': PublishedSet('http://data.csail.mit.edu/places/ADEchallenge/ADEChallengeData2016.zip', {
        'images/training': 20210, 'images/validation': 2000, 'annotations/training': 20210,
        'annotations/validation': 2000}),
    'facades_labels': PublishedSet('https://cmp.felk.cvut.cz/~tylecr1/facade/CMP_facade_DB_base.zip', {
        'base': 756}),  # 378 photographs and as many label maps
    'cityscapes_labels': _CITYSCAPES_LABELS,
    'coco_stuff': _COCO_STUFF,
    'celebamask_hq': _CELEBAMASK_HQ,
}
