"""What methods share whose images come from a random vector z."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from torch import Tensor, nn

from ..errors import ConfigError
from .base import Method
from .batch import Batch
from .contracts import Decoder
from .directions import ClassLabel, Direction, Image, Latent, Port, Shown

Prior = Literal['normal', 'uniform']


class LatentMethod(Method):
    """Base of methods with a generator ``G(z)``, or ``G(z, label)`` where it states ``classes``.

    Noise is a function of the sample's seed (see :mod:`toolbox.randomness.noise`): training does not depend on the
    number of processes or parts of a batch, and a validation image depends on its index and ``test_cfg.seed`` alone.

    Args:
        prior: distribution of z, 'normal' N(0, 1) or 'uniform' U(-1, 1).
        conditional: give the networks as many classes as the data has; else they have those that their configs say.
        classes: names of the classes of the data. The data set says them.

    Batch:
        img: real images ``(N, C, H, W)`` in [-1, 1].
        label: their classes ``(N,)``, needed if G has classes.
    """

    carries = {'G': ((), 'img'), 'D': ('img',), 'E': ('img',)}
    shows = {'img': Shown('data'), 'fake': Shown('from noise', like='img')}

    G: Decoder

    def __init__(self, prior: Prior = 'normal', conditional: bool = False, classes: Sequence[str] | None = None,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.prior = prior
        if conditional and not classes:
            raise ConfigError('model.conditional: the data set does not say its classes. Name them: '
                              'model.classes=[...].')
        self._default_classes = {'classes': len(classes)} if conditional and classes else {}

    def network_defaults(self, name: str) -> dict[str, Any]:
        return {**super().network_defaults(name), **self._default_classes}

    def add_networks(self, **configs: Any) -> None:
        super().add_networks(**configs)
        missing = [fact for fact in ('z_dim', 'classes', 'out_channels') if not hasattr(self.G, fact)]
        if missing:
            raise ConfigError(f'model.G: {type(self.G).__name__} does not state {", ".join(missing)}; a generator of '
                              'this method takes a vector of z_dim numbers and sets these attributes to whole numbers.')
        self.z_dim, self.classes = self.G.z_dim, self.G.classes
        self.needs = (Image('img', self.G.out_channels, getattr(self.G, 'size', None)), *self.labels)
        self.directions = {'sample': Direction(('G',), (Latent('z', (self.z_dim,), self.prior), *self.labels), 'fake')}

    @property
    def labels(self) -> tuple[Port, ...]:
        """The input of networks with classes."""
        return (ClassLabel('label', self.classes),) if self.classes else ()

    def _batch(self, data: dict[str, Any]) -> Batch:
        if self.classes and 'label' in data:  # still on the CPU, where looking at them is cheap
            low, high = int(data['label'].min()), int(data['label'].max())
            if low < 0 or high >= self.classes:
                raise ConfigError(f'the labels of a batch go from {low} to {high}, but model.G.classes is '
                                  f'{self.classes}. Set it (and that of the other networks) to the number of classes '
                                  'of the data.')
        return super()._batch(data)

    def check_classes(self, D: nn.Module) -> None:
        """Raise :class:`ConfigError` unless the discriminator knows as many classes as G."""
        if getattr(D, 'classes', 0) != self.classes:
            raise ConfigError(f'model: G has classes={self.classes} and D classes={getattr(D, "classes", 0)}; set '
                              'both to one number, 0 without labels.')

    def label_of(self, b: Batch) -> tuple[Tensor, ...]:
        """``(labels,)`` for conditional networks, else nothing: ``self.G(z, *self.label_of(b))``."""
        return (b.label,) if self.classes else ()

    def latents(self, b: Batch, name: str = 'z') -> Tensor:
        """z ``(N, z_dim)`` for a batch."""
        return self.noise(b, name, (self.z_dim,), self.prior)

    def decode(self, z: Tensor, *label: Tensor) -> Tensor:
        """Images in [-1, 1] for z ``(N, z_dim)`` and labels ``(N,)`` of conditional networks, in evaluation."""
        return self.generate(self.G, z, *label)

    def answer(self, direction: str, b: Batch) -> Tensor:  # type: ignore[override]  # its directions have no options
        return self.decode(b.z, *self.label_of(b))

    def sample(self, z: Tensor, *label: Tensor) -> Tensor:
        """:meth:`ask` for images of z ``(N, z_dim)`` and, if the networks are conditional, labels ``(N,)``."""
        return self.ask('sample', dict(zip(('z', 'label'), (z, *label), strict=False)))

    def predict(self, b: Batch) -> dict[str, Tensor]:
        z = self.latents(b, f'evaluation {self.test_cfg["seed"]}')
        return dict(img=b.img, fake=self.decode(z, *self.label_of(b)))
