"""A zip file that is read once: entries are compared with their checksums on the way to ``torch.load``."""

from __future__ import annotations

import io
import zipfile
from bisect import bisect
from pathlib import Path
from typing import Any
from zlib import crc32

LOCAL_HEADER = 30  # bytes, and then the name of the entry


class CheckedZip(io.FileIO):
    """A file for ``torch.load``, which compares no checksums itself, but reads each entry that it uses in one go.

    Attributes:
        damaged: name of an entry that was read and does not match its checksum, or nothing. (An exception would have to
            pass through torch's C code.)
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with zipfile.ZipFile(path) as file:
            self._entries = sorted(file.infolist(), key=lambda entry: entry.header_offset)
        self._offsets = [entry.header_offset for entry in self._entries]
        self._unread = {entry.filename for entry in self._entries}
        self.damaged = ''

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer``, as far as the file goes: the system reads at most 2 GB at once."""
        start, view, done = self.tell(), memoryview(buffer).cast('B'), 0
        while done < len(view) and (count := super().readinto(view[done:])):
            done += count
        entry = self._entries[bisect(self._offsets, start) - 1]
        if done == entry.file_size and start >= entry.header_offset + LOCAL_HEADER + len(entry.filename):
            self._unread.discard(entry.filename)
            if crc32(view) != entry.CRC:
                self.damaged = entry.filename
        return done

    def check_the_rest(self) -> None:
        """Compare the entries that nobody asked for; raises :class:`zipfile.BadZipFile` where one does not match."""
        with zipfile.ZipFile(self) as file:
            for entry in self._entries:
                if entry.filename in self._unread:
                    file.read(entry)
