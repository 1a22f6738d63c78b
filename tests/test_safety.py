"""Hostile files: pickles, configs, checkpoints and archives that would run code or write outside their folder.

Every payload is real: it would leave the file ``harmed`` behind.
"""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import ROOT, command

from toolbox.converters import convert_checkpoint
from toolbox.data.fetch import download
from toolbox.data.fetch.download import extract
from toolbox.errors import CheckpointError, DataError, UserError
from toolbox.files.checkpoint import point_to, read_checkpoint, write_checkpoint
from toolbox.registry import METHODS, build
from toolbox.use.translator import Translator

# The unclosed file is MMEngine's, when a config cannot be executed.
pytestmark = pytest.mark.filterwarnings('ignore:unclosed file:ResourceWarning')
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
NET = dict(type='ResnetGenerator', base_channels=2, blocks=1)
JUDGE = dict(type='PatchDiscriminator', base_channels=2, layers=1)
MODEL = dict(type='CycleGAN', G_AB=NET, G_BA=NET, D_A=JUDGE, D_B=JUDGE)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory; a module in it does harm when it is imported."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'landmine.py').write_text("open('harmed', 'w').close()\nclass Thing: pass\n")
    (tmp_path / 'tiny.py').write_text(TINY)
    yield tmp_path
    assert 'landmine' not in sys.modules
    assert not (tmp_path / 'harmed').exists() and not Path('/tmp/harmed').exists()


class Payload:
    def __reduce__(self) -> tuple:
        return os.system, ('touch harmed',)


def test_the_payload_is_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(Payload()))
    assert (tmp_path / 'harmed').exists()


# Pickles


def as_torch_zip(path: Path) -> None:
    torch.save({'toolbox': '0.1.0', 'config': {'model': MODEL}, 'state_dict': {}, 'more': Payload()}, path)


def as_old_torch_file(path: Path) -> None:
    torch.save({'state_dict': Payload()}, path, _use_new_zipfile_serialization=False)


def as_plain_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(Payload(), protocol=2))


def as_tar(path: Path) -> None:
    """The format of torch 0.1, whose pickles torch before 2.6 loads with all they ask for; it begins like a zip
    file."""
    with tarfile.open(path, 'w') as file:
        for name in ('PKstorages', 'tensors', 'pickle', 'storages'):
            content = pickle.dumps(Payload(), protocol=2)
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))


def resume(folder: Path, path: Path) -> str:
    return command('train.py', 'tiny.py', '--work-dir', 'run', '--resume', str(path))[2]


def resume_auto(folder: Path, path: Path) -> str:
    (folder / 'run').mkdir()
    path.rename(folder / 'run/iter_1.pth')
    point_to(folder / 'run/iter_1.pth')
    return command('train.py', 'tiny.py', '--work-dir', 'run', '--resume')[2]


def load_from(folder: Path, path: Path) -> str:
    return command('train.py', 'tiny.py', '--work-dir', 'run', '--cfg-options', f'load_from={path}')[2]


def score(folder: Path, path: Path) -> str:
    return command('test.py', 'tiny.py', str(path))[2]


def translate(folder: Path, path: Path) -> str:
    (folder / 'a.png').write_bytes(b'')
    return command('translate.py', str(path), 'a.png', 'out')[2]


def convert(folder: Path, path: Path) -> str:
    return command('convert_checkpoint.py', 'cyclegan', str(path), 'out.pth')[2]


@pytest.mark.fault
@pytest.mark.parametrize('use', [resume, resume_auto, load_from, score, translate, convert])
@pytest.mark.parametrize('make', [as_torch_zip, as_old_torch_file, as_plain_pickle, as_tar])
def test_a_malicious_pickle_is_refused_by_every_command(
        folder: Path, make: Callable[[Path], None], use: Callable[[Path, Path], str]) -> None:
    make(folder / 'evil.pth')
    err = use(folder, folder / 'evil.pth')
    assert err.count('error: ') == 1 and 'Traceback' not in err, err
    assert 'evil.pth' in err or 'iter_1.pth' in err


# Configs

FOREIGN = {
    'method': ("model = dict(type='os.system')", 'model.type'),
    'network': ("model = dict(G_AB=dict(type='subprocess.check_output', args='touch harmed'))", 'model.G_AB.type'),
    'nested': ("model = dict(G_AB=dict(norm=dict(type='os.system', command='touch harmed')))", 'model.G_AB.norm.type'),
    'class that is no network': ("model = dict(D_A=dict(type='subprocess.Popen', args='touch harmed'))",
                                 'model.D_A.type'),
    'loss': ("model = dict(adversarial=dict(type='builtins.exec'))", 'model.adversarial.type'),
    'data set': ("train_dataloader = dict(dataset=dict(type='os.system'))", 'train_dataloader.dataset.type'),
    'transform': ("train_dataloader = dict(dataset=dict(pipeline=[dict(type='subprocess.run')]))",
                  'train_dataloader.dataset.pipeline.0.type'),
    'sampler': ("train_dataloader = dict(sampler=dict(type='os.system'))", 'train_dataloader.sampler.type'),
    'collate_fn': ("train_dataloader = dict(collate_fn=dict(type='os.system'))", 'train_dataloader.collate_fn.type'),
    'worker_init_fn': ("train_dataloader = dict(worker_init_fn=dict(type='os.system'))",
                       'train_dataloader.worker_init_fn.type'),
    'worker_init_fn that is a module': ("train_dataloader = dict(worker_init_fn=dict(type='landmine'))",
                                        'train_dataloader.worker_init_fn.type'),
    'batch_sampler, which loaders here do not have': ("val_dataloader = dict(batch_sampler=dict(type='landmine'))",
                                       'val_dataloader.batch_sampler: unknown'),
    'hook': ("custom_hooks = [dict(type='os.system', command='touch harmed')]", 'custom_hooks.0.type'),
    'default hook': ("default_hooks = dict(status=dict(type='os.system'))", 'default_hooks.status.type'),
    'metric': ("val_evaluator = [dict(type='os.system')]", 'val_evaluator.0.type'),
    'optimizer': ("optim_wrapper = dict(G=dict(optimizer=dict(type='os.system')))", 'optim_wrapper.G.optimizer.type'),
    'constructor': ("optim_wrapper = dict(_delete_=True, constructor='os.system')", 'optim_wrapper.constructor'),
    'optimizer of another constructor': (
        "optim_wrapper = dict(_delete_=True, constructor='DefaultOptimWrapperConstructor', "
        "optimizer=dict(type='landmine'))",
        'optim_wrapper.optimizer.type'),
    'scheduler': ("param_scheduler = dict(_delete_=True, type='os.system')", 'param_scheduler.type'),
    'loop': ("train_cfg = dict(type='os.system')", 'train_cfg.type'),
    'visualizer': ("visualizer = dict(type='os.system')", 'visualizer.type'),
    'backend': ("visualizer = dict(vis_backends=[dict(type='os.system')])", 'visualizer.vis_backends.0.type'),
    'model wrapper': ("model_wrapper_cfg = dict(type='landmine.Thing')", 'model_wrapper_cfg.type'),
    'runner': ("runner_type = 'os.system'", 'runner_type'),
    'hook of the wrong kind': ("custom_hooks = [dict(type='torch.nn.Linear')]", 'custom_hooks.0.type'),
    'module that is not imported': ("model = dict(G_AB=dict(type='landmine.Thing'))", 'model.G_AB.type'),
    'function object': ('import os\nmodel = dict(G_AB=dict(type=os.system))', 'model.G_AB.type'),
    'plugin that is not there': ("custom_imports = dict(imports=['no_such_module'])", 'custom_imports'),
}


@pytest.mark.fault
@pytest.mark.parametrize('name', FOREIGN)
def test_a_config_cannot_call_what_is_no_part(folder: Path, name: str) -> None:
    lines, where = FOREIGN[name]
    (folder / 'bad.py').write_text(f"_base_ = ['tiny.py']\n{lines}\n")
    code, _, err = command('train.py', 'bad.py', '--work-dir', 'run')
    assert code == 2 and err.count('error: ') == 1 and where in err, err
    assert 'Traceback' not in err and not (folder / 'run').exists()


@pytest.mark.fault
def test_an_option_cannot_call_what_is_no_part(folder: Path) -> None:
    code, _, err = command('train.py', 'tiny.py', '--cfg-options', 'model.G_AB.type=subprocess.check_output')
    assert code == 2 and 'model.G_AB.type' in err and 'it was not called' in err


@pytest.mark.fault
@pytest.mark.parametrize('as_base', [False, True])
def test_a_yaml_config_is_data(folder: Path, as_base: bool) -> None:
    (folder / 'bad.yaml').write_text("model: !!python/object/apply:os.system ['touch harmed']\n")
    (folder / 'bad.py').write_text("_base_ = ['bad.yaml']\n")
    code, _, err = command('train.py', 'bad.py' if as_base else 'bad.yaml')
    assert code == 2 and 'python/object/apply:os.system' in err, err


def test_a_class_of_the_right_kind_may_have_a_dotted_name(folder: Path) -> None:
    (folder / 'good.py').write_text(
        "_base_ = ['tiny.py']\noptim_wrapper = dict(G=dict(optimizer=dict(type='torch.optim.adamw.AdamW')))\n"
        "model = dict(reconstruction=dict(type='torch.nn.SmoothL1Loss'))\n"
        "train_dataloader = dict(collate_fn=dict(type='toolbox.data.collate.stack_samples'))\n"
        "custom_hooks = [dict(type='toolbox.hooks.ema.EMAHook', nets=('G_AB',)), "
        "dict(type='mmengine.EmptyCacheHook')]\n")
    code, _, err = command('train.py', 'good.py', '--work-dir', 'run')
    assert (code, err) == (0, '')
    model = read_checkpoint(folder / 'run/iter_2.pth')['config']['model']
    assert model['reconstruction']['type'] == 'torch.nn.SmoothL1Loss'
    assert Translator(folder / 'run').directions == ('AtoB', 'BtoA')


# Configs in checkpoints


def checkpoint(path: Path, model: Any = None, **entries: Any) -> Path:
    state = build(MODEL, METHODS, 'model').state_dict()
    write_checkpoint({'config': {'model': model or MODEL}, 'state_dict': state, **entries}, path)
    return path


@pytest.mark.fault
@pytest.mark.parametrize('config', [
    {'model': {**MODEL, 'G_AB': {'type': 'landmine.Thing'}}},
    {'model': {**MODEL, 'G_AB': {'type': 'os.system', 'command': 'touch harmed'}}},
    {'model': {**MODEL, 'more': [{'deep': {'type': 'subprocess.Popen', 'args': 'touch harmed'}}]}},
    {'model': {'type': 'os.system', 'command': 'touch harmed'}},
    {'model': {'type': 'torch.nn.Linear', 'in_features': 1, 'out_features': 1}},
    {'model': {'type': 'Sequential'}},
    {'model': {'type': 'ConvModule', 'conv_cfg': {'type': 'landmine'}}},
    {'model': {**MODEL, 'reconstruction': {'type': 'mmengine.model.BaseModule'}}},
    {'model': {**MODEL, 'G_AB': {**NET, 'init_cfg': {'type': 'Pretrained', 'checkpoint': 'evil.pth'}}}},
    {'model': {**MODEL, 'G_AB': {'type': 'Unknown'}}, 'custom_imports': {'imports': ['landmine']}},
    {'model': {**MODEL, '_scope_': 'landmine'}},
    {'model': 'os.system'}, {'model': None}, ['model'], 3])
def test_the_config_of_a_checkpoint_executes_nothing(folder: Path, config: Any) -> None:
    with pytest.raises(UserError, match=r'stranger\.pth'):
        Translator(checkpoint(folder / 'stranger.pth', config=config))


@pytest.mark.fault
def test_a_checkpoint_that_unpacks_to_much_more_is_refused(folder: Path) -> None:
    torch.save({'toolbox': '0.1.0', 'a': torch.zeros(5_000_000)}, folder / 'whole.pth')
    bomb = zipfile.ZipFile(folder / 'bomb.pth', 'w', zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(folder / 'whole.pth') as old, bomb as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    assert (folder / 'bomb.pth').stat().st_size * 500 < (folder / 'whole.pth').stat().st_size
    for use in (read_checkpoint, lambda path: convert_checkpoint('cyclegan', path, folder / 'out.pth')):
        with pytest.raises(CheckpointError, match=r'bomb\.pth: holds compressed entries'):
            use(folder / 'bomb.pth')


@pytest.mark.fault
def test_a_config_nested_without_end_is_refused(folder: Path) -> None:
    source = checkpoint(folder / 'flat.pth', model={**MODEL, 'more': 'NEST'})
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(folder / 'stranger.pth', 'w') as new:
        for name in old.namelist():  # lists in lists, which torch.save itself could not write
            new.writestr(name, old.read(name).replace(b'X\x04\0\0\0NEST', b']' * 50_000 + b'a' * 49_999))
    with pytest.raises(CheckpointError,
                       match=r'stranger\.pth: config\.model\.more\.0.*: is nested more than 100 levels deep'):
        Translator(folder / 'stranger.pth')


def test_our_own_classes_may_have_dotted_names_in_a_new_process(folder: Path) -> None:
    net = {**NET, 'type': 'toolbox.backbones.resnet.ResnetGenerator'}
    checkpoint(folder / 'own.pth', model={**MODEL, 'type': 'toolbox.methods.cyclegan.CycleGAN', 'G_AB': net})
    code = "from toolbox import Translator; assert Translator('own.pth').directions == ('AtoB', 'BtoA')"
    done = subprocess.run([sys.executable, '-c', code], env={**os.environ, 'PYTHONPATH': str(ROOT)}, check=False,
                          capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


@pytest.mark.fault
def test_plugins_of_a_checkpoint_that_no_network_needs_are_not_imported(folder: Path) -> None:
    config = {'model': MODEL, 'custom_imports': {'imports': ['landmine']}}
    assert Translator(checkpoint(folder / 'stranger.pth', config=config)).directions == ('AtoB', 'BtoA')


@pytest.mark.fault
@pytest.mark.parametrize('entries', [
    {'state_dict': {'G_AB.stem': 'text'}}, {'state_dict': {3: torch.zeros(1)}}, {'state_dict': [1]}, {'state_dict': {}},
    {'meta': 'text'}, {'meta': {'networks': 3}}, {'meta': {'networks': ['os']}}, {'ema': 3}, {'ema': {'G_AB': 3}},
    {'ema': {'G_AB': {'a': 3}}}])
def test_a_checkpoint_of_another_form_is_refused(folder: Path, entries: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match=r'stranger\.pth'):
        Translator(checkpoint(folder / 'stranger.pth', **entries))


@pytest.mark.fault
@pytest.mark.parametrize('channels', [10 ** 7, 10 ** 15, 10 ** 30])
def test_a_network_larger_than_its_weights_takes_no_memory(folder: Path, channels: int) -> None:
    huge = {**MODEL, 'G_AB': {**NET, 'base_channels': channels}}
    with pytest.raises(UserError, match=r'stranger\.pth'):
        Translator(checkpoint(folder / 'stranger.pth', model=huge))


# Archives


def tar_with(path: Path, name: str, kind: bytes = tarfile.REGTYPE, link: str = '') -> None:
    with tarfile.open(path, 'w:gz') as file:
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.size = kind, link, 0
        file.addfile(info)


def zip_with(path: Path, name: str, mode: int = 0, content: bytes = b'x') -> None:
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as file:
        info = zipfile.ZipInfo(name)
        info.external_attr, info.compress_type = mode << 16, zipfile.ZIP_DEFLATED
        file.writestr(info, content)


@pytest.mark.fault
@pytest.mark.parametrize(('name', 'kind', 'link'), [
    ('../harmed', tarfile.REGTYPE, ''), ('a/../../harmed', tarfile.REGTYPE, ''), ('/tmp/harmed', tarfile.REGTYPE, ''),
    ('a', tarfile.SYMTYPE, '/etc'), ('a', tarfile.SYMTYPE, '..'), ('a', tarfile.LNKTYPE, '../tiny.py'),
    ('a', tarfile.CHRTYPE, ''), ('a', tarfile.BLKTYPE, ''), ('a', tarfile.FIFOTYPE, '')])
def test_a_tar_stays_in_its_folder(folder: Path, name: str, kind: bytes, link: str) -> None:
    tar_with(folder / 'x.tar.gz', name, kind, link)
    with pytest.raises(DataError, match='not unpacked'):
        extract(folder / 'x.tar.gz', folder / 'inside')
    assert not (folder / 'inside').exists()


@pytest.mark.fault
def test_a_tar_cannot_write_through_a_link_of_its_own(folder: Path) -> None:
    (folder / 'outside').mkdir()
    with tarfile.open(folder / 'x.tar.gz', 'w:gz') as file:
        link = tarfile.TarInfo('a')
        link.type, link.linkname = tarfile.SYMTYPE, '../outside'
        file.addfile(link)
        file.addfile(tarfile.TarInfo('a/harmed'))
    with pytest.raises(DataError, match="'a', which is a link"):
        extract(folder / 'x.tar.gz', folder / 'inside')
    assert not list((folder / 'outside').iterdir())


@pytest.mark.fault
@pytest.mark.parametrize(('name', 'mode'), [
    ('../harmed', 0), ('/tmp/harmed', 0), ('a\\..\\..\\harmed', 0), ('C:/harmed', 0), ('a', 0o120777), ('a', 0o020666)])
def test_a_zip_stays_in_its_folder(folder: Path, name: str, mode: int) -> None:
    zip_with(folder / 'x.zip', name, mode)
    with pytest.raises(DataError, match='not unpacked'):
        extract(folder / 'x.zip', folder / 'inside')
    assert not (folder / 'inside').exists()


@pytest.mark.fault
def test_a_bomb_is_not_unpacked(folder: Path) -> None:
    zip_with(folder / 'x.zip', 'a.png', content=bytes(300 << 20))
    assert (folder / 'x.zip').stat().st_size < 1 << 20
    with pytest.raises(DataError, match='far more than its size'):
        extract(folder / 'x.zip', folder / 'inside')
    assert not list(folder.glob('inside/*'))


@pytest.mark.fault
@pytest.mark.parametrize('suffix', ['.zip', '.tar.gz'])
def test_a_bomb_of_names_is_not_unpacked(folder: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, '_MAX_ENTRIES', 20)
    path = folder / f'x{suffix}'
    if suffix == '.zip':
        with zipfile.ZipFile(path, 'w') as file:
            for i in range(30):
                file.writestr(f'{i}.png', b'')
    else:
        with tarfile.open(path, 'w:gz') as file:
            for i in range(30):
                file.addfile(tarfile.TarInfo(f'{i}.png'))
    with pytest.raises(DataError, match='far more than its size'):
        extract(path, folder / 'inside')
    assert len(list(folder.glob('inside/*'))) <= 21


@pytest.mark.fault
def test_a_converter_refuses_what_is_no_weights(folder: Path) -> None:
    torch.save({'a': torch.zeros(1), 'b': 'text'}, folder / 'evil.pth')
    with pytest.raises(CheckpointError, match=r'evil\.pth'):
        convert_checkpoint('cyclegan', folder / 'evil.pth', folder / 'out.pth')
