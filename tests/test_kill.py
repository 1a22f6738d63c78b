"""SIGKILL at any moment: the previous checkpoint stands, and the resumed training ends as if nothing had happened."""

import shutil

import pytest
import torch
from faults import in_child, kill_at, random_moments
from runs import EXACT, assert_equal, train
from tiny import tiny_config

from toolbox.engine import Runner
from toolbox.files.checkpoint import newest_intact, read_checkpoint

pytestmark = pytest.mark.fault

PATH = 'configs/cyclegan/facades.py'
EVERY_ITERATION = {'default_hooks.checkpoint': dict(type='CheckpointHook', interval=1, keep=2, save_best='PSNR',
                                                    _delete_=True)}
PIX2PIX = 'configs/pix2pix/facades.py'
OFTEN = {**EVERY_ITERATION, 'default_hooks.checkpoint.keep': 1, 'default_hooks.samples': None}


def life(cfg, hook=None):
    """Train in this process, from where the last one was killed."""
    cfg.resume = True
    torch.set_num_threads(1)
    runner = Runner.from_cfg(cfg)
    if hook is not None:
        runner.register_hook(hook, priority='HIGHEST')
    runner.train()


@pytest.mark.parametrize(('workers', 'kills'), [(0, 6), (2, 2), pytest.param(0, 20, marks=pytest.mark.slow),
                                                pytest.param(2, 6, marks=pytest.mark.slow)])
def test_a_training_killed_at_random_moments_equals_an_undisturbed_one(workers, kills, images, tmp_path):
    options = {**EVERY_ITERATION, 'train_dataloader.num_workers': workers, 'default_hooks.samples.interval': 10}
    lives = random_moments(kills, seed=workers)
    iters = 6 * len(lives)  # a life ends in its fifth iteration, or soon after
    train(tiny_config(PATH, tmp_path / 'whole', images, iters, options))
    ends = []
    for hook in lives:
        cfg = tiny_config(PATH, tmp_path / 'killed', images, iters, options)
        ends.append(in_child(lambda cfg=cfg, hook=hook: life(cfg, hook)))
    assert ends == [-9] * len(lives)
    train(tiny_config(PATH, tmp_path / 'killed', images, iters, options), resume=True)
    whole, killed = (read_checkpoint(tmp_path / name / f'iter_{iters}.pth') for name in ('whole', 'killed'))
    for key in EXACT:
        assert_equal(whole.get(key), killed.get(key), key)
    assert not list((tmp_path / 'killed').glob('.*.pth.*'))


@pytest.fixture(scope='module')
def begun(once, images):
    return once('begun', lambda root: train(tiny_config(PIX2PIX, root, images, 2, OFTEN)))


@pytest.mark.parametrize(('call', 'number'), [('fsync', n) for n in range(1, 7)] + [('replace', n) for n in range(1, 7)]
                         + [('chmod', n) for n in range(1, 7)] + [('unlink', 1)])
def test_killed_at_each_step_of_a_save_there_is_a_checkpoint_to_go_on_from(call, number, begun, images, tmp_path):
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)

    def save_and_die():
        kill_at(call, number)
        life(tiny_config(PIX2PIX, tmp_path, images, 4, OFTEN))

    assert in_child(save_and_die) == -9
    path, damaged, _ = newest_intact(tmp_path)
    assert path is not None and not damaged
    life(tiny_config(PIX2PIX, tmp_path, images, 4, OFTEN))
    assert [p.name for p in tmp_path.glob('iter_*.pth')] == ['iter_4.pth']
