"""List the methods with their configs, and the parts of every registry.

toolbox list                a summary of everything
toolbox list cyclegan       a method, or a folder of configs
toolbox list norms          the parts of a registry
toolbox list configs        all configs
"""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Iterable
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, nearest
from ..files.configs import find_configs

if TYPE_CHECKING:
    from mmengine.registry import Registry

Rows = Iterable[tuple[str, str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('what', nargs='?', metavar='WHAT',
                        help="a method, a folder of configs, a registry, or 'configs'; by default a summary")


def main(args: argparse.Namespace) -> None:
    configs = find_configs()
    if args.what == 'configs':
        show(titles(configs))
    elif args.what is None:
        overview(configs)
    else:
        details(args.what, configs)


def overview(configs: dict[str, Path]) -> None:
    found = registries()
    print('methods and their configs')
    method_of = {name: method_in(path) for name, path in configs.items()}
    for method, part in parts_of(found['methods']).items():
        show([(method, first_line(part))], indent=2)
        show(titles({name: path for name, path in configs.items() if method_of[name] == method}), indent=4)
    if others := {name: path for name, path in configs.items() if method_of[name] not in parts_of(found['methods'])}:
        print('other configs')
        show(titles(others), indent=4)
    print('registries')
    show(((name, textwrap.shorten(', '.join(parts_of(registry)), 90, placeholder=' ...'))
          for name, registry in found.items()), indent=2)


def details(what: str, configs: dict[str, Path]) -> None:
    """A registry, a method with its configs, or a folder of configs."""
    found, name = registries(), what.lower().replace('_', '-')
    methods = parts_of(found['methods'])
    method = next((m for m in methods if m.lower() == what.lower()), None)
    if registry := next((key for key in (name, f'{name}s') if key in found), None):
        show((part, first_line(value)) for part, value in parts_of(found[registry]).items())
        return
    own = {name: path for name, path in configs.items() if name.rpartition('/')[0].lower() == what.lower()
           or (method is not None and method_in(path) == method)}
    if not own:
        folders = {name.rpartition('/')[0] for name in configs}
        raise ConfigError(f'{what}: no method, folder of configs or registry has this name.'
                          f'{nearest(what, [*methods, *folders, *found])} To see all: toolbox list')
    show((m, first_line(methods[m])) for m in sorted(set(methods) & {method_in(path) for path in own.values()}))
    show(((name, ' Metric: '.join(filter(None, head_of(path)))) for name, path in own.items()), indent=2)


def show(rows: Rows, indent: int = 0) -> None:
    rows = list(rows)
    width = max((len(name) for name, _ in rows), default=0)
    for name, text in rows:
        print(f'{" " * indent}{name:{width}}  {text}'.rstrip())


def titles(configs: dict[str, Path]) -> Rows:
    return ((name, head_of(path)[0]) for name, path in configs.items())


def head_of(config: Path) -> tuple[str, str]:
    """The first line and the metric in the comment at the top of a config."""
    lines = config.read_text(encoding='utf-8', errors='replace').splitlines()
    text = [line.lstrip('# ') for line in takewhile(lambda line: line.startswith('#'), lines)]
    metric = re.search(r'Metric: (.*)', ' '.join(text))
    return text[0] if text else '', metric[1] if metric else ''


@cache
def method_in(config: Path) -> str | None:
    """The method that a config names; None if it cannot be read."""
    from mmengine.config import Config
    try:
        return Config.fromfile(str(config), import_custom_modules=False).model.type
    except Exception:  # a config is Python: anything may fail
        return None


def registries() -> dict[str, Registry]:
    from mmengine.registry import Registry

    from ..registry import parts
    return {name.lower().replace('_', '-'): value for name, value in vars(parts).items() if isinstance(value, Registry)}


def parts_of(registry: Registry) -> dict[str, Any]:
    """The parts of a registry, including those of MMEngine that follow the same contract."""
    from ..registry import OWN_KIND, known_names
    names = known_names(registry)
    return {name: registry.get(name) for name in names if registry.name not in OWN_KIND or name in registry.module_dict}


def first_line(part: Any) -> str:
    return next((line.strip() for line in (part.__doc__ or '').splitlines() if line.strip()), '')
