"""Which images were left out of training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook

from ..errors import DataError
from ..files.strangers import read_text
from ..registry import HOOKS

FILE = 'skipped_images.txt'
ERRORS = 'surrogateescape'  # names of files may be any bytes
MOST = 2**28  # bytes of the list


@HOOKS.register_module()
class BadImageHook(Hook):
    """List the files that a data set skipped (``on_bad_image='skip'``) in ``work_dir/skipped_images.txt``, each once.

    The training ends with an error when there are more than the data set allows (``max_bad``).
    """

    def before_train(self, runner: Any) -> None:
        self.known = self._listed(runner)

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        for meta in data_batch.get('meta') or () if isinstance(data_batch, Mapping) else ():
            for file, reason, most in meta.get('skipped', ()):
                if (name := _in_a_line(file)) not in self.known:
                    self._add(runner, name, _in_a_line(reason), most)

    def _add(self, runner: Any, file: str, reason: str, most: int) -> None:
        self.known |= self._listed(runner) | {file}  # other processes list theirs in the same file
        runner.logger.warning(f'skipped: {reason}')
        with runner.forgo_output(), Path(runner.work_dir, FILE).open('a', encoding='utf-8', errors=ERRORS) as lines:
            lines.write(f'{file}\t{reason}\n')
        if len(self.known) > most:
            raise DataError(f'{runner.work_dir}/{FILE}: {len(self.known)} files cannot be read, and '
                            f'train_dataloader.dataset.max_bad allows {most}. Mend or remove them, or raise max_bad.')

    @staticmethod
    def _listed(runner: Any) -> set[str]:
        try:
            text = read_text(Path(runner.work_dir, FILE), MOST, Path(runner.work_dir), ERRORS)
        except FileNotFoundError:
            return set()
        return {line.split('\t')[0] for line in text.split('\n') if line}


def _in_a_line(text: str) -> str:
    """Names of files may hold tabs and line breaks, which part the list."""
    return text.replace('\n', '\\n').replace('\t', '\\t')
