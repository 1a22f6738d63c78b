"""What ``toolbox benchmark`` counts, and that its tables can be written anywhere."""

from __future__ import annotations

import mmap
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tiny import CONFIGS, some_by_turn
from torch import nn
from torch.optim import Adam

from toolbox.benchmarks import compared, machine
from toolbox.benchmarks.compared import Ratio, cycle_of, plain_loop, require_quiet
from toolbox.benchmarks.overhead import around_the_networks
from toolbox.benchmarks.profile import is_heavy, print_profile, profile_of
from toolbox.benchmarks.rows import ROWS
from toolbox.benchmarks.step import built, in_channels_last, page_faults, synthetic_batch, warmed
from toolbox.benchmarks.table import BEGIN, END, config_of, write_table
from toolbox.benchmarks.variants import waits_of, write_variants
from toolbox.benchmarks.work import alone, work_of
from toolbox.cli import process
from toolbox.engine.config import load_config
from toolbox.errors import ConfigError
from toolbox.methods.base import Method
from toolbox.methods.cyclegan import CycleGAN
from toolbox.registry import METHODS, build


def test_the_table_has_a_row_for_every_system() -> None:
    folders = {Path(path).parent.name for path in CONFIGS}
    assert {row.config.partition('/')[0] for row in ROWS} == folders
    assert len({row.config for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize('row', some_by_turn(ROWS, 4), ids=lambda row: row.config)
def test_a_row_is_a_config_with_a_plain_loop_at_both_sizes(row) -> None:
    for paper in (False, True):
        with torch.device('meta'):
            method = build(config_of(row, paper).model, METHODS)
            if row.stage is None:
                plain_loop(method)
        assert row.stage is None or row.stage in [stage.name for stage in method.stages] or paper


def test_a_ratio_is_the_median_of_those_of_pairs() -> None:
    found = Ratio.of([(1.0, 4.0), (4.0, 3.0), (9.0, 6.0)])
    assert found == Ratio(middle=4 / 3, low=0.25, high=1.5, ours=4.0, theirs=4.0)


def test_the_work_of_a_step_is_counted_by_what_reaches_the_device() -> None:
    conv = nn.Conv2d(2, 4, 3, padding=1)
    x = torch.randn(1, 2, 8, 8)
    work = work_of(lambda: conv(x).sum().backward(), dict(conv=conv))
    one = 2 * 4 * 2 * 9 * 64  # multiplications and additions of a pass; backwards to the weights alone
    assert (work.flops, work.passes, work.reads) == (2 * one, 1, 0)
    assert sorted(call.operator.name() for call in work.heavy) == ['aten::convolution', 'aten::convolution_backward']
    assert work.operators >= 4
    assert all(seconds > 0 for seconds in alone(work, 'cpu', repeats=1))
    assert waits_of(lambda: conv(x).sum().item()) == 1


def test_a_step_that_penalises_gradients_is_counted_too() -> None:
    conv, x = nn.Conv2d(2, 4, 3), torch.randn(1, 2, 8, 8, requires_grad=True)

    def step() -> None:
        grad, = torch.autograd.grad(conv(x).square().sum(), x, create_graph=True)
        grad.square().sum().backward()
    assert work_of(step, {}).flops > 4 * 2 * 4 * 2 * 9 * 36


def test_a_profile_has_every_operator_of_an_iteration(capfd: pytest.CaptureFixture[str]) -> None:
    cfg = load_config('dcgan/synthetic', {'train_dataloader.batch_size': 2})
    method, optims = built(cfg)
    batch = synthetic_batch(method, cfg, 32)
    method.train_step(batch, optims)
    heavy = work_of(lambda: method.train_step(batch, optims), {}).heavy
    counted = sum(times for call, times in heavy.items() if call.operator.name() == 'aten::convolution_backward')
    used = {one.name: one for one in profile_of(warmed(cfg, 32)[0])}
    assert used['aten::convolution_backward'].calls == counted > 0
    print_profile(cfg, 32, rows=3)
    out, err = capfd.readouterr()
    *table, empty, last = out.splitlines()
    lines = [line.split('|') for line in table[2:]]
    shares = [float(line[3].strip().rstrip('%')) for line in lines]
    assert len(lines) == 4 and sum(shares) == pytest.approx(100, abs=0.3) and shares[:3] == sorted(shares[:3])[::-1]
    assert 'others' in lines[3][1] and (empty, err) == ('', '')
    found = re.search(r'products: ([\d.]+)% of that; .* ([\d.]+)% of the [\d.]+ s of CPU time', last)
    within, by_itself = map(float, found.groups())
    # Which operators are in the first rows depends on when other processes interrupt this one.
    convolutions = sum(share for line, share in zip(lines, shares, strict=True) if is_heavy(line[1].strip(' `')))
    assert convolutions - 0.3 <= within < 100 and by_itself > 0
    assert is_heavy('aten::convolution_backward') and not is_heavy('aten::copy_')


def test_convolutions_and_products_are_known_by_all_their_names() -> None:
    heavy = ('convolution', 'convolution_backward', 'mkldnn_convolution', '_slow_conv2d_forward', 'conv_transpose2d',
             'addmm')
    light = ('copy_', '_convert_indices_from_coo_to_csr', 'native_group_norm', 'mul', 'empty')
    assert all(is_heavy(f'aten::{name}') for name in heavy) and not any(is_heavy(f'aten::{name}') for name in light)


def test_what_surrounds_the_networks_is_measured_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    cfg = load_config('configs/cyclegan/synthetic.py', {f'model.{net}.base_channels': 2
                                                        for net in ('G_AB', 'G_BA', 'D_A', 'D_B')})
    calls: Counter[str] = Counter()

    def counted(owner: type, name: str) -> None:
        call = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *args, **kwargs: (calls.update([name]), call(*args, **kwargs))[1])

    for owner, name in ((CycleGAN, 'loss_G'), (CycleGAN, 'loss_D'), (Adam, 'step'), (Adam, 'zero_grad'),
                        (Method, 'train_step'), (Method, '_train_only')):
        counted(owner, name)
    assert around_the_networks(cfg, 32, iters=3) > 0
    assert calls == dict(loss_G=1, loss_D=1, step=2, zero_grad=8, train_step=4, _train_only=12), 'one step is real'


def test_the_memory_of_a_step_is_its_peak() -> None:
    def step() -> None:
        torch.ones(50 * 2**18).sum()  # 50 MB
    found = machine.peak_of(step)
    assert found is None or 40 * 2**20 < found < 200 * 2**20


@pytest.fixture
def busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> machine.Neighbours:
    """Two seconds on a system whose cores worked for three, one of them for this process."""
    monkeypatch.setattr(machine, 'PROC', tmp_path)
    monkeypatch.setattr(machine, 'TICKS', 100)
    monkeypatch.setattr(machine, '_own', iter((1.0, 2.0)).__next__)
    monkeypatch.setattr(machine, 'time', SimpleNamespace(perf_counter=iter((10.0, 12.0)).__next__))
    (tmp_path / '7').mkdir()

    def worked(ticks: int) -> None:
        (tmp_path / 'stat').write_text(f'cpu  {ticks} 0 0 900 0 0 0 0 0 0\n')
        (tmp_path / '7/stat').write_text(f'7 (a (b) c) R 1 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20\n')
    worked(100)
    neighbours = machine.Neighbours()
    worked(400)
    return neighbours


@pytest.mark.fault
def test_other_processes_stop_a_measurement_by_the_clock(busy: machine.Neighbours) -> None:
    cores = busy.cores()
    assert cores == 1.0
    with pytest.raises(ConfigError, match=r'use 1\.0 cores, above all a \(b\) c \(process 7\).*--shared'):
        require_quiet(cores, busy.busiest())
    require_quiet(0.05, '')


def test_a_system_that_does_not_tell_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path,
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, 'PROC', tmp_path)
    require_quiet(*machine.others(0.01))
    assert 'does not tell' in capsys.readouterr().out


def test_iterations_that_differ_are_measured_together() -> None:
    names = {row.config: row for row in ROWS}
    with torch.device('meta'):
        methods = [build(config_of(names[name], False).model, METHODS)
                   for name in ('wgan_gp/cifar10', 'cgan/mnist')]
    assert [cycle_of(method) for method in methods] == [5, 1]


def test_the_table_goes_on_where_it_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    page, results = tmp_path / 'page.md', tmp_path / 'results.json'
    page.write_text(f'before\n{BEGIN}\nold\n{END}\nafter\n')

    def write(*names: str) -> None:
        write_table(page, names, 1, shared=True, quick=True, results=results)
    write('gan/mnist')
    write('cgan/mnist', 'gan/mnist')
    assert 'gan/mnist: measured before' in capsys.readouterr().out
    lines = page.read_text().splitlines()
    assert [lines[0], lines[1], lines[-2], lines[-1]] == ['before', BEGIN, END, 'after']
    rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in lines if line.startswith('| `')]
    assert [row[0] for row in rows] == ['`gan/mnist`', '`cgan/mnist`'] and 'old' not in lines
    assert all(row[3] == '-' and float(row[4].split()[0]) > 0 for row in rows)  # no clock beside others
    assert rows[1][5].count('/') == 1 and rows[1][7] == '4 / 4'  # G 1, D 3
    with pytest.raises(ConfigError, match=r"no row 'gan/mnits'.*'gan/mnist'"):
        write('gan/mnits')
    monkeypatch.setattr(compared, 'others', lambda: (1.0, 'another'))
    with pytest.raises(ConfigError, match='another'):
        write_table(page, ['vae/fashion_mnist'], 1, quick=True, results=results)


@pytest.mark.filterwarnings('default')  # dynamo looks at .grad of tensors that have none
def test_the_script_for_a_gpu_runs_on_a_cpu(tmp_path: Path) -> None:
    write_variants(tmp_path / 'gpu.md', ['gan/mnist'], quick=True)
    head, row = [[cell.strip() for cell in line.strip('|').split('|')]
                   for line in (tmp_path / 'gpu.md').read_text().splitlines() if line.startswith('| ')]
    assert row[0] == '`gan/mnist`'
    cells = dict(zip(head, row, strict=True))
    for name in ('plain loop', 'float32', 'TF32', 'channels_last', 'TF32, compiled'):
        assert float(cells[name]) > 0, name
    assert cells['convolutions alone, float32'].endswith('%')
    assert all(name in cells for name in ('bf16', 'bf16, compiled', 'waits'))


@pytest.mark.parametrize(('environment', 'kept'), [({}, True), ({'MALLOC_TOP_PAD_': '0'}, False),
                                                   ({'LD_PRELOAD': 'libjemalloc.so'}, False)])
def test_freed_memory_is_kept_unless_the_user_chose_otherwise(environment: dict[str, str], kept: bool,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, int]] = []

    class Libc:
        mallopt: Callable[[int, int], int] = staticmethod(lambda *setting: calls.append(setting) or 1)
    monkeypatch.setattr(process.os, 'environ', environment)
    monkeypatch.setattr(process.sys, 'platform', 'linux')
    monkeypatch.setattr(process.ctypes, 'CDLL', lambda name: Libc)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    assert process.keep_freed_memory() is kept
    assert calls == ([(-4, 0), (-1, -1), (-2, 2**28)] if kept else [])


def test_channels_last_lays_weights_and_images_out_and_keeps_their_numbers() -> None:
    method, batch = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(16, 2)), {'A': torch.rand(1, 3, 4, 4)}
    before = [p.detach().clone() for p in method.parameters()]
    made = in_channels_last(method, {**batch, 'label': torch.tensor([1])})
    assert made['A'].stride() == (48, 1, 12, 3) and torch.equal(made['A'], batch['A'])
    assert method[0].weight.stride() == (27, 1, 9, 3)
    assert all(torch.equal(*pair) for pair in zip(before, method.parameters(), strict=True))


def test_page_faults_count_the_pages_that_are_touched() -> None:
    before = page_faults()
    fresh = mmap.mmap(-1, 64 * mmap.PAGESIZE)
    fresh[::mmap.PAGESIZE] = b'x' * 64
    found = page_faults() - before
    fresh.close()
    assert 64 <= found < 1000


@pytest.mark.parametrize(('load', 'threads', 'set_by_user', 'free'), [
    (0.2, 4, False, None), (2.6, 4, False, 1), (1.4, 2, False, None), (1.4, 4, False, 3), (9.0, 2, False, 1),
    (9.0, 1, False, None), (9.0, 4, True, None)])
def test_threads_that_would_wait_for_cores_of_others_are_noticed(
        monkeypatch: pytest.MonkeyPatch, load: float, threads: int, set_by_user: bool, free: int | None) -> None:
    monkeypatch.setattr(process.os, 'sched_getaffinity', lambda pid: range(4))
    monkeypatch.setattr(process.os, 'getloadavg', lambda: (load, 0.0, 0.0))
    monkeypatch.setattr(torch, 'get_num_threads', lambda: threads)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.delenv('OMP_NUM_THREADS', raising=False)
    if set_by_user:
        monkeypatch.setenv('OMP_NUM_THREADS', str(threads))
    note = process.note_of_threads()
    assert note is None if free is None else f'{threads} threads' in note and f'OMP_NUM_THREADS={free} before' in note
