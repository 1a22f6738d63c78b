"""Pictures of all that a trained SinGAN makes: python tools/singan_gallery.py RUN OUT

What people would paint, paste and move is drawn here, from the image of the run itself.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2
import numpy as np
import torch

from toolbox import Sampler, Translator
from toolbox.cli.process import prepare_cpu, run
from toolbox.data.io import write_image
from toolbox.methods.singan_paint import palette_of
from toolbox.pictures import arrange
from toolbox.resampling import imresize
from toolbox.use.inputs import from_tensor

SHOWN = 3  # times as large


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('run', metavar='RUN', help='work directory or checkpoint of a SinGAN')
    parser.add_argument('out', metavar='OUT', type=Path, help='folder for the pictures')
    args = parser.parse_args()
    prepare_cpu()
    s, t = Sampler(args.run), Translator(args.run)
    image = from_tensor(s.model.reals[-1][0], np.dtype(np.uint8))
    pictures = {'samples': samples(s, image), 'sizes': sizes(s), 'upscaled': upscaled(t, image),
                'painted': painted(t, image), 'harmonized': within(t, image, pasted(image), 'harmonize'),
                'edited': within(t, image, moved(image), 'edit'), 'animated': animated(s)}
    for name, picture in pictures.items():
        write_image(args.out / f'singan_{name}.jpg', picture)
        print(args.out / f'singan_{name}.jpg')


def rows(*cells: list[np.ndarray | None], captions: tuple[str, ...] = (), shown: int = SHOWN) -> np.ndarray:
    return arrange([[None if cell is None else cell.repeat(shown, 0).repeat(shown, 1) for cell in row]
                    for row in cells], captions)


def samples(s: Sampler, image: np.ndarray) -> np.ndarray:
    """The image, and below it samples from each scale on."""
    starts = range(min(3, len(s.model.reals)))
    return rows(*([image if not start else None, *s.sample(5, start=start)] for start in starts),
                captions=('the image', *[f'sample {i}' for i in range(5)]), shown=2)


def sizes(s: Sampler) -> np.ndarray:
    height, width = s.model.reals[-1].shape[-2:]
    return rows([s.sample(1, seed=1, size=(height, 3 * width))[0], s.sample(1, seed=2, size=(2 * height, width))[0]],
                captions=(f'--size {height}x{3 * width}', f'--size {2 * height}x{width}'), shown=2)


def upscaled(t: Translator, image: np.ndarray) -> np.ndarray:
    """By 3, next to MATLAB's cubic."""
    return rows([image.repeat(3, 0).repeat(3, 1), imresize(image, 3), t(image, 'upscale', factor=3)],
                captions=('the image', 'cubic, 3x', 'upscale, 3x'), shown=1)


def painted(t: Translator, image: np.ndarray) -> np.ndarray:
    """A ground, a sky and three things between them, in colours of the image."""
    height, width = image.shape[:2]
    palette = k_means_of(image, 4)
    by_light = sorted(palette.tolist(), key=sum)
    painting = np.full_like(image, np.median(image[:height // 4].reshape(-1, 3), axis=0).astype(np.uint8))
    painting[height * 7 // 8:] = np.median(image[height * 7 // 8:].reshape(-1, 3), axis=0).astype(np.uint8)
    for x, top, colour in ((0.2, 0.55, by_light[-1]), (0.45, 0.2, by_light[-2]), (0.75, 0.4, by_light[-1])):
        painting[int(top * height):, int(x * width):int((x + 0.09) * width)] = colour
    starts = range(1, len(t.model.reals))
    return rows([painting, *(t(painting, 'paint', start=start) for start in starts)],
                [None, *(t(painting, 'paint', start=start, quantize=5) for start in starts)],
                captions=('painting', *[f'start {start}' for start in starts]), shown=2)


def k_means_of(image: np.ndarray, colours: int) -> np.ndarray:
    """Its colours, uint8 ``(colours, 3)``."""
    found = palette_of(torch.from_numpy(image).movedim(-1, 0)[None], colours)
    return np.rint(found).astype(np.uint8)


def pasted(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A disk in plain colours, in the upper part of the image."""
    height, width = image.shape[:2]
    mask, new = np.zeros((height, width), np.uint8), image.copy()
    for canvas, colour in ((mask, 255), (new, (235, 200, 60))):
        cv2.circle(canvas, (width // 4, height // 4), height // 8, colour, -1)
    cv2.circle(new, (width // 4 - 2, height // 4 - 2), height // 20, (255, 245, 160), -1)
    return new, mask


def moved(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The middle of the image a second time, further to the right."""
    height, width = image.shape[:2]
    part, to = slice(width // 2 - width // 12, width // 2 + width // 12), width // 4
    mask, new = np.zeros((height, width), np.uint8), image.copy()
    place = slice(part.start + to, part.stop + to)
    new[height // 4:, place], mask[height // 4:, place] = image[height // 4:, part], 255
    return new, mask


def within(t: Translator, image: np.ndarray, changed: tuple[np.ndarray, np.ndarray], direction: str) -> np.ndarray:
    new, mask = changed
    starts = range(1, len(t.model.reals))
    made = [t({'img': new, 'mask': mask}, direction, start=start) for start in starts]
    return rows([image, new, mask[..., None].repeat(3, 2), *made],
                captions=('the image', 'input', 'mask', *[f'start {start}' for start in starts]), shown=2)


def animated(s: Sampler) -> np.ndarray:
    """Every fifth frame of animations from two scales on."""
    return rows(*([*s.animate(30, start=start)[::5]] for start in (0, 1)),
                captions=tuple(f'frame {i}' for i in range(0, 30, 5)), shown=2)


if __name__ == '__main__':
    run(main)
