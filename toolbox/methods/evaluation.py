"""What a method does without training: it answers what users ask, and shows pictures in validations and tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Generator, Tensor, nn

from ..data.preprocessor import DataPreprocessor, to_uint8
from ..data.ranges import ValueRange, as_meta, from_networks, range_in
from ..errors import ConfigError, did_you_mean
from ..randomness.noise import CPU, NOISE, PRIORS, NoiseRule
from ..randomness.state import preserve_rng, seed_torch
from ..registry import Seed, check_arguments
from .batch import Batch
from .directions import Direction, Image, Latent, Port, Shown, Size, image_facts

IMAGE_TYPES, CHANNELS = (torch.uint8, torch.uint16), (1, 3, 4)


@dataclass
class Rules:
    """``test_cfg``."""

    dropout: bool = False
    norm: Literal['running', 'batch'] = 'running'
    seed: Seed = 0


class Evaluation(nn.Module):
    """The half of a method that users and validations meet; :class:`~.base.Method` adds the training.

    Attributes:
        directions: what can be asked for, by name; a method sets it once its networks are there.
        needs: the inputs of a training step.
        shows: the pictures of ``predict`` by key, in display order. Nothing else of it is a picture (a method that
            states none shows all of it); images that the data set gives are pictures, too.
    """

    translators: ClassVar[dict[str, str]] = {}  # version 0.1.0's form of directions: direction -> network
    guides: ClassVar[tuple[str, ...]] = ()  # and of their options
    shows: Mapping[str, Shown] = {}
    used: ClassVar[tuple[str, ...]] = ()  # children with state, beside the networks, that a direction needs

    def __init__(self, test_cfg: dict[str, Any] | None = None) -> None:
        super().__init__()
        if problems := check_arguments(Rules, test_cfg or {}, 'model.test_cfg', is_section=True):
            raise ConfigError('\n'.join(problems))
        self.test_cfg = vars(Rules(**(test_cfg or {})))
        self.directions: dict[str, Direction] = {}
        self.needs: tuple[Port, ...] = ()
        self.present: frozenset[str] | None = None  # networks that a loaded checkpoint has weights of; None: all
        self.run_config: Mapping[str, Any] = {}  # of the run that a loaded checkpoint is from
        self.run_facts: Mapping[str, Any] = {}  # of the data that it was trained on
        self.noise_rule: NoiseRule = 'counter'  # a run that goes on keeps the one with which it began
        self.repetition = 0  # of a phase that runs several times in one iteration
        self.data_preprocessor = DataPreprocessor()
        self.value_range: dict[str, ValueRange] = {}

    def _batch(self, data: dict[str, Any]) -> Batch:
        data = self.data_preprocessor(data)
        return Batch({k: v for k, v in data.items() if isinstance(v, Tensor)}, data.get('meta'))

    def noise(self, b: Batch, name: str, shape: Sequence[int], prior: str = 'normal') -> Tensor:
        """Noise ``(N, *shape)`` for a batch, by what it is for; batches without seeds take torch's global generator.

        In evaluation such a batch has the same noise for each image: what it would have alone.
        """
        like = next((t for _, t in b.items() if t.is_floating_point()), None)  # maps of classes are whole numbers
        if like is None:
            like = torch.empty(0, device=self.data_preprocessor.device)
        if not all('seed' in meta for meta in b.meta):
            rows = PRIORS[prior]((len(b) if self.training else 1, *shape), None)
            return rows.expand(len(b), *shape).to(like)
        name = f'{name} {self.repetition}' if self.repetition else name
        return self.noise_of([meta['seed'] for meta in b.meta], name, shape, prior, device=like.device).to(like)

    def noise_of(self, seeds: Sequence[int], name: str, shape: Sequence[int], prior: str = 'normal',
                 truncation: float | None = None, device: torch.device = CPU) -> Tensor:
        """:func:`toolbox.randomness.noise.noise`, or what stood in its place when the run began."""
        return NOISE[self.noise_rule](seeds, name, shape, prior, truncation, device)

    def example(self, count: int, size: tuple[int, int], random: Generator | None = None) -> dict[str, Tensor]:
        """Made-up data of a training step, for benchmarks and tests; a method whose inputs differ in size overrides it.

        Args:
            count: N.
            size: height and width of images and maps that have none of their own.
            random: where the numbers come from; torch's global generator when None.
        """
        return {port.name: port.example(count, size, random) for port in self.needs}

    # What users ask

    def translation(self, net: str, of: str, gives: str, **facts: Any) -> Direction:
        """The direction of one generator of images from images, by the facts that it states."""
        channels, _, divisor = image_facts(getattr(self, net), f'model.{net}')
        own = dict(nets=(net,), takes=(Image(of, channels),), gives=gives, divisor=divisor)
        return Direction(**{**own, **facts})

    def _directions_of_translators(self) -> dict[str, Direction]:
        found = {}
        for direction, net in self.translators.items():
            source, _, target = direction.partition('to')
            found[direction] = self.translation(net, source or 'A', f'fake_{target or direction}', options=self.guides)
        return found

    @property
    def pictures(self) -> Mapping[str, Shown]:
        """:attr:`shows`, or what the directions tell of a method that does not state it."""
        return self.shows or {asked.gives: Shown(asked.gives, asked.takes[0].name, name.partition('to')[2] or name)
                              for name, asked in self.directions.items()}

    def range_of(self, key: str) -> ValueRange | None:
        """The numbers that a picture, of the data set or made, has in files; None for 8 or 16 bits without sign."""
        return self.value_range.get(key) or self.value_range.get(self._like(key))

    def _like(self, key: str) -> str:
        return self.pictures[key].like if key in self.pictures else ''

    def direction(self, name: str) -> Direction:
        """What is asked for by ``name``; :class:`ConfigError` if there is no such direction."""
        if name not in self.directions:
            raise ConfigError(f'{type(self).__name__} has no direction {name!r}.{did_you_mean(name, self.directions)}')
        return self.directions[name]

    def offered(self, networks: Sequence[str]) -> dict[str, Direction]:
        """The directions for which these networks are enough."""
        return {name: direction for name, direction in self.directions.items() if set(direction.nets) <= set(networks)}

    @torch.no_grad()
    def ask(self, direction: str, inputs: Mapping[str, Tensor], **options: Any) -> Tensor:
        """What a direction gives for inputs, by the rules of ``test_cfg``; the method stays as it was.

        Args:
            direction: one of :attr:`directions`.
            inputs: what it takes, by name.
            **options: of those that it lists; None is the same as leaving one out.

        Raises:
            ConfigError: there is no such direction, it has no such option, or an input is missing.
        """
        asked = self.direction(direction)
        options = {name: value for name, value in options.items() if value is not None}
        for name in options:
            if name not in asked.options:
                allowed = ', '.join(asked.options) or 'its inputs alone'
                raise ConfigError(f'{name}: in direction {direction!r} {type(self).__name__} depends on {allowed}.')
        with self.evaluating():
            return self.answer(direction, Batch(dict(inputs)), **options)

    def answer(self, direction: str, b: Batch, **options: Any) -> Tensor:
        """What :meth:`ask` does in evaluation mode; methods that need more than one network's output override it."""
        asked = self.direction(direction)
        if (convert := getattr(self, 'convert', None)) is not None:  # version 0.1.0's form
            return convert(getattr(b, asked.takes[0].name), direction, **options)
        return self.generate(getattr(self, asked.nets[0]), *(getattr(b, port.name) for port in asked.takes))

    def size_of(self, direction: str, height: int, width: int, **options: Any) -> Size:
        """Height and width of what a direction makes of inputs of this size; of one with ``own_size`` a method says it.

        Args:
            direction: one of :attr:`directions`.
            height: of the inputs.
            width: of the inputs.
            **options: what the user says; those that a direction does not list change nothing.
        """
        scale = self.direction(direction).scale
        return scale * height, scale * width

    def code_shape(self, direction: str, **options: Any) -> tuple[int, ...]:
        """Shape of one code of a direction that takes codes; a method whose codes depend on options overrides it."""
        return tuple(self.direction(direction).first(Latent).shape)

    def home(self, direction: str) -> Tensor | None:
        """The code ``(*shape)`` about which an animation of a direction moves; None: any, drawn from its prior."""
        return None

    def translate(self, x: Tensor, direction: str = 'AtoB', **options: Any) -> Tensor:
        """:meth:`ask` for a direction with one input, e.g. images ``(N, C, H, W)`` in [-1, 1]."""
        return self.ask(direction, {self.direction(direction).takes[0].name: x}, **options)

    def style_of(self, direction: str, seed: int | None = None, reference: Tensor | None = None) -> Tensor:
        """The style ``(1, ...)`` of a seed or of a reference ``(1, C, h, w)``, in evaluation.

        Directions with the option 'style' take it; a method that has one overrides this.
        """
        raise ConfigError(f'{type(self).__name__} has no styles.')

    def settled(self, direction: str, b: Batch, **options: Any) -> dict[str, Any]:
        """Options for what belongs together: the strips of an image, the frames of a video.

        A method that finds out by a look at its inputs what an option does not say overrides this, in evaluation, and
        returns what it found as the option.

        Args:
            direction: one of :attr:`directions`.
            b: its whole inputs, or those of the first frame.
            **options: given by the user.

        Raises:
            ConfigError: an option is about these very inputs, and means nothing for parts of them or for others.
        """
        return options

    def attention(self, x: Tensor, direction: str = 'AtoB') -> Tensor:
        """Where a translation of ``x`` looks, ``(N, 1, H, W)`` in [0, 1], in directions that have an attention."""
        raise ConfigError(f'{type(self).__name__} has no attention that could be shown.')

    def generate(self, net: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        """``net(*inputs)`` in evaluation; one by one where ``test_cfg`` lets images of a batch influence each other."""
        if not self.test_cfg['dropout'] and self.test_cfg['norm'] == 'running':
            return net(*inputs)
        images = []
        for one in zip(*(x.split(1) for x in inputs), strict=True):
            seed_torch(self.test_cfg['seed'])
            images.append(net(*one))
        return torch.cat(images)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Evaluation mode as ``test_cfg`` says; modes, buffers and random numbers are afterwards as before."""
        modules = [*self.modules()]
        modes = [m.training for m in modules]
        norms = [(m, m.running_mean, m.running_var) for m in modules if self.test_cfg['norm'] == 'batch'
                 and isinstance(m, nn.modules.batchnorm._BatchNorm)]
        with preserve_rng(self.test_cfg['seed']):
            try:
                if any(modes):
                    self.eval()
                if self.test_cfg['dropout']:
                    for m in modules:
                        if isinstance(m, nn.modules.dropout._DropoutNd):
                            m.training = True
                for m, _, _ in norms:  # without running ones, those of the batch; SyncBatchNorm waits for nobody either
                    m.running_mean = m.running_var = None
                yield
            finally:
                for m, mode in zip(modules, modes, strict=True):
                    if m.training is not mode:
                        m.training = mode
                for m, mean, var in norms:
                    m.running_mean, m.running_var = mean, var

    # Validations, tests and samples

    def predict(self, b: Batch) -> dict[str, Tensor]:
        """Images to score and to show, in display order, each ``(N, C, H, W)`` in [-1, 1]."""
        raise NotImplementedError(f'{type(self).__name__} must define predict()')

    def predict_test(self, b: Batch) -> dict[str, Tensor]:
        """The same in a test; a method whose published numbers take more images than a validation overrides it."""
        return self.predict(b)

    def val_step(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        """One dict per sample: predicted images and the batch's images, ``(C, H, W)`` on the CPU, and meta.

        They are uint8; where files hold other numbers, those, and :func:`toolbox.data.ranges.range_in` tells from
        'meta' what they mean.
        """
        return self._evaluate(data, self.predict)

    def test_step(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        """As :meth:`val_step`, of the images of :meth:`predict_test`."""
        return self._evaluate(data, self.predict_test)

    @torch.no_grad()
    def _evaluate(self, data: dict[str, Any], predict: Callable[[Batch], dict[str, Tensor]]) -> list[dict[str, Any]]:
        b = self._batch(data)
        with self.evaluating():
            images = {key: x for key, x in predict(b).items() if not self.shows or key in self.shows}
        images |= {key: b[key] for key, x in data.items() if key not in images and isinstance(x, Tensor)
                   and x.ndim == 4 and (key in self.shows or self._is_image(key, x, b.meta[0]))}
        return [self._as_files(b.meta[i], {key: x[i] for key, x in images.items()}) for i in range(len(b))]

    @staticmethod
    def _is_image(key: str, x: Tensor, meta: Mapping[str, Any]) -> bool:
        return range_in(meta, key) is not None or (x.dtype in IMAGE_TYPES and x.shape[1] in CHANNELS)

    def _as_files(self, meta: Mapping[str, Any], images: Mapping[str, Tensor]) -> dict[str, Any]:
        """Images in [-1, 1] as the files of the sample hold theirs."""
        found = {key: range_in(meta, key) or range_in(meta, self._like(key)) for key in images}
        known = {key: value for key, value in found.items() if value is not None}
        return {'meta': {**meta, **as_meta(known)},
                **{key: from_networks(x.cpu(), known[key]) if key in known else to_uint8(x).cpu()
                   for key, x in images.items()}}
