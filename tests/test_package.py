"""The package as a whole: what importing it costs, its metadata, and what lies in the repository."""

from __future__ import annotations

import configparser
import gc
import re
import subprocess
import sys
import weakref
from pathlib import Path

import pytest
import torch
from packaging.requirements import Requirement
from test_inference import cyclegan, image, save

import toolbox
from toolbox.cli.process import uncollected
from toolbox.data.io import write_image
from toolbox.registry import BACKBONES, build

ROOT = Path(__file__).resolve().parents[1]
OPTIONAL = {'torchvision', 'matplotlib', 'tensorboard', 'skimage', 'mmcv'}
# What a network that is only used must not wait for.
HEAVY = {'sympy', 'scipy', 'torch._dynamo', 'torch._inductor', 'torch.onnx', 'torch.distributed.fsdp',
         'torch.distributed.tensor', 'torch.distributed.optim', 'mmengine.model', 'mmengine.optim', 'mmengine.runner',
         'mmengine.hooks', 'mmengine.visualization', 'mmengine.evaluator', 'toolbox.data.parts', 'toolbox.features',
         *OPTIONAL}
BUILT_IN_MARKERS = {'parametrize', 'skip', 'skipif', 'xfail', 'usefixtures', 'filterwarnings'}
# In pieces, so that this file does not contain them itself.
INDEX_HOSTS = ('pypi.' + 'org', 'python' + 'hosted', 'pytorch.' + 'org/whl', 'ana' + 'conda.org', 'openmmlab.' + 'com')
INDEX_OPTIONS = ('index' + '-url', 'trusted' + '-host', 'find' + '-links')


@pytest.fixture(scope='module')
def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / 'setup.cfg')
    return parser


@pytest.fixture(scope='module')
def files() -> list[Path]:
    """Every file of the repository: what git tracks or would add; in an unpacked archive, what is there."""
    git = ['git', '-C', str(ROOT), 'ls-files', '--cached', '--others', '--exclude-standard', '-z']
    listed = subprocess.run(git, capture_output=True, text=True, check=False)
    if listed.returncode:
        return [path for path in ROOT.rglob('*') if path.is_file() and not {'.venv', '__pycache__'} & set(path.parts)]
    return [path for name in listed.stdout.split('\0') if name and (path := ROOT / name).is_file()]


def entries(setup: configparser.ConfigParser, section: str, option: str) -> list[str]:
    lines = (line.strip() for line in setup[section][option].splitlines())
    return [line for line in lines if line and not line.startswith('#')]


def imported_by(code: str) -> set[str]:
    """Packages that a fresh interpreter has loaded after ``code``: those on top, and those of torch and MMEngine."""
    report = ('import sys; print(*{name.partition(".")[0] for name in sys.modules}, '
              '*{name for name in sys.modules if name.startswith(("torch.", "mmengine."))})')
    result = subprocess.run([sys.executable, '-W', 'ignore', '-c', f'{code}\n{report}'], cwd=ROOT, timeout=600,
                            capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


def test_importing_the_package_is_cheap() -> None:
    loaded = imported_by('import toolbox; toolbox.__version__')
    assert 'toolbox' in loaded
    assert not loaded & {*OPTIONAL, 'torch', 'mmengine', 'cv2', 'scipy'}


def test_no_module_needs_an_optional_package() -> None:
    walk = ('import pkgutil, importlib, toolbox\n'
            "names = [m.name for m in pkgutil.walk_packages(toolbox.__path__, 'toolbox.')]\n"
            'for name in names: importlib.import_module(name)\n'
            'from toolbox import Translator')
    loaded = imported_by(walk)
    assert {'torch', 'mmengine'} <= loaded and not loaded & OPTIONAL
    assert 'torch._dynamo' not in loaded, 'a second in every process'


def test_a_translation_imports_only_what_it_needs(tmp_path: Path) -> None:
    """The first image of a small network waits for imports longer than for anything else."""
    run = save(tmp_path / 'a.pth', cyclegan())
    write_image(tmp_path / 'in' / 'a.png', image(16, 16))
    line = ['translate', str(run), str(tmp_path / 'in'), str(tmp_path / 'out'), '--device', 'cpu']
    loaded = imported_by('import gc\nfrom toolbox.cli import main\n'
                         f'try:\n    main({line})\nexcept SystemExit as end:\n    assert end.code == 0\n'
                         'assert gc.isenabled() and gc.get_freeze_count() > 100_000')
    assert (tmp_path / 'out' / 'a.png').exists() and {'torch', 'mmengine.registry'} <= loaded
    assert not HEAVY & (loaded - imported_by('import torch'))


def test_imports_are_not_searched_for_garbage() -> None:
    """What was disabled before stays so, and a process that has imported all does not keep its garbage."""
    gc.disable()
    with uncollected():
        pass
    assert not gc.isenabled()
    gc.enable()
    with pytest.raises(ImportError), uncollected():
        assert not gc.isenabled()
        raise ImportError
    assert gc.isenabled() and gc.get_freeze_count()
    gone = Cycle()
    watched = weakref.ref(gone)
    with uncollected():
        gone = None
    gc.collect()
    assert watched() is None
    gc.unfreeze()


class Cycle:
    """Only the collector frees it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.mark.parametrize('linter', [['ruff', 'check', '.'], ['mypy']], ids=lambda linter: linter[0])
def test_the_linters_find_nothing(linter: list[str]) -> None:
    """What ``make lint`` runs. mypy keeps what it found in .mypy_cache: half a minute the first time, then seconds."""
    done = subprocess.run([sys.executable, '-m', *linter], cwd=ROOT, timeout=600, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_types_are_checked_strictly(setup: configparser.ConfigParser) -> None:
    """The one flag of ``strict`` that is off, and no file that is left out."""
    off = {key for section in setup.sections() if section.startswith('mypy') for key, value in setup[section].items()
           if value == 'false'}
    assert setup['mypy']['strict'] == 'true' and setup['mypy']['files'] == 'toolbox'
    assert off == {'warn_return_any', 'disallow_subclassing_any'} and 'exclude' not in setup['mypy']
    ignored = [line for path in (ROOT / 'toolbox').rglob('*.py') for line in path.read_text().splitlines()
               if '# type: ignore' in line]
    assert len(ignored) <= 15
    for line in ignored:
        assert re.search(r'# type: ignore\[[a-z-]+\]  # \w', line), f'{line.strip()}: which error, and why?'


def test_an_unknown_attribute_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Translater'"):
        _ = toolbox.Translater


def test_one_version_everywhere(setup: configparser.ConfigParser) -> None:
    assert setup['metadata']['version'] == 'attr: toolbox.version.__version__'
    assert re.fullmatch(r'\d+\.\d+\.\d+', toolbox.__version__)
    assert f'[{toolbox.__version__}]' in (ROOT / 'CHANGELOG.md').read_text()


def test_every_dependency_is_pinned_within_its_range(setup: configparser.ConfigParser) -> None:
    lines = (ROOT / 'constraints.txt').read_text().splitlines()
    pins = dict(line.split('==') for line in lines if line and not line.startswith('#'))
    wanted = entries(setup, 'options', 'install_requires')
    for extra in setup['options.extras_require']:
        wanted += entries(setup, 'options.extras_require', extra)
    for requirement in map(Requirement, wanted):
        assert requirement.name in pins, f'{requirement} is not pinned in constraints.txt'
        assert requirement.specifier.contains(pins[requirement.name]), requirement


def test_every_extra_that_is_named_is_one(setup: configparser.ConfigParser, files: list[Path]) -> None:
    own = Path(__file__)
    named = {extra: path for path in files if path.suffix in ('.py', '.md') and path != own for extra in re.findall(
        r'(?:gan-toolbox|-e [\'"]?\.)\[(\w+)\]', path.read_text('utf-8'))}
    assert {'hub', 'onnx', 'lmdb', 'tensorboard'} <= {*named} <= {*setup['options.extras_require']}, named


def test_every_marker_is_declared_and_used_as_declared(setup: configparser.ConfigParser) -> None:
    declared = {line.partition(':')[0] for line in entries(setup, 'tool:pytest', 'markers')}
    texts = [path.read_text() for path in (ROOT / 'tests').rglob('*.py')]
    used = {name for text in texts for name in re.findall(r'pytest\.mark\.(\w+)', text)}
    assert used - BUILT_IN_MARKERS <= declared


def test_the_network_of_the_contributing_page_works() -> None:
    blocks = re.findall(r'```python\n(.*?)```', (ROOT / 'CONTRIBUTING.md').read_text(), re.DOTALL)
    (block,) = [block for block in blocks if 'PixelNet' in block]
    try:
        exec(compile(block, 'CONTRIBUTING.md', 'exec'), {})
        net = build({'type': 'PixelNet', 'out_channels': 1}, BACKBONES)
        assert net(torch.zeros(2, 3, 5, 7)).shape == (2, 1, 5, 7)
    finally:
        BACKBONES.module_dict.pop('PixelNet', None)


def test_repository_files_are_small(files: list[Path]) -> None:
    data = ROOT / 'tests/data'
    assert len(files) > 20
    large = [path for path in files if data not in path.parents and path.stat().st_size > 500_000]
    assert not large
    assert sum(path.stat().st_size for path in files if data in path.parents) < 15_000_000


def test_repository_files_name_no_package_index(files: list[Path]) -> None:
    found = []
    for path in files:
        try:
            text = path.read_text(encoding='utf-8').lower()
        except UnicodeDecodeError:
            continue
        found += [(path.relative_to(ROOT), word) for word in (*INDEX_HOSTS, *INDEX_OPTIONS) if word in text]
    assert not found


def test_repository_has_what_ci_calls(files: list[Path]) -> None:
    script = ROOT / '.ci/run'
    assert script.stat().st_mode & 0o111, '.ci/run must be executable'
    commands = [line for line in script.read_text().splitlines() if line.startswith('make')]
    assert commands == ['make test']
    assert re.search(r'^test:', (ROOT / 'Makefile').read_text(), re.MULTILINE)
    assert {ROOT / name for name in ('LICENSE', 'CHANGELOG.md', 'CONTRIBUTING.md', 'Makefile')} <= set(files)


def test_the_changelog_says_each_thing_once() -> None:
    """A merge that takes both sides repeats entries, and may leave its markers."""
    sections = re.split(r'(?m)^### ', (ROOT / 'CHANGELOG.md').read_text())[1:]
    for section in sections:
        first_lines = re.findall(r'(?m)^- .*', section)
        assert len(first_lines) > 3 and sorted(set(first_lines)) == sorted(first_lines)
        assert not re.search(r'(?m)^(<<<<<<<|=======|>>>>>>>)', section)
