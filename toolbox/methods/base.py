"""What all methods share: the order of updates, freezing, accumulation, autocast, gradient synchronisation, evaluation.

A method states *which* networks are updated in which order (``schedule``) and *what* they minimise (``loss_<phase>``).
Everything about *how* an update is made stands here, once.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from mmengine.optim import OptimWrapperDict
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from ..data.preprocessor import DataPreprocessor, to_uint8
from ..errors import ConfigError, did_you_mean
from ..layers.init import init_weights
from ..norms.adaptive import InstanceLayerMix
from ..randomness.noise import PRIORS, noise
from ..randomness.state import preserve_rng, rng_state, set_rng_state
from ..registry import BACKBONES, DISCRIMINATORS, build, registries_of
from .batch import Batch

EVALUATION = dict(dropout=False, norm='running', seed=0)


@dataclass(frozen=True)
class Phase:
    """One update within an iteration.

    Attributes:
        name: the phase minimises the sum of ``loss_<name>(batch)``; its log keys are ``<name>/<term>``.
        trains: networks that receive gradients; every other one is frozen meanwhile.
        optim: key of the optimiser that steps; ``name`` when empty.
        every: the phase runs when ``(iteration + 1) % every == 0`` (WGAN: ``n_critic`` for the generator), or an object
            whose ``is_due(iteration + 1)`` says so (from its argument alone, so that a resume is exact).
    """

    name: str
    trains: tuple[str, ...]
    optim: str = ''
    every: int | Any = 1

    @property
    def optimizer(self) -> str:
        return self.optim or self.name

    def is_due(self, iteration: int) -> bool:
        """Whether the phase runs in this iteration, counted from 0."""
        if isinstance(self.every, int):
            return (iteration + 1) % self.every == 0
        return self.every.is_due(iteration + 1)


class Method(nn.Module):
    """Base of all methods: networks as direct attributes, losses as methods, everything else written once.

    Networks are called through ``forward`` only (``self.G_AB(x)``): with several processes each of them is wrapped by a
    ``DistributedDataParallel`` of its own, and that call is the synchronised one.

    Args:
        accumulate: the batch of an iteration is processed in this many parts whose gradients are averaged. The
            iteration stays one iteration for schedules, EMA and logs. A method that prepares images for several
            phases prepares them again in each, from the same random numbers, so that one part's graph is alive at a
            time.
        init: arguments of :func:`toolbox.layers.init.init_weights`, for all networks or by name
            (``dict(G=dict(...), D=dict(...))``).
        test_cfg: how networks behave in evaluation: ``dropout`` (bool), ``norm`` (``'running'`` or ``'batch'``
            statistics of BatchNorm), ``seed`` of what is random then.
    """

    schedule: ClassVar[tuple[Phase, ...]] = ()
    translators: ClassVar[dict[str, str]] = {}
    guides: ClassVar[tuple[str, ...]] = ()  # what else translate() takes, of 'seed', 'reference', 'attributes'

    def __init__(self, accumulate: int = 1, init: dict | None = None, test_cfg: dict | None = None) -> None:
        super().__init__()
        if accumulate < 1:
            raise ConfigError(f'model.accumulate: expected a number >= 1, found {accumulate}.')
        self.accumulate = accumulate
        self.init = dict(init or {})
        self.test_cfg = {**EVALUATION, **(test_cfg or {})}
        self._check_test_cfg()
        self.iteration = 0
        self.epoch = 0  # finished epochs; the training loop sets both
        self.untrained: frozenset[str] = frozenset()  # networks that a loaded checkpoint has no weights of
        self._frozen: set[int] = set()  # parameters that their network does not want to train
        self.data_preprocessor = DataPreprocessor()

    def _check_test_cfg(self) -> None:
        for key, value in self.test_cfg.items():
            if key not in EVALUATION:
                raise ConfigError(f'model.test_cfg.{key}: unknown.{did_you_mean(key, EVALUATION)}')
            if key == 'norm' and value not in ('running', 'batch'):
                raise ConfigError(f"model.test_cfg.norm: expected 'running' or 'batch', found {value!r}.")

    @classmethod
    def network_names(cls) -> tuple[str, ...]:
        """Networks of the method: its arguments annotated as backbone or discriminator."""
        return tuple(name for name, registry in registries_of(cls).items() if registry in (BACKBONES, DISCRIMINATORS))

    def add_networks(self, **configs: dict | nn.Module) -> None:
        """Build each config with the registry its argument is annotated with, and set it as an attribute."""
        registries = registries_of(type(self))
        for name, cfg in configs.items():
            setattr(self, name, build(cfg, registries[name], f'model.{name}'))
        self.note_frozen()

    def note_frozen(self) -> None:
        """Parameters that want no gradient when networks are built, or their parameters replaced, never get one."""
        self._frozen = {id(p) for p in self.parameters() if not p.requires_grad}

    def init_weights(self) -> None:
        names = self.network_names()
        by_name = self.init.keys() <= set(names)
        for name in names:
            init_weights(getattr(self, name), **(self.init.get(name, {}) if by_name else self.init))
        for module in self.modules():
            if hasattr(module, 'load_pretrained'):
                module.load_pretrained()

    # Training

    def noise(self, b: Batch, name: str, shape: Sequence[int], prior: str = 'normal') -> Tensor:
        """Noise ``(N, *shape)`` for a batch, by what it is for; batches without seeds take torch's global generator."""
        if not all('seed' in meta for meta in b.meta):
            return PRIORS[prior]((len(b), *shape), None).to(b.img)
        return noise([meta['seed'] for meta in b.meta], name, shape, prior).to(b.img)

    def prepare(self, b: Batch) -> None:
        """Compute what several phases of this iteration share, e.g. ``b.fake_B = self.G(b.A)``."""

    def train_step(self, data: dict[str, Any], optim_wrapper: OptimWrapperDict) -> dict[str, Tensor]:
        """Run all due phases on one batch from the data loader.

        Returns:
            Detached scalars: every loss term as ``<phase>/<term>``, and ``grad_norm/<phase>`` where it is clipped.
        """
        parts = self._batch(data).split(self.accumulate)
        due = self.due()
        if due and self.accumulate == 1:
            self._train_only({name for phase in due for name in phase.trains})  # graphs made here must reach them
            with optim_wrapper[due[0].optimizer].autocast():
                self.prepare(parts[0])
        draws: dict[int, Any] = {}
        logs: dict[str, Tensor] = {}
        for phase in due:
            logs.update(self._run(phase, parts, optim_wrapper[phase.optimizer], draws))
        self._reshard()
        self.iteration += 1
        return logs

    def due(self) -> list[Phase]:
        """Phases of this iteration, in order. A method whose phases change in time decides by iteration or epoch alone."""
        return [phase for phase in self.schedule if phase.is_due(self.iteration)]

    def _run(self, phase: Phase, parts: list[Batch], optim: Any, draws: dict[int, Any]) -> dict[str, Tensor]:
        self._train_only(phase.trains)
        optim.zero_grad()
        logs: dict[str, Tensor] = {}
        for i, part in enumerate(parts):
            with self._synchronise(phase.trains, last=i == len(parts) - 1), optim.autocast():
                if self.accumulate > 1:
                    self._prepare_again(i, part, draws)
                terms = getattr(self, f'loss_{phase.name}')(part)
                total = sum(terms.values()) / len(parts)
            optim.backward(total)
            for key, value in terms.items():
                share = value.detach() / len(parts) if len(parts) > 1 else value.detach()
                key = f'{phase.name}/{key}'
                logs[key] = logs[key] + share if key in logs else share
            if self.accumulate > 1:
                part.detach_()
        optim.step()
        self._constrain(phase.trains)
        if optim.grad_norm is not None:
            logs[f'grad_norm/{phase.name}'] = optim.grad_norm
        return logs

    def _constrain(self, names: tuple[str, ...]) -> None:
        """Parameters with bounds (rho of AdaLIN and ILN) return into them."""
        for name in names:
            for module in self._bounded[name]:
                module.clip_rho()

    @functools.cached_property
    def _bounded(self) -> dict[str, list[InstanceLayerMix]]:
        """Modules with such parameters by network; looked for once, not in every step."""
        return {name: [m for m in net.modules() if isinstance(m, InstanceLayerMix)] for name, net in self.named_children()}

    def _prepare_again(self, i: int, part: Batch, draws: dict[int, Any]) -> None:
        if type(self).prepare is Method.prepare:
            return
        if i not in draws:
            draws[i] = rng_state()
            self.prepare(part)
            return
        with preserve_rng():
            set_rng_state(draws[i])
            self.prepare(part)

    def _batch(self, data: dict[str, Any]) -> Batch:
        data = self.data_preprocessor(data)
        return Batch({k: v for k, v in data.items() if isinstance(v, Tensor)}, data.get('meta'))

    def _train_only(self, names: Any) -> None:
        self._reshard()
        for name, child in self.named_children():
            flag = name in names
            for p in child.parameters():
                p.requires_grad = flag and id(p) not in self._frozen

    def _reshard(self) -> None:
        """Give up gathered copies of sharded parameters: they take no flags, and are old after an update."""
        for child in self.children():
            if isinstance(child, FSDPModule):
                for module in child.modules():
                    if isinstance(module, FSDPModule):
                        module.reshard()

    @contextmanager
    def _synchronise(self, names: tuple[str, ...], last: bool) -> Iterator[None]:
        """Gradients of the networks are averaged over processes once per phase: after the last part.

        A pass through a frozen network is kept from its wrapper as well: it would make the next backward pass average.
        """
        with contextlib.ExitStack() as stack:
            for name, net in self.named_children():
                if isinstance(net, DistributedDataParallel) and not (last and name in names):
                    stack.enter_context(net.no_sync())
                elif isinstance(net, FSDPModule):
                    net.set_requires_gradient_sync(last)
            yield

    # Evaluation

    def predict(self, b: Batch) -> dict[str, Tensor]:
        """Images to score and to show, in display order, each ``(N, C, H, W)`` in [-1, 1]."""
        raise NotImplementedError(f'{type(self).__name__} must define predict()')

    def predict_test(self, b: Batch) -> dict[str, Tensor]:
        """The same in a test; a method whose published numbers take more images than a validation overrides it."""
        return self.predict(b)

    def val_step(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        """One dict per sample: predicted images and the batch's images as uint8 ``(C, H, W)`` on the CPU, and meta."""
        return self._evaluate(data, self.predict)

    def test_step(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        """As :meth:`val_step`, of the images of :meth:`predict_test`."""
        return self._evaluate(data, self.predict_test)

    @torch.no_grad()
    def _evaluate(self, data: dict[str, Any], predict: Callable[[Batch], dict[str, Tensor]]) -> list[dict[str, Any]]:
        b = self._batch(data)
        with self.evaluating():
            images = predict(b)
        images.update({k: t for k, t in b.items() if t.ndim == 4 and k not in images})
        images = {k: to_uint8(t).cpu() for k, t in images.items()}
        return [{'meta': b.meta[i], **{k: t[i] for k, t in images.items()}} for i in range(len(b))]

    @torch.no_grad()
    def translate(self, x: Tensor, direction: str = 'AtoB', **guide: Any) -> Tensor:
        """Images of the other domain for ``x`` ``(N, C, H, W)`` in [-1, 1].

        Args:
            x: images.
            direction: one of ``translators``.
            **guide: what else decides about the result, if the method has such a thing (a seed, a reference).

        Raises:
            ConfigError: the method has no such direction.
        """
        self._check_direction(direction)
        with self.evaluating():
            return self.convert(x, direction, **guide)

    def _check_direction(self, direction: str) -> None:
        if direction not in self.translators:
            raise ConfigError(f'{type(self).__name__} cannot translate in direction {direction!r}.'
                              f'{did_you_mean(direction, self.translators)}')

    def convert(self, x: Tensor, direction: str) -> Tensor:
        """What :meth:`translate` does in evaluation mode; a method that needs more than a generator overrides it."""
        return self.generate(getattr(self, self.translators[direction]), x)

    def generate(self, net: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        """``net(*inputs)`` in evaluation; one by one where ``test_cfg`` would let images of a batch influence each other."""
        if not self.test_cfg['dropout'] and self.test_cfg['norm'] == 'running':
            return net(*inputs)
        images = []
        for one in zip(*(x.split(1) for x in inputs), strict=True):
            torch.manual_seed(self.test_cfg['seed'])
            images.append(net(*one))
        return torch.cat(images)

    def require_attention(self) -> None:
        """Raise :class:`ConfigError` unless translations of this method come with a heat map."""
        raise ConfigError(f'{type(self).__name__} has no attention that could be shown. UGATIT and AGGAN have.')

    def attention(self, x: Tensor, direction: str = 'AtoB') -> Tensor:
        """Where a translation of ``x`` looks, ``(N, 1, H, W)`` in [0, 1]; raises as :meth:`require_attention`."""
        return self.require_attention()

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Evaluation mode as ``test_cfg`` says; modes, buffers and random numbers are afterwards as before."""
        modes = {m: m.training for m in self.modules()}
        norms = [m for m in modes if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        statistics = [(m.running_mean, m.running_var) for m in norms]
        with preserve_rng(self.test_cfg['seed']):
            try:
                self.eval()
                for m in modes:
                    if isinstance(m, nn.modules.dropout._DropoutNd):
                        m.training = self.test_cfg['dropout']
                if self.test_cfg['norm'] == 'batch':
                    for m in norms:  # without running ones, those of the batch; SyncBatchNorm waits for nobody either
                        m.running_mean = m.running_var = None
                yield
            finally:
                for m, mode in modes.items():
                    m.training = mode
                for m, (mean, var) in zip(norms, statistics, strict=True):
                    m.running_mean, m.running_var = mean, var


def can_join(net: nn.Module, first: Tensor, second: Tensor) -> bool:
    """Whether one pass of ``net`` over both batches gives the numbers of two passes: no sample influences another."""
    return first.shape[1:] == second.shape[1:] and getattr(getattr(net, 'module', net), 'per_sample', False)


def resized(x: Tensor, side: int) -> Tensor:
    """Images ``(N, C, H, W)`` as squares, for a network that takes one size only; antialiased."""
    if x.shape[2:] == (side, side):
        return x
    return functional.interpolate(x, size=(side, side), mode='bilinear', antialias=True, align_corners=False)
