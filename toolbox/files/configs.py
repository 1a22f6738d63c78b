"""Configs by name: those in ``configs/`` of the current folder, and those that come with the toolbox."""

from __future__ import annotations

from pathlib import Path

from ..errors import ConfigError, nearest


def config_folders() -> list[Path]:
    """``configs`` in the current folder, and the toolbox's own: inside an installed package, else next to it."""
    package = Path(__file__).resolve().parents[1]
    own = package / 'configs'
    return [Path('configs'), own if own.is_dir() else package.parent / 'configs']


def find_configs() -> dict[str, Path]:
    """Every config by its name (``cyclegan/synthetic``); the current folder takes precedence."""
    found = {}
    for folder in reversed(config_folders()):
        for path in folder.glob('**/*.py'):
            name = path.relative_to(folder).with_suffix('')
            if not any(part.startswith(('_', '.')) for part in name.parts):
                found[name.as_posix()] = path
    return dict(sorted(found.items()))


def find_config(config: str | Path) -> Path:
    """The file of a config.

    Args:
        config: a path, or the name of a config with or without ``.py``.

    Raises:
        ConfigError: there is none; suggests similar names.
    """
    path, configs = Path(config), find_configs()
    if path.is_file():
        return path
    name = path.as_posix().removesuffix('.py')
    if name not in configs:
        there = [file.as_posix() for file in path.parent.glob('*.py')]
        raise ConfigError(f'{config}: no such config file, and no config has this name.'
                          f'{nearest(name, [*configs, *there])} To see all names: toolbox list configs')
    return configs[name]
