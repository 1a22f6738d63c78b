"""Many domains: StarGAN changes the attribute asked for alone, StarGAN v2 has styles and takes them from references."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from toolbox.data.collate import stack_samples
from toolbox.data.io import write_image
from toolbox.data.preprocessor import to_uint8
from toolbox.data.sets.toys import SyntheticAttributes, SyntheticDomains, SyntheticToys
from toolbox.data.worlds.toys import hue_distance, looks_of
from toolbox.engine import Runner
from toolbox.engine.config import load_config
from toolbox.files.checkpoint import newest_checkpoint
from toolbox.metrics import UGATITKID, AttributeAccuracy, DomainAccuracy
from toolbox.use.grids import domain_grid, latent_grid, reference_grid
from toolbox.use.translator import Translator

from . import Claim, proof

ROOT = Path(__file__).resolve().parents[2]
COUNT, SEEDS = 128, 8


def train(config: str, out: Path) -> Translator:
    """A config of ``configs/`` as it is, without scores on the way."""
    folder = out / config.replace('/', '_').removesuffix('.py')
    options = {'work_dir': str(folder), 'train_cfg.val_interval': None}
    Runner.from_cfg(load_config(ROOT / 'configs' / config, options)).train()
    return Translator(newest_checkpoint(folder))


def predictions(translator: Translator, data: SyntheticToys) -> list[dict[str, Any]]:
    """What the validation would see of toys that no training saw."""
    return [sample for start in range(0, len(data), 16)
            for sample in translator.model.val_step(stack_samples([data[i] for i in range(start, start + 16)]))]


def kid(samples: list[dict[str, Any]], pred: str, real: list[Tensor], what: str) -> list[Claim]:
    """KID in both readings of U-GAT-IT's table, against other toys of the domain; before: of the images as they
    were."""
    samples = [{**sample, 'real': real[i]} for i, sample in enumerate(samples)]
    before, after = (_readings(samples, key) for key in ('img', pred))
    return [Claim(f'KID x 100 of {what}, {name} (standard error {after[f"{name}_error"]:.2g}), random features',
                  after[name],
                  before[name], at_most=1.0) for name in ('target', 'mean')]


def _readings(samples: list[dict[str, Any]], pred: str) -> dict[str, float]:
    metric = UGATITKID(pred, 'real', 'img', features=dict(type='RandomFeatures'))
    metric.process(None, samples)
    return {key.removeprefix('UGATITKID_'): value for key, value in metric.evaluate(len(samples)).items()}


@proof('toys, StarGAN')
def stargan(out: Path) -> list[Claim]:
    return stargan_claims(train('stargan/synthetic.py', out), out)


def stargan_claims(translator: Translator, out: Path) -> list[Claim]:
    """What holds of a trained StarGAN; before a training nothing is changed, and everything kept."""
    data = SyntheticAttributes(32, COUNT, 'held out')
    samples = predictions(translator, data)
    metric = AttributeAccuracy()
    metric.process(None, samples)
    found = metric.evaluate(COUNT)
    write_image(out / 'stargan.png', domain_grid(translator, [picture(sample['img']) for sample in samples[:6]]))
    return [Claim('share with the attribute asked for', found['AttributeAccuracy'], 0.0, at_least=0.9),
            Claim('share of the other attributes that stay', found['AttributeAccuracy_kept'], 1.0, at_least=0.9),
            *kid(samples, 'fake_striped', real_attributes('striped'), 'stripes')]


def real_attributes(name: str) -> list[Tensor]:
    """Toys that have an attribute."""
    data = SyntheticAttributes(32, 8 * COUNT, 'real')
    place = data.attributes.index(name)
    return [sample['img'] for sample in (data[i] for i in range(len(data))) if sample['attributes'][place]][:COUNT]


@proof('toys, StarGAN v2')
def starganv2(out: Path) -> list[Claim]:
    return starganv2_claims(train('starganv2/synthetic.py', out), out)


def starganv2_claims(translator: Translator, out: Path) -> list[Claim]:
    """What holds of a trained StarGAN v2; before a training, an image has its own domain and one hue."""
    size = translator.model.size
    data = SyntheticDomains(size, COUNT, 'held out')
    samples = predictions(translator, data)
    metric = DomainAccuracy()
    metric.process(None, samples)
    found = metric.evaluate(COUNT)
    right, spread = by_seed(translator, samples)
    draw(translator, samples, out)
    real = [sample['img'] for sample in (SyntheticDomains(size, 3 * COUNT, 'real')[i] for i in range(1, 3 * COUNT, 3))]
    return [Claim(f'share in the domain asked for, {SEEDS} latents', right, 1 / 3, at_least=0.8),
            Claim(f'mean distance between the hues of {SEEDS} latents (unrelated: 0.25 of the circle)', spread, 0.0,
                  at_least=0.15),
            Claim('share in the domain of the reference', found['DomainAccuracy_ref'], 0.0, at_least=0.8),
            Claim("share with the reference's hue within a twelfth of the circle", found['DomainAccuracy_hue'], 1 / 6,
                  at_least=0.8),
            *kid(samples, 'fake_striped', real, 'stripes')]


def by_seed(translator: Translator, samples: list[dict[str, Any]]) -> tuple[float, float]:
    """Share in the domain asked for, and the mean pairwise distance between the hues of one image's translations."""
    images = torch.stack([sample['img'] for sample in samples]).float() / 127.5 - 1
    masks = [sample['mask'][0].numpy() / 255 for sample in samples]
    right, spread = [], []
    for domain in translator.directions:
        fakes = [to_uint8(translator.model.translate(images, domain, seed=seed)) for seed in range(SEEDS)]
        for i, mask in enumerate(masks):
            looks = [looks_of(picture(fake[i]), mask) for fake in fakes]
            right += [look.domain() == domain for look in looks]
            spread += [hue_distance(a.hue, b.hue) for n, a in enumerate(looks) for b in looks[:n]]
    return float(np.mean(right)), float(np.mean(spread))


def draw(translator: Translator, samples: list[dict[str, Any]], out: Path) -> None:
    """A grid by seeds and one by references for each domain."""
    images, references = ([picture(sample[key]) for sample in samples[:5]] for key in ('img', 'ref'))
    for domain in translator.directions:
        translator.direction = domain
        write_image(out / f'starganv2_{domain}_latents.png', latent_grid(translator, images, range(SEEDS)))
        write_image(out / f'starganv2_{domain}_references.png', reference_grid(translator, images, references))


def picture(image: Tensor) -> np.ndarray:
    """``(3, H, W)`` -> ``(H, W, 3)``."""
    return image.permute(1, 2, 0).numpy()
