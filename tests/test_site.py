"""The site: its navigation names every page once, links lead to files and headings, the Chinese pages keep step
with the English ones, and the strict build passes where MkDocs is installed."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from html import escape, unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from commands import ROOT
from test_docs import BLOCK, FENCED, LINK, PAGES, TEXTS, commands_of
from test_painting_page import browser  # noqa: F401  the fixture

OF_DOCS = [page for page in PAGES if page.startswith('docs/')]
CHINESE = [page for page in OF_DOCS if page.startswith('docs/zh/')]
GENERATED = {'CHANGELOG.md', 'CONTRIBUTING.md'}  # by tools/site/hooks.py, beside those of api/
NEEDS = ('mkdocs', 'material', 'mkdocstrings', 'mkdocstrings_handlers')
ADDRESS = re.compile(r'<(a|link|img|script|source|iframe)\b[^>]*?\s(?:href|src)="([^"]*)"')
ABORTED = 'net::ERR_ABORTED'  # what a page still loads for its search when the next one is opened
SEEN = """async () => {
    const pictures = [...document.images];
    pictures.forEach(picture => picture.loading = 'eager');
    await Promise.allSettled(pictures.map(picture => picture.decode()));
    return [pictures.filter(p => !p.naturalWidth).map(p => p.src), document.documentElement.scrollWidth - innerWidth];
}"""
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


@pytest.fixture(scope='module')
def site(once: Any) -> Path:
    """The site, built strictly."""
    missing = [name for name in NEEDS if find_spec(name) is None]
    if missing:
        pytest.skip(f"needs {missing[0]}: pip install -c constraints.txt -e '.[site]'")

    def build(folder: Path) -> None:
        command = [sys.executable, '-m', 'mkdocs', 'build', '--strict', '--site-dir', str(folder)]
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stderr
    return once('site', build)


def missing_of(page: Path, site: Path) -> list[str]:
    """What a page of the site links to or shows that the site does not have, and what it loads from elsewhere."""
    found = []
    for tag, target in ADDRESS.findall(page.read_text()):
        parts = urlsplit(unescape(target))
        if parts.scheme or parts.netloc:
            if tag != 'a' and parts.scheme != 'data':
                found.append(target)
            continue
        path = (site / parts.path.lstrip('/') if parts.path.startswith('/') else page.parent / parts.path).resolve()
        path = page if not parts.path else path / 'index.html' if path.is_dir() else path
        if not path.is_file() or (parts.fragment and f'id="{escape(unquote(parts.fragment))}"' not in text_of(path)):
            found.append(target)
    return found


@cache
def text_of(path: Path) -> str:
    return path.read_text()


def test_the_strict_build_has_every_page(site: Path) -> None:
    for page in ('index.html', 'gallery/index.html', 'cyclegan/index.html', 'api/methods/index.html',
                 'zh/systems/index.html', 'files/configs/cyclegan/horse2zebra.py/index.html'):
        assert (site / page).is_file(), page


def test_chinese_lines_are_joined_without_a_space(site: Path) -> None:
    assert '（网络、归一化、\n损失' in TEXTS['docs/zh/index.md']
    assert '（网络、归一化、损失' in (site / 'zh/index.html').read_text()


def test_every_link_and_picture_of_the_site_is_there_and_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    pages = [page for page in site.rglob('*.html') if page.name != '404.html']  # its addresses are those of a host
    assert len(pages) > 100
    assert {str(page.relative_to(site)): wrong for page in pages if (wrong := missing_of(page, site))} == {}


def test_what_a_page_of_the_site_lacks_is_found(tmp_path: Path) -> None:
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a/index.html').write_text('<h2 id="here">')
    (tmp_path / 'index.html').write_text(
        '<a href="a/#here"></a><a href="a/#gone"></a><a class="x" href="b/"></a><img alt="" src="c.png">'
        '<script src="https://a.b/c.js"></script><a href="https://a.b">')
    assert missing_of(tmp_path / 'index.html', tmp_path) == ['a/#gone', 'b/', 'c.png', 'https://a.b/c.js']


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize('width', [390, 1280])
def test_every_page_opens_in_a_browser_without_an_error(site: Path, browser: Any, width: int) -> None:  # noqa: F811
    """No script error, no failed request, no missing picture, and nothing that makes the page wider than the screen."""
    with served(site) as address:
        tab, wrong = browser.new_page(viewport=dict(width=width, height=800)), []
        tab.on('pageerror', lambda error: wrong.append(f'{tab.url}: {error}'))
        tab.on('requestfailed', lambda request: wrong.append(request.url) if request.failure != ABORTED else None)
        tab.on('response', lambda response: wrong.append(response.url) if response.status >= 400 else None)
        for page in in_navigation(yaml.safe_load((ROOT / 'mkdocs.yml').read_text())['nav']):
            tab.goto(address + re.sub(r'(index)?\.md$', '/', page).replace('//', '/').lstrip('/'))
            pictures, wide = tab.evaluate(SEEN)
            wrong += [f'{page}: {picture}' for picture in pictures]
            wrong += [f'{page}: {wide} pixels wider than the screen'] if wide > 0 else []
        tab.close()
    assert wrong == []


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a folder while it is served on this machine."""
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(('127.0.0.1', 0), partial(Quiet, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f'http://127.0.0.1:{server.server_port}/'
        server.shutdown()
        thread.join()
