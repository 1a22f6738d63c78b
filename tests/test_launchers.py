"""How several processes are started, and that none of them waits for one that is gone."""

import os
import re
import socket
import subprocess
import sys
import time
from concurrent.futures import wait
from pathlib import Path

import forked
import pytest
import torch
from faults import SignalAt  # noqa: F401  (registers what the configs below name)
from mmengine.hooks import Hook
from runs import EXACT, assert_equal
from test_distributed import torchrun_command, write_config
from tiny import ROOT, draw_images, tiny_config

from toolbox.engine import Runner
from toolbox.errors import DataError
from toolbox.files.checkpoint import newest_intact, read_checkpoint
from toolbox.registry import HOOKS

pytestmark = pytest.mark.dist

PATH = 'configs/cyclegan/facades.py'


@HOOKS.register_module(force=True)
class GoesWrong(Hook):
    """One process does something that ends it, or says what it has."""

    def __init__(self, how: str, rank: int = 1, iteration: int = 3) -> None:
        self.how, self.rank, self.iteration = how, rank, iteration

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if batch_idx != self.iteration or runner.rank != self.rank:
            return
        if runner.train_loop.saving is not None:  # a checkpoint to which this process, too, writes its part
            wait([runner.train_loop.saving])
        Path(runner.work_dir, 'went_wrong').touch()
        if self.how == 'raises':
            raise RuntimeError('a bug in process 1')
        if self.how == 'user error':
            raise DataError('process 1 cannot read its image')
        if self.how == 'exits':
            os._exit(0)
        if self.how == 'hangs':
            time.sleep(1000)


@HOOKS.register_module(force=True)
class Say(Hook):
    """Print what this process draws and has."""

    priority = 'LOWEST'

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        weights = sum(float(p.double().sum()) for p in runner.model.parameters())
        line = (f'process {runner.rank} iteration {batch_idx}: data {float(data_batch["A"].double().mean()):.6f}, '
                f'noise {float(torch.rand(())):.6f}, weights {weights:.12f}, G {float(outputs["G/adv_B"]):.6f}\n')
        os.write(1, line.encode())  # at once: print() of two processes may mix


def run(cfg, real=False):
    """Two processes; ``real`` ones are started by torchrun."""
    args = 'tools/train.py', cfg, '--launcher', 'pytorch'
    return subprocess.run(**torchrun_command(*args)) if real else forked.torchrun(*args, folder=Path(cfg).parent)


def config(folder, images, options=None, iters=8):
    options = {'custom_imports': dict(imports=['test_launchers', 'faults']), **(options or {})}
    return write_config(tiny_config(PATH, folder / 'run', images, iters, options), folder / 'config.py')


@pytest.mark.fault
@pytest.mark.parametrize(('how', 'said'), [
    ('raises', 'RuntimeError: a bug in process 1'), ('user error', 'error: process 1 cannot read its image'),
    ('exits', 'Connection'),
    pytest.param('hangs', '[Tt]imed out', marks=pytest.mark.slow)])  # torchrun kills after waiting for 30 seconds
def test_a_process_that_fails_brings_the_others_down(how, said, images, tmp_path):
    timeout = 5 if how == 'hangs' else 100_000  # only a process that hangs is noticed by it
    options = {'custom_hooks': [dict(type='GoesWrong', how=how)],
               'env_cfg': dict(dist_cfg=dict(backend='nccl', timeout=timeout))}
    done = run(config(tmp_path, images, options), real=how in ('raises', 'hangs'))
    assert done.returncode == 1
    assert re.search(said, done.stderr), done.stderr
    if how == 'raises':
        assert re.search(r'local_rank: 1|rank +: 1', done.stderr)
    assert newest_intact(tmp_path / 'run')[0].name == 'iter_2.pth'


@pytest.mark.fault
def test_an_error_that_every_process_meets_is_printed_once(images, tmp_path):
    cfg = config(tmp_path, images)
    with open(cfg, 'a') as file:
        file.write('\nmodel["pool_size"] = -1\n')
    done = run(cfg)
    assert done.returncode == 1
    assert done.stderr.count('mistake(s)') == 1 and 'model.pool_size' in done.stderr, done.stderr


def test_each_process_has_its_own_data_and_noise_and_the_same_weights(images, tmp_path):
    done = run(config(tmp_path, images, {'custom_hooks': [dict(type='Say')], 'default_hooks.status.interval': 4}, 4))
    assert done.returncode == 0, done.stderr
    lines = re.findall(r'process (\d) iteration (\d): data (\S+), noise (\S+), weights (\S+), G (\S+)', done.stdout)
    said = {(int(process), int(i)): rest for process, i, *rest in lines}
    assert len(said) == 8
    for i in range(4):
        (data0, noise0, weights0, _), (data1, noise1, weights1, _) = said[0, i], said[1, i]
        assert data0 != data1
        assert noise0 != noise1
        assert weights0 == weights1
    # the status line of the first iteration shows the mean of both
    mean = (float(said[0, 0][3]) + float(said[1, 0][3])) / 2
    scalars = next((tmp_path / 'run').glob('*/vis_data/scalars.json')).read_text().splitlines()
    first = next(line for line in scalars if 'G/adv_B' in line)
    assert float(re.search(r'"G/adv_B": ([\d.]+)', first)[1]) == pytest.approx(mean, abs=1e-5)


@pytest.mark.parametrize('count', [1, 3])
def test_metrics_count_every_image_once(count, tmp_path):
    """An odd number, and fewer images than processes."""
    images = draw_images(tmp_path / 'images')
    for folder in ('valA', 'valB'):  # aligned pairs, which the config reads
        for path in sorted((images / folder).iterdir())[count:]:
            path.unlink()
    path = 'configs/pix2pix/facades.py'
    options = {'model.test_cfg': dict(dropout=False, norm='running')}
    cfg = write_config(tiny_config(path, tmp_path / 'two', images, 2, options), tmp_path / 'config.py')
    done = run(cfg)
    assert done.returncode == 0, done.stderr
    one = tiny_config(path, tmp_path / 'test', images, 2, options)
    one.load_from = str(tmp_path / 'two' / 'iter_2.pth')
    one.test_dataloader = one.val_dataloader
    scores = Runner.from_cfg(one).test()
    assert scores['PSNR_images'] == count
    history = read_checkpoint(one.load_from)['history'][-1]
    assert {k: history[k] for k in scores} == scores


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return str(s.getsockname()[1])


def test_slurm(images, tmp_path):
    """Two tasks with what srun sets, and a scontrol that knows one machine."""
    scontrol = tmp_path / 'scontrol'
    scontrol.write_text('#!/bin/sh\n[ "$1 $2 $3" = "show hostname node[1-2]" ] && echo 127.0.0.1 && echo other\n')
    scontrol.chmod(0o755)
    cfg, port = config(tmp_path, images, iters=4), free_port()
    processes = []
    for rank in range(2):
        env = {**os.environ, 'PATH': f'{tmp_path}:{os.environ["PATH"]}', 'SLURM_PROCID': str(rank), 'SLURM_NTASKS': '2',
               'SLURM_LOCALID': str(rank), 'SLURM_NODELIST': 'node[1-2]', 'MASTER_PORT': port}
        processes.append(forked.Started('tools/train.py', cfg, '--launcher', 'slurm', folder=tmp_path, name=f'{rank}',
                                        env=env))
    assert [process.wait().returncode for process in processes] == [0, 0], processes[0].stderr + processes[1].stderr
    assert '2 process(es)' in processes[0].stdout
    assert 'validation' not in processes[1].stdout
    assert len(read_checkpoint(tmp_path / 'run' / 'iter_4.pth')['ranks']) == 2


@pytest.mark.parametrize('rendezvous', [pytest.param('static', marks=pytest.mark.slow), 'c10d'])
def test_two_machines(rendezvous, images, tmp_path):
    """Two torchruns that find each other, as on two machines; the result is that of two processes on one."""
    cfg, port = config(tmp_path, images, iters=4), free_port()
    processes = []
    for node in range(2):
        where = {'static': ['--node_rank', str(node), '--master_addr', '127.0.0.1', '--master_port', port],
                 'c10d': ['--rdzv_backend', 'c10d', '--rdzv_endpoint', f'127.0.0.1:{port}', '--rdzv_id',
                          'run']}[rendezvous]
        command = ['-m', 'torch.distributed.run', '--nnodes', '2', '--nproc_per_node', '1', *where,
                   str(ROOT / 'tools/train.py'), cfg, '--launcher', 'pytorch']
        env = {**os.environ, 'PYTHONPATH': f'{ROOT}:{ROOT / "tests"}'}
        processes.append(subprocess.Popen([sys.executable, *command], env=env, stdout=subprocess.PIPE,
                                          stderr=subprocess.STDOUT, text=True))
    outputs = [process.communicate(timeout=forked.PATIENCE)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    (tmp_path / 'one_machine').mkdir()
    done = run(config(tmp_path / 'one_machine', images, iters=4))
    assert done.returncode == 0, done.stderr
    a, b = (read_checkpoint(folder / 'run' / 'iter_4.pth') for folder in (tmp_path, tmp_path / 'one_machine'))
    for key in EXACT:
        assert_equal(a.get(key), b.get(key), key)
