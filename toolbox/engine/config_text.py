"""A config file and the options of a command line, from text to data; messages say where they cannot be read."""

from __future__ import annotations

import ast
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import yaml
from mmengine.config import Config
from mmengine.fileio import YamlHandler, register_handler

from ..errors import ConfigError, did_you_mean
from ..files.configs import find_config


@register_handler(['yaml', 'yml'])
class PlainYaml(YamlHandler):
    """YAML as data, in place of MMEngine's handler, which calls whatever a YAML file names."""

    def load_from_fileobj(self, file: IO[str], **_: Any) -> Any:
        return yaml.safe_load(file)


def read_config(path: str | Path) -> Config:
    """What a config file says, its bases included, and nothing else.

    Raises:
        ConfigError: it cannot be read; names the file (it or a base) and the line.
    """
    file = find_config(path)
    try:
        # Plugins (custom_imports) are imported by the check, which says more when that fails.
        return Config.fromfile(str(file), import_custom_modules=False)
    except FileNotFoundError as error:
        missing = Path(error.filename or str(error).rpartition(' ')[2].strip("'\""))
        there = sorted(p.name for p in missing.parent.glob('*.py')) if missing.parent.is_dir() else []
        raise ConfigError(f"{path}: needs {str(missing)!r} (is it in _base_?), which does not exist."
                          f'{did_you_mean(missing.name, there)}') from error
    except Exception as error:  # a config is Python: anything may go wrong in it
        raise ConfigError(f'{_place(error, str(file))}: cannot be read as a config: {type(error).__name__}: '
                          f"{getattr(error, 'msg', None) or error}") from error


def _place(error: Exception, path: str) -> str:
    """File and line where reading a config failed: in ``path`` itself or in one of its bases."""
    line = None
    for frame, number in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_name == '<module>':
            path, line = frame.f_code.co_filename, number
        # MMEngine parses a copy, so the error itself names no file.
        elif isinstance(name := frame.f_locals.get('filename'), str) and Path(name).is_file():
            path = name
    line = getattr(error, 'lineno', line)
    return path if line is None else f'{path}, line {line}'


def parse_options(pairs: list[str] | None, argument: str = '--cfg-options') -> dict[str, Any]:
    """``['model.pool_size=0', 'a.b=(1, 2)']`` -> ``{'model.pool_size': 0, 'a.b': (1, 2)}``."""
    options = {}
    for pair in pairs or []:
        key, sign, value = pair.partition('=')
        if not sign or not key:
            raise ConfigError(f'{argument}: expected KEY=VALUE, found {pair!r}.')
        options[key] = _value(value, pair, argument)
    return options


def merge_options(cfg: Config, options: Mapping[str, Any], path: str) -> None:
    """Change ``cfg`` as ``options`` say, in place; ``path`` is named in messages."""
    for key, value in options.items():
        try:
            cfg.merge_from_dict({key: value})
        except (KeyError, TypeError, AttributeError, AssertionError) as error:
            raise ConfigError(f'{path}: --cfg-options {key}={value!r}: {_dead_end(cfg, key) or error}') from error


def _value(text: str, pair: str, argument: str) -> Any:
    """A Python literal, ``dict(a=1)``, a list of bare words (``[a,b]``) or else the text itself."""
    try:
        return _literal(ast.parse(text.strip(), mode='eval').body)
    except (SyntaxError, ValueError):
        pass
    if text[:1] in '[(' and text[-1:] in '])':
        words = [word.strip() for word in text[1:-1].split(',')]
        if all(word.isidentifier() for word in words):
            return words if text[0] == '[' else tuple(words)
    if text[:1] in tuple('[({') or text.startswith('dict('):
        raise ConfigError(f'{argument}: {pair!r}: the value is neither a Python literal nor dict(...). Quote it '
                          "shell, e.g. \"model.G_AB.norm=dict(type='BN')\".")
    return text


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict' and not node.args:
        return {str(k.arg): _literal(k.value) for k in node.keywords}
    if isinstance(node, (ast.List, ast.Tuple)):
        return (list if isinstance(node, ast.List) else tuple)(_literal(item) for item in node.elts)
    return ast.literal_eval(node)


def _dead_end(cfg: Config, key: str) -> str:
    """Where the path ``key`` leaves the config; empty if it does not."""
    node: Any = cfg
    done: list[str] = []
    for name in key.split('.'):
        here = '.'.join(done)
        if isinstance(node, (list, tuple)):
            if not name.isdigit() or int(name) >= len(node):
                return f'{here} is a list of {len(node)} entries, so that {name!r} must be a number below {len(node)}.'
            node = node[int(name)]
        elif isinstance(node, (Mapping, Config)):
            node = node.get(name, {})
        else:
            return f'{here} is {node!r} and has no {name!r}. To replace it, type {here}=VALUE.'
        done.append(name)
    return ''
