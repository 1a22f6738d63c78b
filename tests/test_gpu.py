"""What only a GPU can do wrong: loss scaling, waiting for the device, determinism, other kernels.

Each test takes the device as a parameter. The case 'cpu' runs everywhere and keeps the test's own code alive; 'cuda' is
skipped without a CUDA device, and ``-m gpu`` runs these cases alone. A Runner takes the GPU where there is one, so that
its cases 'cpu' are left out on such a machine.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from runs import EXACT, assert_equal, train
from test_distributed import largest_difference, torchrun, write_config
from tiny import METHOD_CONFIGS, tiny_config
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from toolbox.engine import Runner
from toolbox.engine.optim import PhaseOptimizer, build_optimizers
from toolbox.files.checkpoint import read_checkpoint
from toolbox.hooks.health import Losses
from toolbox.losses.penalties import gradient_penalty, r1_penalty
from toolbox.methods.base import Method

CUDA = pytest.param('cuda', marks=pytest.mark.gpu)
NO_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason='a Runner takes the GPU of this machine')
DEVICES = pytest.mark.parametrize('device', ['cpu', CUDA])
RUNNERS = pytest.mark.parametrize('device', [pytest.param('cpu', marks=NO_GPU), CUDA])
HALF = {'cpu': torch.bfloat16, 'cuda': torch.float16}
AMP = {'cpu': 'bf16-slow', 'cuda': 'fp16'}
PIX2PIX, CYCLEGAN, GAN = 'configs/pix2pix/facades.py', 'configs/cyclegan/synthetic.py', 'configs/gan/synthetic.py'


# Loss scaling


def scaled_optimizer(device: str, scale: float, **options: Any) -> tuple[nn.Parameter, PhaseOptimizer]:
    """A weight (0, 0) with rate 1, and its optimiser with the loss scaler of fp16."""
    weight = nn.Parameter(torch.zeros(2, device=device))
    optimizer = PhaseOptimizer(torch.optim.SGD([('weight', weight)], lr=1.0), **options)
    optimizer.scaler = torch.amp.GradScaler(device, init_scale=scale)
    return weight, optimizer


def update(optimizer: PhaseOptimizer, weight: nn.Parameter, gradient: list[float]) -> None:
    optimizer.zero_grad()
    optimizer.backward((weight * torch.tensor(gradient, device=weight.device)).sum())
    optimizer.step()


@pytest.mark.fault
@DEVICES
@pytest.mark.parametrize(('clip_grad', 'moved'), [
    (dict(max_norm=1.0), [-0.6, -0.8]), (dict(type='value', clip_value=3.5), [-3.0, -3.5]), (None, [-3.0, -4.0])])
def test_gradients_are_clipped_at_their_true_size(device: str, clip_grad: dict[str, Any] | None,
                                                  moved: list[float]) -> None:
    weight, optimizer = scaled_optimizer(device, 1024.0, clip_grad=clip_grad)
    update(optimizer, weight, [3.0, 4.0])
    assert weight.tolist() == pytest.approx(moved, rel=1e-5)
    if clip_grad and 'max_norm' in clip_grad:
        assert optimizer.grad_norm is not None and float(optimizer.grad_norm) == pytest.approx(5.0)


@pytest.mark.fault
@DEVICES
@pytest.mark.parametrize('clip_grad', [None, dict(max_norm=1.0)])
def test_an_overflow_is_no_step_and_halves_the_scale(device: str, clip_grad: dict[str, Any] | None) -> None:
    weight, optimizer = scaled_optimizer(device, 1024.0, clip_grad=clip_grad)
    update(optimizer, weight, [float('inf'), 1.0])
    assert weight.tolist() == [0.0, 0.0] and optimizer.scaler.get_scale() == 512.0
    update(optimizer, weight, [0.6, 0.8])
    assert weight.tolist() == pytest.approx([-0.6, -0.8]), 'the next step is as usual'


@DEVICES
def test_the_state_of_the_scaler_is_saved(device: str) -> None:
    weight, optimizer = scaled_optimizer(device, 1024.0)
    update(optimizer, weight, [float('inf'), 1.0])
    _, other = scaled_optimizer(device, 8.0)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert other.scaler.get_scale() == 512.0


@DEVICES
def test_penalties_are_in_full_precision_under_autocast(device: str) -> None:
    torch.manual_seed(0)
    D = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Conv2d(4, 1, 3)).to(device)
    real, fake = (torch.rand(2, 3, 8, 8, device=device).to(HALF[device]) for _ in range(2))
    alpha = torch.tensor([[0.3], [0.6]], device=device)

    def penalties(D: nn.Module, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        return gradient_penalty(D, real, fake, alpha=alpha), r1_penalty(D, real)[0]

    expected = penalties(copy.deepcopy(D).double(), real.double(), fake.double())
    with torch.autocast(device, HALF[device]), torch.backends.cudnn.flags(allow_tf32=False):
        assert D(real).dtype == HALF[device], 'autocast is on'
        found = penalties(D, real, fake)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == torch.float32 and a.item() == pytest.approx(b.item(), rel=1e-5)
    sum(found).backward()
    assert all(p.grad.dtype == torch.float32 and p.grad.isfinite().all() for p in D.parameters() if p.grad is not None)


# Waiting for the device


class Reads(TorchDispatchMode):
    """Counts what makes a GPU's host wait: numbers that Python reads from tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def never_waiting(device: str) -> Iterator[None]:
    """No read of a tensor within; on a GPU every call that waits for the device is an error."""
    if device == 'cuda':
        torch.cuda.set_sync_debug_mode('error')
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode('default')
    else:
        with Reads() as reads:
            yield
        assert not reads.count, f'{reads.count} numbers were read'


def steps_without_waiting(device: str, cfg: Any) -> int:
    """Train, and guard the iterations between the first and the last status line, from the first hook to the last."""
    runner = Runner.from_cfg(cfg)
    runner.build_training()
    loop, run_iter, guarded = runner.train_loop, runner.train_loop.run_iter, []

    def watched(data: dict[str, Any]) -> None:
        guarded.append(0 < loop.iter < loop.max_iters - 1)
        with never_waiting(device) if guarded[-1] else contextlib.nullcontext():
            run_iter(data)

    loop.run_iter, runner.build_training = watched, lambda: None
    runner.train()
    return sum(guarded)


def quiet(path: str, folder: Path, images: Path, iters: int, device: str, **options: Any) -> Any:
    """A training without validations, pictures and checkpoints between; SGD, since Adam on a CPU reads its counters."""
    cfg = tiny_config(path, folder, images, iters, options)
    for key in ('val_dataloader', 'val_cfg', 'val_evaluator'):
        cfg.pop(key, None)
    cfg.default_hooks.samples = None
    cfg.default_hooks.checkpoint.interval = 1000
    if device == 'cpu':  # there the losses of each iteration are read: it costs nothing
        cfg.default_hooks.health = None
    with_sgd(cfg)
    return cfg


def with_sgd(cfg: Any, lr: float = 0.01) -> None:
    """Adam makes whole steps of rounding errors, where a gradient is zero but for them."""
    for part in cfg.optim_wrapper.values():
        if isinstance(part, dict):
            part.optimizer = dict(type='SGD', lr=lr)


@RUNNERS
@pytest.mark.parametrize('path', [CYCLEGAN, PIX2PIX])
def test_the_host_waits_for_the_device_at_status_lines_only(device: str, path: str, images: Path,
                                                            tmp_path: Path) -> None:
    options = {} if path == CYCLEGAN else {'optim_wrapper.G.clip_grad': dict(max_norm=1.0)}
    assert steps_without_waiting(device, quiet(path, tmp_path, images, 6, device, **options)) == 4


@DEVICES
def test_a_read_within_a_step_is_found(device: str) -> None:
    with pytest.raises((AssertionError, RuntimeError)), never_waiting(device):
        torch.ones((), device=device).item()


@DEVICES
def test_losses_that_travel_to_the_host_are_judged_there(device: str) -> None:
    for value, finite in ((1.0, True), (float('nan'), False)):
        losses = Losses(1, {'G/adv': torch.tensor(1.0, device=device), 'D/fake': torch.tensor(value, device=device)},
                        None)
        assert losses.finite() is finite
        assert losses.total.device.type == 'cpu' and losses.total.is_pinned() is (device == 'cuda')


@RUNNERS
def test_batches_are_in_pinned_memory_where_there_is_a_gpu(device: str, images: Path, tmp_path: Path) -> None:
    runner = Runner.from_cfg(tiny_config(PIX2PIX, tmp_path, images, 2))
    runner.build_training()
    batch = next(iter(runner.train_loop.dataloader))
    assert batch['A'].is_pinned() is (device == 'cuda')
    assert next(runner.model.parameters()).device.type == device


# The same numbers


def one_step(method: Method, cfg: Any, batch: dict[str, Tensor], device: str,
             memory_format: torch.memory_format = torch.contiguous_format) -> dict[str, Tensor]:
    """Losses and weights after one step of a copy on a device."""
    method = copy.deepcopy(method).to(device).to(memory_format=memory_format).train()
    images = {key: x.to(device) for key, x in batch.items()}
    images = {key: x.contiguous(memory_format=memory_format) if x.ndim == 4 else x for key, x in images.items()}
    torch.manual_seed(7)  # noise is drawn on the CPU, whatever the device
    losses = method.train_step(images, build_optimizers(method, cfg.optim_wrapper))
    weights = {key: x.detach().cpu() for key, x in method.state_dict().items() if isinstance(x, Tensor)}
    return {**{f'loss {key}': x.cpu() for key, x in losses.items()}, **weights}


def method_of(name: str, images: Path, folder: Path) -> tuple[Method, Any, dict[str, Tensor]]:
    """A tiny method in float64 without dropout, its config with SGD, and a batch."""
    cfg = tiny_config(METHOD_CONFIGS[name], folder, images)
    method = copy.deepcopy(Runner.from_cfg(cfg).model).cpu().double()
    for layer in method.modules():
        if isinstance(layer, nn.modules.dropout._DropoutNd):
            layer.p = 0.0
    with_sgd(cfg)
    method.init_weights()
    batch = method.example(2, (32, 32), torch.Generator().manual_seed(0))
    return method, cfg, {key: x.double() if x.is_floating_point() else x for key, x in batch.items()}


@pytest.fixture
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@DEVICES
@pytest.mark.parametrize('name', METHOD_CONFIGS)
def test_a_step_is_the_same_on_every_device_and_in_every_memory_format(device: str, name: str, float64: None,
                                                                       images: Path, tmp_path: Path) -> None:
    method, cfg, batch = method_of(name, images, tmp_path)
    expected = one_step(method, cfg, batch, 'cpu')
    assert largest_difference({k: v for k, v in expected.items() if not k.startswith('loss')},
                              {k: v for k, v in method.state_dict().items() if isinstance(v, Tensor)}) > 1e-9
    for memory_format in (torch.contiguous_format, torch.channels_last):
        found = one_step(method, cfg, batch, device, memory_format)
        for key, value in expected.items():
            difference = float((found[key] - value).abs().max())
            assert difference <= 1e-8 + 1e-6 * float(value.abs().max()), key


@RUNNERS
@pytest.mark.parametrize('case', ['gan', 'amp'])
def test_a_resumed_training_is_exact_where_it_is_deterministic(device: str, case: str, images: Path,
                                                               tmp_path: Path) -> None:
    path, options = {'gan': (GAN, {}), 'amp': (PIX2PIX, {  # convolutions that torch can do in a fixed order on a GPU
        'optim_wrapper.amp': AMP[device], 'optim_wrapper.G.clip_grad': dict(max_norm=1.0)})}[case]
    options = {**options, 'randomness.deterministic': True}
    try:
        train(tiny_config(path, tmp_path / 'whole', images, 4, options))
        train(tiny_config(path, tmp_path / 'parts', images, 4, options), stop=2)
        train(tiny_config(path, tmp_path / 'parts', images, 4, options), resume=True)
    finally:
        torch.use_deterministic_algorithms(False)
        torch.backends.cudnn.deterministic = False
    whole, parts = (read_checkpoint(tmp_path / name / 'iter_4.pth') for name in ('whole', 'parts'))
    for key in EXACT:
        assert_equal(whole.get(key), parts.get(key), key)
    assert all(x.isfinite().all() for x in whole['state_dict'].values() if isinstance(x, Tensor))
    if case == 'amp':
        assert ('scaler' in whole['optimizers']['G']) is (device == 'cuda')


@pytest.mark.filterwarnings('default')  # dynamo looks at .grad of tensors that have none
@RUNNERS
def test_compiled_networks_train_to_the_same_weights(device: str, images: Path, tmp_path: Path) -> None:
    states = []
    for name, value in (('eager', False), ('compiled', dict(backend='eager' if device == 'cpu' else 'inductor'))):
        cfg = quiet(PIX2PIX, tmp_path / name, images, 2, device, **{'compile': value, 'model.G.dropout': 0.0})
        Runner.from_cfg(cfg).train()
        states.append(read_checkpoint(tmp_path / name / 'iter_2.pth')['state_dict'])
    assert states[0].keys() == states[1].keys()
    for key, value in states[0].items():
        torch.testing.assert_close(states[1][key], value, rtol=1e-3, atol=1e-4)


# Two GPUs

TWO = pytest.param('cuda', marks=[pytest.mark.gpu, pytest.mark.skipif(
    torch.cuda.device_count() < 2, reason='needs two CUDA devices')])


@pytest.mark.dist
@pytest.mark.parametrize('device', [pytest.param('cpu', marks=[NO_GPU, pytest.mark.slow]), TWO])
def test_two_processes_with_joined_norms_equal_one(device: str, images: Path, tmp_path: Path) -> None:
    """NCCL and torch's own SyncBatchNorm on GPUs, gloo and ours on the CPU; float64."""
    options = {'model.G.norm': dict(type='BN'), 'model.D.norm': dict(type='BN'), 'model.G.bias': False,
               'model.D.bias': False, 'model.G.dropout': 0.0, 'sync_bn': 'torch'}
    for processes in (1, 2):
        cfg = quiet(PIX2PIX, tmp_path / str(processes), images, 3, device, **options)
        cfg.train_dataloader.batch_size = 4 // processes
        torchrun('tests/joined_driver.py', write_config(cfg, tmp_path / f'{processes}.py'), processes=processes)
    one, two = (read_checkpoint(tmp_path / str(n) / 'iter_3.pth') for n in (1, 2))
    assert len(two['ranks']) == 2 and one['meta']['samples'] == two['meta']['samples'] == 12
    assert largest_difference(one['state_dict'], two['state_dict']) <= 1e-9
