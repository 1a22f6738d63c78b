"""Label maps: Pix2PixHD, Pix2PixHD++ and SPADE draw scenes whose classes and style can be read off the pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from toolbox.data.collate import stack_samples
from toolbox.data.io import write_image
from toolbox.data.preprocessor import to_uint8
from toolbox.data.sets.scenes import SyntheticScenes
from toolbox.data.worlds.scenes import CLASSES, OBJECTS, PER_CLASS, STYLE, read_scenes
from toolbox.engine import Runner
from toolbox.engine.config import load_config
from toolbox.methods.base import Method
from toolbox.metrics.labels import confusion_matrix, segmentation_scores

from . import Claim, proof

ROOT = Path(__file__).resolve().parents[2]
COUNT, SEEDS = 64, 8
SMALLEST_OBJECT = 30  # pixels, of an object that is changed


@dataclass
class Scenes:
    """Scenes that no training saw: maps int64 ``(N, H, W)``, and pictures ``(N, 3, H, W)`` in [-1, 1]."""

    maps: dict[str, Tensor]
    pictures: Tensor

    @classmethod
    def of(cls, data: SyntheticScenes) -> Scenes:
        batch = stack_samples([data[i] for i in range(len(data))])
        return cls({key: batch[key].long() for key in data.maps}, batch['img'].float() / 127.5 - 1)

    def draw(self, method: Method, **options: Any) -> Tensor:
        """What a method makes of the maps."""
        takes = [port.name for port in method.directions['synthesis'].takes]
        return method.ask('synthesis', {name: self.maps[name] for name in takes}, **options)

    def miou(self, pictures: Tensor) -> float:
        """How well the classes that are read off pictures fit the label maps."""
        found, _ = read_scenes(as_bytes(pictures))
        return float(segmentation_scores(confusion_matrix(self.maps['label_map'].numpy(), found, len(CLASSES)))['mIoU'])

    def distance(self, pictures: Tensor) -> float:
        """Mean distance to the true pictures, in levels of 256."""
        return float((pictures - self.pictures).abs().mean()) * 127.5


def as_bytes(pictures: Tensor) -> np.ndarray:
    return to_uint8(pictures).permute(0, 2, 3, 1).numpy()


def styles(pictures: Tensor) -> np.ndarray:
    """Daylight, season and vividness, read off pictures, ``(N, 3)``."""
    return read_scenes(as_bytes(pictures))[1]


def load(config: str, out: Path, options: dict[str, Any] | None = None) -> Any:
    """The Runner of a config of ``configs/``, without scores on the way."""
    fixed = {'work_dir': str(out / config.replace('/', '_').removesuffix('.py')), 'train_cfg.val_interval': None}
    return Runner.from_cfg(load_config(ROOT / 'configs' / config, {**fixed, **(options or {})}))


def untrained(config: str, out: Path) -> Method:
    method: Method = load(config, out).model
    method.init_weights()
    return method


def train(config: str, out: Path, options: dict[str, Any] | None = None) -> Any:
    """The Runner after its training."""
    runner = load(config, out, options)
    runner.train()
    return runner


def held_out(runner: Any) -> Scenes:
    """Scenes that neither training nor validation saw, in the styles of the validation."""
    data = runner.val_loop.dataloader.dataset
    return Scenes.of(SyntheticScenes(data.size, COUNT, 'held out', style=data.style))


def mean_picture(runner: Any) -> Tensor:
    """Of the training, ``(1, 3, H, W)``."""
    data = runner.train_loop.dataloader.dataset
    return Scenes.of(SyntheticScenes(data.size, 500, data.split, style=data.style)).pictures.mean(0, keepdim=True)


def synthesis(before: Tensor, after: Tensor, scenes: Scenes, mean: Tensor, miou: float, l1: float,
              share: float = 0.65) -> list[Claim]:
    """Classes and pixels, against the untrained network and against the mean picture of the training for all maps."""
    flat = mean.expand_as(scenes.pictures)
    return [Claim('mIoU (before: untrained)', scenes.miou(after), scenes.miou(before), at_least=miou),
            Claim('the same, minus that of the mean picture', scenes.miou(after) - scenes.miou(flat), at_least=0.3),
            Claim('L1 in levels of 256 (before: untrained)', scenes.distance(after), scenes.distance(before),
                  at_most=l1),
            Claim('the same, share of that of the mean picture', scenes.distance(after) / scenes.distance(flat),
                  at_most=share)]


def sheet(file: Path, *rows: Tensor) -> None:
    """Rows of six pictures."""
    write_image(file, np.concatenate([np.concatenate(list(as_bytes(row[:6])), 1) for row in rows]))


def synthesis_of(config: str, out: Path, miou: float, l1: float) -> list[Claim]:
    before, runner = untrained(config, out), train(config, out)
    scenes = held_out(runner)
    after = scenes.draw(runner.model)
    sheet(out / f'{config.split("/")[0]}.png', after, scenes.pictures)
    return synthesis(scenes.draw(before), after, scenes, mean_picture(runner), miou, l1)


@proof('scenes, SPADE')
def spade(out: Path) -> list[Claim]:
    return synthesis_of('spade/synthetic.py', out, 0.6, 12)


@proof('scenes, Pix2PixHD++')
def pix2pixhdpp(out: Path) -> list[Claim]:
    return synthesis_of('pix2pixhdpp/synthetic.py', out, 0.6, 12)


@proof('scenes, SPADE with encoder')
def spade_vae(out: Path) -> list[Claim]:
    """Each map in the style of its own picture, in that of another scene, and in those of seeds."""
    before, runner = untrained('spade/synthetic_vae.py', out), train('spade/synthetic_vae.py', out)
    method, scenes, mean = runner.model, held_out(runner), mean_picture(runner)
    own, others = [torch.cat([one(scenes, i).draw(method, reference=scenes.pictures[j:j + 1]) for i, j in pairs])
                   for pairs in ([(i, i) for i in range(COUNT)], [(i, (i + 1) % COUNT) for i in range(COUNT)])]
    first = torch.cat([one(scenes, i).draw(before, reference=scenes.pictures[i:i + 1]) for i in range(COUNT)])
    sheet(out / 'spade_references.png', others, scenes.pictures.roll(-1, 0))
    wanted, found = (styles(pictures) for pictures in (scenes.pictures.roll(-1, 0), others))
    spread = np.stack([styles(scenes.draw(method, seed=seed)) for seed in range(SEEDS)]).std(0).mean()
    return [*synthesis(first, own, scenes, mean, 0.8, 10, 0.5),
            *(Claim(f"correlation with the {name} of another scene's picture",
                    float(np.corrcoef(found[:, k], wanted[:, k])[0, 1]), at_least=0.8) for k, name in enumerate(STYLE)),
            Claim(f'standard deviation of the style over {SEEDS} seeds (of the world: 0.58)', float(spread), 0.0,
                  at_least=0.2)]


def one(scenes: Scenes, i: int) -> Scenes:
    """A single scene."""
    return Scenes({key: value[i:i + 1] for key, value in scenes.maps.items()}, scenes.pictures[i:i + 1])


@proof('scenes, Pix2PixHD')
def pix2pixhd(out: Path) -> list[Claim]:
    """Each picture with the features of its own objects; and with those of one object changed to another cluster."""
    before, runner = untrained('pix2pixhd/synthetic.py', out), train('pix2pixhd/synthetic.py', out)
    method, scenes, mean = runner.model, held_out(runner), mean_picture(runner)
    own, first = [torch.cat([one(scenes, i).draw(net, reference=scenes.pictures[i:i + 1]) for i in range(COUNT)])
                  for net in (method, before)]
    inside, outside, pictures = change_objects(method, scenes)
    sheet(out / 'pix2pixhd.png', own, scenes.pictures, *pictures)
    return [*synthesis(first, own, scenes, mean, 0.65, 12),
            Claim('change of an object whose cluster is changed, in levels of 256', inside, 0.0, at_least=8),
            Claim('change of all else, share of that', outside / inside, at_most=0.2)]


def change_objects(method: Any, scenes: Scenes) -> tuple[float, float, tuple[Tensor, Tensor]]:
    """Mean change inside and outside of one object per scene between its two most different clusters; and those
    pictures."""
    first, second, inside, outside = [], [], [], []
    for i in range(COUNT):
        scene, numbers = one(scenes, i), scenes.maps['instance_map'][i]
        found, counts = numbers.unique(return_counts=True)
        number = next((int(n) for n, count in zip(found, counts, strict=True) if count >= SMALLEST_OBJECT
                       and CLASSES[n // PER_CLASS if n >= PER_CLASS else n] in OBJECTS), None)
        if number is None:
            continue
        centres = method.bank.centres()[number // PER_CLASS]
        far = torch.cdist(centres, centres).argmax().item()
        a, b = (scene.draw(method, seed=0, clusters={number: k}) for k in divmod(int(far), len(centres)))
        change = (a - b).abs().mean(1)[0] * 127.5
        inside.append(float(change[numbers == number].mean()))
        outside.append(float(change[numbers != number].mean()))
        first.append(a)
        second.append(b)
    return float(np.mean(inside)), float(np.mean(outside)), (torch.cat(first), torch.cat(second))


NORMS = {'SPADE': dict(type='SPADE', base='IN', hidden=32), 'concat': dict(type='Concat', base='IN'),
         'AdaIN': dict(type='AdaIN')}
SHORT = {'train_cfg.max_iters': 60, 'param_scheduler.constant': 30, 'param_scheduler.decay': 30}


@proof('uniform maps and scenes, norms')
def norms(out: Path) -> list[Claim]:
    """One generator with three norms, trained on maps half of which are one class all over; means over two seeds."""
    found = {name: np.mean([compare(norm, seed, out / f'{name} {seed}') for seed in (0, 1)], axis=0)
             for name, norm in NORMS.items()}
    claims = []
    for place, (kind, bound) in enumerate((('scenes', 0.5), ('uniform maps', 0.7))):
        ours, concat, adain = (found[name][place] for name in ('SPADE', 'concat', 'AdaIN'))
        claims += [Claim(f'mIoU of {kind}, SPADE', ours, at_least=bound),
                   Claim('the same, minus that of concat', ours - concat, at_least=0.0),
                   Claim('the same, minus that of AdaIN', ours - adain, at_least=0.2)]
    return claims


def compare(norm: dict[str, Any], seed: int, out: Path) -> list[float]:
    """The mIoU of scenes and of uniform maps."""
    options = {'model.G.norm': dict(norm, _delete_=True), 'randomness.seed': seed, **SHORT,
               'train_dataloader.dataset.uniform': 0.5, 'train_dataloader.dataset.seed': seed}
    runner = train('spade/synthetic.py', out, options)
    method, scenes = runner.model, held_out(runner)
    uniform = Scenes.of(SyntheticScenes(scenes.pictures.shape[-1], COUNT, 'held out', uniform=1.0, style=(0, 0, 0)))
    return [kind.miou(kind.draw(method)) for kind in (scenes, uniform)]
