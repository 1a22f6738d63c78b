"""Starting from weights that one has: chosen networks, other heads, frozen parts, rates of parts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from recipe import fill
from runs import EXACT, assert_equal
from test_converters import tiny
from tiny import tiny_config
from torch import Tensor

from toolbox.converters import convert_checkpoint
from toolbox.engine.config import load_config
from toolbox.engine.optim import build_optimizers
from toolbox.engine.runner import Runner
from toolbox.errors import CheckpointError, ConfigError
from toolbox.files.checkpoint import read_checkpoint
from toolbox.use.load import load_method
from toolbox.use.training import changes

CYCLEGAN = 'configs/cyclegan/synthetic.py'


def runner_of(path: str, work_dir: Path, images: Path, iters: int = 2, **options: Any) -> Runner:
    return Runner.from_cfg(tiny_config(path, work_dir, images, iters, options))


def state(runner: Runner) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in runner.model.state_dict().items() if isinstance(value, Tensor)}


def trained(path: str, work_dir: Path, images: Path, **options: Any) -> Path:
    runner_of(path, work_dir, images, **options).train()
    return work_dir / 'iter_2.pth'


def log_of(work_dir: Path) -> str:
    return next(work_dir.glob('*/*.log')).read_text()


def test_a_training_that_began_from_weights_is_resumed_itself(tmp_path: Path, images: Path) -> None:
    source = trained(CYCLEGAN, tmp_path / 'base', images)
    options = {'load_from': str(source), 'resume': changes(resume=True)['resume']}
    runner_of(CYCLEGAN, tmp_path / 'whole', images, 4, **options).train()
    runner_of(CYCLEGAN, tmp_path / 'halves', images, 2, **options).train()
    runner_of(CYCLEGAN, tmp_path / 'halves', images, 4, **options).train()
    whole, halves = (read_checkpoint(tmp_path / name / 'iter_4.pth') for name in ('whole', 'halves'))
    for key in EXACT:
        assert_equal(whole.get(key), halves.get(key), key)
    assert whole['meta']['samples'] == 4 and 'resumed' not in log_of(tmp_path / 'whole')
    with_it = {**options, 'resume': True}  # as a config of MMEngine states it: from that checkpoint
    assert runner_of(CYCLEGAN, tmp_path / 'other', images, 3, **with_it).train() is not None
    assert read_checkpoint(tmp_path / 'other/iter_3.pth')['meta']['samples'] == 3


# Frozen parts


def test_what_is_frozen_never_changes_and_all_else_trains(tmp_path: Path, images: Path) -> None:
    runner = runner_of(CYCLEGAN, tmp_path, images, **{'model.freeze': ['G_AB.stem', 'D_A']})
    names = [name for name, _ in runner.model.named_parameters()]
    frozen = [name for name in names if name.startswith(('G_AB.stem.', 'D_A.'))]
    assert 0 < len(frozen) < len(names)
    runner.initialise_weights()
    runner.initialise_weights = lambda: None
    before = state(runner)
    runner.train()
    after = state(runner)
    assert [name for name in names if before[name].equal(after[name])] == frozen


@pytest.mark.parametrize(('path', 'freeze'), [
    ('configs/aggan/synthetic.py', ['G_AB']), ('configs/aggan/synthetic.py', ['G_BA', 'A_B']),
    (CYCLEGAN, ['G_AB', 'G_BA']), ('configs/singan/synthetic.py', ['D'])])
def test_what_rests_still_makes_what_the_others_learn_from(path: str, freeze: list[str], tmp_path: Path,
                                                           images: Path) -> None:
    """AGGAN through both of its stages: in the second the phase of a frozen generator has nothing to train."""
    runner = runner_of(path, tmp_path, images, 6, **{'model.freeze': freeze})
    runner.initialise_weights()
    runner.initialise_weights = lambda: None
    before = state(runner)
    runner.train()
    after = state(runner)
    for name in runner.model.network_names():
        changed = {key for key, _ in runner.model.part(name).named_parameters()
                   if not before[f'{name}.{key}'].equal(after[f'{name}.{key}'])}
        taken_over = {key for key in changed if re.match(r'scales\.[12]\.', key)}  # from the coarser one of SinGAN
        assert bool(changed - taken_over) == (name not in freeze), name


@pytest.mark.fault
def test_a_part_that_no_network_has_is_refused(tmp_path: Path, images: Path) -> None:
    with pytest.raises(ConfigError, match=r"no network or part 'G_AB.stam'.*'G_AB.stem'"):
        tiny_config(CYCLEGAN, tmp_path, images, options={'model.freeze': ['G_AB.stam']})
    with pytest.raises(ConfigError, match=r"lr_mult: .*no network or part 'G_AB.stam'"):
        tiny_config(CYCLEGAN, tmp_path, images, options={'optim_wrapper.G.lr_mult': {'G_AB.stam': 0.1}})


def test_parts_learn_at_rates_of_their_own(tmp_path: Path, images: Path) -> None:
    cfg = tiny_config(CYCLEGAN, tmp_path, images,
                      options={'optim_wrapper.G.lr_mult': {'G_AB': 0.5, 'G_AB.stem': 0.25, 'G_AB.down.0': 0.125}})
    model = Runner.from_cfg(cfg).model
    rates = {p: group['lr'] for group in build_optimizers(model, cfg.optim_wrapper)['G'].optimizer.param_groups
             for p in group['params']}
    asked = cfg.optim_wrapper.G.optimizer.lr
    expected = {'G_AB.stem.': 0.25, 'G_AB.down.0.': 0.125, 'G_AB.': 0.5, 'G_BA.': 1.0}
    for name, p in model.named_parameters():
        if name.startswith('G_'):
            factor = next(factor for prefix, factor in expected.items() if name.startswith(prefix))
            assert rates[p] == pytest.approx(asked * factor), name
    assert len(rates) == len(set(model.G_AB.parameters()) | set(model.G_BA.parameters()))


# Chosen networks


def test_only_the_networks_that_were_asked_for_are_loaded(tmp_path: Path, images: Path) -> None:
    source = trained(CYCLEGAN, tmp_path / 'old', images)
    runner = runner_of(CYCLEGAN, tmp_path / 'new', images, load_from=str(source), load_networks=['G_BA', 'D_B'])
    before = state(runner)
    runner.load_checkpoint(str(source), start=True)
    saved = read_checkpoint(source)['state_dict']
    for key, value in state(runner).items():
        assert value.equal(saved[key] if key.startswith(('G_BA.', 'D_B.')) else before[key]), key
    for name in ('G_AB', 'D_A'):
        assert f'load_from: {name} is not among load_networks and starts untrained' in log_of(tmp_path / 'new')


@pytest.mark.fault
@pytest.mark.parametrize(('asked', 'said'), [('G_CA', "no network 'G_CA'.*'G_BA'"), ('D_A', "no weights of 'D_A'")])
def test_networks_that_are_nowhere_are_refused(asked: str, said: str, tmp_path: Path, images: Path) -> None:
    source = trained(CYCLEGAN, tmp_path / 'old', images)
    checkpoint = read_checkpoint(source)
    weights = {key: value for key, value in checkpoint['state_dict'].items() if not key.startswith('D_A.')}
    torch.save({**checkpoint, 'state_dict': weights}, source)
    runner = runner_of(CYCLEGAN, tmp_path / 'new', images, load_from=str(source), load_networks=['G_BA', asked])
    with pytest.raises((ConfigError, CheckpointError), match=said):
        runner.train()


def test_a_published_generator_trains_against_new_discriminators(tmp_path: Path, images: Path) -> None:
    """The authors of CycleGAN publish generators alone. The first image is that of the published one, bit for bit."""
    _, weights = tiny('ResnetGenerator', ngf=2, n_blocks=1)
    torch.save(fill({key: tuple(value.shape) for key, value in weights.items()}), tmp_path / 'latest_net_G_A.pth')
    converted = convert_checkpoint('cyclegan', tmp_path, tmp_path / 'converted.pth')
    config = read_checkpoint(converted)['config']['model']
    runner = runner_of(CYCLEGAN, tmp_path / 'run', images, 50, load_from=str(converted), load_networks=['G_AB'], **{
        'model.G_AB': {**config['G_AB'], '_delete_': True}, 'train_cfg.val_interval': 50})
    x = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    runner.load_checkpoint(str(converted), start=True)
    first = runner.model.ask('AtoB', {'A': x})
    assert first.equal(load_method(converted)[0].ask('AtoB', {'A': x}))
    runner.train()
    assert runner.iter == 50 and not runner.model.ask('AtoB', {'A': x}).equal(first)


# Another head


STARGAN = 'configs/starganv2/synthetic.py'


def test_another_number_of_domains_needs_permission_and_keeps_the_rest(tmp_path: Path, images: Path) -> None:
    source = trained(STARGAN, tmp_path / 'old', images)
    two = {'train_dataloader.dataset.domains': ('plain', 'striped'), 'load_from': str(source),
           'custom_hooks': [dict(type='EMAHook', nets=('G', 'F', 'E'), decay=0.5)]}
    with pytest.raises(ConfigError, match='domains'):
        runner_of(STARGAN, tmp_path / 'refused', images, **two).train()
    runner = runner_of(STARGAN, tmp_path / 'new', images, **two, load_partial=True)
    before = state(runner)
    runner.load_checkpoint(str(source), start=True)
    saved, after = read_checkpoint(source)['state_dict'], state(runner)
    fresh = {key for key, value in after.items() if key not in saved or saved[key].shape != value.shape}
    assert fresh and all('heads' in key or key.startswith('D.') for key in fresh), fresh
    for key, value in after.items():
        assert value.equal(before[key] if key in fresh else saved[key]), key
    assert set(re.findall(r'load_from: (\S+) starts untrained', log_of(tmp_path / 'new'))) == fresh
    runner.train()


@pytest.mark.fault
def test_partial_weights_of_a_stranger_are_refused(tmp_path: Path, images: Path) -> None:
    source = trained(CYCLEGAN, tmp_path / 'old', images)
    runner = runner_of(STARGAN, tmp_path / 'new', images, load_from=str(source), load_partial=True)
    with pytest.raises(CheckpointError, match=r'no weight fits|missing in'):
        runner.train()


def test_the_options_are_of_the_config_and_mistakes_are_found(tmp_path: Path, images: Path) -> None:
    with pytest.raises(ConfigError, match='load_partial: expected'):
        tiny_config(CYCLEGAN, tmp_path, images, options={'load_partial': 'heads'})
    with pytest.raises(ConfigError, match='load_networks: expected'):
        tiny_config(CYCLEGAN, tmp_path, images, options={'load_networks': 3})
    assert load_config('configs/cyclegan/synthetic.py', {'load_networks': ['G_AB']}).load_networks == ['G_AB']
