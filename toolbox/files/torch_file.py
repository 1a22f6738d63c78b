"""Reading any file of ``torch.save``: nothing in it is executed, and its content is no larger than the file."""

from __future__ import annotations

import re
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import torch

from ..errors import CheckpointError
from .checked_zip import CheckedZip
from .pickles import refuse_endless_names
from .structure import refuse_tricks


def read_torch_file(path: Path, numbers: bool = True) -> Any:
    """The content of a file, on the CPU.

    Args:
        path: of the file.
        numbers: False: what is no tensor is read, and nothing else; tensors are there, but whoever looks into one
            reads the file then. Nothing is verified.

    Raises:
        CheckpointError: the file is damaged, of another kind, would run code, or holds what no program saves (see
            :func:`toolbox.files.structure.refuse_tricks`).
    """
    try:
        refuse_other_files(path)
        refuse_endless_names(path)
        if numbers and zipfile.is_zipfile(path):
            content = _verified(path)
        else:
            content = torch.load(path, map_location='cpu', weights_only=True, mmap=zipfile.is_zipfile(path))
    except CheckpointError:
        raise
    except Exception as error:  # torch raises many kinds for a damaged file
        raise CheckpointError(_reason(path, error)) from error
    refuse_tricks(content, path)
    return content


def refuse_other_files(path: Path) -> None:
    """Refuse files not written by ``torch.save``: a config, an image, a web page (no zip or pickle), a zip bomb."""
    with path.open('rb') as file:
        start = file.read(2)
    # A tar file, which torch before 2.6 reads without the safeguards of weights_only, may start the same way.
    if (start and start != b'PK' and start[:1] != b'\x80') or tarfile.is_tarfile(path):
        raise CheckpointError(f'{path} ({path.stat().st_size} bytes): not written by torch.save. Expected a .pth file '
                              'or the work directory of a run.')
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as file:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in file.infolist()):
                raise CheckpointError(f'{path}: holds compressed entries, which torch.save never writes: it could '
                                      'unpack to any size: refused.')


def _verified(path: Path) -> Any:
    """The content of a file whose entries match their checksums."""
    with CheckedZip(path) as file:
        try:
            content = torch.load(file, map_location='cpu', weights_only=True)
            file.check_the_rest()
        finally:
            if file.damaged:
                raise zipfile.BadZipFile(f'Bad CRC-32 for file {file.damaged!r}')  # as zipfile says it
    return content


def _reason(path: Path, error: Exception) -> str:
    if damaged := re.match(r'Bad CRC-32 for file (.+)', str(error)):
        return f'{path}: damaged: the contents of {damaged[1]} do not match its checksum.'
    code = re.search(r'nsupported (?i:global|class).*?(?=\. Please|\.? *$)', str(error), re.MULTILINE)
    if code is None:
        return f'{path} ({path.stat().st_size} bytes): damaged, or not a weight file ({_first_line(error)}).'
    return (f'{path}: refused: it holds more than numbers and text, and reading it could run foreign code (u{code[0]}).'
            ' If you trust its authors, load it with their program and save the plain state_dict: '
            'torch.save(net.state_dict(), path).')


def _first_line(error: Exception) -> str:
    return f'{type(error).__name__}: {error}'.strip(': ').splitlines()[0]
