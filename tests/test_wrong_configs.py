"""What users get wrong, through the real commands: exit code 2 and one error with the place, the finding and a hint."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import forked
import numpy as np
import pytest
import torch
from commands import ROOT, command
from tiny import draw_images

from toolbox.engine.sections import TOP_LEVEL

# Tiny, so that a mistake that is not caught is soon seen as a finished training.
TINY = f'''
_base_ = [{str(ROOT / 'configs/cyclegan/synthetic.py')!r}]
_G = dict(base_channels=2, blocks=1)
_D = dict(base_channels=2, layers=2)
model = dict(G_AB=_G, G_BA=_G, D_A=_D, D_B=_D, pool_size=2)
train_dataloader = dict(dataset=dict(size=32, length=4))
val_dataloader = dict(dataset=dict(size=32, length=2))
train_cfg = dict(max_iters=2)
default_hooks = dict(samples=None)
visualizer = dict(type='Visualizer', vis_backends=[])
'''
CROP = "pipeline=[dict(type='Resize', size=36), dict(type='RandomCrop', size=32)]"


def from_files(dataset: str, loader: str = '') -> str:
    """Config lines that train on the image files in data/ instead of the synthetic world, without validation."""
    return (f"data_root = 'data'\ntrain_dataloader = dict({loader}dataset=dict(_delete_=True, {dataset}))\n"
            'val_dataloader = None\nval_evaluator = None\n')


def images(folder: Path) -> None:
    draw_images(folder / 'data', 2)


def empty_folder(folder: Path) -> None:
    (folder / 'data/trainA').mkdir(parents=True)


def unreadable_images(folder: Path) -> None:
    images(folder)
    for path in (folder / 'data/trainA').iterdir():
        path.write_bytes(b'no picture')


def unmatched_pairs(folder: Path) -> None:
    images(folder)
    (folder / 'data/trainB/0.png').rename(folder / 'data/trainB/zero.png')


def two_sizes(folder: Path) -> None:
    images(folder)
    cv2.imwrite(str(folder / 'data/trainA/0.png'), np.zeros((48, 60, 3), np.uint8))


def two_depths(folder: Path) -> None:
    images(folder)
    cv2.imwrite(str(folder / 'data/trainA/0.png'), np.zeros((36, 40, 3), np.uint16))


def foreign_pickle(folder: Path) -> None:
    torch.save({'state_dict': Path('somewhere')}, folder / 'foreign.pth')


def authors_weights(folder: Path) -> None:
    torch.save({'model.1.weight': torch.zeros(1)}, folder / 'foreign.pth')


def training(folder: Path, *options: str) -> None:
    """A finished training of one iteration in the work directory."""
    code, _, err = train(folder, '', '--no-validate', '--cfg-options', 'train_cfg.max_iters=1', *options)
    assert code == 0, err


def broken_plugin(folder: Path) -> None:
    (folder / 'plugin_that_fails.py').write_text('x = 1\ny = undefined_name\n')


def broken_base(folder: Path) -> None:
    (folder / 'broken_base.py').write_text('x = 1\nmodel = dict(\n')


@dataclass(frozen=True)
class Case:
    """One mistake.

    Attributes:
        lines: the config that inherits from the tiny one.
        says: what the error must contain: the place, what was found, and what to type.
        argv: further arguments of tools/train.py.
        prepare: makes files in the test's folder.
    """

    lines: str
    says: tuple[str, ...]
    argv: tuple[str, ...] = ()
    prepare: Callable[[Path], None] | None = None


MODEL = {
    'unknown method': Case(
        "model = dict(type='CycelGAN')", ('model.type', "'CycelGAN'", "Did you mean 'CycleGAN'?")),
    'unknown backbone': Case(
        "model = dict(G_AB=dict(type='ResNetGenerater'))", ('model.G_AB.type', "Did you mean 'ResnetGenerator'")),
    'unknown norm in a backbone': Case(
        "model = dict(G_BA=dict(norm=dict(type='instance')))", ('model.G_BA.norm.type', "'instance'", 'IN, LN')),
    'unknown loss': Case(
        "model = dict(adversarial=dict(_delete_=True, type='AdversarialLos'))",
        ('model.adversarial.type', "Did you mean 'AdversarialLoss'?")),
    'unknown argument of the method': Case(
        'model = dict(w_cycel_A=1.0)', ('model.w_cycel_A', 'CycleGAN', "Did you mean 'w_cycle_A'")),
    'unknown argument of a backbone': Case(
        'model = dict(G_AB=dict(n_blocks=6))', ('model.G_AB.n_blocks', "Did you mean 'blocks'?")),
    'unknown argument of a norm': Case(
        'model = dict(G_AB=dict(norm=dict(afine=True)))', ('model.G_AB.norm.afine', "Did you mean 'affine'?")),
    'unknown key of test_cfg': Case(
        'model = dict(test_cfg=dict(dropuot=True))', ('model.test_cfg.dropuot', "Did you mean 'dropout'?")),
    'required arguments missing': Case(
        "model = dict(_delete_=True, type='CycleGAN')", ('4 mistake(s)', 'model.G_AB', 'model.D_B', 'missing')),
    'type missing': Case(
        'model = dict(G_AB=dict(_delete_=True, base_channels=2))',
        ("model.G_AB: 'type' is missing", 'ResnetGenerator')),
    'a name where a config belongs': Case(
        "model = dict(G_AB='ResnetGenerator')", ("model.G_AB: expected dict(type=...)", "found 'ResnetGenerator'")),
    'text for a number': Case("model = dict(w_cycle_A='abc')", ('model.w_cycle_A: expected a number', "found 'abc'")),
    'fraction for a count': Case('model = dict(G_AB=dict(blocks=6.5))',
                                 ('model.G_AB.blocks: expected an integer', '6.5')),
    'mode that does not exist': Case(
        "model = dict(adversarial=dict(mode='lsgann'))", ('model.adversarial', "'lsgann'", "Did you mean 'lsgan'")),
    'padding that does not exist': Case(
        "model = dict(G_AB=dict(padding='reflection'))", ('model.G_AB.padding', "'reflection'", "'reflect'?")),
    'init that does not exist': Case(
        "model = dict(init=dict(type='gaussian'))", ('model.init.type', "'gaussian'", 'normal')),
    'pool of negative size': Case('model = dict(pool_size=-1)',
                                  ('model.pool_size: expected an integer >= 0', 'found -1')),
    'accumulate does not divide the batch': Case(
        'model = dict(accumulate=3)\ntrain_dataloader = dict(batch_size=4)',
        ('model.accumulate', 'batch of 4', '3 equal parts', 'train_dataloader.batch_size as a multiple of 3')),
    'identity loss between domains of different channels': Case(
        'model = dict(G_AB=dict(in_channels=1))', ('model.w_identity_B', '1 channel(s) to 3', 'model.w_identity_B=0')),
    'channels that do not fit the images': Case(
        'model = dict(G_AB=dict(in_channels=1), w_identity_B=0)',
        ('model.G_AB.in_channels: 1', 'images A of', 'have 3 channel(s)', 'may also be left out')),
    'channels and identity losses that do not fit': Case(
        'model = dict(G_AB=dict(out_channels=1), G_BA=dict(in_channels=1), D_B=dict(in_channels=1))',
        ('2 mistake(s)', 'model.w_identity_B', '3 channel(s) to 1', 'model.w_identity_A', '1 channel(s) to 3')),
}
PARTS = {
    'unknown argument of a dataset': Case(
        'train_dataloader = dict(dataset=dict(lenght=4))',
        ('train_dataloader.dataset.lenght', 'SyntheticUnpaired', "Did you mean 'length'?")),
    'unknown argument of a transform': Case(
        "train_dataloader = dict(dataset=dict(pipeline=[dict(type='Resize', size=32, sise=1)]))",
        ('train_dataloader.dataset.pipeline.0.sise', "Did you mean 'size'?")),
    'unknown transform': Case(
        "val_dataloader = dict(dataset=dict(pipeline=[dict(type='RandomCorp', size=32)]))",
        ('val_dataloader.dataset.pipeline.0.type', "'RandomCorp'", "Did you mean 'RandomCrop'")),
    'size of a transform that cannot be': Case(
        "train_dataloader = dict(dataset=dict(pipeline=[dict(type='Resize', size=-1)]))",
        ('train_dataloader.dataset.pipeline.0.size: expected', 'found -1')),
    'unknown argument of a hook': Case(
        'default_hooks = dict(checkpoint=dict(intervall=1))',
        ('default_hooks.checkpoint.intervall', "Did you mean 'interval'?")),
    'unknown hook slot': Case(
        "default_hooks = dict(chekpoint=dict(type='CheckpointHook'))",
        ('default_hooks.chekpoint', 'custom_hooks', "Did you mean 'checkpoint'?")),
    'unknown custom hook': Case(
        "custom_hooks = [dict(type='EMAHok', nets=('G_AB',))]", ('custom_hooks.0.type', "Did you mean 'EMAHook'")),
    'EMA of a network that is not there': Case(
        "custom_hooks = [dict(type='EMAHook', nets=('G',))]", ('custom_hooks.0.nets', "no network 'G'", 'G_AB')),
    'unknown optimizer': Case(
        "optim_wrapper = dict(G=dict(optimizer=dict(type='Addam')))",
        ('optim_wrapper.G.optimizer.type', "Did you mean 'Adam'")),
    'unknown argument of an optimizer': Case(
        'optim_wrapper = dict(D=dict(optimizer=dict(wieght_decay=1e-4)))',
        ('optim_wrapper.D.optimizer.wieght_decay', "Did you mean 'weight_decay'?")),
    'learning rate that cannot be': Case(
        'optim_wrapper = dict(D=dict(optimizer=dict(lr=-1.0)))', ('optim_wrapper.D.optimizer', '-1.0')),
    'optimizer of a network that is not there': Case(
        "optim_wrapper = dict(G=dict(nets=('G_A', 'G_AB', 'G_BA')))",
        ('optim_wrapper.G.nets', "no network 'G_A'", "Did you mean 'G_BA' or 'G_AB'?")),
    'network without an optimizer': Case(
        "optim_wrapper = dict(G=dict(nets='G_AB'))", ('optim_wrapper.G.nets', "'G_BA' is missing", 'lr_mult')),
    'rate of a network of another optimizer': Case(
        'optim_wrapper = dict(G=dict(lr_mult=dict(D_A=2.0)))',
        ('optim_wrapper.G.lr_mult', "'D_A' is not among", 'G_AB')),
    'rate that is no table of networks': Case(
        'optim_wrapper = dict(G=dict(lr_mult=0.5))',
        ('optim_wrapper.G.lr_mult', 'a dict (each value: a number >= 0)', '0.5')),
    'unknown argument of the clipping': Case(
        'optim_wrapper = dict(G=dict(clip_grad=dict(maxnorm=1.0)))',
        ('optim_wrapper.G.clip_grad.maxnorm', "Did you mean 'max_norm'?")),
    'unknown kind of clipping': Case(
        "optim_wrapper = dict(G=dict(clip_grad=dict(type='values', clip_value=1.0)))",
        ('optim_wrapper.G.clip_grad.type', "Did you mean 'value'?")),
    'clipping that is a number': Case(
        'optim_wrapper = dict(G=dict(clip_grad=1.0))', ('optim_wrapper.G.clip_grad', 'max_norm', '1.0')),
    'phase without an optimizer': Case(
        "optim_wrapper = dict(_delete_=True, G=dict(nets=('G_AB', 'G_BA'), optimizer=dict(type='Adam', lr=1e-4)))",
        ('optim_wrapper.D', 'CycleGAN', 'missing')),
    'optimizer without a phase': Case(
        "optim_wrapper = dict(E=dict(nets=('G_AB',), optimizer=dict(type='Adam', lr=1e-4)))",
        ('optim_wrapper.E', 'no such phase', 'D, G')),
    'unknown argument of a scheduler': Case(
        'param_scheduler = dict(decays=5)', ('param_scheduler.decays', 'LinearDecayLR', "Did you mean 'decay'?")),
    'unknown argument of a metric': Case(
        "val_evaluator = [dict(type='PSNR', predd='fake_B')]", ('val_evaluator.0.predd', "Did you mean 'pred'?")),
    'metric of an image that is not there': Case(
        "val_evaluator = [dict(type='PSNR', pred='fake_C'), dict(type='OracleScore')]",
        ('PSNR.pred', "'fake_C'", "Did you mean 'fake_B'")),
    'two metrics of one name': Case(
        "val_evaluator = [dict(type='PSNR', pred='fake_B', target='B'), dict(type='PSNR', pred='fake_B', target='B', "
        "channel='y')]",
        ('val_evaluator.1', "'PSNR' is also one of val_evaluator.0", "prefix='second'")),
    'best checkpoint by a missing metric': Case(
        "default_hooks = dict(checkpoint=dict(save_best='OracleScor'))",
        ('default_hooks.checkpoint.save_best', "'OracleScor'", "Did you mean 'OracleScore'")),
}
RUN = {
    'unknown top-level key': Case(
        'train_dataloder = dict(batch_size=2)', ('train_dataloder', "Did you mean 'train_dataloader'")),
    'max_iters and max_epochs': Case(
        'train_cfg = dict(max_epochs=1)', ('train_cfg', 'exactly one of max_iters and max_epochs', "'max_epochs': 1")),
    'no iterations': Case('train_cfg = dict(max_iters=0)', ('train_cfg.max_iters', '>= 1', 'found 0')),
    'batch_size 0': Case(
        'train_dataloader = dict(batch_size=0)', ('train_dataloader.batch_size', 'in [1, 65536]', 'found 0')),
    'unknown key of a dataloader': Case(
        'train_dataloader = dict(batchsize=2)', ('train_dataloader.batchsize', "Did you mean 'batch_size'")),
    'unknown key of randomness': Case('randomness = dict(sead=1)', ('randomness.sead', "Did you mean 'seed'?")),
    'unknown launcher': Case("launcher = 'torch'", ('launcher', "'torch'", 'pytorch')),
    'misspelt option': Case('', ('modle', "Did you mean 'model'?"), ('--cfg-options', 'modle.pool_size=3')),
    'misspelt part of an option': Case(
        '', ('model.G_AB.blokcs', "Did you mean 'blocks'?"), ('--cfg-options', 'model.G_AB.blokcs=3')),
    'option without =': Case(
        '', ('--cfg-options', 'KEY=VALUE', "'model.pool_size'"), ('--cfg-options', 'model.pool_size', '3')),
    'option beyond a list': Case(
        '', ('val_evaluator.7.type', 'val_evaluator is a list of 2', 'below 2'),
        ('--cfg-options', 'val_evaluator.7.type=PSNR')),
    'option below a number': Case(
        '', ('model.pool_size.x', 'model.pool_size is 2', 'type model.pool_size=VALUE'),
        ('--cfg-options', 'model.pool_size.x=3')),
    'syntax error': Case('model = dict(pool_size=3', ('bad.py, line 2', 'SyntaxError', 'never closed')),
    'syntax error in a base': Case(
        "_base_ = ['broken_base.py']", ('broken_base.py, line 2', 'SyntaxError'), (), broken_base),
    'name that is not defined': Case('model = dict(pool_size=POOL)', ('bad.py, line 2', "'POOL' is not defined")),
    'base that does not exist': Case("_base_ = ['tinny.py']", ('tinny.py', '_base_', "Did you mean 'tiny.py'?")),
    'plugin that is not found': Case(
        "custom_imports = dict(imports=['no_such_plugin_here'])",
        ('custom_imports', "'no_such_plugin_here'", 'PYTHONPATH=folder')),
    'plugin that fails': Case(
        "custom_imports = dict(imports=['plugin_that_fails'])",
        ("'plugin_that_fails'", 'plugin_that_fails.py, line 2', 'undefined_name'), (), broken_plugin),
    'fp16 on a CPU': Case('', ('optim_wrapper.amp', "'fp16' needs a GPU", "use 'bf16'"), ('--amp', 'fp16')),
    'amp with optimizers of another constructor': Case(
        "optim_wrapper = dict(_delete_=True, constructor='DefaultOptimWrapperConstructor')",
        ('optim_wrapper.amp', 'no effect', 'DefaultOptimWrapperConstructor', '--amp'), ('--amp',)),
    'resume from nothing': Case('', ('nowhere.pth', 'neither'), ('--resume', 'nowhere.pth')),
    'resume from a folder without checkpoints': Case('', ("'last_checkpoint'", 'no .pth'), ('--resume', '.')),
    'resume from a foreign pickle': Case('', ('foreign.pth', 'refused'), ('--resume', 'foreign.pth'), foreign_pickle),
    "resume from the authors' weights": Case(
        '', ('foreign.pth', 'toolbox convert'), ('--resume', 'foreign.pth'), authors_weights),
}
DATA = {
    'data_root missing': Case(
        from_files("type='UnpairedDataset'").replace("data_root = 'data'\n", ''),
        ('UnpairedDataset.data_root', 'not set', '--cfg-options data_root=')),
    'data_root does not exist': Case(
        from_files("type='UnpairedDataset'").replace("'data'", "'data/horse2zebr'"),
        ("'data/horse2zebr'", 'trainA/*.jpg', 'toolbox prepare horse2zebra')),
    'folder without images': Case(
        from_files("type='UnpairedDataset'"), ("'data'", 'trainA/ (no image)', 'toolbox prepare'), (), empty_folder),
    'unreadable image': Case(
        from_files(f"type='UnpairedDataset', {CROP}"), ('data/trainA/', '10 bytes', 'not a readable image'), (),
        unreadable_images),
    'image smaller than the crop': Case(
        from_files("type='UnpairedDataset', pipeline=[dict(type='RandomCrop', size=64)]"),
        ('data/trainA/', 'RandomCrop', '40x36', '64x64', 'Put Resize'), (), images),
    'crop that the network cannot take': Case(
        from_files("type='UnpairedDataset', pipeline=[dict(type='RandomCrop', size=30)]"),
        ('ResnetGenerator', 'multiples of 4', '30x30'), (), images),
    'pairs without partner': Case(
        from_files(f"type='PairedDataset', layout='folders', {CROP}"),
        ('data/trainA/0.png: no partner', 'on_bad_pair=skip'), (), unmatched_pairs),
    'two sizes in a batch': Case(
        from_files("type='UnpairedDataset'", 'batch_size=2, '),
        ('data/trainA/0.png', '60x48', '40x36', "dict(type='Resize', size=...)"), (), two_sizes),
    'two depths in a batch': Case(
        from_files(f"type='UnpairedDataset', {CROP}", 'batch_size=2, '),
        ('data/trainA/0.png', 'uint16', 'uint8', 'convert them'), (), two_depths),
}
CASES = {**MODEL, **PARTS, **RUN, **DATA}


def write_config(folder: Path, lines: str) -> None:
    (folder / 'tiny.py').write_text(TINY)
    (folder / 'bad.py').write_text(lines if '_base_' in lines else f"_base_ = ['tiny.py']\n{lines}\n")


def train(folder: Path, lines: str, *argv: str) -> tuple[int, str, str]:
    write_config(folder, lines)
    return command('train.py', 'bad.py', '--work-dir', str(folder / 'run'), *argv)


def assert_refused(code: int, out: str, err: str, says: Iterable[str]) -> None:
    assert code == 2, err or 'nothing was refused'
    assert err.count('error: ') == 1, err
    for text in says:
        assert text in err
    for inside in ('traceback', 'mmengine', 'site-packages'):
        assert inside not in (out + err).lower(), out + err


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.filterwarnings('ignore:unclosed file:ResourceWarning')  # MMEngine's, when a config cannot be executed
@pytest.mark.parametrize('name', CASES)
def test_one_mistake_gives_one_error_that_helps(name: str, folder: Path) -> None:
    case = CASES[name]
    if case.prepare:
        case.prepare(folder)
    assert_refused(*train(folder, case.lines, *case.argv), case.says)
    assert not list(folder.glob('run/*.pth'))


def test_the_tiny_config_without_a_mistake_trains(folder: Path) -> None:
    code, _, err = train(folder, '')
    assert (code, err) == (0, '')
    assert (folder / 'run/iter_2.pth').is_file()


def test_all_mistakes_are_listed_at_once(folder: Path) -> None:
    lines = """
model = dict(w_cycel_A=1.0, G_AB=dict(padding='reflection'), D_B=dict(norm=dict(type='SyncBM')))
train_dataloader = dict(batch_size=0)
optim_wrapper = dict(D=dict(optimizer=dict(type='Addam')))
val_evaluatr = []
"""
    assert_refused(*train(folder, lines), (
        'bad.py: 6 mistake(s)', 'model.w_cycel_A', 'model.G_AB.padding', 'model.D_B.norm.type', "'SyncBN'?",
        'train_dataloader.batch_size', 'optim_wrapper.D.optimizer.type', 'val_evaluatr'))


def test_every_top_level_entry_is_checked_for_its_kind(folder: Path) -> None:
    parts = {'param_scheduler', 'val_evaluator', 'test_evaluator'}  # their messages name a part
    keys = TOP_LEVEL.keys() - parts - {'work_dir', 'data_root'}  # the command gives the one, the data sets the other
    lines = '\n'.join(f'{key} = 5.5' for key in keys)
    assert_refused(*train(folder, lines), (
        f'{len(keys)} mistake(s)', *(f'- {key}: expected' for key in keys), 'found 5.5'))


def test_a_training_is_not_overwritten(folder: Path) -> None:
    training(folder)
    before = (folder / 'run/iter_1.pth').read_bytes()
    assert_refused(*train(folder, ''), (str(folder / 'run'), 'iter_1.pth', 'pass --resume', '--work-dir'))
    assert (folder / 'run/iter_1.pth').read_bytes() == before and not (folder / 'run/iter_2.pth').exists()


def test_resuming_with_other_networks_shows_what_differs(folder: Path) -> None:
    training(folder, 'model.G_AB.base_channels=3')
    assert_refused(*train(folder, '', '--resume'), (
        'iter_1.pth does not fit CycleGAN', 'of another shape',
        'G_AB.stem.conv.bias: (3,) in', '(2,) in the model'))
    assert not (folder / 'run/iter_2.pth').exists()


COMMANDS = {
    'config that does not exist': (('train.py', 'bad_.py'), ('bad_.py', 'bad.py')),
    'config in print_config': (('print_config.py', 'bad.py'), ('bad.py', 'modle', "Did you mean 'model'?")),
    'config in browse_dataset': (('browse_dataset.py', 'bad.py'), ('bad.py', 'modle', "Did you mean 'model'?")),
    'checkpoint of test': (('test.py', 'tiny.py', 'nowhere'), ('nowhere', 'neither')),
    'run of translate': (('translate.py', 'nowhere', 'data', 'out'), ('nowhere', 'neither')),
    'input of translate': (('translate.py', 'run', 'nothing', 'out'), ('nothing: no image file, folder or pattern',)),
    'direction of translate': (
        ('translate.py', 'run', 'data/trainA', 'out', '--direction', 'AtoC'), ("'AtoC'", "Did you mean 'AtoB'")),
}


@pytest.mark.parametrize('name', COMMANDS)
def test_other_commands_explain_themselves_too(name: str, folder: Path) -> None:
    argv, says = COMMANDS[name]
    images(folder)
    if argv[1] == 'run':
        training(folder)
    write_config(folder, 'modle = dict(pool_size=3)')
    assert_refused(*command(*argv), says)


def test_an_error_in_a_worker_process_comes_without_its_traceback(folder: Path) -> None:
    unreadable_images(folder)
    write_config(folder, from_files(f"type='UnpairedDataset', {CROP}", 'num_workers=1, '))
    done = forked.run('tools/train.py', 'bad.py', '--work-dir', 'run', cwd=folder, folder=folder)
    assert_refused(done.returncode, done.stdout, done.stderr, ('data/trainA/', 'not a readable image'))
    assert not list(folder.glob('run/*.pth'))
