"""The pages for users: links lead somewhere, commands exist, and those under a test mark run, in their order."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import forked
import numpy as np
import pytest
import yaml
from commands import ROOT, command, parsed, toolbox
from mmengine.config import Config
from tiny import collect

from toolbox.cli import COMMANDS
from toolbox.data.io import read_image, write_image
from toolbox.errors import ConfigError
from toolbox.files.configs import find_config
from toolbox.version import __version__

PAGES = sorted(str(p.relative_to(ROOT)) for p in (*ROOT.glob('*.md'), *ROOT.glob('docs/**/*.md')))
TEXTS = {page: (ROOT / page).read_text() for page in PAGES}
BLOCK = re.compile(r'(?P<mark><!-- test -->\n)?```bash\n(?P<text>.*?)```', re.DOTALL)
LINK = re.compile(r'\]\(([^)#]+)(#[^)]*)?\)')
CODE = re.compile(r'`([^`\n]+)`')
OURS = ('toolbox/', 'tests/', 'tools/', 'configs/', 'docs/')
# Options that come before those of the page: small networks on few images.
QUICK = ('train_cfg.max_iters=3', 'train_cfg.val_interval=2', 'train_dataloader.dataset.length=4',
         'train_dataloader.dataset.size=32', 'val_dataloader.dataset.length=2', 'val_dataloader.dataset.size=32',
         'default_hooks.samples.rows=1')


# A config on a page, to be saved under the name in its first line.
OWN_CONFIG = re.compile(r'```python\n# (?P<name>\w+\.py)\n(?P<text>.*?)```', re.DOTALL)
# Pages with a test of what their commands leave
OF_THEIR_OWN = ('README.md', 'docs/scientific_images.md', 'docs/tutorials/cut.md')
QUICK_OWN = ('train_cfg.val_interval=2', 'train_cfg.max_iters=2', 'train_cfg.max_epochs=None', 'param_scheduler=None',
             'default_hooks.samples.rows=1', 'train_dataloader.num_workers=0', 'val_dataloader.num_workers=0')


def commands_of(text: str) -> list[str]:
    """The lines of a block without comments; continued lines are joined."""
    lines = (line.partition(' #')[0].strip() for line in text.replace('\\\n', ' ').splitlines())
    return [line for line in lines if line and not line.startswith('#')]


def small_networks(config: str) -> list[str]:
    """Options for the sizes that the tests of all configs use."""
    edits: dict[str, Any] = {}
    collect(Config.fromfile(str(find_config(config))).model.to_dict(), 'model', edits)
    return [f'{key}={value!r}' for key, value in edits.items()]


def quick(words: list[str]) -> list[str]:
    """The same command with small networks and a thousandth of its iterations."""
    script, config = words[:2]
    if script not in ('train', 'test', 'print-config', 'tools/train.py', 'tools/test.py', 'tools/print_config.py'):
        return words
    own = re.fullmatch(r'\w+\.py', config)
    if not own and not re.fullmatch(r'(configs/)?\w+/synthetic\w*(\.py)?', config):
        return words
    words = [re.sub(r'(?<=train_cfg\.max_iters=)(\d+)000$', r'\1', word) for word in words]
    at = words.index('--cfg-options') if '--cfg-options' in words else len(words)
    return [*words[:at], '--cfg-options', *(QUICK_OWN if own else QUICK), *small_networks(config), *words[at + 1:]]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like a fresh clone."""
    monkeypatch.chdir(tmp_path)
    for name in ('configs', 'tools'):
        (tmp_path / name).symlink_to(ROOT / name)
    draw_scientific(tmp_path)
    return tmp_path


def draw_scientific(root: Path) -> None:
    """The sets of docs/scientific_images.md, 300 pixels wide because its configs cut 256."""
    rng = np.random.default_rng(0)
    for folder in ('trainA', 'testA', 'trainB', 'testB'):
        is_A = folder.endswith('A')
        scan = rng.integers(-1000, 2001, (300, 300)).astype(np.int16) if is_A else rng.integers(0, 4096, (300, 300))
        write_image(root / f'scans/{folder}/0{".tif" if is_A else ".png"}', scan if is_A else scan.astype(np.uint16))
        bands = rng.random((300, 300, 6)) if is_A else rng.random((300, 300)) * 90 - 10
        write_image(root / f'fields/{folder}/0.tif', bands.astype(np.float32))


def run_marked(page: str) -> None:
    """Run the marked commands of a page; each must end with 0 and write nothing to stderr."""
    blocks = [match['text'] for match in BLOCK.finditer(TEXTS[page]) if match['mark']]
    assert len(blocks) == TEXTS[page].count('<!-- test -->'), 'a mark stands directly above a bash block'
    for config in OWN_CONFIG.finditer(TEXTS[page]):
        Path(config['name']).write_text(config['text'])
    for line in (line for block in blocks for line in commands_of(block)):
        line, _, target = line.partition(' > ')
        program, *words = shlex.split(line)
        assert program in ('python', 'toolbox'), line
        script, *argv = quick(words)
        code, out, err = toolbox(script, *argv) if program == 'toolbox' else command(Path(script).name, *argv)
        assert (code, err) == (0, ''), f'{line}\n{err}'
        if target:
            Path(target).write_text(out)


MARKED = [page for page in PAGES if '<!-- test -->' in TEXTS[page] and page not in OF_THEIR_OWN]


@pytest.mark.parametrize('page', MARKED)
def test_marked_commands_run(page: str, workplace: Path) -> None:
    run_marked(page)


def test_the_plugin_of_the_tutorial_trains_as_it_stands(workplace: Path,
                                                        tmp_path_factory: pytest.TempPathFactory) -> None:
    """In processes of their own: its folder is on their path, and its names are not taken here."""
    (workplace / 'docs').symlink_to(ROOT / 'docs')
    outputs = tmp_path_factory.mktemp('outputs')
    (block,) = [match['text'] for match in BLOCK.finditer(TEXTS['docs/tutorials/cut.md']) if match['mark']]
    for line in commands_of(block):
        path, _, rest = line.removeprefix('PYTHONPATH=').rpartition('python ')
        script, *argv = shlex.split(rest)
        if script == 'tools/train.py':
            head, _, own = ' '.join(argv).partition(' --cfg-options ')
            argv = [*head.split(), '--cfg-options', *QUICK_OWN, 'val_dataloader.dataset.length=2', *own.split()]
        done = forked.run(script, *argv, cwd=workplace, folder=outputs,
                          env={**os.environ, 'PYTHONPATH': str(workplace / path.strip()) if path else ''})
        assert (done.returncode, done.stderr) == (0, ''), line
    first, second = ((workplace / f'work_dirs/{name}/config.py').read_text() for name in ('cut', 'fastcut'))
    assert "'w_nce_B': 1.0" in first and "'w_nce_A': 10," in second and "'w_nce_B': 0," in second
    assert len([*(workplace / 'striped').iterdir()]) == 4


def test_scans_and_bands_come_back_in_the_numbers_of_their_target(workplace: Path) -> None:
    run_marked('docs/scientific_images.md')
    limits = {'mr/0.png': (0, 4095), 'ct/0.tif': (-1000, 2000), 'heights/0.tif': (-10, 80)}
    for path, (low, high) in limits.items():
        made = read_image(workplace / path, None)
        assert made.shape == (300, 300, 1) and low <= made.min() < made.max() <= high, path
        assert made.dtype == {'mr': 'uint16', 'ct': 'int16', 'heights': 'float32'}[path.split('/')[0]]


def test_the_first_five_minutes_leave_what_the_readme_promises(workplace: Path) -> None:
    run_marked('README.md')
    run = workplace / 'work_dirs/cyclegan/synthetic'
    for path in ('samples/latest.png', 'config.py', 'iter_1.pth', 'iter_3.pth', 'test/results.json', 'report.html'):
        assert (run / path).is_file(), path
    assert (run / 'last_checkpoint').read_text() == 'iter_3.pth'
    assert len([*(workplace / 'striped').iterdir()]) == 4


# What the scripts for several processes make of their arguments.
LAUNCHERS = {
    'dist_train.sh': lambda config, processes, *rest: ('train.py', config, '--launcher', 'pytorch', *rest),
    'dist_test.sh': lambda config, checkpoint, processes, *rest:
        ('test.py', config, checkpoint, '--launcher', 'pytorch', *rest),
    'slurm_train.sh': lambda partition, job, config, *rest: ('train.py', config, '--launcher', 'slurm', *rest)}


def calls(line: str) -> Iterator[tuple[str, ...]]:
    """The calls of the toolbox in a line: a script in tools/ or ``'toolbox'``, and the arguments."""
    for part in re.split(r'\s(?:&&|\||>)\s', line):
        words = shlex.split(part)
        at = next((i for i, word in enumerate(words) if word == 'toolbox' or re.match(r'tools/.*\.(py|sh)$', word)),
                  None)
        if at is not None:
            script, *argv = words[at].removeprefix('tools/'), *words[at + 1:]
            yield LAUNCHERS[script](*argv) if script in LAUNCHERS else (script, *argv)


def check_calls(line: str) -> None:
    """The parsers of the commands in a line understand it, and its configs exist."""
    for script, *argv in calls(line):
        config = getattr(parsed(script, *argv), 'config', '')
        if config.startswith('configs/') or re.fullmatch(r'\w+/\w+', config):
            find_config(config)


@pytest.mark.parametrize('page', PAGES)
def test_every_command_exists_with_its_options(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for match in BLOCK.finditer(TEXTS[page]):
        for line in commands_of(match['text']):
            check_calls(line)
            if line.startswith('make '):
                assert re.search(rf'^{line.split()[1]}:', (ROOT / 'Makefile').read_text(), re.MULTILINE), line
    for code in CODE.findall(TEXTS[page]):
        if re.fullmatch(r'toolbox [\w-]+', code):
            assert code.split()[1] in COMMANDS, code
        elif code.startswith(('python tools/', 'toolbox ')) and '...' not in code:
            check_calls(code)


@pytest.mark.parametrize('line', [
    'python tools/train.py configs/cyclegan/synthetic.py --dryrun', 'python tools/train.py', 'toolbox trian x/y',
    'python tools/train.py configs/cyclegan/synthetik.py', 'toolbox train cyclegan/synthetik',
    'toolbox sample run a b c',
    'bash tools/dist_train.sh configs/cyclegan/synthetic.py 4 --out x', 'ls && toolbox grid run in out --kind circles'])
def test_a_line_that_would_not_run_is_found(line: str) -> None:
    with pytest.raises((AssertionError, ConfigError)):
        check_calls(line)


@pytest.mark.parametrize('page', PAGES)
def test_links_and_paths_lead_somewhere(page: str) -> None:
    here = (ROOT / page).parent
    for target, _ in LINK.findall(TEXTS[page]):
        assert target.startswith('http') or (here / target).exists(), target
    for code in CODE.findall(TEXTS[page]):
        if code.startswith(OURS) and not set(code) & set('<>* '):
            assert (ROOT / code.partition('::')[0]).exists(), code


def test_the_readme_names_every_config_and_every_page() -> None:
    readme = TEXTS['README.md']
    for path in ROOT.glob('configs/[!_]*/*.py'):
        assert f'`{path.stem}`' in readme, path
    linked = {target for target, _ in LINK.findall(readme)}
    pages = {page for page in PAGES if not page.startswith('docs/decisions/') and page != 'README.md'}
    assert pages <= linked, pages - linked


def test_the_pages_of_methods_show_every_config() -> None:
    for path in ROOT.glob('configs/[!_]*/*.py'):
        link = f'(../{path.relative_to(ROOT)})'
        assert any(link in text for page, text in TEXTS.items() if page.startswith('docs/')), path


@pytest.mark.parametrize('path', sorted(ROOT.glob('configs/[!_]*/*.py')), ids=lambda p: f'{p.parent.name}/{p.stem}')
def test_a_config_starts_with_paper_command_time_and_metric(path: Path) -> None:
    head = [line for line in path.read_text().splitlines()[:4] if line.startswith('# ')]
    assert len(head) >= 3
    assert any(f'python tools/train.py {path.relative_to(ROOT)}' in line for line in head)
    assert any('Metric: ' in line for line in head)
    if path.stem != 'synthetic':
        assert re.search(r'\b(19|20)\d\d\b', head[0]) and any('Time: ' in line for line in head)


def test_the_decisions_are_numbered_and_short() -> None:
    decisions = sorted((ROOT / 'docs/decisions').glob('*.md'))
    for number, path in enumerate(decisions, 1):
        text = path.read_text()
        assert path.name.startswith(f'{number:03d}-') and text.startswith(f'# {number:03d} ')
        assert all(f'**{part}.**' in text for part in ('Context', 'Decision', 'Consequence'))
        assert len(text.split()) < 400


# README.zh-CN.md

FENCED = re.compile(r'```.*?```', re.DOTALL)
NUMBER = re.compile(r'(?<![\w./-])\d+(?:\.\d+)?(?![\w-]*/)')


def outline(text: str) -> list[int]:
    """Levels of the headings, in their order."""
    return [len(line) - len(line.lstrip('#')) for line in FENCED.sub('', text).splitlines() if re.match('#+ ', line)]


def codes(text: str) -> list[list[str]]:
    """The lines of every fenced block, without what follows a #."""
    return [commands_of(block.partition('\n')[2].removesuffix('```')) for block in FENCED.findall(text)]


def facts(text: str) -> list[tuple[list[str], ...]]:
    """Of each section: numbers, links, and names in code."""
    sections = re.split(r'^#+ ', FENCED.sub('', text), flags=re.MULTILINE)
    return [(sorted(NUMBER.findall(section)),
             sorted(target for target, _ in LINK.findall(section) if 'README' not in target),
             sorted(CODE.findall(section))) for section in sections]


def in_step(first: str, second: str) -> bool:
    return all(take(first) == take(second) for take in (outline, codes, facts))


def test_the_chinese_readme_says_the_same() -> None:
    first, second = TEXTS['README.md'], TEXTS['README.zh-CN.md']
    assert outline(first) == outline(second)
    assert codes(first) == codes(second)
    for ours, theirs in zip(facts(first), facts(second), strict=True):
        assert ours == theirs


@pytest.mark.parametrize(('old', 'new'), [
    ('## 安装', '### 安装'), ('--dry-run', '--resume'), ('PSNR 21.8', 'PSNR 21.9'), ('(docs/data.md)', '(docs/gan.md)'),
    ('`photos`', '`photo`'), ('3.10', '3.11')])
def test_a_readme_out_of_step_is_found(old: str, new: str) -> None:
    second = TEXTS['README.zh-CN.md']
    assert old in second and not in_step(TEXTS['README.md'], second.replace(old, new, 1))


# Pictures and citation

def test_the_pictures_are_small_and_all_in_use() -> None:
    used = {(ROOT / page).parent.joinpath(target).resolve() for page, text in TEXTS.items()
            for target, _ in LINK.findall(text)}
    files = [path for path in (ROOT / 'docs/images').rglob('*') if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 3e6
    assert {path for path in files if path.resolve() not in used} == set()


# Commands, and what a cell of a tutorial writes
MADE = re.compile(rf'(?:^|`)(?:PYTHONPATH=\S+ )?(?:python tools/|toolbox (?:{"|".join(COMMANDS)})\b)|\bsave\(',
                  re.MULTILINE)
WHOLE = {'gallery': '`make gallery`', 'ideas': '`python tools/figures.py'}  # a command for each folder


def nameless(text: str) -> list[str]:
    """Pictures of a page without the command that makes them: for its folder anywhere, for others in their section."""
    text = FENCED.sub(lambda block: block[0].replace('\n#', '\n'), text)  # comments in code are no headings
    found = []
    for section in re.split(r'^#+ ', text, flags=re.MULTILINE):
        for path in re.findall(r'!\[[^]]*\]\((?:\S*/)?images/([^)]+)\)', section):
            named = WHOLE.get(path.split('/')[0])
            if not (named in text if named else MADE.search(section)):
                found.append(path)
    return found


@pytest.mark.parametrize('page', [page for page in PAGES if 'images/' in TEXTS[page]])
def test_every_picture_is_named_with_the_command_that_makes_it(page: str) -> None:
    assert nameless(TEXTS[page]) == []


@pytest.mark.parametrize(('page', 'command', 'missing'), [
    ('docs/proofs.md', "`python tools/proofs/run.py 'ring, mode collapse'`", ['mode_collapse.png']),
    ('docs/wgan.md', '`python tools/figures.py wgan wgan_gp`', ['ideas/wgan.svg', 'ideas/wgan_gp.svg']),
    ('docs/index.md', '`make gallery`', ['gallery/families.jpg'])])
def test_a_picture_without_its_command_is_found(page: str, command: str, missing: list[str]) -> None:
    assert TEXTS[page].count(command) == 1 and nameless(TEXTS[page].replace(command, 'hand')) == missing


def test_the_citation_names_this_version() -> None:
    citation = yaml.safe_load((ROOT / 'CITATION.cff').read_text())
    assert (citation['version'], citation['license'], citation['cff-version']) == (__version__, 'Apache-2.0', '1.2.0')
    assert f'version = {{{__version__}}}' in TEXTS['README.md']
