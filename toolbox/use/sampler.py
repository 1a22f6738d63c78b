"""From a trained run to new images: by seed, by class, between two seeds; and images through an autoencoder."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.preprocessor import DataPreprocessor
from ..data.transforms import resize
from ..errors import ConfigError
from ..methods.directions import ClassLabel, Direction, Image, Latent, Port
from ..pictures import arrange
from ..progress import tracked
from ..randomness.keys import hash_seed
from .given import ImageLike
from .inputs import as_tensor, choose_device, from_tensor, read_inputs, require_finite
from .load import find_checkpoint, load_method
from .preparation import Preparation

BATCH = 16  # always, so that an image does not depend on how many are made with it
LARGE = 2**16  # numbers in the codes of a batch: codes as large as images are taken fewer at a time


class Sampler:
    """Makes images with the generator of a trained method; a checkpoint is all it needs.

    Image ``i`` of seed ``s`` is a function of the checkpoint, ``s``, ``i``, its label and the truncation: whatever the
    number of images. Moving averages of the weights are used where the checkpoint holds them.

    Args:
        run: work directory of a training run, a checkpoint file, or ``'hf://user/name'`` as for
            :class:`toolbox.Translator`.
        device: ``'cpu'``, ``'cuda'``, ...; a GPU if there is one when None. Devices round differently.
        checkpoint: which checkpoint of a work directory: ``'last'``, ``'best'``, or a file name in it.
        plugins: modules with parts of the run, which are imported first.

    Attributes:
        path: the checkpoint in use.
        classes: number of classes; 0 for a generator without labels.
        value_range: numbers and type of the images; None for uint8.

    Raises:
        CheckpointError: there is no such checkpoint, or it cannot be used.
        ConfigError: its method makes no images from noise.

    Example:
        >>> s = Sampler('work_dirs/cgan/synthetic')
        >>> images = s.sample(8, seed=1, label=5)        # (8, H, W, C) uint8
        >>> frames = s.interpolate(1, 2, steps=9, label=5)
    """

    def __init__(self, run: str | Path, device: str | torch.device | None = None, checkpoint: str = 'last',
                 plugins: Sequence[str] = ()) -> None:
        self.path = find_checkpoint(run, checkpoint)
        self.device = choose_device(device)
        model, names = load_method(self.path, plugins)
        self.asked = {name: model.directions[name] for name in names}
        direction = self._find(lambda asked: asked.first(Latent) and not asked.maps)
        if direction is None:
            raise ConfigError(f'{self.path}: {type(model).__name__} makes no images from noise; '
                              'translate images with it: toolbox translate.')
        self.direction, self.model = direction, model.to(self.device).eval()
        self.latent: Latent = self.asked[self.direction].first(Latent)
        label = self.asked[self.direction].first(ClassLabel)
        self.classes = label.classes if label else 0
        self.preprocess = DataPreprocessor().to(self.device)
        self.value_range = self.model.range_of(self.asked[self.direction].gives)
        self.plugins = plugins

    @cached_property
    def prepare(self) -> Preparation:
        """What images go through first; only an encoder asks."""
        return Preparation(self.model.run_config, self.path, self.plugins)

    def sample(self, count: int, seed: int = 0, label: int | Sequence[int] | None = None,
               truncation: float | None = None, **options: Any) -> np.ndarray:
        """New images.

        Args:
            count: how many.
            seed: another one gives other images.
            label: one for all, or one per image; None takes the classes in turn. Only for generators with classes.
            truncation: bound on the numbers in z: below about 2 images become more typical and less varied.
            **options: what else the direction looks at, such as ``size=(height, width)`` and ``start``.

        Returns:
            ``(count, H, W, C)`` uint8, RGB or gray.

        Raises:
            ConfigError: an invalid argument.
        """
        if count < 1 or (truncation is not None and truncation <= 0):
            raise ConfigError(f'count >= 1 and truncation > 0 are needed, found {count} and {truncation}.')
        seeds = [hash_seed(seed, i) for i in range(count)]
        return self._images(self.direction, self.latent, self._latents(seeds, truncation, options=options),
                            self._labels(count, label), options)

    def interpolate(self, start: int | ImageLike, end: int | ImageLike, /, steps: int = 9,
                    label: int | Sequence[int] | None = None, truncation: float | None = None,
                    **options: Any) -> np.ndarray:
        """Images on the way from the first image of one seed to that of another, or between two images that are
        encoded.

        z moves on a great circle between seeds of a normal prior, near which most of its mass is (White 2016), else on
        a line.

        Args:
            start: a seed, or for methods with an encoder an image.
            end: a seed or an image, as above.
            steps: number of images, both ends included.
            label: one for all, or one per image; 0 when None.
            truncation: as for :meth:`sample`.
            **options: as for :meth:`sample`.

        Returns:
            ``(steps, H, W, C)`` uint8.
        """
        if steps < 2:
            raise ConfigError(f'interpolate.steps: at least 2, found {steps}.')
        a, b = (self._end(place, truncation, options) for place in (start, end))
        seeds = isinstance(start, int) and isinstance(end, int)
        path = slerp if seeds and self.latent.prior == 'normal' else torch.lerp
        z = torch.stack([path(a, b, t) for t in torch.linspace(0, 1, steps)])
        labels = self._labels(steps, 0 if self.classes and label is None else label)
        return self._images(self.direction, self.latent, z, labels, options)

    def animate(self, frames: int = 100, seed: int = 0, label: int | None = None, alpha: float = 0.1,
                beta: float = 0.9, **options: Any) -> np.ndarray:
        """An image that moves: z walks at random about one place (Rott Shaham et al. 2019, section 4).

        The place is the one that the method calls home (the z of its training image, at that size), else the z of the
        seed. A frame is a function of the checkpoint, the options, the seed and its number: of a longer animation, the
        first frames are the same.

        Args:
            frames: how many.
            seed: another one gives another walk.
            label: class of all frames; 0 when None. Only for generators with classes.
            alpha: in [0, 1]: share of the place in every z, so how near to it the walk stays.
            beta: in [0, 1]: how much a step keeps of the one before, the rest is noise: near 1 is slow and smooth.
            **options: as for :meth:`sample`.

        Returns:
            ``(frames, H, W, C)`` uint8.

        Raises:
            ConfigError: an invalid argument, or z has no normal prior.
        """
        if frames < 1 or not (0 <= alpha <= 1 and 0 <= beta <= 1):
            raise ConfigError(f'animate: frames >= 1, and alpha and beta from 0 to 1 are needed; found {frames}, '
                              f'{alpha} and {beta}.')
        if self.latent.prior != 'normal':
            raise ConfigError(f'{self.path}: animate: walks at random need a normal z; that of '
                              f'{type(self.model).__name__} has the prior {self.latent.prior}.')
        drawn = self._latents([hash_seed(seed, 0)], options=options)[0]
        home = self.model.home(self.direction)  # at the size of the training image
        place = drawn if home is None or home.shape != drawn.shape else home.cpu()
        steps = (self._latents([hash_seed(seed, k)], name='walk', options=options)[0] for k in itertools.count())
        path, images = itertools.islice(walk(place, steps, alpha, beta), frames), []
        for part in iter(lambda: [*itertools.islice(path, BATCH)], []):
            labels = self._labels(len(part), 0 if self.classes and label is None else label)
            images += [*self._images(self.direction, self.latent, torch.stack(part), labels, options)]
        return np.stack(images)

    def reconstruct(self, images: Sequence[ImageLike], label: int | Sequence[int] | None = None) -> np.ndarray:
        """Images after they went through the encoder and the decoder.

        Args:
            images: files or arrays ``(H, W, C)`` uint8; resized to what the encoder takes.
            label: as for :meth:`sample`.

        Returns:
            ``(N, H, W, C)`` uint8.

        Raises:
            ConfigError: the method has no encoder.
            DataError: an image cannot be read.
        """
        name, port = self._taking_images(lambda asked: asked.first(Image) and asked.gives in self.model.shows)
        x = torch.cat([self._load(port, image) for image in images])
        return self._images(name, port, x, self._labels(len(x), label))

    def _find(self, wanted: Callable[[Direction], Any]) -> str | None:
        """The first direction that the checkpoint offers of this kind."""
        return next((name for name, asked in self.asked.items() if wanted(asked)), None)

    def _latents(self, seeds: Sequence[int], truncation: float | None = None, name: str = 'sample',
                 options: Mapping[str, Any] = MappingProxyType({})) -> Tensor:
        if self.latent.prior is None:
            raise ConfigError(f'{self.path}: {type(self.model).__name__} has no distribution to sample from; it can '
                              'reconstruct images and go from one to another.')
        shape = self.model.code_shape(self.direction, **options)
        return self.model.noise_of(seeds, name, shape, self.latent.prior, truncation)

    @torch.inference_mode()
    def _end(self, place: int | ImageLike, truncation: float | None, options: Mapping[str, Any]) -> Tensor:
        if isinstance(place, int):
            return self._latents([hash_seed(place, 0)], truncation, options=options)[0]
        encoder, port = self._taking_images(lambda asked: asked.gives == self.latent.name)
        return self.model.ask(encoder, {port.name: self._load(port, place)})[0].cpu()

    def _taking_images(self, wanted: Callable[[Direction], Any]) -> tuple[str, Image]:
        direction = self._find(wanted)
        if direction is None:
            raise ConfigError(f'{self.path}: {type(self.model).__name__} has no encoder, so that it takes no images.')
        return direction, self.asked[direction].first(Image)

    def _load(self, port: Image, image: ImageLike) -> Tensor:
        known = self.model.range_of(port.name)
        array = read_inputs({port: known}, {port.name: image}, self.prepare,
                            pixels=self.model.run_facts['pixels'])[port.name]
        return as_tensor(port, resize(array, port.side, port.side) if port.side else array, self.preprocess, known)

    def _labels(self, count: int, label: int | Sequence[int] | None) -> Tensor | None:
        if not self.classes:
            if label is not None:
                raise ConfigError(f'{self.path}: the generator takes no label, found {label!r}.')
            return None
        if label is None:
            label = [i % self.classes for i in range(count)]
        labels = [label] * count if isinstance(label, int) else list(label)
        if len(labels) != count or not all(0 <= i < self.classes for i in labels):
            raise ConfigError(f'label: one, or one per image ({count}), from 0 to {self.classes - 1}; found {label!r}.')
        return torch.tensor(labels)

    @torch.inference_mode()
    def _images(self, direction: str, port: Port, x: Tensor, labels: Tensor | None,
                options: Mapping[str, Any] = MappingProxyType({})) -> np.ndarray:
        """What a direction gives for codes or images, in batches of one size: the last one is filled up."""
        label = self.asked[direction].first(ClassLabel)
        names = (port.name, *([label.name] if label else []))
        inputs = [t.to(self.device) for t in (x, labels) if t is not None]
        batch = max(1, min(BATCH, LARGE // x[0].numel())) if isinstance(port, Latent) else BATCH
        images: list[np.ndarray] = []
        for at in tracked(range(0, len(x), batch), 'batches', keep=False):
            parts = [t[at:at + batch] for t in inputs]
            full = [torch.cat([part, part[-1:].expand(batch - len(part), *part.shape[1:])]) for part in parts]
            made = self.model.ask(direction, dict(zip(names, full, strict=True)), **options)
            require_finite(made, self.path)
            numbers = self.model.range_of(self.asked[direction].gives) or np.dtype(np.uint8)
            images += [from_tensor(image, numbers) for image in made[:len(parts[0])]]
        return np.stack(images)


def slerp(a: Tensor, b: Tensor, t: float) -> Tensor:
    """From ``a`` (t = 0) to ``b`` (t = 1) on a great circle (Shoemake 1985), the length linear in between."""
    cosine = torch.dot(a / a.norm(), b / b.norm()).clamp(-1, 1)
    angle = torch.acos(cosine)
    if angle.sin().abs() < 1e-6:
        return torch.lerp(a, b, t)
    return (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)


def walk(place: Tensor, noise: Iterator[Tensor], alpha: float, beta: float) -> Iterator[Tensor]:
    """An endless walk about a place.

    It begins with ``z_0 = place`` and ``z_1 = 0.95 place + 0.05 noise``; then ``z_(t+1) = alpha place + (1 - alpha)
    (z_t + d)``, where ``d = beta (z_t - z_(t-1)) + (1 - beta) noise``. What it gives begins with ``z_2``, as in the
    authors' code.
    """
    before, now = place, 0.95 * place + 0.05 * next(noise)
    for step in noise:
        step = beta * (now - before) + (1 - beta) * step
        before, now = now, alpha * place + (1 - alpha) * (now + step)
        yield now


def grid(images: np.ndarray, columns: int = 8, gap: int = 2) -> np.ndarray:
    """Images ``(N, H, W, C)`` uint8 row by row in one picture ``(H', W', 1 | 3)``, on white."""
    picture = arrange([[*images[i:i + columns]] for i in range(0, len(images), columns)], gap=gap)
    return np.ascontiguousarray(picture[:, :, :1]) if images.shape[3] == 1 else picture
