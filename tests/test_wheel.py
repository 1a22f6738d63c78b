"""The wheel, built from the source archive, without the checkout and without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from test_tools import TINY
from tiny import ROOT

import toolbox
from toolbox.files.configs import find_configs

SOURCES = ('setup.py', 'setup.cfg', 'pyproject.toml', 'MANIFEST.in', 'README.md', 'LICENSE', 'CHANGELOG.md',
           'constraints.txt', 'toolbox', 'configs', 'tools')


def backend(folder: Path, call: str) -> None:
    """Call the build backend as ``python -m build --no-isolation`` does."""
    pytest.importorskip('setuptools', '70.1')
    code = f'from setuptools import build_meta; build_meta.{call}("dist")'
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def build(folder: Path) -> None:
    """``folder/source.tar.gz`` of a copy of the repository, a wheel from that, and what is installed from it."""
    source = folder / 'source'
    source.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns('__pycache__'))
        else:
            shutil.copy(ROOT / name, source)
    for name in ('tests', 'examples'):
        (source / name).mkdir()
        (source / name / '__init__.py').touch()
    backend(source, 'build_sdist')
    (archive,) = source.glob('dist/*.tar.gz')
    with tarfile.open(archive) as file:
        file.extractall(folder / 'unpacked', filter='data')
    backend(folder / 'unpacked' / f'gan_toolbox-{toolbox.__version__}', 'build_wheel')
    (wheel,) = folder.glob('unpacked/*/dist/*.whl')
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder / 'installed')


@pytest.fixture(scope='module')
def installed(once) -> Path:
    """The folder that an installation of the wheel fills."""
    return once('wheel', build) / 'installed'


@pytest.fixture
def run(installed: Path, tmp_path: Path):
    """Run Python from an empty folder with the installed package; returns what it prints."""
    def python(*argv: str) -> str:
        environment = {**os.environ, 'PYTHONPATH': str(installed)}
        done = subprocess.run([sys.executable, '-W', 'ignore', *argv], cwd=tmp_path, env=environment, timeout=600,
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout
    return python


def files(folder: Path) -> set[str]:
    """Everything that is installed."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob('*')
            if path.is_file() and path.suffix != '.pyc'}


def test_the_wheel_holds_the_package_and_its_configs_and_nothing_else(installed: Path) -> None:
    info = f'gan_toolbox-{toolbox.__version__}.dist-info'
    assert {path.name for path in installed.iterdir()} == {'toolbox', info}
    assert files(installed / 'toolbox') == files(ROOT / 'toolbox') | {f'configs/{name}'
                                                                      for name in files(ROOT / 'configs')}
    assert (installed / 'toolbox/py.typed').exists()
    assert (installed / info / 'top_level.txt').read_text().split() == ['toolbox']
    assert 'toolbox = toolbox.cli:main' in (installed / info / 'entry_points.txt').read_text().splitlines()


def test_the_command_works_where_there_is_nothing_else(run, installed: Path, tmp_path: Path) -> None:
    assert run('-c', 'import toolbox; print(toolbox.__file__)').strip() == str(installed / 'toolbox/__init__.py')
    assert run('-m', 'toolbox', '--version') == f'toolbox {toolbox.__version__}\n'
    listed = run('-m', 'toolbox', 'list')
    assert all(f'    {name} ' in listed for name in find_configs())
    assert not [*tmp_path.iterdir()]
    run('-m', 'toolbox', 'train', 'pix2pix/synthetic', '--cfg-options', *TINY, 'train_cfg.max_iters=2')
    assert (tmp_path / 'work_dirs/pix2pix/synthetic/iter_2.pth').is_file()
    assert files(installed / 'toolbox/configs') == files(ROOT / 'configs'), 'nothing is written beside the configs'
