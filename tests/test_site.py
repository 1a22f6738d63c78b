"""The site: its navigation names every page once, links lead to files and headings, the Chinese pages keep step
with the English ones, and the strict build passes where MkDocs is installed."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from commands import ROOT
from test_docs import BLOCK, FENCED, LINK, PAGES, TEXTS, commands_of

OF_DOCS = [page for page in PAGES if page.startswith('docs/')]
CHINESE = [page for page in OF_DOCS if page.startswith('docs/zh/')]
GENERATED = {'CHANGELOG.md', 'CONTRIBUTING.md'}  # by tools/site/hooks.py, beside those of api/
NEEDS = ('mkdocs', 'material', 'mkdocstrings', 'mkdocstrings_handlers')
WHERE = re.compile(r'(?:configs|work_dirs)/\w+/\w+(?:\.py)?')
# The Chinese pages have many systems on one page, and so a folder for each: blobs_munit.
OWN_FOLDER = re.compile(rf"_(?:{'|'.join([*(path.name for path in ROOT.glob('configs/[!_]*')), 'colorization'])})\b")


def in_navigation(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    else:
        for part in nav.values() if isinstance(nav, dict) else nav:
            yield from in_navigation(part)


def anchors(text: str) -> set[str]:
    """Those of the headings, as the hosts of repositories and tools/site/hooks.py make them."""
    titles = re.findall(r'^#+ (.*)$', FENCED.sub('', text), re.MULTILINE)
    shown = (re.sub(r'\[([^]]*)\]\([^)]*\)', r'\1', title).strip().lower() for title in titles)
    slugs = [re.sub(r'[^\w\- ]', '', title).replace(' ', '-') for title in shown]
    return {*slugs, *(f'{slug}-{n}' for slug, count in Counter(slugs).items() for n in range(1, count))}


def broken(page: str, text: str) -> list[str]:
    """The links of a page whose file or heading is not there."""
    found = []
    for target, anchor in re.findall(r'\]\(([^)#:]*)(#[^)]*)?\)', FENCED.sub('', text)):
        path = (ROOT / page).parent / target
        linked = path.read_text() if path.suffix == '.md' and path.is_file() else '' if target else text
        if not path.exists() or (anchor and anchor[1:] not in anchors(linked)):
            found.append(target + anchor)
    return found


def test_the_navigation_names_every_page_once() -> None:
    named = list(in_navigation(yaml.safe_load((ROOT / 'mkdocs.yml').read_text())['nav']))
    assert [page for page, count in Counter(named).items() if count > 1] == []
    written = {page for page in named if not page.startswith('api/')} - GENERATED
    assert {f'docs/{page}' for page in written} == set(OF_DOCS)
    rooms = {Path(page).stem for page in named if page.startswith('api/')} - {'index'}
    assert all((ROOT / 'toolbox' / room).is_dir() or (ROOT / f'toolbox/{room}.py').is_file() for room in rooms)


@pytest.mark.parametrize('page', [page for page in PAGES if '](' in TEXTS[page]])
def test_links_lead_to_files_and_headings(page: str) -> None:
    assert broken(page, TEXTS[page]) == []


def test_a_link_to_no_file_or_heading_is_found() -> None:
    text = '[a](gan.md#objective) [b](gan.md#nothing) [c](nothing.md) [d](#here) [e](https://a.b/c#d)\n## Here'
    assert broken('docs/wgan.md', text) == ['gan.md#nothing', 'nothing.md']


def test_links_leave_the_folder_of_pages_only_for_files() -> None:
    for page in OF_DOCS:
        for target, _ in LINK.findall(FENCED.sub('', TEXTS[page])):
            path = ((ROOT / page).parent / target).resolve()
            assert target.startswith('http') or path.is_file(), f'{page}: {target}: the site shows files, no folders'


def test_the_chinese_pages_name_every_system_and_question() -> None:
    systems = set(re.findall(r'\| \[[^]]*\]\(docs/(\w+\.md)', TEXTS['README.md']))
    named = re.findall(r'^### \[[^]]*\]\(\.\./(\w+\.md)', TEXTS['docs/zh/systems.md'], re.MULTILINE)
    assert systems == set(named) and len(named) >= 22
    first, second = (re.findall(r'^\*\*', TEXTS[f'docs/{folder}troubleshooting.md'], re.MULTILINE)
                     for folder in ('', 'zh/'))
    assert len(first) == len(second) > 20


def test_the_chinese_commands_are_those_that_run_in_english() -> None:
    def commands(page: str) -> set[str]:
        lines = (line for block in BLOCK.finditer(TEXTS[page]) for line in commands_of(block['text']))
        return {OWN_FOLDER.sub('', WHERE.sub('RUN', line)) for line in lines}

    english = {line for page in PAGES if page not in CHINESE for line in commands(page)}
    for page in CHINESE:
        assert commands(page) <= english, page


def test_the_strict_build_passes(tmp_path: Path) -> None:
    missing = [name for name in NEEDS if find_spec(name) is None]
    if missing:
        pytest.skip(f"needs {missing[0]}: pip install -c constraints.txt -e '.[site]'")
    command = [sys.executable, '-m', 'mkdocs', 'build', '--site-dir', str(tmp_path)]
    build = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=900)
    assert build.returncode == 0, build.stderr
    for page in ('index.html', 'gallery/index.html', 'cyclegan/index.html', 'api/methods/index.html',
                 'zh/systems/index.html', 'files/configs/cyclegan/horse2zebra.py/index.html'):
        assert (tmp_path / page).is_file(), page
