"""A SinGAN of one image in the ordinary Runner: its stages, images of all kinds, kills, and several processes."""

from __future__ import annotations

import copy
import os
import signal
from concurrent.futures import wait
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from faults import in_child
from mmengine.hooks import Hook
from runs import EXACT, assert_equal, train
from test_distributed import largest_difference, torchrun, write_config
from tiny import tiny_config

from toolbox.cli import train as command
from toolbox.data.io import write_image
from toolbox.data.sets.single import SingleImageDataset
from toolbox.engine import Runner
from toolbox.engine.schedules import EachStage, _stepped_to_last, follow, scheduler_state
from toolbox.engine.state import unwrap
from toolbox.errors import CheckpointError, ConfigError, DataError
from toolbox.files.checkpoint import read_checkpoint
from toolbox.methods.schedule import Stage, seconds_ahead, work_between
from toolbox.registry import METHODS, build

PATH = 'configs/singan/image.py'
LONG = {'model.scale_iters': 3, 'default_hooks.samples': None, 'param_scheduler.schedule.milestones': [2],
        'train_cfg': dict(max_iters='stages', val_interval=5, _delete_=True)}


def config(folder: Path, images: Path, **options):
    return tiny_config(PATH, folder, images, options={**LONG, **options})


# Stages of a run

def each_stage(optimizer, lengths, **schedule):
    made = EachStage(optimizer, dict(type='MultiStepLR', milestones=[2], gamma=0.1, **schedule), by_epoch=False)
    made.tell_stages([Stage(str(i), iters=length) for i, length in enumerate(lengths)], 1)
    optimizer.step()  # else torch warns
    return made


def sgd():
    return torch.optim.SGD([{'params': [torch.nn.Parameter(torch.zeros(1))], 'lr': lr} for lr in (1.0, 0.5)])


def test_a_schedule_starts_again_with_each_stage():
    optimizer = sgd()
    schedule, used = each_stage(optimizer, (4, 3, 5)), []
    for _ in range(12):
        used.append([round(group['lr'], 9) for group in optimizer.param_groups])
        schedule.step()
    first = [1, 1, 0.1, 0.1, 1, 1, 0.1, 1, 1, 0.1, 0.1, 0.1]
    assert used == [[rate, rate / 2] for rate in first]


@pytest.mark.parametrize('done', [0, 1, 3, 4, 6, 7, 11])
def test_a_schedule_of_stages_goes_on_from_its_state_and_from_a_new_plan(done):
    whole, other, third = (sgd() for _ in range(3))
    schedule, resumed, planned = (each_stage(optimizer, (4, 3, 5)) for optimizer in (whole, other, third))
    follow([schedule, planned], done, 0)
    resumed.load_state_dict(copy.deepcopy(scheduler_state(schedule)))
    other.load_state_dict(whole.state_dict())
    loop = SimpleNamespace(iter=done, max_iters=12, epoch_iter=0, epoch_length=1)
    assert _stepped_to_last(whole, [schedule], loop) == max(done, 12), 'tried on a copy'
    for _ in range(12 - done):
        rates = [[group['lr'] for group in optimizer.param_groups] for optimizer in (whole, other, third)]
        assert rates[0] == rates[1] == rates[2]
        for one in (schedule, resumed, planned):
            one.step()


def test_rates_that_a_rollback_lowers_stay_lower_in_the_next_stage():
    optimizer = sgd()
    schedule = each_stage(optimizer, (2, 2))
    schedule.base_values = [value / 2 for value in schedule.base_values]
    follow([schedule], 2, 0)
    assert [group['lr'] for group in optimizer.param_groups] == [0.5, 0.25]


@pytest.mark.parametrize(('options', 'message'), [
    ({'train_cfg.max_iters': 'stages'}, r"train_cfg.max_iters: 'stages', but CycleGAN has no stages. Give the length"),
    ({'param_scheduler': dict(type='EachStage', schedule=dict(type='StepLR', step_size=3), _delete_=True)},
     'EachStage: this method has no stages')])
def test_a_method_without_stages_is_told_so(options, message, images, tmp_path):
    with pytest.raises(ConfigError, match=message):
        Runner.from_cfg(tiny_config('configs/cyclegan/facades.py', tmp_path, images, options=options)).train()


def test_an_open_stage_has_no_length_and_epochs_are_none_of_iterations(images, tmp_path):
    srgan = tiny_config('configs/srgan/synthetic.py', tmp_path, images, options={'train_cfg.max_iters': 'stages'})
    with pytest.raises(ConfigError, match='SRGAN has a last stage that is open'):
        Runner.from_cfg(srgan).train()
    with pytest.raises(ConfigError, match=r'counts epochs, but the stages .* Set by_epoch=False'):
        Runner.from_cfg(config(tmp_path, images, **{'param_scheduler.by_epoch': True})).train()


def test_work_is_that_of_the_stages():
    stages = [Stage('a', 10, gflop=1.0), Stage('b', 10, gflop=5.0)]
    assert work_between(stages, 0, 20) == 60 and work_between(stages, 8, 13) == 17
    assert work_between(stages, 15, 25) == 50, 'behind the last one'
    assert work_between([*stages[:1], Stage('b', 10)], 3, 20) == work_between((), 3, 20) == 17


def test_what_is_ahead_takes_its_work_and_what_every_iteration_takes_beside_it():
    """Stages of 1 and 100 GFLOP, two samples each, a layer of 100 GFLOP/s; 4 iterations took 0.05 s each."""
    stages = [Stage('a', 10, gflop=1.0), Stage('b', 10, gflop=100.0)]
    ahead, behind = (5, 20), (1, 5)
    beside = 0.05 - 2 * 1 / 100
    assert seconds_ahead(stages, ahead, behind, 4 * 0.05, 2, 100.0) == pytest.approx(15 * beside + 2 * 1005 / 100)
    fast = 4 * 0.01  # 200 GFLOP/s: nothing is left beside the work
    assert seconds_ahead(stages, ahead, behind, fast, 2, 100.0) == pytest.approx(2 * 1005 / 200)
    assert seconds_ahead(stages, ahead, behind, 4 * 0.05, 2) == pytest.approx(1005 * 0.05), 'in proportion to the work'
    assert seconds_ahead((), ahead, behind, 4 * 0.05, 2) == pytest.approx(15 * 0.05)
    assert seconds_ahead(stages, (20, 20), behind, 4 * 0.05, 2, 100.0) == 0


def test_the_status_line_tells_the_time_of_what_is_ahead(tmp_path, images, monkeypatch):
    asked = []
    monkeypatch.setattr('toolbox.hooks.status.layer_speed', lambda device: 123.0)
    monkeypatch.setattr('toolbox.hooks.status.seconds_ahead', lambda *args: asked.append(args) or 0.0)
    runner = train(config(tmp_path / 'run', images, **{'default_hooks.status': dict(type='StatusHook', interval=2)}))
    stages = unwrap(runner.model).stages
    length = 3 * len(stages)
    assert [args[1:3] for args in asked[:4]] == [((1, length), (0, 1)), ((2, length), (1, 2)), ((3, length), (2, 3)),
                                                 ((4, length), (3, 4))]
    assert all(args[0] == stages and args[3] > 0 and args[4:] == (1, 123.0) for args in asked)


# One run

@pytest.fixture(scope='module')
def whole(images, tmp_path_factory):
    folder = tmp_path_factory.mktemp('whole')
    return train(config(folder, images)), folder


def test_a_run_is_as_long_as_its_stages_and_says_what_it_will_take(whole):
    runner, folder = whole
    assert runner.iter == 3 * runner.model.scales == 12
    text = next(folder.glob('*/*.log')).read_text()
    assert 'estimate  about ' in text and '4 stages' in text and 'scale 3 takes about 0.0 GB' in text
    assert 'scale 3 (4 of 4) for ' in text


def test_a_scale_starts_from_the_one_below_and_finished_ones_stay_as_they_are(whole):
    _, folder = whole
    then, last = (read_checkpoint(folder / f'iter_{n}.pth')['state_dict'] for n in (4, 12))
    for net in ('G', 'D'):
        keys = [key for key in then if key.startswith(f'{net}.scales.')]
        changed = {key.split('.')[2] for key in keys if not torch.equal(then[key], last[key])}
        assert changed == {'1', '2', '3'}
    moments = read_checkpoint(folder / 'iter_4.pth')['optimizers']['G']['optimizer']
    names = moments['param_groups'][0]['param_names']
    assert {names[i].split('.')[2] for i in moments['state']} == {'0', '1'}
    assert {int(entry['step']) for i, entry in moments['state'].items() if names[i].startswith('G.scales.1')} == {3}


class KilledAt(Hook):
    """In the middle of an iteration, after the update."""

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if batch_idx == 7:  # of 0 to 11: the second of the third stage
            wait([runner.train_loop.saving])  # the checkpoint before is whole
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.fault
def test_a_run_that_is_killed_in_its_third_stage_ends_as_if_it_were_not(whole, images, tmp_path):
    options = {'default_hooks.checkpoint.interval': 1}

    def life():
        torch.set_num_threads(1)
        runner = Runner.from_cfg(config(tmp_path, images, **options))
        runner.register_hook(KilledAt(), priority='HIGHEST')
        runner.train()
    assert in_child(life) == -9
    assert (tmp_path / 'last_checkpoint').read_text() == 'iter_7.pth'
    train(config(tmp_path, images, **options), resume=True)
    first, second = (read_checkpoint(folder / 'iter_12.pth') for folder in (whole[1], tmp_path))
    for key in EXACT:
        assert_equal(first.get(key), second.get(key), key)


@pytest.mark.fault
def test_finished_stages_cannot_become_longer(whole, images, tmp_path):
    cfg = config(tmp_path, images, **{'model.scale_iters': 5})
    cfg.resume, cfg.load_from = True, str(whole[1] / 'iter_8.pth')
    with pytest.raises(CheckpointError, match="the stage 'scale 0' had the length 3, and 'scale 0' has 5"):
        Runner.from_cfg(cfg).train()


@pytest.mark.dist
def test_two_processes_draw_different_samples_and_keep_equal_weights(images, tmp_path):
    script = tmp_path / 'run.py'
    script.write_text('''
import sys
import torch
from mmengine.config import Config
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from toolbox.engine import Runner
from toolbox.engine.state import unwrap

class Noted(Hook):
    seen = []
    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.seen.append(data_batch['meta'][0]['seed'])

cfg = Config.fromfile(sys.argv[1])
cfg.launcher = 'pytorch'
runner = Runner.from_cfg(cfg)
runner.register_hook(Noted())
runner.train()
state = {key: x for key, x in unwrap(runner.model).state_dict().items() if isinstance(x, torch.Tensor)}
torch.save((state, Noted.seen), f'{sys.argv[2]}/rank{get_rank()}.pt')
''')
    config_file = write_config(config(tmp_path / 'run', images), tmp_path / 'config.py')
    torchrun(str(script), config_file, str(tmp_path))
    (first, seeds), (second, others) = (torch.load(tmp_path / f'rank{i}.pt', weights_only=False) for i in (0, 1))
    first, second = ({key.replace('.module.', '.'): x for key, x in state.items() if 'running' not in key}
                     for state in (first, second))  # statistics are each process's own until the next scale begins
    assert largest_difference(first, second) == 0
    assert not {*seeds} & {*others} and len(seeds) == 12


# Images

def written(path: Path, image: np.ndarray) -> Path:
    cv2.imwrite(str(path), image)
    return path


def known(dataset: SingleImageDataset) -> dict:
    """What the method is told of the data."""
    return {name: dataset.facts()[name] for name in ('channels', 'pyramid')}


def model_of(dataset: SingleImageDataset):
    sizes = dict(base_channels=2, layers=2)
    return build(dict(type='SinGAN', G=dict(type='SinGANGenerator', **sizes),
                      D=dict(type='SinGANDiscriminator', **sizes), **known(dataset)), METHODS)


@pytest.mark.parametrize(('shape', 'channels'), [((40, 60), 1), ((40, 60, 3), 3), ((40, 60, 4), 3), ((40, 300, 3), 3),
                                                 ((3000, 2500, 3), 3), ((26, 26, 3), 3)])
def test_images_of_all_kinds_have_a_pyramid(shape, channels, tmp_path):
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    dataset = SingleImageDataset(written(tmp_path / 'x.png', image), max_size=250)
    assert dataset.channels == channels and dataset[0]['img'].shape[0] == channels
    assert max(dataset[0]['img'].shape) <= 250 and tuple(dataset[0]['img'].shape[1:]) == dataset.pyramid.sizes[-1]
    model = model_of(dataset)
    assert model.G.out_channels == channels and model.scales == len(dataset.pyramid.sizes) >= 2


def test_transparent_pixels_show_the_background(tmp_path):
    image = np.full((40, 40, 4), 100, np.uint8)
    image[:20, :, 3], image[20:, :, 3] = 0, 255
    path = written(tmp_path / 'x.png', image)
    for background in (0.0, 1.0):
        made = SingleImageDataset(path, background=background)[0]['img']
        assert torch.allclose(made[:, :18], torch.tensor(2 * background - 1), atol=1e-6)
        assert torch.allclose(made[:, 22:], torch.tensor(100 / 127.5 - 1), atol=1e-6)
    assert SingleImageDataset(path, channels=1)[0]['img'].shape == (1, 40, 40)


@pytest.mark.parametrize('bands', [2, 4])
def test_bands_are_no_alpha(bands, tmp_path):
    image = np.random.default_rng(0).integers(0, 200, (40, 30, bands), np.uint8)
    np.save(tmp_path / 'x.npy', image)
    for channels in (None, bands):
        made = SingleImageDataset(tmp_path / 'x.npy', channels=channels, max_size=40)[0]['img']
        assert torch.allclose(made, torch.from_numpy(image).permute(2, 0, 1) / 127.5 - 1, atol=1e-6)
    if bands == 4:  # a picture keeps its alpha where four channels are asked for
        write_image(tmp_path / 'x.png', image)
        made = SingleImageDataset(tmp_path / 'x.png', channels=4, max_size=40)[0]['img']
        assert torch.allclose(made, torch.from_numpy(image).permute(2, 0, 1) / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize(('shape', 'arguments', 'message'), [
    ((12, 40, 3), {}, r"x.png': an image of 40x12 is smaller than min_size=25"),
    ((30, 600, 3), {}, r'an image of 600x30 becomes 250x13 at max_size=250.* Set max_size=700 or more')])
def test_images_without_room_for_two_scales_are_refused(shape, arguments, message, tmp_path):
    with pytest.raises(DataError, match=message):
        SingleImageDataset(written(tmp_path / 'x.png', np.zeros(shape, np.uint8)), **arguments)


def test_networks_that_look_further_than_the_coarsest_scale_are_refused(tmp_path):
    dataset = SingleImageDataset(written(tmp_path / 'x.png', np.zeros((40, 40, 3), np.uint8)), min_size=8)
    with pytest.raises(ConfigError, match=r'the coarsest scale is [89]x[89], but D looks at patches of side 11'):
        build(dict(type='SinGAN', G=dict(type='SinGANGenerator'), D=dict(type='SinGANDiscriminator'),
                   **known(dataset)), METHODS)


def test_updates_that_share_a_graph_need_one_process_and_whole_batches():
    with pytest.raises(ConfigError, match=r'model\.legacy: .*accumulate=2'):
        build(dict(type='SinGAN', G=dict(type='SinGANGenerator'), D=dict(type='SinGANDiscriminator'), legacy=True,
                   accumulate=2), METHODS)


def test_a_folder_and_a_missing_file_are_named(images, tmp_path):
    written(tmp_path / 'one.png', np.zeros((40, 40, 3), np.uint8))
    with pytest.raises(DataError, match=r'is a folder, .* one of .*one.png.*--data'):
        SingleImageDataset(tmp_path)
    with pytest.raises(DataError, match=r"Cannot read the image .*photo.jpg"):
        Runner.from_cfg(config(tmp_path / 'run', images, data_root='photo.jpg', **{
            f'{key}_dataloader.dataset.data_root': 'photo.jpg' for key in ('train', 'val')})).train()


def test_one_command_trains_a_model_for_each_of_several_images(images, tmp_path, capsys):
    rng = np.random.default_rng(0)
    paths = [str(written(tmp_path / f'{name}.png', rng.integers(0, 256, (side, 40, 3), np.uint8)))
             for name, side in (('a', 40), ('small', 8), ('b', 36))]
    options = ['train_cfg.max_iters=2', 'model.scale_iters=2', 'model.G.base_channels=2', 'model.D.base_channels=2']
    with pytest.raises(ConfigError, match=r'1 of 3 runs failed: .*small.png'):
        command.main(parsed('singan/image', '--work-dir', str(tmp_path / 'runs'), '--no-validate', '--data', *paths,
                            '--cfg-options', *options))
    assert 'is smaller than min_size' in capsys.readouterr().err
    for name, height in (('a', 40), ('b', 36)):
        state = read_checkpoint(tmp_path / 'runs' / name / 'iter_2.pth')
        assert state['facts']['pyramid']['sizes'][-1] == [height, 40]
    with pytest.raises(ConfigError, match="several are called 'a'"):
        command.main(parsed('singan/image', '--data', paths[0], str(tmp_path / 'other' / 'a.png')))


def parsed(*words):
    import argparse
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(words)
