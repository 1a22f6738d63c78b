"""From a trained run to translated images and videos: arrays, files, folders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..data.places import is_folder
from ..data.preprocessor import to_tensor
from ..errors import DataError
from ..progress import Progress
from .files import translate_files
from .given import ImageLike
from .inputs import as_image, choose_device, from_tensor
from .maker import KINDS, Maker
from .outputs import Summary, find_sources, plan_outputs, sources_of
from .video import Video, translate_video

__all__ = ['KINDS', 'ImageLike', 'Summary', 'Translator', 'as_image', 'choose_device', 'find_sources', 'from_tensor',
           'plan_outputs', 'to_tensor']


class Translator(Maker):
    """Makes images from images (or label maps, masks, ...) with a trained method; a checkpoint is all it needs.

    Images keep their bit depth (or have the numbers of the training set, where those have a value range), and their
    size times the scale of the direction: they are padded by reflection to what the networks can take, and cut back.
    Moving averages of the weights are used where the checkpoint holds them.

    Args:
        run: work directory of a training run, a checkpoint file (a converted one too), or ``'hf://user/name'`` on the
            Hugging Face hub, with ``@revision`` for a state of it.
        direction: ``'AtoB'`` or ``'BtoA'``, or the name of a domain or an attribute; the first one that the checkpoint
            offers when None.
        device: ``'cpu'``, ``'cuda'``, ``'cuda:1'`` ...; a GPU if there is one when None.
        checkpoint: which checkpoint of a work directory: ``'last'``, ``'best'``, or a file name in it.
        plugins: modules with parts of the run, which are imported first. A checkpoint by itself imports nothing.
        seed: of the style, for directions with styles from latents.
        reference: an image whose style is taken, for the same; it may have any size.
        attributes: names of what the images have now, for methods that change attributes; without them the
            discriminator tells.
        tile: images with a longer side are made in strips: with the same pixels but for rounding, in less memory. By
            default those with results of more than two million pixels, if the networks can be cut.
        batch: how many images of a list go through the networks together, if they have one size and few pixels. With 1,
            the default on a CPU, every result is what it is alone, bit for bit; with more (8 on a GPU) it may differ
            by one level, because sums are taken in another order.

    Attributes:
        path: the checkpoint in use.
        directions: directions that can be asked for.
        direction: the one used where a call names none.

    Raises:
        CheckpointError: there is no such checkpoint, or it cannot be used.
        ConfigError: there is no such direction, or a plugin is missing or cannot be imported.

    Example:
        >>> t = Translator('work_dirs/horse2zebra', 'AtoB')
        >>> zebra = t('horse.jpg')                       # (H, W, C), RGB
        >>> summary = t.folder('horses', 'zebras')
    """

    def __call__(
        self, image: ImageLike | list[ImageLike] | tuple[ImageLike, ...] | Mapping[str, ImageLike],
        direction: str | None = None, **guide: Any
    ) -> np.ndarray | list[np.ndarray]:
        """Translate one image or a list of them.

        Args:
            image: a file name, an RGB array ``(H, W, C)`` or gray ``(H, W)``, uint8 or uint16, the bytes of an image
                file, a file open for bytes, a picture of Pillow, or a list of such. Channels are converted to what the
                generator takes: gray is repeated, colour becomes luma, alpha is dropped. Numbers in label maps mean
                what they do in files, but for arrays, which hold ids.
                For a direction with several inputs, a dict of them by name; maps are ``(H, W)`` of whole numbers.
                A label map may have the colours of the model's classes instead, and an instance map beside it may be
                left out: connected areas of one class are objects then.
            direction: overrides the direction of the translator.
            **guide: options of the direction for this call (``seed``, ``reference``, ...), in place of the
                translator's.

        Returns:
            An array ``(H, W, C)`` of the image's type (uint8 if there is none) and of its size times the direction's
            scale, with the generator's channels; a list, in the same order, for a list.

        Raises:
            ConfigError: there is no such direction, or it does not look at what ``guide`` says.
            DataError: a file cannot be read, or an array is not an image.
        """
        direction = self._known(direction or self.direction)
        options = self._guide(direction, guide) if guide else self.guide_of(direction)
        if isinstance(image, (list, tuple)):
            return self.translate_all([self.read(one, direction) for one in image], direction, options)
        return self.translate(self.read(image, direction), direction, options)

    def attention(self, image: ImageLike, direction: str | None = None) -> np.ndarray:
        """Where the translation of one image looks, ``(H, W)`` float32 in [0, 1].

        Raises:
            ConfigError: there is no such direction, or the method has no attention.
            DataError: a file cannot be read, or an array is not an image.
        """
        direction = self._known(direction or self.direction)
        self.require_attention(direction)
        return self.attend(self.read(image, direction), direction)[0].numpy()

    def folder(self, source: str | Path, destination: str | Path, **options: Any) -> Summary:
        """Translate every image and video below a folder, or image in a zip or LMDB; sub-folders and names stay.

        Options are those of :meth:`files`. A terminal is shown how far it is, unless ``progress`` says otherwise. What
        is in ``destination`` is not taken for a source, if it is in the folder.
        """
        if not is_folder(source):
            raise DataError(f'{source}: no such folder.')
        found = sources_of(source, destination, videos=True)
        summary = self.files(found.files, destination, root=found.root, **{'progress': Progress(), **options})
        summary.left_out += found.left_out
        return summary

    def files(self, sources: Iterable[str | Path], destination: str | Path, **options: Any) -> Summary:
        """Translate files, images and videos, in the given order; options as for :func:`translate_files`."""
        return translate_files(self, sources, destination, **options)

    def video(self, source: str | Path, destination: str | Path, **options: Any) -> Video:
        """Translate a video file into another; options as for :func:`translate_video`."""
        return translate_video(self, source, destination, **options)
