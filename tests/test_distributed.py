"""Two processes (gloo, tools/train.py) equal one process with the joined batch."""

import json
import os
import re
import sys
from pathlib import Path

import forked
import pytest
import torch
from tiny import ROOT, tiny_config

from toolbox.engine import Runner
from toolbox.engine.state import plain_config
from toolbox.files.checkpoint import read_checkpoint

pytestmark = pytest.mark.dist

# Without biases in front of instance norms (their true gradient is zero, Adam makes steps of rounding noise) and
# without BatchNorm, whose statistics are per process.
NORM = dict(type='IN')
CASES = {
    'cyclegan': ('configs/cyclegan/facades.py', {'model.pool_size': 50,  # histories are per process: not filled here
                                                 **{f'model.{net}.bias': False
                                                    for net in ('G_AB', 'G_BA', 'D_A', 'D_B')}}),
    'pix2pix': ('configs/pix2pix/facades.py', {'model.G.norm': NORM, 'model.D.norm': NORM, 'model.G.bias': False,
                                               'model.D.bias': False, 'model.G.dropout': 0.0}),
}
CASES['accumulated'] = (CASES['pix2pix'][0], {**CASES['pix2pix'][1], 'model.accumulate': 2})


def torchrun_command(script, *args, processes=2, torchrun=()):
    """Arguments of ``subprocess.run``, for tests of torchrun itself; ``torchrun`` is five times as fast."""
    command = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', str(processes),
               *torchrun, str(ROOT / script), *args]  # standalone: on a port that is free
    env = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': f'{ROOT}:{ROOT / "tests"}'}
    return dict(args=command, env=env, timeout=1200, cwd=ROOT, capture_output=True, text=True)


def torchrun(script, *args, processes=2):
    done = forked.torchrun(script, *args, processes=processes, folder=Path(args[0]).parent)
    assert done.returncode == 0, done.stdout + done.stderr
    # The folder of the tests' images holds all layouts, and so files of other kinds; and its sets are small.
    expected = r'left out of|.* images in the batches of|metric KID: .* fewer than a subset'
    assert re.findall(rf'mmengine - WARNING - (?!{expected}).*', done.stdout + done.stderr) == []
    return done.stdout


def write_config(cfg, path):
    """A finished config as a file that tools/train.py can read."""
    path.write_text('\n'.join(f'{k} = {v!r}' for k, v in plain_config(cfg.to_dict()).items()))
    return str(path)


def largest_difference(a, b):
    assert a.keys() == b.keys()
    return max(float((a[k].double() - b[k].double()).abs().max()) for k in a if isinstance(a[k], torch.Tensor))


@pytest.mark.parametrize('case', CASES)
def test_two_processes_equal_one_with_the_joined_batch(case, images, tmp_path):
    path, options = CASES[case]
    size = options.get('model.accumulate', 1)
    joined, options = {**options, 'train_dataloader.batch_size': 2 * size}, {**options,
                                                                             'train_dataloader.batch_size': size}
    one = tiny_config(path, tmp_path / 'one', images, 10, joined)
    Runner.from_cfg(one).train()
    two = tiny_config(path, tmp_path / 'two', images, 10, options)
    output = torchrun('tools/train.py', write_config(two, tmp_path / 'two.py'), '--launcher', 'pytorch')
    assert '2 process(es)' in output
    checkpoints = {name: read_checkpoint(tmp_path / name / 'iter_10.pth') for name in ('one', 'two')}
    weights = {name: checkpoint['state_dict'] for name, checkpoint in checkpoints.items()}
    assert largest_difference(weights['one'], weights['two']) <= 1e-6
    assert checkpoints['one']['meta']['samples'] == checkpoints['two']['meta']['samples'] == 20 * size
    assert len(checkpoints['two']['ranks']) == 2

    # validation scores are those of one process, and are logged once
    assert output.count('validation |') == 5

    # a checkpoint of either loads in the other
    one = tiny_config(path, tmp_path / 'go_on', images, 12, joined)
    one.resume, one.load_from = True, str(tmp_path / 'two' / 'iter_10.pth')
    Runner.from_cfg(one).train()
    two = tiny_config(path, tmp_path / 'go_on_two', images, 12, options)
    torchrun('tools/train.py', write_config(two, tmp_path / 'go_on_two.py'), '--launcher', 'pytorch', '--resume',
             str(tmp_path / 'one' / 'iter_10.pth'))
    weights = [read_checkpoint(tmp_path / name / 'iter_12.pth')['state_dict'] for name in ('go_on', 'go_on_two')]
    assert largest_difference(*weights) <= 2e-6


def test_test_scores_do_not_depend_on_the_number_of_processes(images, tmp_path):
    path = 'configs/pix2pix/facades.py'
    Runner.from_cfg(tiny_config(path, tmp_path / 'run', images, 2)).train()
    checkpoint = str(tmp_path / 'run' / 'iter_2.pth')
    config = write_config(tiny_config(path, tmp_path / 'x', images), tmp_path / 'config.py')
    results = []
    for processes in (1, 2):
        out = tmp_path / f'test{processes}'
        torchrun('tools/test.py', config, checkpoint, '--work-dir', str(out), '--launcher', 'pytorch',
                 processes=processes)
        results.append(json.loads((out / 'results.json').read_text()))
    assert results[0] == results[1]


def test_what_is_validated_is_what_is_saved(images, tmp_path):
    """Running statistics of BatchNorm differ between processes; those of the first one are in the checkpoint."""
    path = 'configs/pix2pix/facades.py'
    options = {'model.test_cfg': dict(dropout=False, norm='running')}
    config = write_config(tiny_config(path, tmp_path / 'run', images, 4, options), tmp_path / 'config.py')
    torchrun('tools/train.py', config, '--launcher', 'pytorch')
    cfg = tiny_config(path, tmp_path / 'test', images, 4, options)
    cfg.load_from = str(tmp_path / 'run' / 'iter_4.pth')
    scores = read_checkpoint(cfg.load_from)['history'][-1]
    cfg.test_dataloader = cfg.val_dataloader
    again = Runner.from_cfg(cfg).test()
    assert {k: scores[k] for k in again} == again
