"""Speed of a config's training step, of the Runner around it, and of the step against a plain PyTorch loop.

python tools/benchmark.py configs/cyclegan/horse2zebra.py --size 128            iterations/s and peak memory
python tools/benchmark.py configs/cyclegan/horse2zebra.py --size 128 --against-plain-loop
python tools/benchmark.py configs/cyclegan/synthetic.py --overhead              Runner + hooks against a bare loop
"""

import argparse
import contextlib
import io
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from toolbox.cli import add_config_arguments, run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config_arguments(parser)
    parser.add_argument('--size', type=int, default=256, help='height and width of the synthetic input')
    parser.add_argument('--iters', type=int, default=10, help='measured iterations (the overhead uses 200 times as many)')
    parser.add_argument('--threads', type=int, help='threads of torch on the CPU')
    parser.add_argument('--against-plain-loop', action='store_true',
                        help="a plain loop in the authors' order of operations on the same networks, in turns")
    parser.add_argument('--overhead', action='store_true', help='what Runner and default hooks add to an iteration')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    import torch

    from toolbox.engine.config import load_config, parse_options
    if args.threads:
        torch.set_num_threads(args.threads)
    cfg = load_config(args.config, parse_options(args.cfg_options))
    if args.overhead:
        measure_overhead(cfg, 200 * args.iters)
    elif args.against_plain_loop:
        measure_against_plain_loop(cfg, args.size, args.iters)
    else:
        measure_step(cfg, args.size, args.iters)


def build(cfg):
    from mmengine.device import get_device

    from toolbox.engine.optim import build_optimizers
    from toolbox.registry import METHODS
    from toolbox.registry import build as build_part
    method = build_part(cfg.model, METHODS, 'model').to(get_device())
    method.init_weights()
    return method.train(), build_optimizers(method, cfg.optim_wrapper)


def synthetic_batch(method, cfg, size: int) -> dict:
    """Random images of both domains with the channels that the generators expect, ``(N, C, size, size)`` in [-1, 1]."""
    import torch
    net = getattr(method, next(iter(method.translators.values())))
    count, device = cfg.train_dataloader.batch_size, next(net.parameters()).device
    return {key: torch.rand(count, channels, size, size, device=device) * 2 - 1
            for key, channels in (('A', net.in_channels), ('B', net.out_channels))}


def seconds_of(step) -> float:
    import torch
    started = time.perf_counter()
    step()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def measure_step(cfg, size: int, iters: int) -> None:
    from toolbox.hooks.status import memory
    method, optims = build(cfg)
    batch = synthetic_batch(method, cfg, size)
    for _ in range(2):
        method.train_step(batch, optims)
    seconds = [seconds_of(lambda: method.train_step(batch, optims)) for _ in range(iters)]
    middle = statistics.median(seconds)
    print(f'{cfg.filename} at {size} px, batch {cfg.train_dataloader.batch_size}: {1 / middle:.3g} it/s '
          f'({middle:.4g} s, median of {iters}), peak memory {memory()}')


def measure_against_plain_loop(cfg, size: int, iters: int) -> None:
    """Both variants step in turns in one process; the ratio is the median of the paired ratios."""
    import copy

    import torch
    method, optims = build(cfg)
    plain = {'CycleGAN': PlainCycleGAN, 'Pix2Pix': PlainPix2Pix}[cfg.model.type](copy.deepcopy(method))
    batch = synthetic_batch(method, cfg, size)
    steps = (lambda: plain.step(batch['A'], batch['B'])), (lambda: method.train_step(batch, optims))
    for step in steps:
        step()
    pairs = [[seconds_of(step) for step in steps] for _ in range(iters)]
    ratio = statistics.median(ours / theirs for theirs, ours in pairs)
    theirs, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f'{cfg.model.type} at {size} px, {torch.get_num_threads()} thread(s): toolbox / plain loop = {ratio:.3f} '
          f'({ours:.4g} s / {theirs:.4g} s, {iters} pairs)')


class PlainCycleGAN:
    """One training step in the order of the authors' code, without the toolbox's base class."""

    def __init__(self, nets) -> None:
        import torch

        from toolbox.methods.image_pool import ImagePool
        self.G_A, self.G_B, self.D_A, self.D_B = nets.G_AB, nets.G_BA, nets.D_B, nets.D_A
        self.mse, self.l1 = torch.nn.MSELoss(), torch.nn.L1Loss()
        self.pool_B, self.pool_A = ImagePool(50), ImagePool(50)
        self.identity = nets.w_identity_A
        self.optim_G = torch.optim.Adam([*self.G_A.parameters(), *self.G_B.parameters()], 2e-4, (0.5, 0.999))
        self.optim_D = torch.optim.Adam([*self.D_A.parameters(), *self.D_B.parameters()], 2e-4, (0.5, 0.999))

    def gan(self, pred, real: bool):
        import torch
        return self.mse(pred, torch.ones_like(pred) if real else torch.zeros_like(pred))

    def step(self, A, B) -> None:
        fake_B = self.G_A(A)
        rec_A = self.G_B(fake_B)
        fake_A = self.G_B(B)
        rec_B = self.G_A(fake_A)
        for D in (self.D_A, self.D_B):
            D.requires_grad_(False)
        self.optim_G.zero_grad()
        loss = (self.gan(self.D_A(fake_B), True) + self.gan(self.D_B(fake_A), True)
                + 10 * self.l1(rec_A, A) + 10 * self.l1(rec_B, B))
        if self.identity:
            loss = loss + self.identity * (self.l1(self.G_A(B), B) + self.l1(self.G_B(A), A))
        loss.backward()
        self.optim_G.step()
        for D in (self.D_A, self.D_B):
            D.requires_grad_(True)
        self.optim_D.zero_grad()
        for D, real, fake in ((self.D_A, B, self.pool_B.query(fake_B.detach())),
                              (self.D_B, A, self.pool_A.query(fake_A.detach()))):
            (0.5 * (self.gan(D(real), True) + self.gan(D(fake), False))).backward()
        self.optim_D.step()


class PlainPix2Pix:
    """One training step in the order of the authors' code, without the toolbox's base class."""

    def __init__(self, nets) -> None:
        import torch
        self.G, self.D = nets.G, nets.D
        self.bce, self.l1 = torch.nn.BCEWithLogitsLoss(), torch.nn.L1Loss()
        self.optim_G = torch.optim.Adam(self.G.parameters(), 2e-4, (0.5, 0.999))
        self.optim_D = torch.optim.Adam(self.D.parameters(), 2e-4, (0.5, 0.999))

    def gan(self, pred, real: bool):
        import torch
        return self.bce(pred, torch.ones_like(pred) if real else torch.zeros_like(pred))

    def step(self, A, B) -> None:
        import torch
        fake_B = self.G(A)
        self.D.requires_grad_(True)
        self.optim_D.zero_grad()
        fake = self.gan(self.D(torch.cat([A, fake_B], 1).detach()), False)
        (0.5 * (fake + self.gan(self.D(torch.cat([A, B], 1)), True))).backward()
        self.optim_D.step()
        self.D.requires_grad_(False)
        self.optim_G.zero_grad()
        (self.gan(self.D(torch.cat([A, fake_B], 1)), True) + 100 * self.l1(fake_B, B)).backward()
        self.optim_G.step()


def measure_overhead(cfg, iters: int) -> None:
    """Milliseconds that the Runner and the default hooks add to an update that does nothing, early and late in a run."""
    for start in (10, 250_000):
        bare, full = overhead(cfg, start, iters)
        print(f'from iteration {start}: Runner + default hooks {1000 * full:.4f} ms, bare loop {1000 * bare:.4f} ms, '
              f'overhead {1000 * (full - bare):.4f} ms per iteration (means over {iters})')


def overhead(cfg, start: int, iters: int) -> tuple[float, float]:
    """Mean seconds per iteration of (a bare loop over the same batches, the Runner), update included in both.

    The update returns ten fresh scalars. Message hub histories are filled as ``start`` iterations of MMEngine's logging
    would have left them. Files written at the start, the end and on schedule (samples, checkpoints) do not count.
    """
    import torch
    from mmengine.logging import HistoryBuffer

    from toolbox.engine import Runner

    losses = torch.rand(10)

    def update(data, optim_wrapper=None):
        return {f'G/term{i}_x': losses[i] for i in range(10)}

    with tempfile.TemporaryDirectory() as folder:
        cfg.work_dir, cfg.train_cfg = folder, dict(max_iters=start + iters)
        cfg.val_dataloader = cfg.val_evaluator = cfg.val_cfg = None
        cfg.custom_hooks = []
        cfg.default_hooks = {'samples': None, 'checkpoint': dict(type='CheckpointHook', interval=10**9)}
        cfg.train_dataloader.num_workers = 0
        runner = Runner.from_cfg(cfg)
        runner._train_loop = loop = runner.build_train_loop(cfg.train_cfg)
        sample = loop.dataloader.collate_fn([loop.dataloader.dataset[0]])
        loop.dataloader = Repeat(sample, loop.dataloader)
        loop.iter = start
        for name in ('loss', 'time', 'data_time', *(f'term{i}' for i in range(11))):
            history = [0.0] * start
            runner.message_hub.log_scalars[f'train/{name}'] = HistoryBuffer(history, history)
        runner.model.train_step = update
        runner.save_checkpoint = lambda *a, **k: None
        started = time.perf_counter()
        batches = iter(loop.dataloader)
        for _ in range(iters):
            update(next(batches))
        bare = (time.perf_counter() - started) / iters
        timer = loop_timer()
        runner.register_hook(timer, priority='HIGHEST')
        with contextlib.redirect_stdout(io.StringIO()):
            runner.train()
    return bare, (timer.stamps[-1] - timer.stamps[0]) / (iters - 1)


def loop_timer():
    from mmengine.hooks import Hook

    class LoopTimer(Hook):
        """When each iteration began."""

        def __init__(self) -> None:
            self.stamps: list[float] = []

        def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
            self.stamps.append(time.perf_counter())

    return LoopTimer()


class Repeat:
    """The same batch for ever: data loading is not what is measured."""

    def __init__(self, batch, loader) -> None:
        self.batch, self.dataset, self.sampler, self.batch_size = batch, loader.dataset, loader.sampler, loader.batch_size

    def __iter__(self):
        while True:
            yield self.batch

    def __len__(self) -> int:
        return 1


if __name__ == '__main__':
    run(main)
