"""From ``dict(type=..., **arguments)`` to a part."""

from __future__ import annotations

from typing import Any

from mmengine.registry import Registry

from ..errors import ConfigError, UserError, did_you_mean
from .arguments import check_arguments
from .lookup import find, known_names


def build(cfg: Any, registry: Registry, where: str = 'cfg', **defaults: Any) -> Any:
    """Build what ``cfg`` describes; an object that is already built is returned unchanged.

    Args:
        cfg: ``dict(type=..., **arguments)`` or a finished object.
        registry: the registry to look up ``type`` in.
        where: path of ``cfg`` in the user's config, for messages (``model.G_AB``).
        **defaults: arguments that ``cfg`` may override.

    Raises:
        ConfigError: ``type`` is missing or unknown, or arguments do not fit; says where and what is allowed.
    """
    if not isinstance(cfg, dict):
        if cfg is None or isinstance(cfg, (str, int, float, list, tuple)):
            raise ConfigError(f'{where}: expected dict(type=...) of a {registry.name}, found {cfg!r}.'
                              f' Known: {", ".join(known_names(registry))}.')
        return cfg
    args = {**defaults, **cfg}
    if 'type' not in args:
        raise ConfigError(f"{where}: 'type' is missing (found {sorted(cfg)}).{did_you_mean('', known_names(registry))}")
    cls = find(registry, args.pop('type'), where)
    problems = check_arguments(cls, args, where)
    if problems:
        raise ConfigError('\n'.join(problems))
    try:
        return cls(**args)
    except ConfigError as error:
        if where == 'cfg' or str(error).startswith(where):
            raise
        raise ConfigError(f'{where}: {error}') from error
    except UserError:
        raise
    except (TypeError, ValueError) as error:
        raise ConfigError(f'{where}: {getattr(cls, "__name__", cls)} rejects its arguments: {error}') from error
