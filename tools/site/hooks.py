"""What MkDocs does not do by itself for this site (mkdocs.yml): pages that are not in docs/, and links that leave it.

The pages of docs/ are written for a file browser, too, and link to files of the repository. In the site each such file
is a page under files/; the changelog and the guide for contributors are in the navigation. The reference is made of the
package's docstrings, a page for each room.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from pymdownx.slugs import slugify

ROOT = Path(__file__).resolve().parents[2]
AT_ROOT = ('CHANGELOG.md', 'CONTRIBUTING.md')  # pages of the site beside docs/
FRONT = {'api/index.md': ('Python', ['use.translator.Translator', 'use.sampler.Sampler', 'use.training.train'])}
FENCED = re.compile(r'(^```.*?^```)', re.DOTALL | re.MULTILINE)
TARGET = re.compile(r'(?<=\]\()(?P<path>[^)#\s:]+)(?=[)#])')  # a:// is elsewhere, #a on the same page
BROKEN = re.compile(r'(?<=[\u3000-\u9fff\uff00-\uffef])\n(?=[\u3400-\u9fff\u201c\uff08])')
LANGUAGES = {'.py': 'python', '.sh': 'bash', '.yaml': 'yaml', '.yml': 'yaml'}


def on_config(config: Any) -> Any:
    # Anchors of headings as in a file browser, so that a link with one works in both places.
    config.mdx_configs['toc']['slugify'] = slugify(case='lower')
    return config


def on_files(files: Files, config: Any) -> Files:
    texts = {name: (ROOT / name).read_text() for name in AT_ROOT}
    texts |= {page: reference(page) for page in in_navigation(config.nav) if page.startswith('api/')}
    read = texts | {file.src_uri: file.content_string for file in files.documentation_pages()}
    links = {path for page, text in read.items() for path in linked(page, text)}
    texts |= {shown_at(path): as_page(path) for path in links if is_outside(path)}
    for page, text in sorted(texts.items()):
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links to files of the repository lead to their pages in the site, and Chinese lines have no space between
    them."""
    source = page.file.src_uri
    here = os.path.dirname(source)
    return markdown if source.startswith('files/') else joined(with_targets(
        markdown, lambda target: os.path.relpath(shown_at(in_repository(source, target)), here or '.')))


def joined(markdown: str) -> str:
    """``markdown`` without line breaks between Chinese characters, which a browser would show as spaces."""
    return ''.join(part if part.startswith('```') else BROKEN.sub('', part) for part in FENCED.split(markdown))


def in_navigation(nav: Any) -> Iterator[str]:
    """The pages that the navigation names, in their order."""
    if isinstance(nav, str):
        yield nav
    else:
        for part in nav.values() if isinstance(nav, dict) else nav:
            yield from in_navigation(part)


def with_targets(markdown: str, change: Callable[[str], str]) -> str:
    """``markdown`` with the paths of its links changed; code blocks stay as they are."""
    return ''.join(part if part.startswith('```') else TARGET.sub(lambda match: change(match['path']), part)
                   for part in FENCED.split(markdown))


def linked(page: str, markdown: str) -> list[str]:
    """The files of the repository that a page links to."""
    found: list[str] = []
    with_targets(markdown, lambda target: found.append(in_repository(page, target)) or target)
    return found


def in_repository(page: str, target: str) -> str:
    """The path from the root of the repository to what a page of the site links to."""
    source = page if page in AT_ROOT else f'docs/{page}'
    return os.path.normpath(os.path.join(os.path.dirname(source), target))


def shown_at(path: str) -> str:
    """The place in the site of a file of the repository."""
    return f'files/{path}.md' if is_outside(path) else path.removeprefix('docs/')


def is_outside(path: str) -> bool:
    return not path.startswith('docs/') and path not in AT_ROOT


def as_page(path: str) -> str:
    language = LANGUAGES.get(Path(path).suffix, 'text')
    return (f'---\nsearch: {{exclude: true}}\nhide: [navigation, toc]\n---\n# {path}\n\n'
            f'~~~~~~ {language}\n{(ROOT / path).read_text()}\n~~~~~~\n')


def reference(page: str) -> str:
    """A page of the API: the docstrings of what is public in a room."""
    room = Path(page).stem
    title, names = FRONT.get(page, (room.capitalize(), list(modules(room))))
    return f'# {title}\n\n' + '\n'.join(f'::: toolbox.{name}\n' for name in names)


def modules(room: str) -> Iterator[str]:
    folder = ROOT / 'toolbox' / room
    for path in sorted(folder.rglob('*.py')) if folder.is_dir() else [folder.with_suffix('.py')]:
        if not path.stem.startswith('_'):
            yield '.'.join(path.relative_to(ROOT / 'toolbox').with_suffix('').parts)
