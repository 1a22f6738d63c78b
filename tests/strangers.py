"""Methods that the toolbox does not know, each a page as a plugin's author would write it, and what they need.

Together they ask for all that the contract of :mod:`toolbox.methods` offers. :data:`STRANGERS` lists them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor, nn
from torch.nn import functional as F

from toolbox.data.sets.datasets import ImageDataset
from toolbox.engine.check import check_config
from toolbox.engine.config import complete
from toolbox.errors import ConfigError
from toolbox.methods.base import Method
from toolbox.methods.batch import Batch
from toolbox.methods.directions import Direction, Image, InstanceMap, LabelMap, Latent, Mask, Shown
from toolbox.methods.schedule import Cycle, Phase, Stage
from toolbox.randomness.noise import noise
from toolbox.registry import BACKBONES, DATASETS, DISCRIMINATORS, METHODS, Backbone, Discriminator, Transform

# Data


def blobs(rng: np.random.Generator, size: int, channels: int = 3) -> np.ndarray:
    image = cv2.resize(rng.integers(0, 256, (4, 4, channels), np.uint8), (size, size), interpolation=cv2.INTER_CUBIC)
    return image.reshape(size, size, channels)


def patches(rng: np.random.Generator, size: int, classes: int = 1000) -> np.ndarray:
    return rng.integers(0, classes, (4, 4)).repeat(size // 4, 0).repeat(size // 4, 1).astype(np.int32)


def holes(rng: np.random.Generator, size: int) -> np.ndarray:
    return patches(rng, size, 2).astype(np.float32)[:, :, None]


DRAWN = {'Image': blobs, 'LabelMap': patches, 'InstanceMap': patches, 'Mask': holes}


@DATASETS.register_module()
class Drawn(ImageDataset):
    """Inputs of any kind, by name: ``dict(A=dict(kind='Image', size=16))``; sample i is always the same.

    Attributes:
        classes: names of those of its label maps, which no config says.
    """

    def __init__(self, inputs: dict[str, dict], length: int = 4, pipeline: Sequence[Transform] = ()) -> None:
        super().__init__(pipeline)
        self.inputs, self.length, self.groups = inputs, length, (tuple(inputs),)
        self.classes = [f'class {i}' for each in inputs.values() for i in range(each.get('classes', 0))]

    def __len__(self) -> int:
        return self.length

    def load(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        rng = np.random.default_rng(index)
        drawn = {}
        for name, facts in self.inputs.items():
            facts = dict(facts)
            drawn[name] = DRAWN[facts.pop('kind')](rng, **facts)
        return drawn, {}


# Networks


@BACKBONES.register_module()
class StrangeNet(nn.Module):
    """Images to images ``scale`` times as large."""

    size_divisor = 1

    def __init__(self, in_channels: int = 3, out_channels: int = 3, scale: int = 1) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.body = nn.Sequential(nn.Conv2d(in_channels, 4, 3, padding=1), nn.ReLU(),
                                  nn.Conv2d(4, out_channels * scale ** 2, 3, padding=1), nn.PixelShuffle(scale),
                                  nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


@BACKBONES.register_module()
class StrangeEncoder(nn.Module):
    """Images to codes ``(N, codes, H / 2, W / 2)``, or to vectors ``(N, codes)``."""

    def __init__(self, codes: int = 4, vectors: bool = False, in_channels: int = 3) -> None:
        super().__init__()
        self.in_channels, self.codes, self.vectors = in_channels, codes, vectors
        self.conv = nn.Conv2d(in_channels, codes, 4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x.mean((2, 3)) if self.vectors else x


@BACKBONES.register_module()
class StrangeDecoder(nn.Module):
    def __init__(self, codes: int = 4, out_channels: int = 3) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(codes, out_channels, 4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.relu(x)).tanh()


@BACKBONES.register_module()
class StrangePainter(nn.Module):
    """Planes ``(N, planes, H, W)`` and z ``(N, z_dim)`` to images."""

    def __init__(self, planes: int = 3, z_dim: int = 4) -> None:
        super().__init__()
        self.planes, self.z_dim = planes, z_dim
        self.conv, self.tone = nn.Conv2d(planes, 3, 3, padding=1), nn.Linear(z_dim, 3)

    def forward(self, planes: Tensor, z: Tensor) -> Tensor:
        return (self.conv(planes) + self.tone(z)[:, :, None, None]).tanh()


@BACKBONES.register_module()
class StrangeTower(nn.Module):
    """Two parts, of which the second one works on demand, and one that is never trained."""

    def __init__(self) -> None:
        super().__init__()
        self.coarse, self.enhancer = (nn.Conv2d(3, 3, 3, padding=1) for _ in range(2))
        self.fixed = nn.Conv2d(3, 3, 1).requires_grad_(False)

    def forward(self, x: Tensor, enhance: bool) -> Tensor:
        x = self.coarse(self.fixed(x) + x)
        return (self.enhancer(x) + x if enhance else x).tanh()


@BACKBONES.register_module()
class StrangeSource(nn.Module):
    """z ``(N, z_dim)`` to images of 16 x 16."""

    def __init__(self, z_dim: int = 4) -> None:
        super().__init__()
        self.z_dim, self.size = z_dim, 16
        self.fill, self.up = nn.Linear(z_dim, 4 * 8 * 8), nn.ConvTranspose2d(4, 3, 4, 2, 1)

    def forward(self, z: Tensor) -> Tensor:
        return self.up(F.relu(self.fill(z).unflatten(1, (4, 8, 8)))).tanh()


@DISCRIMINATORS.register_module()
class StrangeCritic(nn.Module):
    def __init__(self, in_channels: int = 3) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(in_channels, 4, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 4, 2, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


def says(D: nn.Module, x: Tensor, real: bool) -> Tensor:
    return (D(x) - float(real)).square().mean()


# Methods


@METHODS.register_module()
class CrossCoder(Method):
    """An encoder and a decoder per domain (UNIT): a direction needs one of each, and no network is a direction by
    itself."""

    schedule = (Phase('D', ('D_A', 'D_B')), Phase('EG', ('E_A', 'E_B', 'G_A', 'G_B')))
    shows = {'A': Shown('A'), 'fake_B': Shown('to B', of='A', like='B'), 'rec_A': Shown('A again', 'A', 'A', True),
             'B': Shown('B'), 'fake_A': Shown('to A', of='B', like='A')}

    def __init__(self, E_A: Backbone, E_B: Backbone, G_A: Backbone, G_B: Backbone, D_A: Discriminator,
                 D_B: Discriminator,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_networks(E_A=E_A, E_B=E_B, G_A=G_A, G_B=G_B, D_A=D_A, D_B=D_B)
        self.needs = (Image('A'), Image('B'))
        self.directions = {'AtoB': Direction(('E_A', 'G_B'), (Image('A'),), 'fake_B', divisor=2),
                           'BtoA': Direction(('E_B', 'G_A'), (Image('B'),), 'fake_A', divisor=2)}

    def prepare(self, b: Batch) -> None:
        for name, E in (('A', self.E_A), ('B', self.E_B)):
            code = E(b[name])
            setattr(b, f'code_{name}', code + self.noise(b, name, code.shape[1:]))
        b.fake_A, b.fake_B = self.G_A(b.code_B), self.G_B(b.code_A)

    def loss_D(self, b: Batch) -> dict[str, Tensor]:
        return dict(A=says(self.D_A, b.A, True) + says(self.D_A, b.fake_A.detach(), False),
                    B=says(self.D_B, b.B, True) + says(self.D_B, b.fake_B.detach(), False))

    def loss_EG(self, b: Batch) -> dict[str, Tensor]:
        return dict(adv=says(self.D_A, b.fake_A, True) + says(self.D_B, b.fake_B, True),
                    rec=F.l1_loss(self.G_A(b.code_A), b.A) + F.l1_loss(self.G_B(b.code_B), b.B))

    def answer(self, direction: str, b: Batch) -> Tensor:
        if direction == 'AtoB':
            return self.generate(lambda x: self.G_B(self.E_A(x)), b.A)
        return self.generate(lambda x: self.G_A(self.E_B(x)), b.B)

    def predict(self, b: Batch) -> dict[str, Tensor]:
        return dict(A=b.A, fake_B=self.answer('AtoB', b), B=b.B, fake_A=self.answer('BtoA', b),
                    rec_A=self.generate(lambda x: self.G_A(self.E_A(x)), b.A))


@METHODS.register_module()
class MapPainter(Method):
    """Label and instance maps to photos, in the style of noise or of a photo if there is an encoder (SPADE).

    The data set says the classes.
    """

    shows = {'photo': Shown('photo'), 'fake': Shown('painting', of='labels', like='photo', paired=True)}

    def __init__(self, G: Backbone, D: Discriminator, classes: Sequence[str], E: Backbone | None = None,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        count = len(classes)
        self.add_networks(G={'planes': count + 1, **G}, D={'in_channels': count + 4, **D}, E=E)
        self.classes, self.z_dim = tuple(classes), self.G.z_dim
        self.schedule = (Phase('G', ('G', 'E') if self.E else ('G',)), Phase('D', ('D',)))
        maps = LabelMap('labels', count, self.classes), InstanceMap('instances')
        self.needs = (*maps, Image('photo'))
        self.directions = {'paint': Direction(('G',), maps, 'fake', options=('seed',))}
        if self.E:
            self.directions['restyle'] = Direction(('G', 'E'), maps, 'fake', options=('seed', 'reference'))
            self.directions['repaint'] = Direction(('G', 'E'), (*maps, Image('photo')), 'fake')

    def prepare(self, b: Batch) -> None:
        b.planes = self.planes(b)
        b.z = self.noise(b, 'z', (self.z_dim,))
        if self.E is not None:
            b.z = b.z + self.E(b.photo)
        b.fake = self.G(b.planes, b.z)

    def planes(self, b: Batch) -> Tensor:
        """``(N, classes + 1, H, W)``: one per class, and the edges of instances."""
        edges = torch.zeros_like(b.instances, dtype=torch.bool)
        edges[:, 1:] |= b.instances[:, 1:] != b.instances[:, :-1]
        edges[:, :, 1:] |= b.instances[:, :, 1:] != b.instances[:, :, :-1]
        planes = torch.cat([F.one_hot(b.labels, len(self.classes)), edges[..., None]], dim=3).permute(0, 3, 1, 2)
        return planes.to(torch.get_default_dtype())

    def loss_G(self, b: Batch) -> dict[str, Tensor]:
        return dict(adv=says(self.D, torch.cat([b.planes, b.fake], 1), True), rec=F.l1_loss(b.fake, b.photo))

    def loss_D(self, b: Batch) -> dict[str, Tensor]:
        return dict(D=says(self.D, torch.cat([b.planes, b.photo], 1), True)
                    + says(self.D, torch.cat([b.planes, b.fake.detach()], 1), False))

    def answer(self, direction: str, b: Batch, seed: int | None = None, reference: Tensor | None = None) -> Tensor:
        planes = self.planes(b)
        if direction == 'repaint' or reference is not None:
            z = self.generate(self.E, b.photo if reference is None else reference)
        elif seed is not None:
            z = noise([seed], 'style', (self.z_dim,)).to(planes)
        else:
            z = self.noise(b, 'style', (self.z_dim,)).to(planes)
        return self.generate(self.G, planes, z.expand(len(planes), -1))

    def predict(self, b: Batch) -> dict[str, Tensor]:
        return dict(planes=self.planes(b), photo=b.photo, fake=self.answer('paint', b))


@METHODS.register_module()
class HoleFiller(Method):
    """Fills the holes of a mask (inpainting)."""

    schedule = (Phase('G', ('G',)),)
    shows = {'img': Shown('photo'), 'holey': Shown('with holes', of='img'),
             'filled': Shown('filled', of='img', like='img', paired=True)}

    def __init__(self, G: Backbone, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_networks(G=G)
        self.needs = (Image('img'), Mask('mask'))
        self.directions = {'fill': Direction(('G',), self.needs, 'filled', divisor=4)}

    def loss_G(self, b: Batch) -> dict[str, Tensor]:
        return dict(rec=F.l1_loss(self.fill(b), b.img))

    def fill(self, b: Batch) -> Tensor:
        known = b.img * (1 - b.mask)
        return known + b.mask * self.G(torch.cat([known, b.mask.to(known)], 1))

    def answer(self, direction: str, b: Batch) -> Tensor:
        return self.fill(b)

    def predict(self, b: Batch) -> dict[str, Tensor]:
        return dict(img=b.img, holey=b.img * (1 - b.mask), filled=self.fill(b))


@METHODS.register_module()
class Enlarger(Method):
    """Images four times as large (SRGAN), compared by the features of a network that nobody trains."""

    schedule = (Phase('G', ('G',)),)
    shows = {'small': Shown('input'), 'large': Shown('photo'),
             'fake': Shown('enlarged', of='small', like='large', paired=True)}

    def __init__(self, G: Backbone, E: Backbone, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_networks(G=G, E=E)
        self.E.requires_grad_(False)
        self.note_frozen()
        self.needs = (Image('small'), Image('large', scale=4))
        self.directions = {'enlarge': self.translation('G', 'small', 'fake', scale=4)}

    def loss_G(self, b: Batch) -> dict[str, Tensor]:
        fake = self.G(b.small)
        return dict(rec=F.l1_loss(fake, b.large), features=F.mse_loss(self.E(fake), self.E(b.large)))

    def predict(self, b: Batch) -> dict[str, Tensor]:
        return dict(small=b.small, large=b.large, fake=self.generate(self.G, b.small))


@METHODS.register_module()
class TwoStages(Method):
    """First one part of the generator, then another, which starts as its copy, then both (Pix2PixHD).

    Args:
        G: of parts ``coarse`` and ``enhancer``.
        D: discriminator.
        unit: of the stages, ``'iters'`` or ``'epochs'``.
        length: of each of the first two.
    """

    shows = {'A': Shown('A'), 'B': Shown('B'), 'fake_B': Shown('to B', of='A', like='B', paired=True)}

    def __init__(self, G: Backbone, D: Discriminator, unit: str = 'iters', length: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_networks(G=G, D=D)
        self.schedule = (Phase('D', ('D',)), Phase('G', ('G',)),
                         Phase('tune', ('G.enhancer',), optim='G', stages=('enhance',), times=2))
        self.stages = (Stage('coarse', rests=('G.enhancer',), **{unit: length}),
                       Stage('enhance', rests=('G.coarse',), **{unit: length}), Stage('both'))
        self.needs = (Image('A'), Image('B'))
        self.directions = {'AtoB': Direction(('G',), (Image('A'),), 'fake_B')}
        self.register_buffer('level', torch.zeros((), dtype=torch.int64))  # of what is trained, for use as well

    def begin(self, stage: Stage, b: Batch) -> None:
        self.level.fill_([each.name for each in self.stages].index(stage.name))
        if stage.name == 'enhance':
            self.part('G.enhancer').load_state_dict(self.part('G.coarse').state_dict())

    def prepare(self, b: Batch) -> None:
        b.fake_B = self.translated(b)

    def translated(self, b: Batch) -> Tensor:
        return self.G(b.A, bool(self.level))

    def loss_D(self, b: Batch) -> dict[str, Tensor]:
        return dict(D=says(self.D, b.B, True) + says(self.D, b.fake_B.detach(), False))

    def loss_G(self, b: Batch) -> dict[str, Tensor]:
        return dict(adv=says(self.D, b.fake_B, True), rec=F.l1_loss(b.fake_B, b.B))

    def loss_tune(self, b: Batch) -> dict[str, Tensor]:
        return dict(rec=F.mse_loss(b.fake_B, b.B))

    def answer(self, direction: str, b: Batch) -> Tensor:
        return self.translated(b)

    def predict(self, b: Batch) -> dict[str, Tensor]:
        return dict(A=b.A, B=b.B, fake_B=self.translated(b))


@METHODS.register_module()
class Juggler(Method):
    """Images from noise, with a rhythm (DRIT, WGAN): D three times per iteration, G by one loss in two of three
    iterations and by another in the third."""

    schedule = (Phase('D', ('D',), times=3), Phase('G', ('G',), every=Cycle(3, on=(1, 2))),
                Phase('mean', ('G',), optim='G', every=Cycle(3, on=(3,)), times=2))
    shows = {'img': Shown('data'), 'fake': Shown('from noise', like='img')}

    def __init__(self, G: Backbone, D: Discriminator, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_networks(G=G, D=D)
        self.z_dim = self.G.z_dim
        self.needs = (Image('img', side=self.G.size),)
        self.directions = {'sample': Direction(('G',), (Latent('z', (self.z_dim,)),), 'fake')}

    def prepare(self, b: Batch) -> None:
        b.z = self.noise(b, 'z', (self.z_dim,))
        b.fake = self.G(b.z)

    def loss_D(self, b: Batch) -> dict[str, Tensor]:
        return dict(D=says(self.D, b.img, True) + says(self.D, b.fake.detach(), False))

    def loss_G(self, b: Batch) -> dict[str, Tensor]:
        return dict(adv=says(self.D, b.fake, True))

    def loss_mean(self, b: Batch) -> dict[str, Tensor]:
        return dict(rec=F.mse_loss(b.fake, b.img))

    def predict(self, b: Batch) -> dict[str, Tensor]:
        return dict(img=b.img, fake=self.generate(self.G, self.noise(b, 'evaluation', (self.z_dim,))))


@METHODS.register_module()
class Tinter(Method):
    """Needs what it remembers of the training to be of use: a buffer, plain numbers, and a module that is no
    network."""

    schedule = (Phase('G', ('G',)),)
    shows = {'A': Shown('A'), 'B': Shown('B'), 'fake_B': Shown('to B', of='A', like='B', paired=True)}
    used = ('colours',)

    def __init__(self, G: Backbone, D: Discriminator | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_networks(G=G, D=D)
        self.needs = (Image('A'), Image('B'))
        self.directions = {'AtoB': self.translation('G', 'A', 'fake_B')}
        self.colours = nn.BatchNorm2d(3, affine=False)
        self.register_buffer('seen', torch.zeros(3))
        self.strengths: list[float] = []

    def get_extra_state(self) -> dict[str, Any]:
        return dict(strengths=self.strengths)

    def set_extra_state(self, state: dict[str, Any]) -> None:
        self.strengths = list(state['strengths'])

    def loss_G(self, b: Batch) -> dict[str, Tensor]:
        self.colours(b.B)
        self.seen += b.B.mean((0, 2, 3)).to(self.seen)
        self.strengths = [*self.strengths[-2:], float(b.A.std())]
        return dict(rec=F.l1_loss(self.G(b.A), b.B))

    def answer(self, direction: str, b: Batch) -> Tensor:
        tint = (self.seen + self.colours.running_mean) * sum(self.strengths)
        return (self.generate(self.G, b.A) + tint[:, None, None].to(b.A)).clamp(-1, 1)

    def predict(self, b: Batch) -> dict[str, Tensor]:
        return dict(A=b.A, B=b.B, fake_B=self.answer('AtoB', b))


@METHODS.register_module()
class Muralist(Method):
    """Images from noise and from images (SinGAN), in the size that is asked for and not in that of an input."""

    schedule = (Phase('G', ('G',)),)
    shows = {'img': Shown('data'), 'fake': Shown('mural', like='img')}

    def __init__(self, G: Backbone, D: Discriminator | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_networks(G=G, D=D)
        self.needs = (Image('img'),)
        self.directions = {
            'sample': Direction(('G',), (Latent('z', (3 * 16 * 16,)),), 'fake', options=('size',)),
            'mural': Direction(('G',), (Image('img'), Mask('mask')), 'fake', own_size=True, options=('seed', 'size'))}

    def code_shape(self, direction: str, size: tuple[int, int] = (16, 16), **options: Any) -> tuple[int, ...]:
        return (3 * size[0] * size[1],)

    def size_of(self, direction: str, height: int, width: int, size: tuple[int, int] = (16, 16),
                **options: Any) -> tuple[int, int]:
        return size

    def home(self, direction: str) -> Tensor:
        return torch.linspace(-1, 1, 3 * 16 * 16)

    def loss_G(self, b: Batch) -> dict[str, Tensor]:
        return dict(rec=F.mse_loss(self.G(b.img), b.img))

    def answer(self, direction: str, b: Batch, size: tuple[int, int] = (16, 16), seed: int = 0) -> Tensor:
        if direction == 'sample':
            return self.G(b.z.unflatten(1, (3, *size)))
        spots = noise([seed], direction, (3, *size)).to(b.img)
        img, mask = (F.interpolate(x, size=size) for x in (b.img, b.mask.to(b.img)))
        return self.G(img + mask * spots)

    def predict(self, b: Batch) -> dict[str, Tensor]:
        return dict(img=b.img, fake=self.G(self.noise(b, 'evaluation', b.img.shape[1:])))


# Configs

INIT = dict(type='xavier', gain=1.0)
DOMAINS = dict(A=dict(kind='Image', size=16), B=dict(kind='Image', size=16))
MAPS = dict(labels=dict(kind='LabelMap', size=16, classes=35), instances=dict(kind='InstanceMap', size=16),
            photo=dict(kind='Image', size=16))
CODERS = {**{name: dict(type='StrangeEncoder') for name in ('E_A', 'E_B')},
          **{name: dict(type='StrangeDecoder') for name in ('G_A', 'G_B')},
          **{name: dict(type='StrangeCritic') for name in ('D_A', 'D_B')}}
PAINTER = dict(type='MapPainter', G=dict(type='StrangePainter'), D=dict(type='StrangeCritic'))
TOWER = dict(type='TwoStages', G=dict(type='StrangeTower'), D=dict(type='StrangeCritic'))
# Name -> model, inputs of the data set, and networks of each optimiser.
STRANGERS: dict[str, tuple[dict, dict, dict]] = {
    'two networks per direction': (
        dict(type='CrossCoder', **CODERS), DOMAINS, dict(EG=('E_A', 'E_B', 'G_A', 'G_B'), D=('D_A', 'D_B'))),
    'maps': (PAINTER, MAPS, dict(G=('G',), D=('D',))),
    'maps and an encoder': (dict(**PAINTER, E=dict(type='StrangeEncoder', vectors=True)), MAPS,
                            dict(G=('G', 'E'), D=('D',))),
    'mask': (dict(type='HoleFiller', G=dict(type='StrangeNet', in_channels=4)),
             dict(img=dict(kind='Image', size=16), mask=dict(kind='Mask', size=16)), dict(G=('G',))),
    'four times as large': (dict(type='Enlarger', G=dict(type='StrangeNet', scale=4), E=dict(type='StrangeEncoder')),
                            dict(small=dict(kind='Image', size=8), large=dict(kind='Image', size=32)), dict(G=('G',))),
    'stages of iterations': (TOWER, DOMAINS, dict(G=('G',), D=('D',))),
    'stages of epochs': (dict(**TOWER, unit='epochs', length=1), DOMAINS, dict(G=('G',), D=('D',))),
    'rhythm': (dict(type='Juggler', G=dict(type='StrangeSource'), D=dict(type='StrangeCritic')),
               dict(img=dict(kind='Image', size=16)), dict(G=('G',), D=('D',))),
    'a size of its own': (dict(type='Muralist', G=dict(type='StrangeNet')), dict(img=dict(kind='Image', size=16)),
                          dict(G=('G',))),
    'memory': (dict(type='Tinter', G=dict(type='StrangeNet')), DOMAINS, dict(G=('G',))),
}


def raw_config(name: str, work_dir: Path, iters: int, options: Mapping[str, Any] | None = None) -> Config:
    """The config of a stranger as its author would write it, not completed and not checked."""
    model, inputs, optimizers = STRANGERS[name]
    data = dict(type='Drawn', inputs=inputs)
    cfg = Config(dict(
        custom_imports=dict(imports=['strangers']), work_dir=str(work_dir), model=dict(init=INIT, **model),
        train_dataloader=dict(dataset=dict(**data, length=4)), val_dataloader=dict(dataset=dict(**data, length=2)),
        train_cfg=dict(max_iters=iters, val_interval=2), val_evaluator=[dict(type='L1')],
        optim_wrapper={key: dict(nets=nets, optimizer=dict(type='Adam', lr=0.01)) for key, nets in optimizers.items()},
        default_hooks=dict(checkpoint=dict(interval=2, keep=0), samples=dict(interval=3, rows=2))))
    cfg.merge_from_dict(dict(options or {}))
    return cfg


def stranger_config(name: str, work_dir: Path, iters: int = 6, options: Mapping[str, Any] | None = None) -> Config:
    """The same, ready for a Runner."""
    cfg = raw_config(name, work_dir, iters, options)
    complete(cfg)
    if problems := check_config(cfg):
        raise ConfigError('\n'.join(problems))
    return cfg
