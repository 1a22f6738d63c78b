"""The rooms of the package stand on floors: imports go downwards, and no module imports itself by a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# From the ground up; what is on one floor does not import each other.
FLOORS = [('moved', 'version', 'errors', 'progress'), ('pictures', 'randomness', 'resampling', 'strips'),
          ('registry', 'pyramids', 'captions'), ('checks', 'files'),
          ('norms',), ('layers',), ('losses', 'backbones', 'discriminators'), ('data',), ('features',),
          ('methods',), ('engine',), ('converters',), ('metrics',), ('hooks',), ('use', 'benchmarks'),
          ('serving',), ('painting', 'comparing'), ('cli',)]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
# (module, imported module): why an import upwards is right; each is made inside a function.
UPWARDS: dict[tuple[str, str], str] = {}


def modules() -> dict[str, Path]:
    found = {'.'.join(path.relative_to(ROOT).with_suffix('').parts): path for path in (ROOT / 'toolbox').rglob('*.py')}
    return {name.removesuffix('.__init__'): path for name, path in found.items()}


MODULES = modules()


def room(module: str) -> str:
    return module.split('.')[1] if '.' in module else ''


def imports(module: str) -> Iterator[str]:
    """Modules of the package that ``module`` imports anywhere, by their full names."""
    path = MODULES[module]
    package = module if path.name == '__init__.py' else module.rpartition('.')[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            parts = package.split('.')[:len(package.split('.')) - (node.level - 1)] if node.level else []
            base = '.'.join([*parts, *([node.module] if node.module else [])])
            for alias in node.names:
                full = f'{base}.{alias.name}'
                if full in MODULES or base in MODULES:
                    yield full if full in MODULES else base
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)


@cache
def graph() -> dict[str, set[str]]:
    return {module: {name for name in imports(module) if name != module} for module in MODULES}


def test_imports_of_every_form_are_seen():
    assert 'toolbox.layers.convs' in graph()['toolbox.discriminators.patch']  # from ..layers.convs import ConvNormLeaky
    assert 'toolbox.files.fit' in graph()['toolbox.engine.state']  # from ..files import fit
    assert 'toolbox.use.translator' in graph()['toolbox']  # inside a function


def test_every_room_has_a_floor():
    assert {room(module) for module in MODULES} - {'', '__main__', 'configs'} == set(FLOOR)


def test_imports_go_downwards():
    upwards = {(module, name) for module, names in graph().items() if room(module) in FLOOR for name in names
               if room(name) in FLOOR and room(name) != room(module) and FLOOR[room(name)] >= FLOOR[room(module)]}
    assert upwards <= UPWARDS.keys()


def test_no_module_imports_itself_by_a_circle():
    done: set[str] = set()

    def walk(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, ' -> '.join([*path[path.index(module):], module])
        if module not in done:
            for name in sorted(graph()[module]):
                # A package and its modules are one: its __init__ imports them, and they import each other.
                if not (name.startswith(f'{module}.') or module.startswith(f'{name}.')):
                    walk(name, (*path, module))
            done.add(module)

    for module in graph():
        walk(module, ())


def test_the_exceptions_are_needed():
    for importer, name in UPWARDS:
        assert name in graph()[importer]
