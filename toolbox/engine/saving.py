"""The whole state of a run at one iteration, and its way to a checkpoint."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.dist import get_rank, is_main_process

from ..data.facts import facts_of
from ..files.checkpoint import NotFiniteError, refuse_not_finite, tensors_in, write_checkpoint
from ..files.rank_files import fingerprint, rank_file, remove_rank_files
from ..randomness.state import rng_state
from .processes import gather
from .resumed import lengths
from .schedules import scheduler_state
from .sharding import is_sharded, whole
from .state import extra_state, finite_names, live_state, on_host, plain_config, unwrap


@dataclass(frozen=True)
class Snapshot:
    """The state of a run after an iteration, copied to the host: the training goes on while it is written.

    Attributes:
        iteration: the last one.
        checkpoint: what the first process writes; empty in the others.
        own: what this process writes beside it, if anything.
        beside: ranks of the processes that do.
    """

    iteration: int
    checkpoint: dict[str, Any]
    own: dict[str, Any]
    beside: tuple[int, ...]

    def write(self, path: Path, group: Any = None) -> None:
        """Write ``path``, and what belongs beside it before; every process must call this.

        Args:
            path: of the checkpoint.
            group: by which the processes talk, of all of them.

        Raises:
            OSError: a file cannot be written; of files beside, in all processes.
        """
        prints: list[Any] = gather(self._write_own(path), group) if self.beside else []
        for problem in prints:
            if isinstance(problem, OSError):
                raise problem
        if not self.checkpoint:
            return
        ranks = [{**entry, 'beside': prints[rank]} if rank in self.beside else entry
                 for rank, entry in enumerate(self.checkpoint['ranks'])]
        write_checkpoint({**self.checkpoint, 'ranks': ranks}, path)
        remove_rank_files(path, but=self.iteration)

    def _write_own(self, path: Path) -> str | OSError | None:
        if not self.own:
            return None
        file = rank_file(path, self.iteration, get_rank())
        try:
            write_checkpoint(dict(extra=self.own), file)
            return fingerprint(file)
        except OSError as error:
            return error


def take_snapshot(runner: Any, entries: dict[str, Any]) -> Snapshot:
    """The whole state of a run, and ``entries``; every process must call this.

    Raises:
        NotFiniteError: weights are NaN or infinite; in all processes.
    """
    model, rng = unwrap(runner.model), rng_state()
    own = extra_state(model) if get_rank() else {}
    inline = not any(tensors_in(own, ''))
    checkpoint: dict[str, Any] = {}
    problem = ''
    if is_main_process() or is_sharded(model):  # where all give their parts of sharded tensors
        state = _state_of(runner, entries)
        checkpoint = on_host(state) if is_main_process() else {}
    try:
        refuse_not_finite(checkpoint, finite_names(model))
    except NotFiniteError as error:
        problem = str(error)
    ranks = gather(dict(rng=rng, extra=own if inline else {}, inline=inline, problem=problem))
    if ranks[0]['problem']:
        raise NotFiniteError(ranks[0]['problem'])
    if checkpoint:
        checkpoint['ranks'] = [{key: entry[key] for key in ('rng', 'extra')} for entry in ranks]
    return Snapshot(runner.train_loop.iter, checkpoint, {} if inline else on_host(own),
                    tuple(rank for rank, entry in enumerate(ranks) if not entry['inline']))


def _state_of(runner: Any, entries: dict[str, Any]) -> dict[str, Any]:
    """The entries of a checkpoint but for ``ranks``; its tensors are those of the run itself."""
    loop, model = runner.train_loop, unwrap(runner.model)
    schedules = (runner.param_schedulers or {}).items()
    checkpoint = dict(
        config=plain_config(runner.cfg.to_dict()),
        meta=dict(iter=loop.iter, epoch=loop.epoch, epoch_iter=loop.epoch_iter, samples=loop.samples,
                  samples_per_iter=loop.samples_per_iter, seed=runner.seed, time=time.strftime('%Y-%m-%d %H:%M:%S'),
                  method=type(model).__name__, **lengths(model.stages)),
        state_dict=live_state(runner.model),
        optimizers={key: whole(wrapper.state_dict()) for key, wrapper in runner.optim_wrapper.items()},
        schedulers={key: [scheduler_state(schedule) for schedule in group] for key, group in schedules},
        history=loop.history,
        facts={'pixels': 'shown', 'noise': model.noise_rule, **facts_of(runner.train_dataset)}, **entries)
    runner.call_hook('before_save_checkpoint', checkpoint=checkpoint)
    return checkpoint
