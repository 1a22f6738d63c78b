"""Videos through a translator: one style, steady colours, and a frame at a time in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..data.io import convert_channels
from ..data.ranges import to_8bit
from ..errors import ConfigError, DataError
from ..files.replacing import replacing
from ..methods.directions import Image, LabelMap, Port
from ..pictures import as_rgb
from .beside import beside, picture_of
from .given import ImageLike
from .maker import Maker
from .video_files import USUAL_RATE, Frames, VideoFile, closing, codec_of, is_video


@dataclass
class Video:
    """What became of a video.

    Attributes:
        path: the result.
        frames: written.
        missing: frames that the source announces and that could not be read; one is not counted, because some formats
            only state a duration.
        notes: in words, what differs from the source.
    """

    path: Path
    frames: int = 0
    missing: int = 0
    notes: list[str] = field(default_factory=list)


class Steady:
    """Less flicker: what the networks add to brightness and contrast of each channel is averaged over time.

    Of every frame, the mean of each channel relative to that of the source and the logarithm of its standard deviation
    relative to that of the source are taken, and the frame is shifted and scaled to their exponential moving averages.
    What changes in the source itself (a cut, a lamp) passes at once, and nothing leaves a trail, because no pixel of
    another frame is used. Flicker of details stays.

    Args:
        share: of the old average that each frame keeps, from 0 (nothing is done) to below 1.
    """

    def __init__(self, share: float) -> None:
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share < 1:
            raise ConfigError(f'steady: expected a number from 0 to below 1 (0.9 averages over about ten frames), '
                              f'found {share!r}.')
        self.share = share
        self.average: np.ndarray | None = None

    def __call__(self, source: np.ndarray | None, made: np.ndarray) -> np.ndarray:
        """A frame of the result; both are ``(H, W, 3)`` uint8, of any size. Without a source that is an image, the
        statistics of the result alone are averaged."""
        if not self.share:
            return made
        mean, spread = statistics(made)
        own_mean, own_spread = (np.zeros(3), np.ones(3)) if source is None else statistics(source)
        added = np.stack([mean - own_mean, np.log(spread / own_spread)])
        self.average = added if self.average is None else self.share * self.average + (1 - self.share) * added
        shift, gain = self.average
        scale = np.clip(np.exp(gain) * own_spread / spread, 0.5, 2)
        levels = (made - mean) * scale + (own_mean + shift)
        return np.clip(np.round(levels), 0, 255).astype(np.uint8)


def statistics(frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (one level more, so that it is not 0) of each channel, in levels."""
    mean, spread = cv2.meanStdDev(frame)
    return mean[:, 0], spread[:, 0] + 1


def translate_video(
    translator: Maker,
    source: str | Path,
    destination: str | Path,
    steady: float = 0.0,
    codec: str | None = None,
    side_by_side: bool = False,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
    others: Mapping[str, Path] | None = None,
) -> Video:
    """Translate a video in the direction of a translator; one frame is in memory at a time.

    The result has the rate of the source and its size times the scale of the direction, and no sound. All frames have
    the same style. Of a damaged or cut video, the frames that can be read are translated.

    Args:
        translator: a :class:`Translator`.
        source: a video file.
        destination: of the result; its suffix decides about the format. It appears complete or not at all.
        steady: share of the past in an average against flicker (:class:`Steady`), from 0 to below 1.
        codec: four letters (``'mp4v'``, ``'MJPG'``, ``'FFV1'``); the usual one of the format if None.
        side_by_side: show the source and the result next to each other.
        overwrite: replace a result that is already there.
        progress: called after each frame with (frames finished, frames announced or 0).
        others: files of further inputs by name, a video (frame by frame) or a picture (for all frames).

    Raises:
        ConfigError: an option has no meaning for videos, or ``steady`` is no share.
        DataError: the source cannot be read, or the result cannot be written (or is there).
    """
    source, destination = Path(source), Path(destination)
    calm, result = Steady(steady), Video(destination)
    codec_of(destination)
    if codec is not None and len(codec) != 4:
        raise ConfigError(f'codec: expected four letters such as mp4v, MJPG or FFV1, found {codec!r}.')
    if destination.exists() and (not overwrite or destination.resolve() == source.resolve()):
        raise DataError(f'{destination}: is already there. Give another name, or overwrite=True (not on the source '
                        'itself).')
    with ExitStack() as stack:
        frames = stack.enter_context(closing(Frames(source)))
        rate = _rate(frames, result)
        partners = {name: iter(stack.enter_context(closing(Frames(path)))) for name, path in (others or {}).items()
                    if is_video(path)}
        new = stack.enter_context(replacing(destination, suffix=destination.suffix))
        with closing(VideoFile(new, rate, codec)) as video:
            for before, after in _made(translator, source, frames, {**(others or {}), **partners}):
                shown = calm(before if isinstance(translator.first_input, Image) else None, after)
                video.write(beside(before, shown) if side_by_side else shown)
                if progress is not None:
                    progress(video.frames, frames.count)
        if not video.frames:
            raise DataError(f'{source}: no frame of it can be read.')
        video.verify()
    result.frames, missing = video.frames, frames.count - video.frames
    result.missing = missing if missing > 1 else 0
    if result.missing:
        result.notes.append(f'{source}: {video.frames} of {frames.count} frames could be read; the result ends there')
    if any(side % 2 for side in shown.shape[:2]):
        result.notes.append(f'{source}: an odd side has one pixel more in the result, because videos have even sides')
    return result


def _rate(frames: Frames, result: Video) -> float:
    if frames.rate is None:
        result.notes.append(f'{result.path.name}: the source states no frame rate; {USUAL_RATE:g} per second')
    return frames.rate or USUAL_RATE


def _made(translator: Maker, source: Path, frames: Frames,
          others: Mapping[str, Any]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Source and result of each frame, RGB ``(H, W, 3)`` uint8."""
    direction, guide = translator.direction, dict(translator.guide)
    asked, first = translator.asked[direction], translator.first_input
    known, made = translator.model.range_of(first.name), translator.model.range_of(asked.gives)
    ports = {port.name: port for port in asked.maps}
    for number, frame in enumerate(frames):
        try:
            given: dict[str, ImageLike] = {first.name: as_input(first, frame)}
            for name, other in others.items():
                given[name] = other if isinstance(other, Path) else as_input(ports[name], next(other))
            inputs = translator.read(given, direction)
            if not number:
                guide = translator.settled(inputs, direction, guide)
            after = translator.translate(inputs, direction, guide)
        except StopIteration:
            raise DataError(f'{source}: the video of a further input ends before it, after {number} frames.') from None
        except DataError as error:
            raise DataError(f'{source}: frame {number}: {error}') from error
        yield (as_rgb(picture_of(first, inputs[first.name], known)),
               as_rgb(after if made is None else to_8bit(after, made)))


def as_input(port: Port, frame: np.ndarray) -> np.ndarray:
    """A frame as an array that an input takes: colours for images and label maps, gray levels for other maps."""
    return frame if isinstance(port, (Image, LabelMap)) else convert_channels(frame, 1)[:, :, 0]
