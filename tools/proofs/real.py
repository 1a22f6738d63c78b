"""Real images from packages (docs/real_sets.md): the configs fashion_mnist, openmoji and emoji as they are, with two
seeds each; every claim is about the worse of the two."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Collection
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.hooks import Hook
from torch import Tensor, nn

import proofs
from toolbox.data.io import write_image
from toolbox.data.preprocessor import to_uint8
from toolbox.data.sets.idx import IdxImages
from toolbox.engine import Runner
from toolbox.engine.config import load_config
from toolbox.features.base import FeatureNetwork
from toolbox.features.weights import Source
from toolbox.files.checkpoint import newest_checkpoint
from toolbox.metrics import SSIM
from toolbox.metrics.kernel import mmd2
from toolbox.randomness.noise import noise
from toolbox.registry import DATASETS, FEATURES, build
from toolbox.use.sampler import Sampler, grid
from toolbox.use.translator import Translator

from . import Claim, proof

ROOT = Path(__file__).resolve().parents[2]
SEEDS = (0, 1)
COUNT = 2000
CLASSES = 10
SHARE = 0.1  # of the KID before the training that is left after it


class ClothesNet(nn.Module):
    """Three convolutions and two linear layers: gray images ``(N, 1, 28, 28)`` in [-1, 1] to features and logits."""

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 16, 32, 64)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths))
        self.pool, self.logits = nn.Linear(64 * 3 * 3, 128), nn.Linear(128, CLASSES)
        self.register_buffer('size', torch.ones(()))  # of a feature, so that KID's kernel sees numbers of about 1

    def forward(self, x: Tensor, names: Collection[str] = ('logits',)) -> dict[str, Tensor]:
        for conv in self.convs:
            x = F.max_pool2d(F.relu(conv(x)), 2)
        pool = F.relu(self.pool(x.flatten(1)))
        out = {'pool': pool / self.size, 'logits': self.logits(pool)}
        return {name: out[name] for name in names}


class ClothesFeatures(FeatureNetwork):
    """A classifier of Fashion-MNIST as a feature network: ``'pool'`` ``(N, 128)``, ``'logits'`` ``(N, 10)``."""

    def __init__(self, net: ClothesNet, text: str) -> None:
        state = b''.join(value.numpy().tobytes() for value in net.state_dict().values())
        source = Source(text, hashlib.sha256(state).hexdigest())
        super().__init__(net, lambda _: source, ('pool', 'logits'), ('pool', 'logits'), 'gray, 28x28, x / 127.5 - 1')

    def preprocess(self, images: Tensor) -> Tensor:
        cut = (images.shape[-1] - 28) // 2  # the border that the configs add
        return images[:, :1, cut:cut + 28, cut:cut + 28] / 127.5 - 1


def clothes(split: str, count: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Images ``(N, 28, 28, 1)`` and labels of Fashion-MNIST."""
    data = IdxImages(str(proofs.DATA / 'fashion_mnist'), split, max_samples=count)
    return data.images, data.labels


@cache
def classifier() -> tuple[ClothesFeatures, float]:
    """A small network trained for four epochs on the training set, and its accuracy on the test set."""
    torch.manual_seed(0)
    images, labels = clothes('train')
    net, x, y = ClothesNet(), torch.tensor(images).permute(0, 3, 1, 2), torch.tensor(labels).long()
    epochs, batch = 4, 100
    optim = torch.optim.Adam(net.parameters(), lr=2e-3)
    rates = torch.optim.lr_scheduler.OneCycleLR(optim, 4e-3, epochs * len(x) // batch)
    for _ in range(epochs):
        for places in torch.randperm(len(x)).split(batch):
            loss = F.cross_entropy(net(x[places] / 127.5 - 1)['logits'], y[places])
            optim.zero_grad()
            loss.backward()
            optim.step()
            rates.step()
    with torch.no_grad():
        net.size.copy_(net(x[:COUNT] / 127.5 - 1, ('pool',))['pool'].square().mean().sqrt())
    features = ClothesFeatures(net.eval(), f'trained for {epochs} epochs')
    seen, truth = clothes('test')
    accuracy = float((features_of(features, seen)['logits'].argmax(1).numpy() == truth).mean())
    return features, accuracy


def features_of(network: ClothesFeatures, images: np.ndarray) -> dict[str, Tensor]:
    """Outputs for ``(N, H, W, 1)`` gray images, many at once."""
    with torch.no_grad():
        parts = [network.net(network.preprocess(part), network.available)
                 for part in torch.tensor(images).permute(0, 3, 1, 2).split(500)]
    return {name: torch.cat([part[name] for part in parts]) for name in network.available}


def kid(images: np.ndarray) -> float:
    """KID x 1000 against as many images of the test set, on the classifier's features."""
    both = (features_of(classifier()[0], part)['pool'].double().numpy() for part in (images, clothes('test', COUNT)[0]))
    return 1000 * mmd2(*both)


class Start(Hook):
    """Keeps what the generator makes before its training."""

    def before_train(self, runner: Any) -> None:
        method = runner.model
        z = noise(range(COUNT), 'proof', (method.z_dim,), method.prior)
        label = [torch.arange(COUNT) % method.classes] if method.classes else []
        self.images = np.concatenate([to_uint8(method.sample(*part)).permute(0, 2, 3, 1).numpy()
                                      for part in zip(*(t.split(250) for t in (z, *label)), strict=True)])


def train(config: str, folder: str, seed: int, hooks: Collection[Hook] = (), **changes: Any) -> None:
    """A config of configs/ with a seed, without scores and pictures on the way."""
    found = Path(config).name
    runner = Runner.from_cfg(load_config(ROOT / f'configs/{config}.py', {
        'work_dir': folder, 'randomness.seed': seed, 'data_root': str(proofs.DATA / found),
        'default_hooks.samples': None, 'default_hooks.status': None, 'train_cfg.val_interval': None, **changes}))
    for hook in hooks:
        runner.register_hook(hook)
    runner.train()


def generated(name: str, out: Path, seed: int, **changes: Any) -> tuple[np.ndarray, np.ndarray]:
    """Samples of a method on Fashion-MNIST before and after its training, and a picture of the latter."""
    start = Start()
    with tempfile.TemporaryDirectory() as folder:
        train(f'{name}/fashion_mnist', folder, seed, [start], **changes)
        sampler = Sampler(folder)
        images = sampler.sample(COUNT)
    write_image(out / f'fashion_{name}_{seed}.png', grid(images[:40], 10))
    return start.images, images


def clothes_claims(name: str, out: Path) -> tuple[list[Claim], list[np.ndarray]]:
    """The classifier's accuracy, and KID before and after the trainings; also the samples of each seed."""
    made = [generated(name, out, seed) for seed in SEEDS]
    before, after = min(kid(start) for start, _ in made), max(kid(images) for _, images in made)
    return [Claim('accuracy of the classifier on the test set, whose features KID takes', classifier()[1],
                  1 / CLASSES, at_least=0.9),
            Claim(f'KID x 1000 of {COUNT} samples, the worse of {len(SEEDS)} seeds', after, before,
                  at_most=SHARE * before)], [images for _, images in made]


@proof('clothes, DCGAN', needs='fashion_mnist')
def dcgan(out: Path) -> list[Claim]:
    return clothes_claims('dcgan', out)[0]


@proof('clothes, WGAN-GP', needs='fashion_mnist')
def wgan_gp(out: Path) -> list[Claim]:
    return clothes_claims('wgan_gp', out)[0]


@proof('clothes, VAE', needs='fashion_mnist')
def vae(out: Path) -> list[Claim]:
    return clothes_claims('vae', out)[0]


@proof('clothes, CGAN', needs='fashion_mnist')
def cgan(out: Path) -> list[Claim]:
    claims, made = clothes_claims('cgan', out)
    wanted = np.arange(COUNT) % CLASSES
    right = min(float((features_of(classifier()[0], images)['logits'].argmax(1).numpy() == wanted).mean())
                for images in made)
    return [*claims, Claim('samples that the classifier takes for the class asked for, the worse seed', right,
                           1 / CLASSES, at_least=0.85)]


def translated(config: str, folder: Path, seed: int) -> tuple[list[np.ndarray], ...]:
    """Held-out sources, their translations by a config trained with a seed, and their true partners, ``(H, W, C)``."""
    train(config, str(folder), seed)
    translator = Translator(newest_checkpoint(folder))
    data = held(config, 'test')
    sources, partners = ([array(sample[key]) for sample in data] for key in 'AB')
    return sources, [translator(source) for source in sources], partners


def held(config: str, split: str) -> list[dict[str, Any]]:
    """All samples of a split, as the config's validation sees them."""
    cfg = load_config(ROOT / f'configs/{config}.py', {'data_root': str(proofs.DATA / Path(config).name)})
    data = build(dict(cfg.val_dataloader.dataset, split=split), DATASETS)
    return [data[i] for i in range(len(data))]


def array(image: Tensor) -> np.ndarray:
    return image.permute(1, 2, 0).numpy()


def l1(a: list[np.ndarray], b: list[np.ndarray]) -> float:
    """Mean absolute error in levels of 256."""
    return float(np.abs(np.stack(a).astype(float) - np.stack(b)).mean())


def coarse(images: list[np.ndarray], side: int = 4) -> list[np.ndarray]:
    """Means of ``side x side`` pixels."""
    return [image.reshape(image.shape[0] // side, side, -1, side, image.shape[2]).mean((1, 3)) for image in images]


def blur(image: np.ndarray) -> np.ndarray:
    """Means of each pixel and its neighbours; the border is repeated."""
    wide = np.pad(image.astype(float), ((1, 1), (1, 1), (0, 0)), mode='edge')
    means = np.lib.stride_tricks.sliding_window_view(wide, (3, 3), axis=(0, 1)).mean((3, 4))
    return np.rint(means).astype(np.uint8)


def looks(images: list[np.ndarray]) -> Tensor:
    """Normalised features ``(N, C, H, W)`` of EfficientNet-Lite0's fourth stage."""
    network = build(dict(type='EfficientNetLite0'), FEATURES)
    batch = torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2).copy())
    return F.normalize(network.extract(batch, 'stage4')['stage4'])


def apart(a: Tensor, b: Tensor) -> float:
    """Mean squared distance of normalised features (as in LPIPS, without its weights)."""
    return float((a - b).square().sum(1).mean())


def ssim(a: list[np.ndarray], b: list[np.ndarray]) -> float:
    metric = SSIM()
    return float(np.mean([metric.score(x.transpose(2, 0, 1), y.transpose(2, 0, 1)) for x, y in zip(a, b, strict=True)]))


@proof('symbols, Pix2Pix', needs='openmoji')
def pix2pix(out: Path) -> list[Claim]:
    """Outlines are coloured better than by the drawing of the nearest outline of the training, and by the mean
    drawing."""
    seen = held('pix2pix/openmoji', 'train')
    known, colours = (np.stack([array(sample[key]) for sample in seen]) for key in 'AB')
    found = []
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            sources, made, true = translated('pix2pix/openmoji', Path(folder), seed)
        write_rows(out / f'openmoji_pix2pix_{seed}.png', sources, made, true)
        found.append(made)
    nearest = [colours[np.square(known.astype(np.float32) - source).sum((1, 2, 3)).argmin()] for source in sources]
    mean = [np.rint(colours.mean(0)).astype(np.uint8)] * len(true)
    error, likeness = max(l1(made, true) for made in found), min(ssim(made, true) for made in found)
    others = {'nearest neighbour': nearest, 'mean drawing': mean}
    outline = Claim('L1 in levels of 256, the worse seed (before: outline)', error, l1(sources, true),
                    at_most=l1(sources, true))
    return [outline, *(claim for name, images in others.items() for claim in (
        Claim(f'L1 in levels of 256, the worse seed (before: {name})', error, l1(images, true),
              at_most=l1(images, true)),
        Claim(f'SSIM, the worse seed (before: {name})', likeness, ssim(images, true), at_least=ssim(images, true))))]


class Likeness(NamedTuple):
    """Of images to the true partners: L1 in levels of 256, SSIM, squared distance in features."""

    l1: float
    ssim: float
    features: float


def emoji_claims(name: str, out: Path, by_ssim: bool = True) -> list[Claim]:
    """Google's emoji become more like Twitter's of the same symbol, though no training saw which belong together.

    L1 and SSIM reward blur: their numbers for the source blurred by means of 3x3 pixels are printed beside, and
    the L1 of means of 4x4 pixels, which blur hardly changes. Against the source no method wins by the features of
    EfficientNet-Lite0 (the extra ``real``): these are claimed against another symbol alone (docs/real_sets.md).

    Args:
        name: of the method in ``configs``.
        out: folder for pictures.
        by_ssim: whether SSIM is claimed against the source, too.
    """
    found = []
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            sources, made, true = translated(f'{name}/emoji', Path(folder), seed)
        write_rows(out / f'emoji_{name}_{seed}.png', sources, made, true)
        found.append(made)
    partner = looks(true)
    scores = {}
    for row, images in {**{f'seed {seed}': made for seed, made in zip(SEEDS, found, strict=True)}, 'source': sources,
                        'blurred': [blur(source) for source in sources], 'other': true[1:] + true[:1]}.items():
        scores[row] = score = Likeness(l1(images, true), ssim(images, true), apart(looks(images), partner))
        print(f'emoji, {name}, {row}: L1 {score.l1:.2f}, of means {l1(coarse(images), coarse(true)):.2f}, SSIM '
              f'{score.ssim:.4f}, features {score.features:.4f}', flush=True)
    made = [scores[f'seed {seed}'] for seed in SEEDS]
    error, likeness = max(score.l1 for score in made), min(score.ssim for score in made)
    claims = []
    for row, before in {'source': 'untranslated source', 'other': 'another symbol of Twitter'}.items():
        worst = f'to the true partner, the worse seed (before: {before})'
        claims.append(Claim(f'L1 in levels of 256 {worst}', error, scores[row].l1, at_most=scores[row].l1))
        if by_ssim or row == 'other':
            claims.append(Claim(f'SSIM {worst}', likeness, scores[row].ssim, at_least=scores[row].ssim))
    far = scores['other'].features
    return [*claims, Claim(f'squared distance of EfficientNet-Lite0 stage 4 {worst}',
                           max(score.features for score in made), far, at_most=far)]


@proof('emoji, CycleGAN', needs='emoji')
def cyclegan(out: Path) -> list[Claim]:
    return emoji_claims('cyclegan', out)


@proof('emoji, AGGAN', needs='emoji')
def aggan(out: Path) -> list[Claim]:
    return emoji_claims('aggan', out)


@proof('emoji, U-GAT-IT', needs='emoji')
def ugatit(out: Path) -> list[Claim]:
    return emoji_claims('ugatit', out, by_ssim=False)


def write_rows(path: Path, *rows: list[np.ndarray], count: int = 20) -> None:
    """The first few pictures of each row, one row below the other."""
    write_image(path, grid(np.stack([image for row in rows for image in row[:count]]), count))
