"""A zip file that is read once: entries are compared with their checksums on the way to ``torch.load``."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any
from zlib import crc32

LENGTHS, LOCAL_HEADER = 26, 30  # bytes before those of the name and the extra field, and before the name itself


class CheckedZip(io.FileIO):
    """A file for ``torch.load``, which compares no checksums itself, but reads each entry that it uses in one go.

    Attributes:
        damaged: name of an entry that was read and does not match its checksum, or nothing. (An exception would have to
            pass through torch's C code.)
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with zipfile.ZipFile(path) as file:
            self._entries = file.infolist()
        self._at = {self._beginning_of(entry): entry for entry in self._entries}
        self.seek(0)
        self._unread = {entry.filename for entry in self._entries}
        self.damaged = ''

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer``, as far as the file goes: the system reads at most 2 GB at once."""
        start, view, done = self.tell(), memoryview(buffer).cast('B'), 0
        while done < len(view) and (count := super().readinto(view[done:])):
            done += count
        entry = self._at.get(start)  # torch looks for the list of entries by reads of its own, of any length
        if entry is not None and done == entry.file_size:
            self._unread.discard(entry.filename)
            if crc32(view) != entry.CRC:
                self.damaged = entry.filename
        return done

    def _beginning_of(self, entry: zipfile.ZipInfo) -> int:
        """Where its content begins."""
        self.seek(entry.header_offset + LENGTHS)
        lengths = self.read(LOCAL_HEADER - LENGTHS)
        return entry.header_offset + LOCAL_HEADER + sum(int.from_bytes(lengths[i:i + 2], 'little') for i in (0, 2))

    def check_the_rest(self) -> None:
        """Compare the entries that nobody asked for; raises :class:`zipfile.BadZipFile` where one does not match."""
        with zipfile.ZipFile(self) as file:
            for entry in self._entries:
                if entry.filename in self._unread:
                    file.read(entry)
