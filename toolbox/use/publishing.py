"""A run as it is given to others: weights, config, samples, and a card that says what it is and how good."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..files.checkpoint import read_description
from ..files.hub import CARD, CONFIG, SAMPLES, WEIGHTS
from ..files.strangers import read_regular
from ..hooks.results import escaped, markdown, read_rows
from ..methods.directions import Latent
from ..version import __version__
from .export import export_weights
from .load import find_checkpoint, load_method

LICENCE = re.compile(r'[a-z0-9][a-z0-9.-]{0,60}')
MOST = 2**25  # bytes of the sample grid
TELLING = ('type', 'size')  # of a data set, beside its transforms


def publish(run: str | Path, folder: Path, repo: str, licence: str, data: str, which: str = 'last',
            networks: Sequence[str] | None = None, plugins: Sequence[str] = ()) -> None:
    """Write the files of a repository to a folder.

    Of the config only what a translation needs is given away: the model, and the transforms of the evaluation. Folders,
    loggers and their keys are not.

    Args:
        run: work directory or checkpoint file.
        folder: that is there and empty.
        repo: ``user/name``, for the card.
        licence: of the weights, as the hub writes it (``mit``, ``cc-by-nc-4.0``, ``other``).
        data: the name of the data set.
        which: checkpoint of a work directory: ``'last'``, ``'best'``, or a file name in it.
        networks: names of networks; when None, all that a direction of the method needs or can use.
        plugins: modules with parts of the run, see :class:`toolbox.Translator`.

    Raises:
        CheckpointError: there is no such checkpoint, or it cannot be used.
        ConfigError: the licence is no identifier, or the data set has no name.
    """
    if not LICENCE.fullmatch(licence):
        raise ConfigError(f'--license {licence!r:.80}: expected an identifier of the hub: mit, apache-2.0, '
                          'cc-by-nc-4.0, other ...')
    if not data.strip():
        raise ConfigError('--data: expected the name of the data set.')
    path = find_checkpoint(run, which)
    checkpoint = read_description(path)
    config = published(checkpoint['config'])
    meta = {key: checkpoint.get('meta', {}).get(key) for key in ('iter', 'seed')}
    export_weights(path, folder / WEIGHTS, networks, plugins=plugins, config=config)
    (folder / CONFIG).write_text(json.dumps(dict(library_name='gan-toolbox', toolbox=__version__, **meta,
                                                 config=config), indent=1))
    with contextlib.suppress(OSError):  # a checkpoint without its run has none
        (folder / SAMPLES).write_bytes(read_regular(path.parent / 'samples/latest.png', MOST, path.parent))
    (folder / CARD).write_text(card(folder, path, plugins, repo, licence, data, meta), encoding='utf-8')


def published(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a config a translation needs."""
    loaders = {key: _of_transforms(value) for key, value in config.items()
               if key.endswith('_dataloader') and _holds_transforms(value)}
    kept = {key: config[key] for key in ('model', 'custom_imports') if key in config}
    return json.loads(json.dumps({**kept, **loaders}))


def _of_transforms(node: Any) -> Any:
    """The node without what leads to no transforms."""
    if isinstance(node, Mapping):
        return {key: value if key == 'pipeline' else _of_transforms(value) for key, value in node.items()
                if key in TELLING or _holds_transforms({key: value})}
    return [_of_transforms(value) for value in node] if isinstance(node, (list, tuple)) else node


def _holds_transforms(node: Any) -> bool:
    if isinstance(node, Mapping):
        return 'pipeline' in node or ('size' in node and 'type' in node) or any(map(_holds_transforms, node.values()))
    return isinstance(node, (list, tuple)) and any(map(_holds_transforms, node))


def card(folder: Path, path: Path, plugins: Sequence[str], repo: str, licence: str, data: str,
         meta: Mapping[str, Any]) -> str:
    """The text of README.md for the files in a folder; scores are those that the run wrote down."""
    model, directions = load_method(folder / WEIGHTS, plugins)
    asked = [model.directions[name] for name in directions]
    makes = 'unconditional-image-generation' if all(one.first(Latent) for one in asked) else 'image-to-image'
    method, lines = type(model).__name__, []
    for place in (path.parent, path.parent / 'test'):
        lines += [*markdown(read_rows(place / 'results.csv'))]
    title = repo.partition('/')[2]
    use = (f"images = Sampler('hf://{repo}').sample(8, seed=0)" if makes.startswith('uncond') else
           f"made = Translator('hf://{repo}', {directions[0]!r})('image.png')")
    return '\n'.join([
        '---', f'license: {licence}', 'library_name: gan-toolbox', f'pipeline_tag: {makes}', 'tags:', '- gan',
        f'- {method.lower()}', '---', f'# {title}', '',
        f'{method}, trained on {escaped(data)} for {meta.get("iter")} iterations with the seed {meta.get("seed")}, by '
        f'gan-toolbox {__version__}.', '',
        *([f'![fixed inputs and what is made of them]({SAMPLES})', ''] if (folder / SAMPLES).exists() else []),
        '## Use', '', '```python', f'from toolbox import {use[use.index("= ") + 2:].partition("(")[0]}', '', use, '```',
        '', f'Directions: {", ".join(map(escaped, directions))}.', '',
        *(lines or ['## Results', '', 'This run was not scored.', '']),
        f'The files hold numbers and plain data alone: {WEIGHTS} has the weights and the config, {CONFIG} is its copy '
        'for readers. Nothing in this repository is executed.', ''])
