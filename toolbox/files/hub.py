"""Weights on the Hugging Face hub, and on servers like it: ``hf://user/name``, by the package huggingface_hub.

One file is read, ``model.safetensors``, by the reader of strangers' checkpoints: no code of a repository is run, nor
even fetched. The access token is that of huggingface_hub (``HF_TOKEN``, ``hf auth login``), and appears in no message.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import CheckpointError, ConfigError
from ..version import __version__

WEIGHTS, CONFIG, CARD, SAMPLES = 'model.safetensors', 'config.json', 'README.md', 'samples.png'
NAME = r'[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}'
ADDRESS = re.compile(rf'hf:/{{1,2}}(?P<repo>{NAME})(?:@(?P<revision>\w[\w./-]{{0,95}}))?', re.ASCII)


def is_address(run: object) -> bool:
    """Whether a run is meant that lies on the hub."""
    return str(run).startswith('hf:/')


def local(path: str | Path) -> Path:
    """A file, fetched if it lies on the hub."""
    return fetch(str(path)) if is_address(path) else Path(path)


def fetch(address: str) -> Path:
    """The weight file of ``hf://user/name`` or ``hf://user/name@revision``, from the cache if it is there.

    The revision is a branch, a tag or a commit; only a commit never changes. Without a connection (or with
    ``HF_HUB_OFFLINE=1``) it is what was fetched last.

    Raises:
        CheckpointError: it cannot be had; says why.
        ConfigError: it is no such address, or huggingface_hub is missing.
    """
    found = ADDRESS.fullmatch(address)
    if found is None:
        raise ConfigError(f'{address}: expected hf://user/name or hf://user/name@revision.')
    hub = import_hub()
    try:
        return Path(hub.hf_hub_download(found['repo'], WEIGHTS, revision=found['revision'], library_name='gan-toolbox',
                                        library_version=__version__))
    except Exception as error:  # of many kinds, and not to be shown as they are
        raise CheckpointError(f'{address}: {reason(hub, error)}') from None


def send(repo: str, folder: Path, private: bool = False, revision: str | None = None) -> str:
    """Send the files in a folder to ``user/name``, which is made if need be, as one commit; returns its address.

    Raises:
        ConfigError: it is refused, cannot be reached, or huggingface_hub is missing.
    """
    hub = import_hub()
    try:
        api = hub.HfApi(library_name='gan-toolbox', library_version=__version__)
        api.create_repo(repo, private=private, exist_ok=True)
        files = [hub.CommitOperationAdd(path.name, path) for path in sorted(folder.iterdir())]
        made = api.create_commit(repo, files, commit_message=f'Weights by gan-toolbox {__version__}', revision=revision)
    except Exception as error:  # of many kinds, and not to be shown as they are
        raise ConfigError(f'hf://{repo}: {reason(hub, error)}') from None
    return f'hf://{repo}@{made.oid}'


def require_name(repo: str) -> None:
    """Raises :class:`ConfigError` if it is no name of a repository."""
    if not re.fullmatch(NAME, repo, re.ASCII):
        raise ConfigError(f'{repo!r:.100}: expected the name of a repository, user/name.')


def import_hub() -> Any:
    """The package, or a :class:`ConfigError` that says how to install it."""
    try:
        return importlib.import_module('huggingface_hub')
    except ImportError as error:
        raise ConfigError("hf:// needs the package huggingface_hub: pip install 'gan-toolbox[hub]'") from error


def reason(hub: Any, error: Exception) -> str:
    """Why something failed, in a sentence or two without the token."""
    kinds: Mapping[str, str] = {
        'GatedRepoError': 'its owner gives access to those who ask for it, and this account has not got it.',
        'RevisionNotFoundError': 'there is no such revision (a branch, a tag or a commit).',
        'RepositoryNotFoundError': 'there is no such repository, or it is private and this account may not see it. Log '
                                   'in: hf auth login, or set HF_TOKEN.',
        'RemoteEntryNotFoundError': f'it holds no {WEIGHTS}, so that no toolbox push wrote it.',
        'OfflineModeIsEnabled': 'HF_HUB_OFFLINE is set, and it is not in the cache.',
        'LocalEntryNotFoundError': 'it cannot be reached, and is not in the cache.'}
    for name, sentence in kinds.items():
        if name in (cls.__name__ for cls in type(error).__mro__):
            return sentence
    causes = [one for one in (error, error.__cause__) if one is not None]
    text = ' '.join(f'{type(one).__name__}: {" ".join(str(one).split())}' for one in causes)
    if secret := hub.get_token():
        text = text.replace(secret, '***')
    return re.sub(r'hf_\w+|(?i:bearer) \S+', '***', text)[:500]
