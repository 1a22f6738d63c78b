"""MMEngine's Runner with the toolbox's loops, hooks, optimisers, checkpoints and a quiet console."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import itertools
import logging
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.dist import broadcast, broadcast_object_list, get_rank, is_distributed, is_main_process
from mmengine.logging import MMLogger
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import BaseLoop
from mmengine.runner import Runner as MMEngineRunner
from mmengine.visualization import Visualizer
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from ..data.workers import init_worker
from ..errors import CheckpointError
from ..files.checkpoint import newest_intact, read_checkpoint, refuse_not_finite, remove_leftovers, write_checkpoint
from ..files.work_dir import locked, make_work_dir
from ..norms import synchronise_norms
from ..randomness.state import rng_state, seed_all, set_rng_state
from ..registry import FUNCTIONS, LOOPS, MODEL_WRAPPERS, RUNNERS, find
from .loops import end_workers
from .optim import build_optimizers
from .processes import gather, join_processes
from .schedules import scheduler_state
from .sharding import FullyShard, is_sharded, whole
from .state import load_weights, plain_config, plain_state_dict, unwrap

DEFAULT_HOOKS = dict(status=dict(type='StatusHook'), param_scheduler=dict(type='ParamSchedulerHook'),
                     samples=dict(type='SampleHook'), checkpoint=dict(type='CheckpointHook'),
                     signals=dict(type='SignalHook'), bad_images=dict(type='BadImageHook'),
                     health=dict(type='HealthHook'), diagnosis=dict(type='DiagnosisHook'),
                     results=dict(type='ResultsHook'))


@RUNNERS.register_module()
class Runner(MMEngineRunner):
    """Build with :meth:`from_cfg` from a config that :func:`toolbox.engine.config.load_config` completed and checked."""

    _count = itertools.count()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # MMEngine shares loggers and visualizers between runners of one name, and names them by the second.
        name = kwargs.get('experiment_name') or 'run'
        kwargs['experiment_name'] = f'{name}_{os.getpid()}_{next(self._count)}'
        make_work_dir(kwargs['work_dir'])
        self._full_disk = False
        super().__init__(*args, **kwargs)

    def train(self) -> nn.Module:
        """Train to the end.

        Raises:
            Interrupted: a signal asked to stop; all is saved, and the training can be resumed.
        """
        with contextlib.ExitStack() as stack:
            if is_main_process():
                stack.enter_context(locked(self.work_dir))
                remove_leftovers(self.work_dir)
            stack.enter_context(self._output())
            stack.callback(self._close)
            return super().train()

    def _close(self) -> None:
        self.call_hook('close')
        if isinstance(self._val_loop, BaseLoop):
            end_workers(self._val_loop.dataloader)

    def test(self) -> dict[str, float]:
        with self._output():
            return super().test()

    @contextlib.contextmanager
    def _output(self) -> Iterator[None]:
        try:
            yield
        finally:
            with self.forgo_output():
                self.visualizer.close()

    @contextlib.contextmanager
    def forgo_output(self) -> Iterator[None]:
        """For logs and pictures, which a training can go on without: that they cannot be written is only said, once."""
        try:
            yield
        except OSError as error:
            if not self._full_disk:
                self._full_disk = True
                self.logger.warning(f'{error.filename or self.work_dir}: {error.strerror}. Logs and pictures are '
                                    'incomplete from now on; the training goes on.')

    # Environment

    def setup_env(self, env_cfg: dict[str, Any]) -> None:
        if self.distributed and not is_distributed() and self.launcher in ('pytorch', 'slurm'):
            join_processes(self.launcher, **(env_cfg.get('dist_cfg') or {}))
        super().setup_env(env_cfg)

    def set_randomness(self, seed: int | None, **options: Any) -> None:
        if options.get('deterministic'):
            os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')  # else cuBLAS refuses
        super().set_randomness(seed, **options)

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """A logger that writes everything to the file and only warnings to the console (hooks print what matters)."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if type(handler) is logging.StreamHandler:
                handler.setLevel(logging.WARNING if is_main_process() else logging.ERROR)
            elif isinstance(handler, logging.FileHandler):
                handler.handleError = functools.partial(self._log_failed, handler)
        return logger

    def _log_failed(self, handler: logging.FileHandler, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            return logging.FileHandler.handleError(handler, record)
        with self.forgo_output():
            raise error

    def build_visualizer(self, visualizer: Visualizer | dict | None = None) -> Visualizer:
        if visualizer is None:
            backends = [dict(type='LocalVisBackend')]
            if importlib.util.find_spec('tensorboard'):
                backends.append(dict(type='TensorboardVisBackend'))
            visualizer = dict(type='Visualizer', vis_backends=backends)
        return super().build_visualizer(visualizer)

    def _log_env(self, env_cfg: dict[str, Any]) -> None:
        self.logger.info(f'torch {torch.__version__}, device {get_device()}, processes {self.world_size}, '
                         f'seed {self.seed}, env_cfg {dict(env_cfg)}')

    def dump_config(self) -> None:
        """Nothing yet: a start that fails (other networks, no data) must not replace the config of an earlier training."""

    def write_config(self) -> None:
        """The full config, as plain data, to ``work_dir/config.py``."""
        if is_main_process():
            text = '\n'.join(f'{k} = {v!r}' for k, v in plain_config(self.cfg.to_dict()).items())
            Path(self.work_dir, 'config.py').write_text(text + '\n')

    # Model, optimisers, loops, hooks

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        model = model.to(get_device())
        if not self.distributed or is_model_wrapper(model):
            return model
        if self.cfg.get('sync_bn'):
            synchronise_norms(model)
        # One wrapper per network: a single one cannot serve several optimisers.
        wrapper = dict(model_wrapper_cfg or dict(type='MMSeparateDistributedDataParallel',
                                                 find_unused_parameters=self.cfg.get('find_unused_parameters') or False))
        cls = find(MODEL_WRAPPERS, wrapper.pop('type'), 'model_wrapper_cfg')
        if cls is FullyShard:
            _initialise(model)  # while its weights are whole
            return cls(**wrapper)(model)
        if issubclass(cls, DistributedDataParallel):
            wrapper.setdefault('device_ids', None if get_device() == 'cpu' else [int(os.environ['LOCAL_RANK'])])
        return cls(module=model, **wrapper)

    def _init_model_weights(self) -> None:
        if not is_sharded(self.model):
            _initialise(unwrap(self.model))
        if get_rank():  # weights are equal now; noise, dropout and pools are each process's own
            seed_all(self.seed + get_rank())

    def _maybe_compile(self, target: str) -> None:
        """``compile=True`` or ``dict(mode=...)``: each network by itself; the keys of its weights stay the same."""
        settings = self.cfg.get('compile')
        if settings:
            for name in unwrap(self.model).network_names():
                getattr(unwrap(self.model), name).compile(**({} if settings is True else settings))

    def build_optim_wrapper(self, optim_wrapper: Any) -> OptimWrapper | OptimWrapperDict:
        if isinstance(optim_wrapper, dict) and 'constructor' not in optim_wrapper and 'type' not in optim_wrapper:
            return build_optimizers(self.model, optim_wrapper)
        return super().build_optim_wrapper(optim_wrapper)

    def build_param_scheduler(self, scheduler: Any) -> Any:
        built = super().build_param_scheduler(scheduler)
        for wrapper in self.optim_wrapper.values():
            # A network that is updated only every n-th iteration is no mistake to be warned of.
            wrapper._global_step = 0
        return built

    @staticmethod
    def build_dataloader(dataloader: DataLoader | dict[str, Any], seed: int | None = None,
                         diff_rank_seed: bool = False) -> DataLoader:
        if isinstance(dataloader, dict):
            dataloader = dict(dataloader)
            collate = dataloader['collate_fn']
            dataloader['collate_fn'] = {**collate, 'type': find(FUNCTIONS, collate['type'], 'collate_fn')}
            dataloader.setdefault('worker_init_fn', dict(type=init_worker))
            if not dataloader.get('num_workers'):  # options of workers that do not exist
                dataloader = {k: v for k, v in dataloader.items()
                              if k not in ('persistent_workers', 'prefetch_factor', 'timeout')}
        return MMEngineRunner.build_dataloader(dataloader, seed, diff_rank_seed)

    def build_train_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        return self._build_loop(loop, 'TrainLoop', dataloader=self._train_dataloader)

    def build_val_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        return self._build_loop(loop, 'ValLoop', dataloader=self._val_dataloader, evaluator=self._val_evaluator)

    def build_test_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        return self._build_loop(loop, 'TestLoop', dataloader=self._test_dataloader, evaluator=self._test_evaluator)

    def _build_loop(self, loop: BaseLoop | dict, default: str, **parts: Any) -> BaseLoop:
        if isinstance(loop, BaseLoop):
            return loop
        return LOOPS.build({'type': default, **loop, 'runner': self, **parts})

    def register_default_hooks(self, hooks: dict[str, Any] | None = None) -> None:
        """Hooks of ``DEFAULT_HOOKS``, changed or (with None) dropped by ``default_hooks`` of the config."""
        for hook in {**DEFAULT_HOOKS, **(hooks or {})}.values():
            if hook is not None:
                self.register_hook(dict(hook) if isinstance(hook, dict) else hook)

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        for hook in self._hooks:
            if (function := getattr(hook, fn_name, None)) is not None:
                function(self, **kwargs)

    # Checkpoints

    def save_checkpoint(self, out_dir: str, filename: str, **entries: Any) -> None:
        """Write ``out_dir/filename``; every process must call this.

        Args:
            out_dir: folder.
            filename: name of the checkpoint.
            **entries: further plain entries (a hook's own state).

        Raises:
            OSError: it cannot be written.
            NotFiniteError: weights are NaN or infinite.
        """
        loop, model = self.train_loop, unwrap(self.model)
        ranks = gather(dict(rng=rng_state(), extra=_extra_state(model) if get_rank() else {}))
        if not is_main_process() and not is_sharded(model):
            return
        checkpoint = dict(
            config=plain_config(self.cfg.to_dict()),
            meta=dict(iter=loop.iter, epoch=loop.epoch, epoch_iter=loop.epoch_iter, samples=loop.samples, seed=self.seed,
                      time=time.strftime('%Y-%m-%d %H:%M:%S'), method=type(model).__name__),
            state_dict=plain_state_dict(self.model),
            optimizers={k: whole(w.state_dict()) for k, w in self.optim_wrapper.items()},
            schedulers={k: [scheduler_state(s) for s in group] for k, group in (self.param_schedulers or {}).items()},
            history=loop.history, ranks=ranks, **entries)
        self.call_hook('before_save_checkpoint', checkpoint=checkpoint)
        if not is_main_process():  # it gave its parts of sharded tensors
            return
        refuse_not_finite(checkpoint, {k for k, _ in model.named_parameters()} | {
            k for k, _ in model.named_buffers() if '.running_' in k})
        write_checkpoint(checkpoint, Path(out_dir, filename))

    def load_or_resume(self) -> None:
        """Resume (from ``load_from``, or from the newest checkpoint of ``work_dir``), or load weights from ``load_from``."""
        if self._has_loaded:
            return
        if self._resume:
            source = self._load_from or self.newest_intact()
            if source is not None:
                self.resume(str(source))
        elif self._load_from:
            self.load_checkpoint(self._load_from)
        self._has_loaded = True
        self.write_config()

    def newest_intact(self) -> Path | None:
        """What the first process finds: of the others, not all may see the same folder."""
        found: list[Any] = [None, []]
        if is_main_process():
            try:
                found = [*newest_intact(self.work_dir)]
            except CheckpointError as error:
                found = [error, []]
        broadcast_object_list(found)
        path, problems = found
        if isinstance(path, CheckpointError):
            raise path
        for problem in problems:
            self.logger.warning(f'{problem} The training goes on from an earlier one.')
        if path is None:
            self.logger.warning(f'{self.work_dir}: no checkpoint yet; the training starts at its beginning.')
        return path

    def load_checkpoint(self, filename: str, **_: Any) -> dict[str, Any]:
        """Load weights and averages; image pools and the like belong to the training that is not resumed here."""
        checkpoint = read_checkpoint(filename)
        weights = {k: v for k, v in checkpoint['state_dict'].items() if not _is_extra(k)}
        load_weights(self.model, weights, filename)
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        self.logger.info(f'loaded {filename}')
        return checkpoint

    def resume(self, filename: str, **_: Any) -> None:
        """Continue exactly where ``filename`` was written.

        Raises:
            CheckpointError: it holds no training state, or does not fit the config.
        """
        checkpoint = self.load_checkpoint(filename)
        if 'optimizers' not in checkpoint:
            raise CheckpointError(f'{filename}: holds weights only, training cannot be resumed from it. To start a new '
                                  f'training from these weights use --cfg-options load_from={filename}')
        self.call_hook('on_resume', checkpoint=checkpoint)
        loop, meta = self.train_loop, checkpoint['meta']
        loop.iter, loop.epoch, loop.epoch_iter = meta['iter'], meta['epoch'], meta['epoch_iter']
        loop.samples = meta['samples']
        loop.history = checkpoint['history']
        _same(filename, 'optim_wrapper', set(checkpoint['optimizers']), {k for k, _ in self.optim_wrapper.items()})
        for key, state in checkpoint['optimizers'].items():
            try:
                self.optim_wrapper[key].load_state_dict(state)
            except ValueError as error:
                raise CheckpointError(f'{filename}: optim_wrapper.{key} does not fit the config: {error}.') from error
        _same(filename, 'param_scheduler', *({key: len(group) for key, group in schedules.items()} for schedules in (
            checkpoint['schedulers'], self.param_schedulers or {})))
        for key, states in checkpoint['schedulers'].items():
            for scheduler, state in zip(self.param_schedulers[key], states, strict=True):
                scheduler.load_state_dict(state)
        self._seed = meta['seed']
        if hasattr(loop.dataloader.sampler, 'seed'):
            loop.dataloader.sampler.seed = meta['seed']
        self._resume_process(checkpoint)

    def _resume_process(self, checkpoint: dict[str, Any]) -> None:
        """What each process has of its own; with another number of processes, the first one's pools serve all."""
        rank, ranks = get_rank(), checkpoint['ranks']
        extra = {k: v for k, v in checkpoint['state_dict'].items() if _is_extra(k)}
        if len(ranks) == self.world_size:
            extra.update(ranks[rank]['extra'])
        unwrap(self.model).load_state_dict(extra, strict=False)
        if len(ranks) == self.world_size or rank == 0:
            set_rng_state(ranks[rank]['rng'])


def _initialise(model: nn.Module) -> None:
    """First weights, equal on all processes."""
    model.init_weights()
    for tensor in (*model.parameters(), *model.buffers()):
        broadcast(tensor.data)


def _extra_state(model: nn.Module) -> dict[str, Any]:
    """What a process has of its own beside random numbers: image pools."""
    return {k: v for k, v in model.state_dict().items() if _is_extra(k)}


def _is_extra(key: str) -> bool:
    return key.endswith('_extra_state')


def _same(filename: str, what: str, saved: Any, built: Any) -> None:
    if saved != built:
        raise CheckpointError(f'{filename}: {what} of the checkpoint has {saved or "none"}, the config {built or "none"}; '
                              f'resume with the config that was trained (it is in work_dir/config.py).')

