"""What all methods share in training: order of updates, freezing, stages, accumulation, autocast, gradient sync.

A method states *which* networks are updated in which order (``schedule``) and *what* they minimise (``loss_<phase>``).
Everything about *how* an update is made is here, once.
"""

from __future__ import annotations

import contextlib
import functools
import operator
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from mmengine.dist import broadcast, is_distributed
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from ..data.ranges import ValueRange
from ..randomness.state import preserve_rng, rng_state, set_rng_state
from ..registry import Count
from .batch import Batch
from .contracts import Optimizers, PhaseOptimizer
from .networks import Kind, Networked
from .schedule import Phase, Stage, is_within, stage_at
from .shards import is_shard, shards_of

# (part of the batch, repetition) -> state of the random numbers, and what was prepared from them
Draws = dict[tuple[int, int], tuple[dict[str, Any], dict[str, Tensor]]]


class Method(Networked):
    """Base of all methods: networks as direct attributes, losses as methods, everything else written once.

    Networks are called through ``forward`` only (``self.G_AB(x)``): with several processes each of them is wrapped by a
    ``DistributedDataParallel`` of its own, and that call is the synchronised one. A network whose argument may be None
    is absent then.

    Args:
        accumulate: the batch of an iteration is processed in this many parts whose gradients are averaged. The
            iteration stays one iteration for schedules, EMA and logs. A method that prepares images for several
            phases prepares them again in each, from the same random numbers, so that one part's graph is alive at a
            time.
        init: arguments of :func:`toolbox.layers.init.init_weights`, for all networks or by name
            (``dict(G=dict(...), D=dict(...))``).
        test_cfg: how networks behave in evaluation: ``dropout`` (bool), ``norm`` (``'running'`` or ``'batch'``
            statistics of BatchNorm), ``seed`` of what is random then.
        channels: of the data set's images by key; networks whose config does not say how many they take or give get
            these numbers, as :attr:`carries` says. The Runner fills it in.
        value_range: what the numbers in the data set's files mean, by key: (low, high, type of the files). The Runner
            fills it in; it travels with the checkpoint, so that translations read and write such files.
        freeze: networks (``'D'``) or parts of them (``'G.stem'``) whose weights never change, as for fine-tuning.
            Their running statistics go on.
        diff_augment: changes of all images in front of discriminators, real and made, while they train: of 'color',
            'translation' and 'cutout' (:mod:`toolbox.layers.augment`). For small data sets.
    """

    def __init__(self, accumulate: Count = 1, init: dict[str, Any] | None = None,
                 test_cfg: dict[str, Any] | None = None, channels: Mapping[str, Count] | None = None,
                 value_range: Mapping[str, Sequence[Any]] | None = None, freeze: Sequence[str] = (),
                 diff_augment: Sequence[Kind] = ()) -> None:
        super().__init__(init, channels, freeze, diff_augment, test_cfg)
        self.value_range = {key: ValueRange.of(value, f'model.value_range.{key}')
                            for key, value in (value_range or {}).items()}
        self.accumulate = accumulate
        self.iteration = 0
        self.epoch = 0  # finished epochs; the training loop sets both
        self._begun: str | None = None  # the stage of the last iteration
        self.renewed: list[set[tuple[str, str]]] = []  # (network, key) of the tensors that each begin() changed

    # Training

    def prepare(self, b: Batch) -> None:
        """Compute what several phases of this iteration share, e.g. ``b.fake_B = self.G(b.A)``."""

    def begin(self, stage: Stage, b: Batch) -> None:
        """What happens once, before the first iteration of a stage, without gradients; not again after a resume.

        Change weights and buffers in place: the processes take those of the first one, optimisers keep their own.
        """

    def before_phase(self, phase: Phase) -> None:
        """Called before each update."""

    def after_phase(self, phase: Phase) -> None:
        """Called after each update: layers of its networks that have an ``after_step()`` restore their bounds in it."""
        for name in phase.networks:
            for layer in self._bounded[name]:
                layer.after_step()

    def train_step(self, data: dict[str, Any], optim_wrapper: Optimizers) -> dict[str, Tensor]:
        """Run all due phases on one batch from the data loader.

        Returns:
            Detached scalars: every loss term as ``<phase>/<term>``, and ``grad_norm/<phase>`` where it is clipped.
        """
        batch = self._batch(data)
        self._enter_stage(batch)
        self._trains = None  # between iterations anybody may set flags
        parts, due = batch.split(self.accumulate), self.due()
        shared = self.accumulate == 1 and all(phase.times == 1 for phase in due)  # one graph serves all phases
        if due and shared:
            self._train_only([path for phase in due for path in phase.trains])  # graphs made here must reach them
            with optim_wrapper[due[0].optimizer].autocast():
                self.prepare(parts[0])
        draws: Draws | None = None if shared else {}
        logs: dict[str, Tensor] = {}
        for phase in due:
            logs.update(self._run(phase, parts, optim_wrapper[phase.optimizer], draws))
        self._reshard()
        self.iteration += 1
        return logs

    @property
    def stage(self) -> Stage | None:
        """The stage of this iteration, for training alone: a checkpoint in use has none, a validation is between two.

        What ``predict`` and ``answer`` must know of it lies in a buffer that :meth:`begin` sets.
        """
        return stage_at(self.stages, self.iteration, self.epoch)

    def resume_at(self, iteration: int, epoch: int, epoch_iter: int) -> None:
        """Go on after ``iteration`` iterations, the last ``epoch_iter`` of them in an unfinished epoch."""
        self.iteration, self.epoch = iteration, epoch
        before = stage_at(self.stages, iteration - 1, epoch if epoch_iter else epoch - 1) if iteration else None
        self._begun = before.name if before else None

    def enter_stage(self, data: dict[str, Any]) -> None:
        """Begin the stage of this iteration, unless it has begun; a training step does so by itself."""
        self._enter_stage(self._batch(data))

    def _enter_stage(self, b: Batch) -> None:
        stage = self.stage
        if stage is None or stage.name == self._begun:
            return
        self._begun = stage.name
        with torch.no_grad():
            before = self._versions()
            self.begin(stage, b)
            self.renewed.append({key for key, version in self._versions().items() if before[key] != version})
            if is_distributed():
                for tensor in (*self.parameters(), *self.buffers()):
                    if not hasattr(tensor, 'to_local'):  # of a sharded network each process has its own part
                        broadcast(tensor)

    def _versions(self) -> dict[tuple[str, str], int]:
        """How often each tensor of each network was changed in place."""
        return {(name, key): value._version for name in self.network_names()
                for key, value in self.part(name).state_dict(keep_vars=True).items() if isinstance(value, Tensor)}

    def due(self) -> list[Phase]:
        """Phases of this iteration that train anything, in order, each without what rests in this stage.

        A method that overrides it decides by iteration and epoch alone.
        """
        stage, rests = self.stage, self.rests
        phases = [phase for phase in self.schedule if phase.is_due(self.iteration)
                  and (stage is None or not phase.stages or stage.name in phase.stages)]
        if not rests:
            return phases
        return [replace(phase, trains=trains) for phase in phases
                if (trains := tuple(path for path in phase.trains if not is_within(path, rests)))]

    @property
    def rests(self) -> tuple[str, ...]:
        """Networks and parts that do not train now: those of the stage, and those that never do."""
        return (*self.freeze, *(self.stage.rests if self.stage else ()))

    def _run(self, phase: Phase, parts: list[Batch], optim: PhaseOptimizer, draws: Draws | None) -> dict[str, Tensor]:
        logs: dict[str, Tensor] = {}
        values = len(parts) * phase.times
        kept = {'retain_graph': True} if phase.keeps_graph else {}
        for self.repetition in range(phase.times):
            self._train_only(phase.trains)
            self.before_phase(phase)
            optim.zero_grad()
            for i, part in enumerate(parts):
                with self._synchronise(phase.networks, last=i == len(parts) - 1), optim.autocast():
                    if draws is not None:
                        self._prepare_again(part, (i, self.repetition), phase, draws)
                    terms = getattr(self, f'loss_{phase.name}')(part)
                    total = functools.reduce(operator.add, terms.values())
                    total = total / len(parts) if len(parts) > 1 else total
                optim.backward(total, **kept)
                for term, value in terms.items():
                    key, share = f'{phase.name}/{term}', value.detach() / values if values > 1 else value.detach()
                    logs[key] = logs[key] + share if key in logs else share
                if draws is not None and not (phase.keeps_graph and self.repetition + 1 < phase.times):
                    part.detach_()
            optim.step()
            self.after_phase(phase)
        self.repetition = 0
        if optim.grad_norm is not None:
            logs[f'grad_norm/{phase.name}'] = optim.grad_norm
        return logs

    @functools.cached_property
    def _bounded(self) -> dict[str, list[Any]]:
        """Per network, the layers to call after each step (found once and cached)."""
        return {name: [m for m in net.modules() if hasattr(m, 'after_step')] for name, net in self.named_children()}

    def _prepare_again(self, part: Batch, which: tuple[int, int], phase: Phase, draws: Draws) -> None:
        """Prepare a part for this phase; the first phase draws random numbers, the others get the same.

        One that trains nothing of what made the images judges those from before the updates, as without parts.
        """
        if type(self).prepare is Method.prepare:
            return
        if which not in draws:
            state = rng_state()
            self.prepare(part)
            draws[which] = state, {name: x.detach() for name, x in part.items()}
            return
        state, first = draws[which]
        with preserve_rng():
            set_rng_state(state)
            self.prepare(part)
        if phase.times == 1 and not any(x.requires_grad for _, x in part.items()):
            for name, x in first.items():
                setattr(part, name, x)

    def _train_only(self, paths: Sequence[str]) -> None:
        """Give gradients to these networks and parts, but for those that rest; freeze all others."""
        self._reshard()
        key = tuple(paths), self.rests
        if key == self._trains:
            return
        if key not in self._selections:
            self._selections[key] = self._select(*key)
        trained, frozen = self._selections[key]
        self._trains = key
        for p in trained:
            p.requires_grad = True
        for p in frozen:
            p.requires_grad = False

    def _select(self, paths: tuple[str, ...], rests: tuple[str, ...]) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """All parameters: those that train, and all others."""
        chosen = {id(p) for path in paths for p in self.part(path).parameters()} - self._frozen
        chosen -= {id(p) for path in rests for p in self.part(path).parameters()}
        everything = [p for child in self.children() for p in child.parameters()]
        return [p for p in everything if id(p) in chosen], [p for p in everything if id(p) not in chosen]

    def _reshard(self) -> None:
        """Give up gathered copies of sharded parameters: they take no flags, and are old after an update."""
        for _, net in self._shared:
            for shard in shards_of(net) if is_shard(net) else ():
                shard.reshard()

    @functools.cached_property
    def _shared(self) -> list[tuple[str, Any]]:
        """The networks that processes share, by name (found once, after they are wrapped)."""
        return [(name, net) for name, net in self.named_children()
                if isinstance(net, DistributedDataParallel) or is_shard(net)]

    def _synchronise(self, names: Sequence[str], last: bool) -> contextlib.ExitStack:
        """Gradients of the networks are averaged over processes once per phase: after the last part.

        Frozen networks run under ``no_sync`` too, or their wrappers would average gradients in the next backward pass.
        """
        stack = contextlib.ExitStack()
        for name, net in self._shared:
            if isinstance(net, DistributedDataParallel) and not (last and name in names):
                stack.enter_context(net.no_sync())
            elif is_shard(net):
                net.set_requires_gradient_sync(last)
        return stack


def can_join(net: nn.Module, first: Tensor, second: Tensor) -> bool:
    """Whether one pass of ``net`` over both batches gives the numbers of two passes: no sample influences another."""
    return first.shape[1:] == second.shape[1:] and getattr(getattr(net, 'module', net), 'per_sample', False)


def resized(x: Tensor, side: int) -> Tensor:
    """Images ``(N, C, H, W)`` as squares, for a network that takes one size only; antialiased."""
    if x.shape[2:] == (side, side):
        return x
    return functional.interpolate(x, size=(side, side), mode='bilinear', antialias=True, align_corners=False)
