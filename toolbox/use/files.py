"""Files through a translator: which result each becomes, and what became of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..data.arrays import fitting_suffix
from ..data.frames import frames_left_out
from ..data.io import check_size, write_image
from ..data.ranges import outside, to_8bit
from ..errors import ConfigError, DataError
from ..pictures import as_rgb
from .beside import beside, picture_of
from .inputs import from_tensor
from .large import enough_memory
from .maker import Arrays, Maker
from .outputs import Summary, check_suffix, plan_outputs, require_folder, side_file
from .overlap import ahead, outcome
from .video import Steady, translate_video
from .video_files import CODECS, SOUND, is_video

ATTENTION = '_attention.png'  # how the file with the heat map ends
Pair = tuple[Path, Path]  # a source and its result


def translate_files(
    translator: Maker,
    sources: Iterable[str | Path],
    destination: str | Path,
    root: str | Path | None = None,
    suffix: str | None = None,
    side_by_side: bool = False,
    overwrite: bool = False,
    attention: bool = False,
    steady: float = 0.0,
    codec: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    frames: Callable[[Path, int, int], None] | None = None,
    **others: str | Path,
) -> Summary:
    """Translate files in the given order. One that cannot be read does not stop the others.

    Args:
        translator: a :class:`Translator`; its direction is used.
        sources: files of images and videos.
        destination: folder of the results.
        root: sub-folders below it are repeated in ``destination``; without it only names are kept.
        suffix: of the results; ``'same'`` keeps that of each source. One of a video is for videos alone, any other for
            images alone. None: ``.png`` where it can hold the result, else that of the source, or ``.npy``; for videos
            that of the source, or ``.mp4`` where such are not written.
        side_by_side: write the source and the result next to each other.
        overwrite: translate again where the result is already there.
        attention: write the source under its heat map too, as ``NAME_attention.png`` beside the result.
        steady: of videos (:class:`~toolbox.use.video.Steady`).
        codec: of videos (:func:`~toolbox.use.video.translate_video`).
        progress: called after each file with (files finished, files in all).
        frames: called after each frame of a video with (file, frames finished, frames announced or 0).
        **others: a file or folder for each further input of the direction, by its kind ('labels', 'instances',
            'mask', 'image'); in a folder the file of the same name is taken.

    Raises:
        ConfigError: the method has no attention, or not of strips and videos; or the direction takes other inputs.
        DataError: two sources would become one file, a result would replace a source, or nothing (more) can be
            written to ``destination``.
    """
    files = [Path(source) for source in sources]
    if attention:
        _check_attention(translator, files)
    Steady(steady)
    places = translator.places(others)
    summary = Summary(Path(destination))
    job = Job(translator, root, places, summary, side_by_side, attention, steady, codec, frames)
    plan = plan_outputs(files, Path(destination), root, job.suffix(suffix), job.beside,
                        [*places.values(), *translator.given_files])
    require_folder(Path(destination), places.values())
    asked = translator.asked[translator.direction]
    if guessed := [port.name for port in asked.maps[1:] if port.name not in places]:
        summary.left_out.append(f'no {guessed[0]}: each connected area of one class counted as one object')
    todo: list[Pair] = []
    for source, target in plan.items():
        if not overwrite and job.is_there(target):
            summary.kept.append(target)
        else:
            todo.append((source, target))
    for count, ((source, target), finished) in enumerate(job.run(todo), start=len(summary.kept) + 1):
        with summary.recording(source, target), named(source):
            finished.result()
        if progress is not None:
            progress(count, len(plan))
    if any(map(is_video, summary.done)):
        summary.left_out.append(SOUND)
    return summary


def _check_attention(translator: Maker, sources: Iterable[Path]) -> None:
    translator.require_attention(translator.direction)
    if translator.tile is not None:
        raise ConfigError('attention: heat maps look at the whole image and are not made in strips. Leave --attention '
                          'or --tile out.')
    if video := next(filter(is_video, sources), None):
        raise ConfigError(f'attention: heat maps are made of images; {video} is a video. Leave --attention or it out.')


class Scene(NamedTuple):
    """The inputs of a result, read."""

    target: Path
    inputs: Arrays


class Made(NamedTuple):
    """A result to write, and its source under its heat map if it was asked for."""

    target: Path
    inputs: Arrays
    after: np.ndarray
    heat: np.ndarray | None


@dataclass
class Job:
    """How the files of one call are translated; see :func:`translate_files`."""

    translator: Maker
    root: str | Path | None
    places: Mapping[str, Path]
    summary: Summary
    side_by_side: bool
    attention: bool
    steady: float
    codec: str | None
    frames: Callable[[Path, int, int], None] | None

    @property
    def beside(self) -> tuple[str, ...]:
        """Endings of further files about a result."""
        return (ATTENTION,) if self.attention else ()

    def suffix(self, given: str | None) -> Callable[[Path], str]:
        """The suffix of the result of each source."""
        if given is not None:
            check_suffix(given, CODECS)

        def of(source: Path) -> str:
            if is_video(source):
                own = source.suffix.lower()
                return given if given in ('same', *CODECS) else own if own in CODECS else '.mp4'
            return self._usual_suffix(source) if given is None or given in CODECS else given

        return of

    def _usual_suffix(self, source: Path) -> str:
        model = self.translator.model
        asked = self.translator.asked[self.translator.direction]
        known = model.range_of(asked.gives)
        channels = asked.channels or int(getattr(getattr(model, asked.nets[-1]), 'out_channels', 3))
        return fitting_suffix(known.dtype if known else 'uint8', channels, source)

    def is_there(self, target: Path) -> bool:
        """Whether a result was made before, with all that belongs to it."""
        return all(map(os.path.isfile, (target, *(side_file(target, ending) for ending in self.beside))))

    def run(self, todo: Iterable[Pair]) -> Iterator[tuple[Pair, Future[None]]]:
        """Translate each source, in order; what goes wrong with one is in its future.

        The next images are read and the last one is written while the networks work.
        """
        for video, group in groupby(todo, key=lambda pair: is_video(pair[0])):
            pairs = [*group]
            done = map(partial(outcome, self._video), pairs) if video else ahead(self._write, self._made(pairs), 1)
            yield from zip(pairs, done, strict=True)

    def _read(self, pair: Pair) -> Scene:
        t, (source, target) = self.translator, pair
        inputs = t.read(t.inputs_of(source, self.root, self.places), t.direction)
        before = inputs[t.first_input.name]
        height, width = before.shape[:2]
        rows, columns = t.size_of(t.direction, height, width, t.guide)
        check_size(target, rows, columns * (1 + self.side_by_side))
        if share := outside(before, t.model.range_of(t.first_input.name)):
            self.summary.clipped[source] = share
        if frames := frames_left_out(source, (before.shape[2:] or (1,))):
            self.summary.several[source] = frames
        return Scene(target, inputs)

    def _made(self, pairs: Iterable[Pair]) -> Iterator[tuple[Future[list[Made]], int]]:
        """The result of each image, as a place among those that went through the networks together."""
        together = self.translator.batch
        read = ahead(self._read, pairs, together)
        while group := [*islice(read, together)]:
            made = outcome(self._make, group)
            if made.exception() is None or together == 1:
                yield from ((made, place) for place in range(len(group)))
            else:  # one must not stop the others
                yield from ((outcome(self._make, [one]), 0) for one in group)

    def _make(self, group: Iterable[Future[Scene]]) -> list[Made]:
        t, scenes = self.translator, [read.result() for read in group]
        results = t.translate_all([scene.inputs for scene in scenes], t.direction, t.guide)
        return [Made(*scene, after, self._heat(scene.inputs)) for scene, after in zip(scenes, results, strict=True)]

    def _heat(self, inputs: Arrays) -> np.ndarray | None:
        if not self.attention:
            return None
        t = self.translator
        height, width = inputs[t.first_input.name].shape[:2]
        with enough_memory(height, width, t.device, False):
            return from_tensor(t.attend(inputs, t.direction)[1], np.dtype(np.uint8))

    def _write(self, made: tuple[Future[list[Made]], int]) -> None:
        group, place = made
        one = group.result()[place]
        if one.heat is not None:
            write_image(side_file(one.target, ATTENTION), one.heat)
        before = one.inputs[self.translator.first_input.name]
        write_image(one.target, self._compared(before, one.after) if self.side_by_side else one.after)

    def _compared(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Input and result in one picture; of 8 bits and colours if one of them is not."""
        t = self.translator
        known, made = (t.model.range_of(name) for name in (t.first_input.name, t.asked[t.direction].gives))
        before = picture_of(t.first_input, before, known)
        after = after if made is None else as_rgb(to_8bit(after, made))
        return beside(before, after)

    def _video(self, pair: Pair) -> None:
        t, (source, target) = self.translator, pair
        others = t.inputs_of(source, self.root, self.places)
        del others[t.first_input.name]
        progress = None if self.frames is None else partial(self.frames, source)
        made = translate_video(t, source, target, self.steady, self.codec, self.side_by_side, True, progress, others)
        self.summary.left_out += made.notes
        self.summary.cut += [target] * bool(made.missing)


@contextmanager
def named(source: Path) -> Iterator[None]:
    """Errors that do not name the file do so afterwards."""
    try:
        yield
    except DataError as error:
        raise error if str(source) in str(error) else DataError(f'{source}: {error}') from error
