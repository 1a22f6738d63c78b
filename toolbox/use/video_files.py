"""Video files in and out, frame by frame: mmcv's reader and OpenCV's writer."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..data.io import MAX_BYTES
from ..errors import DataError

# How a video of each kind is encoded where nothing is said; all of them are read, too.
CODECS = {'.mp4': 'mp4v', '.m4v': 'mp4v', '.mov': 'mp4v', '.mkv': 'mp4v', '.avi': 'MJPG', '.webm': 'VP80'}
VIDEO_SUFFIXES = (*CODECS, '.mpg', '.mpeg', '.wmv')
USUAL_RATE, HIGHEST_RATE = 25.0, 1000.0  # frames per second; the first where a file states none below the second
FULL = 2**20  # bytes; a disk with less counts as full
SOUND = ('the sound of videos is dropped, because OpenCV has none; it is put back by: ffmpeg -i RESULT -i SOURCE '
         '-map 0:v -map 1:a -c copy NEW')


def is_video(path: Path) -> bool:
    """Whether a file is a video by its suffix."""
    return path.suffix.lower() in VIDEO_SUFFIXES


class Frames:
    """The frames of a video file one by one, RGB uint8 ``(H, W, 3)``; as they are shown, turned by their orientation.

    Args:
        path: of the file.

    Attributes:
        rate: frames per second; None if the file does not state it.
        count: of the frames, as the file states it; 0 if it does not.

    Raises:
        DataError: it is not there, no video, or its frames take more memory than images may.
    """

    def __init__(self, path: Path) -> None:
        from mmcv import VideoReader  # 0.5 seconds
        if not path.is_file():
            raise DataError(f'{path}: no such video file.')
        with quiet():
            self.reader = VideoReader(str(path.resolve()), cache_capacity=1)
        if not self.reader.opened:
            raise DataError(f'{path}: not a video that OpenCV can read here: damaged, cut before its index, or in a '
                            'format that this OpenCV lacks. Convert it: ffmpeg -i FILE NEW.mp4.')
        if 3 * self.reader.width * self.reader.height > MAX_BYTES:
            raise DataError(f'{path}: frames of {self.reader.width}x{self.reader.height} pixels take more than '
                            f'{MAX_BYTES >> 20} MB each. Scale the video down.')
        rate, count = self.reader.fps, self.reader.frame_cnt
        self.rate = rate if 0 < rate <= HIGHEST_RATE else None
        self.count = max(0, count)

    def __iter__(self) -> Iterator[np.ndarray]:
        with quiet():
            while (frame := self.reader.read()) is not None:
                yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)

    def close(self) -> None:
        self.reader.vcap.release()


class VideoFile:
    """A video to be written, frame by frame. Odd sides grow by a pixel: most formats have even ones.

    Args:
        path: its suffix decides about the format.
        rate: frames per second.
        codec: four letters; the usual one of the format if None.

    Raises:
        DataError: OpenCV cannot write such a file here.
    """

    def __init__(self, path: Path, rate: float, codec: str | None = None) -> None:
        self.path, self.rate, self.codec = path, rate, codec or codec_of(path)
        self.writer: cv2.VideoWriter | None = None
        self.frames = 0

    def write(self, frame: np.ndarray) -> None:
        """Add a frame, RGB uint8 ``(H, W, 3)``; all have the size of the first."""
        height, width = frame.shape[:2]
        frame = cv2.copyMakeBorder(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), 0, height % 2, 0, width % 2,
                                   cv2.BORDER_REPLICATE)
        if self.writer is None:
            with quiet():
                self.writer = cv2.VideoWriter(str(self.path.resolve()), cv2.VideoWriter.fourcc(*self.codec), self.rate,
                                              frame.shape[1::-1])
            if not self.writer.isOpened():
                raise DataError(f'OpenCV cannot write {self.path.suffix} with the codec {self.codec!r} here, '
                                f'{frame.shape[1]}x{frame.shape[0]} pixels at {self.rate:g} frames per second. The '
                                f'codecs tried by default are {CODECS}; .avi with MJPG needs nothing else.')
        self.writer.write(frame)
        self.frames += 1

    def close(self) -> None:
        if self.writer is not None:
            self.writer.release()

    def verify(self) -> None:
        """OpenCV does not tell whether it could write: whether the closed file holds what was written.

        Raises:
            OSError: the disk is full.
            DataError: something is missing.
        """
        try:
            with closing(Frames(self.path)) as written, quiet():
                count = sum(1 for _ in iter(written.reader.vcap.grab, False))
            whole = count == self.frames
        except DataError:
            whole = False
        if not whole and shutil.disk_usage(self.path.parent).free < FULL:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        if not whole:
            raise DataError(f'the {self.frames} frames could not be written whole to {self.path.parent}.')


def codec_of(path: Path) -> str:
    """The usual codec for a file to be written; :class:`DataError` if its suffix is none of a video."""
    if path.suffix.lower() not in CODECS:
        raise DataError(f'{path}: a video that is written ends in {", ".join(CODECS)}.')
    return CODECS[path.suffix.lower()]


@contextmanager
def closing(thing: Any) -> Iterator[Any]:
    try:
        yield thing
    finally:
        thing.close()


@contextmanager
def quiet() -> Iterator[None]:
    """Without OpenCV's own lines on stderr: what matters becomes an error of ours."""
    before = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)
