"""The command ``toolbox``: its names, its help, configs by name, and what it lists."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from commands import ROOT, parsed, toolbox
from mmengine.config import Config

from toolbox.cli import COMMANDS, process
from toolbox.engine.config import load_config
from toolbox.errors import ConfigError
from toolbox.files.configs import find_config, find_configs
from toolbox.registry import METHODS, NORMS

TINY = 'model = dict(w_cycle_A=3.0)\n'


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


# Help and mistakes


def test_help_version_and_usage_errors_come_without_torch() -> None:
    lines = [['--help'], ['--version'], ['trian'], ['list', 'configs'],
             *([command, '--help'] for command in COMMANDS), *([command, '--bad', *'abcd'] for command in COMMANDS)]
    code = ('import sys\nfrom toolbox.cli import main\n'
            f'for line in {lines}:\n'
            '    try:\n        main(line)\n'
            '    except SystemExit as end:\n        print("code", end.code)\n'
            'assert not {"torch", "mmengine", "numpy", "cv2"} & {*sys.modules}, sorted(sys.modules)\n')
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    codes = re.findall(r'^code (\d)$', done.stdout, re.MULTILINE)
    assert codes == ['0', '0', '2', '0', *['0'] * len(COMMANDS), *['2'] * len(COMMANDS)]


def test_help_explains_every_command() -> None:
    code, out, _ = toolbox('--help')
    assert (code, toolbox()[:2]) == (0, (0, out))
    for command in COMMANDS:
        assert re.search(rf'^  {command} +\w.+\.$', out, re.MULTILINE), command
        assert f'toolbox {command}' in toolbox(command, '--help')[1].partition('\n\n')[2] or command == 'list'


@pytest.mark.parametrize(('typed', 'meant'), [('trian', 'train'), ('eval_folders', 'eval-folders'), ('lst', 'list')])
def test_a_mistyped_command_is_recognised(typed: str, meant: str) -> None:
    code, _, err = toolbox(typed, 'x')
    assert code == 2 and f"unknown command '{typed}'. Did you mean '{meant}'" in err


def test_an_option_that_is_given_twice_keeps_both() -> None:
    args = parsed('toolbox', 'train', 'x', '--cfg-options', 'a=1', 'b=2', '--cfg-options', 'c=3')
    assert args.cfg_options == ['a=1', 'b=2', 'c=3']
    for given, expected in (([], ['fid', 'kid']), (['--metrics', 'psnr', '--metrics', 'ssim', 'is'],
                                                   ['psnr', 'ssim', 'is'])):
        assert parsed('toolbox', 'eval-folders', 'a', 'b', *given).metrics == expected
    assert parsed('toolbox', 'sweep', 'x', '--seeds', '3', '--seeds', '4').seeds == [3, 4]
    assert parsed('toolbox', 'sweep', 'x').seeds == [0]


@pytest.mark.parametrize(('error', 'said'), [
    (OSError(errno.ENOSPC, 'No space left on device'), 'error: No space left on device'),
    (OSError(errno.EIO, 'Input/output error', 'a.png'), 'error: a.png: Input/output error'),
    (PermissionError(errno.EACCES, 'Permission denied', 'b.png'), 'error: b.png: Permission denied')])
def test_a_disk_that_fails_is_no_traceback(error: OSError, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise error
    with pytest.raises(SystemExit) as end:
        process.run(main)
    assert end.value.code == 2 and capsys.readouterr().err.strip() == said


def test_an_error_of_the_program_has_its_traceback() -> None:
    def main() -> None:
        raise OSError(errno.EBADF, 'Bad file descriptor')
    with pytest.raises(OSError, match='Bad file'):
        process.run(main)


@pytest.mark.parametrize(('line', 'said'), [
    ('sample run x.png --columns 0', '--columns: expected 1 or more, found 0'),
    ('export run z.safetensors --format onnx', 'z.safetensors: holds weights and no graph, but onnx was asked for'),
    ('export run z.safetensors --direction AtoB --time 3', 'but --direction and --time was asked for'),
    ('report run --images photos', '--images: is for several runs'),
    ('animate run a.gif --rate 60', r'a.gif: a GIF shows at most 50 frames per second, found 60'),
    ('benchmark cyclegan/synthetic --iters 0', '--iters: expected at least 1, found 0'),
    ('benchmark cyclegan/synthetic --threads -2', '--threads: expected at least 0, found -2')])
def test_options_that_cannot_be_obeyed_are_refused_before_anything_is_read(line: str, said: str) -> None:
    code, _, err = toolbox(*line.split())
    assert code == 2 and said in err, err


def test_every_command_of_0_1_0_is_a_door_to_one_of_these() -> None:
    doors = [re.search(r"^    script\('([a-z-]+)'\)$", path.read_text(), re.MULTILINE)
             for path in ROOT.glob('tools/*.py')]
    assert {door[1] for door in doors if door} == {*COMMANDS} - {'list'}


@pytest.mark.parametrize('option', ['--local-rank=1', '--local_rank=1'])
@pytest.mark.parametrize('line', [('train.py', 'x.py'), ('test.py', 'x.py', 'run')])
def test_the_option_of_old_launchers_is_accepted(line: tuple[str, ...], option: str, elsewhere: Path,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    from toolbox.cli.arguments import launcher_options
    monkeypatch.setenv('LOCAL_RANK', 'unset')
    monkeypatch.delenv('LOCAL_RANK')
    args = parsed(line[0], option, *line[1:], '--launcher', 'pytorch')
    assert launcher_options(args) == {'launcher': 'pytorch'} and os.environ['LOCAL_RANK'] == '1'
    args.local_rank = 2
    assert launcher_options(args) and os.environ['LOCAL_RANK'] == '1', 'the variable of a newer launcher counts'


# Configs by name


def test_a_config_is_found_by_path_and_by_name(elsewhere: Path) -> None:
    own = ROOT / 'configs/cyclegan/synthetic.py'
    assert find_config('cyclegan/synthetic') == find_config('cyclegan/synthetic.py') == own
    assert find_config(own) == own
    mine = elsewhere / 'configs/cyclegan/synthetic.py'
    mine.parent.mkdir(parents=True)
    mine.write_text(f'_base_ = [{str(own)!r}]\n{TINY}')
    assert find_config('cyclegan/synthetic').resolve() == mine, 'the current folder comes first'
    assert find_config('cyclegan/horse2zebra') == ROOT / 'configs/cyclegan/horse2zebra.py'
    (elsewhere / 'cyclegan').mkdir()
    (elsewhere / 'cyclegan/synthetic.py').write_text(f'_base_ = [{str(own)!r}]\n')
    assert find_config('cyclegan/synthetic') == Path('configs/cyclegan/synthetic.py')
    assert find_config('cyclegan/synthetic.py') == Path('cyclegan/synthetic.py'), 'a path is what it was'


def test_a_config_by_name_is_the_same_config_and_its_run_lies_in_the_current_folder(elsewhere: Path) -> None:
    by_name, by_path = load_config('pix2pix/synthetic'), load_config(ROOT / 'configs/pix2pix/synthetic.py')
    assert by_name.to_dict() == by_path.to_dict()
    assert by_name.work_dir == 'work_dirs/pix2pix/synthetic'


def test_all_configs_have_names_and_bases_have_none() -> None:
    found = find_configs()
    assert {f'configs/{name}.py' for name in found} == {
        str(path.relative_to(ROOT)) for path in ROOT.glob('configs/[!_]*/*.py')}
    with pytest.raises(ConfigError, match='no such config file'):
        find_config('_base_/models/cyclegan')


@pytest.mark.parametrize(('typed', 'meant'), [
    ('cyclegn/synthetic', 'cyclegan/synthetic'), ('cyclegan/horse2zebr.py', 'cyclegan/horse2zebra'),
    ('configs/wgan/cifar.py', 'wgan/cifar10'), ('my_confg.py', 'my_config.py')])
def test_an_unknown_config_is_explained(typed: str, meant: str, elsewhere: Path) -> None:
    (elsewhere / 'my_config.py').write_text(TINY)
    code, _, err = toolbox('print-config', typed)
    assert code == 2 and f'{typed}: no such config file' in err
    assert f"'{meant}'" in err.partition('Did you mean ')[2] and 'toolbox list configs' in err


# Lists


def rows(*argv: str) -> dict[str, str]:
    code, out, err = toolbox('list', *argv)
    assert (code, err) == (0, '')
    return {name: text for name, _, text in (line.strip().partition(' ') for line in out.splitlines())}


def test_list_shows_methods_configs_and_registries(elsewhere: Path) -> None:
    (elsewhere / 'configs/mine').mkdir(parents=True)
    (elsewhere / 'configs/mine/broken.py').write_text('# Not finished.\nmodel = dict(\n')
    shown = rows()
    assert {*find_configs(), *METHODS.module_dict} <= {*shown}
    assert shown['mine/broken'].strip() == 'Not finished.'
    assert shown['norms'].strip() == ', '.join(sorted(NORMS.module_dict))


def test_list_configs_shows_the_first_line_of_each(elsewhere: Path) -> None:
    shown = rows('configs')
    assert list(shown) == sorted(find_configs())
    for name, text in shown.items():
        assert find_config(name).read_text().startswith(f'# {text.strip()}\n')


def test_list_shows_a_registry_by_the_first_lines_of_docstrings() -> None:
    shown = rows('norms')
    assert {*shown} == {*NORMS.module_dict} and all(shown.values())
    assert shown['IN'].strip() == NORMS.get('IN').__doc__.splitlines()[0] == rows('norm')['IN'].strip()
    assert {'Adam', 'SGD'} <= {*rows('optimizers')} and rows('data_samplers') == rows('data-samplers')


@pytest.mark.parametrize('name', sorted({name.partition('/')[0] for name in find_configs()}))
def test_list_shows_the_configs_of_every_folder(name: str) -> None:
    shown = rows(name)
    own = [config for config in find_configs() if config.startswith(f'{name}/')]
    assert {*own} <= {*shown} and all('Metric: ' in shown[config] for config in own)
    assert {Config.fromfile(find_config(config)).model.type for config in own} <= {*shown}


def test_list_explains_an_unknown_name() -> None:
    code, _, err = toolbox('list', 'cyclegann')
    assert code == 2 and "Did you mean 'cyclegan'" in err.replace('CycleGAN', 'cyclegan')
