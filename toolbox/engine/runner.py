"""A run as a table of contents: from a config to trained networks (or to scores), each line one named step."""

from __future__ import annotations

import contextlib
import copy
import itertools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import get_rank, is_distributed, is_main_process
from mmengine.model import is_model_wrapper
from mmengine.registry import DefaultScope
from mmengine.runner import BaseLoop
from mmengine.runner import Runner as MMEngineRunner
from torch import nn
from torch.utils.data import DataLoader, Dataset

from ..data.loader import build_dataloader, build_dataset
from ..data.workers import end_workers
from ..errors import ConfigError
from ..files.checkpoint import remove_leftovers
from ..files.work_dir import locked, make_work_dir
from ..randomness.state import preserve_rng, seed_all
from ..registry import RUNNERS
from .facts import compare_splits
from .loading import load_networks, restore_state, to_resume
from .optim import build_optimizers
from .optim_state import note_groups
from .output import open_logs
from .pixels import fill_pixels
from .processes import join_processes
from .saving import take_snapshot
from .schedules import start, with_units
from .settings import DEFAULT_HOOKS, ENTRIES, loop_of, require_whole_groups
from .state import plain_config, unwrap
from .wrapping import initialise, wrap_networks


@RUNNERS.register_module()
class Runner(MMEngineRunner):
    """Build with :meth:`from_cfg` from a config that :func:`toolbox.engine.config.load_config` completed and checked.

    MMEngine's class lends builders, properties and the list of hooks; what is replaced: docs/decisions/005.

    Args:
        model: config of a method, or a method.
        work_dir: folder of the run.
        cfg: the whole config, for ``work_dir/config.py`` and checkpoints.
        trains: False: a run that only tests, in which the training set is not read.
        resume: True, or 'auto', see :meth:`load_or_resume`.
        **entries: further top-level entries of a config; ``train_dataloader`` may be a finished DataLoader.
    """

    _count = itertools.count()
    _full_disk = False
    resumed_from = ''

    @classmethod
    def from_cfg(cls, cfg: Config, trains: bool = True) -> Runner:
        fill_pixels(cfg)  # ``resume`` may have been set after the config was completed
        entries = copy.deepcopy({key: cfg[key] for key in ENTRIES if cfg.get(key) is not None})
        return cls(cfg=cfg, trains=trains, **entries)

    def __init__(self, *, model: nn.Module | dict[str, Any], work_dir: str, cfg: Config | None = None,
                 trains: bool = True, resume: bool | Literal['auto'] | None = False, **entries: Any) -> None:
        self.cfg = copy.deepcopy(cfg) if isinstance(cfg, Config) else Config(cfg)
        self._work_dir = make_work_dir(work_dir)
        require_whole_groups(entries)
        self._resume = resume
        self.keep_entries(entries)
        self.start_processes(entries.get('env_cfg') or dict(dist_cfg=dict(backend='nccl')))
        self.seed_everything(**(entries.get('randomness') or dict(seed=None)))
        self.name_run(entries.get('experiment_name') or 'run', entries.get('default_scope') or 'toolbox')
        open_logs(self, entries)
        if trains:
            self.build_training_set()
        self.build_networks(model)
        self.register_all_hooks(entries.get('default_hooks') or {}, entries.get('custom_hooks') or ())

    def train(self) -> nn.Module:
        """Train to the end.

        Raises:
            Interrupted: a signal asked to stop; all is saved, and the training can be resumed.
        """
        with self._exclusive_work_dir(), self._output(), self._closing():
            self.build_training()
            self.call_hook('before_run')
            self.initialise_weights()
            self.load_or_resume()
            self.write_config()
            self.count_steps()
            unwrap(self.model).compile_networks(self.cfg.get('compile'))
            self.train_loop.run()
            self.call_hook('after_run')
        return self.model

    def test(self) -> dict[str, float]:
        """Score on the test set; weights come from ``load_from``."""
        with self._output(), self._closing():
            self.build_test()
            self.call_hook('before_run')
            self.load_or_resume()
            self.write_config()
            scores = self.test_loop.run()
            self.call_hook('after_run')
        return scores

    # Set-up, in order

    def keep_entries(self, entries: Mapping[str, Any]) -> None:
        """What is built later, where MMEngine's properties look for it."""
        get: Any = entries.get
        self._train_dataloader, self._train_loop = get('train_dataloader'), loop_of(get('train_cfg'), 'TrainLoop')
        self._val_dataloader, self._val_loop = get('val_dataloader'), loop_of(get('val_cfg'), 'ValLoop')
        self._test_dataloader, self._test_loop = get('test_dataloader'), loop_of(get('test_cfg'), 'TestLoop')
        metrics = get('val_evaluator'), get('test_evaluator')
        self._val_evaluator, self._test_evaluator = ([*m] if isinstance(m, tuple) else m for m in metrics)
        self.optim_wrapper, self._schedules, self.param_schedulers = get('optim_wrapper'), get('param_scheduler'), None
        self._load_from, self._has_loaded = get('load_from'), False
        self.auto_scale_lr, self._launcher = get('auto_scale_lr'), get('launcher', 'none')
        self._distributed = self._launcher != 'none'

    def start_processes(self, env_cfg: dict[str, Any]) -> None:
        """Join the other processes; MMEngine then sets threads, limits, rank, world size and the time stamp."""
        if self.launcher in ('pytorch', 'slurm') and not is_distributed():
            join_processes(self.launcher, **(env_cfg.get('dist_cfg') or {}))
        self.setup_env(env_cfg)

    def seed_everything(self, seed: int | None = None, **options: Any) -> None:
        if options.get('deterministic'):
            os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')  # else cuBLAS refuses
        self._randomness_cfg = dict(seed=seed, **options)
        self.set_randomness(seed, **options)

    def name_run(self, name: str, scope: str) -> None:
        """A name that no other run has: MMEngine shares loggers and visualizers between runners of one name."""
        self._experiment_name = f'{name}_{os.getpid()}_{next(self._count)}_{self.timestamp}'
        self.default_scope = DefaultScope.get_instance(self._experiment_name, scope_name=scope)

    def build_training_set(self) -> None:
        """Before the model, which may depend on it; random numbers are afterwards as before."""
        if isinstance(self._train_dataloader, Mapping) and isinstance(self._train_dataloader['dataset'], dict):
            with preserve_rng():
                dataset = build_dataset(self._train_dataloader['dataset'])
            self._train_dataloader = {**self._train_dataloader, 'dataset': dataset}

    @property
    def train_dataset(self) -> Dataset[Any]:
        """The training set; a run that only tests builds it here, if anybody asks."""
        self.build_training_set()
        loader = self._train_dataloader
        return loader.dataset if isinstance(loader, DataLoader) else loader['dataset']

    def build_networks(self, model: nn.Module | dict[str, Any]) -> None:
        self.model = self.wrap_model(self.cfg.get('model_wrapper_cfg'), self.build_model(model))
        self._model_name = type(unwrap(self.model)).__name__

    def wrap_model(self, model_wrapper_cfg: dict[str, Any] | None, model: Any) -> nn.Module:
        model = model.to(get_device())
        if not self.distributed or is_model_wrapper(model):
            return model
        find_unused = self.cfg.get('find_unused_parameters') or model.trains_parts()
        return wrap_networks(model, model_wrapper_cfg, self.cfg.get('sync_bn'), find_unused)

    def register_all_hooks(self, changes: Mapping[str, Any], custom: Any) -> None:
        """The default hooks, changed or (with None) dropped by ``default_hooks`` of the config, and custom ones."""
        self._hooks: list[Any] = []
        for hook in (*{**DEFAULT_HOOKS, **changes}.values(), *custom):
            if hook is not None:
                self.register_hook(dict(hook) if isinstance(hook, dict) else hook)
        self.logger.info(f'Hooks will be executed in the following order:\n{self.get_hooks_info()}')

    # Steps of a run, in order

    def build_training(self) -> None:
        """Loop and data, optimisers, schedules, validation."""
        if self._train_loop is None:
            raise ConfigError('train_cfg: missing, there is nothing to train.')
        self.build_training_set()
        self._train_loop = self.build_train_loop(self._train_loop)
        self.build_optimizers()
        self.build_schedules()
        if self._val_loop is not None:
            self._val_loop = self.build_val_loop(self._val_loop)
        compare_splits(self)

    def build_optimizers(self) -> None:
        """One per phase of the method, or what the ``constructor`` of the config makes."""
        cfg = self.optim_wrapper
        own = isinstance(cfg, dict) and 'constructor' not in cfg and 'type' not in cfg
        self.optim_wrapper = build_optimizers(self.model, cfg) if own else self.build_optim_wrapper(cfg)
        self.scale_lr(self.optim_wrapper, self.auto_scale_lr)
        note_groups(self.optim_wrapper, self.model)

    def build_schedules(self) -> None:
        """From their beginning; a run that resumes builds them again."""
        if self._schedules is not None:
            self.param_schedulers = self.build_param_scheduler(with_units(self._schedules))
            start(self)

    def build_test(self) -> None:
        if self._test_loop is None:
            raise ConfigError('test_dataloader: missing, there is nothing to test on.')
        self._test_loop = self.build_test_loop(self._test_loop)

    def initialise_weights(self) -> None:
        """First weights, equal in all processes; noise, dropout and pools are each process's own from here on."""
        initialise(self.model)
        if get_rank():
            seed_all(self.seed + get_rank())

    def load_or_resume(self) -> None:
        """Resume, or begin with the weights of ``load_from``; once.

        True resumes from ``load_from``, else from the newest checkpoint of ``work_dir``; 'auto' from that, if any.
        """
        if self._has_loaded:
            return
        trains = isinstance(self._train_loop, BaseLoop)
        if trains and (source := to_resume(self, self._resume, self._load_from)) is not None:
            self.resume(*source)
        elif self._load_from:
            self.load_checkpoint(self._load_from, start=trains)
        self._has_loaded = True

    def write_config(self) -> None:
        """The full config as plain data; not earlier: a start that fails must not replace that of another training."""
        if is_main_process():
            text = '\n'.join(f'{k} = {v!r}' for k, v in plain_config(self.cfg.to_dict()).items())
            Path(self.work_dir, 'config.py').write_text(text + '\n')

    def count_steps(self) -> None:
        """MMEngine's optimisers that accumulate gradients by themselves count from the iteration that is next."""
        self.optim_wrapper.initialize_count_status(self.model, self.train_loop.iter, self.train_loop.max_iters)

    # For loops and hooks

    build_dataloader = staticmethod(build_dataloader)

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        """Without MMEngine's handling of a TypeError, which hides where it was raised."""
        for hook in self._hooks:
            if (function := getattr(hook, fn_name, None)) is not None:
                function(self, **kwargs)

    def save_checkpoint(self, out_dir: str, filename: str, **entries: Any) -> None:
        """Write ``out_dir/filename``, with further plain ``entries``, and wait until that is done."""
        take_snapshot(self, entries).write(Path(out_dir, filename))

    def load_checkpoint(self, filename: str, start: bool = False, **_: Any) -> dict[str, Any]:
        """Weights and averages only; see :func:`toolbox.engine.loading.load_networks`."""
        return load_networks(self, filename, start)

    def resume(self, filename: str, content: dict[str, Any] | None = None, **_: Any) -> None:
        """Continue exactly where ``filename`` was written; see :func:`toolbox.engine.loading.restore_state`."""
        restore_state(self, load_networks(self, filename, content=content), filename)

    @contextlib.contextmanager
    def forgo_output(self) -> Iterator[None]:
        """For logs and pictures, which a run can go on without: that they cannot be written is only said, once."""
        try:
            yield
        except OSError as error:
            if not self._full_disk:
                self._full_disk = True
                self.logger.warning(f'{error.filename or self.work_dir}: {error.strerror}. Logs and pictures are '
                                    'incomplete from now on; the training goes on.')

    # Around a run

    @contextlib.contextmanager
    def _exclusive_work_dir(self) -> Iterator[None]:
        with locked(self.work_dir) if is_main_process() else contextlib.nullcontext():
            if is_main_process():
                remove_leftovers(self.work_dir)
            yield

    @contextlib.contextmanager
    def _output(self) -> Iterator[None]:
        try:
            yield
        finally:
            with self.forgo_output():
                self.visualizer.close()

    @contextlib.contextmanager
    def _closing(self) -> Iterator[None]:
        """However the run ends, hooks give back what they took, and no worker stays."""
        try:
            yield
        finally:
            self.call_hook('close')
            for loop in (loop for loop in (self._val_loop, self._test_loop) if isinstance(loop, BaseLoop)):
                end_workers(loop.dataloader)
