"""What a mask can be worth without learning: the scores of constant masks and of thresholds of the photograph.

python tools/mask_baselines.py configs/pix2pix/satellite_mask.py --cfg-options data_root=path/to/satellite_mask

Data, sizes and metric are those of the validation in the config; everything is chosen on the training set. 'nearest'
copies the mask of the training photograph with the smallest mean difference: what learning by heart is worth.

--labels asks instead what the true masks are worth, each scored against another version of itself or against its
neighbour's: how far one pixel at the edge goes, what the size of the training loses, how well the masks of
photographs that hardly differ agree, and what the best mask is worth that such photographs can share.
"""

import argparse
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2
import numpy as np

from toolbox.cli import add_config_arguments, run

COLOURS: dict[str, Callable] = {
    'gray': lambda r, g, b: (299 * r + 587 * g + 114 * b) // 1000,
    'red': lambda r, g, b: r, 'green': lambda r, g, b: g, 'blue': lambda r, g, b: b,
    'red - green': lambda r, g, b: r - g, 'red - blue': lambda r, g, b: r - b, 'green - blue': lambda r, g, b: g - b}
CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
NEGATIVE = 255  # differences of colours go from -255 to 255


def best_level(numbers: np.ndarray, masks: np.ndarray) -> tuple[float, int]:
    """The best pooled IoU of ``numbers >= level`` with the masks, and its level.

    Args:
        numbers: whole numbers from -255 to 255, of any shape.
        masks: bool, of the same shape.
    """
    shifted = numbers.ravel() + NEGATIVE
    everything, hits = (np.bincount(values, minlength=2 * NEGATIVE + 1)[::-1].cumsum()[::-1]
                        for values in (shifted, shifted[masks.ravel()]))
    iou = hits / np.maximum(everything + masks.sum() - hits, 1)
    level = int(iou.argmax())
    return float(iou[level]), level - NEGATIVE


def threshold(train: tuple[np.ndarray, np.ndarray], images: np.ndarray, colour: str) -> tuple[str, np.ndarray]:
    """The best threshold of a colour for the training set: what it is, and the masks that it makes of ``images``."""
    found = {}
    for sign in (1, -1):
        numbers = sign * COLOURS[colour](*np.moveaxis(train[0].astype(np.int32), 1, 0))
        found[sign] = best_level(numbers, train[1])
    sign = max(found, key=lambda side: found[side][0])
    level = found[sign][1]
    return (f'{colour} {">=" if sign > 0 else "<="} {sign * level}',
            sign * COLOURS[colour](*np.moveaxis(images.astype(np.int32), 1, 0)) >= level)


def constant(train: tuple[np.ndarray, np.ndarray], images: np.ndarray) -> tuple[str, np.ndarray]:
    """The best mask that is the same for all photographs: pixels that are foreground often enough in training masks."""
    often = (train[1].mean(0) * 255).astype(np.int32)
    level = best_level(np.broadcast_to(often, train[1].shape), train[1])[1]
    return f'foreground in {max(level, 0) / 255:.0%} of the training masks', np.broadcast_to(
        often >= level, (len(images), *often.shape))


def nearest(train: tuple[np.ndarray, np.ndarray], images: np.ndarray) -> np.ndarray:
    """The mask of the most similar training photograph."""
    known = train[0].astype(np.int16)
    return train[1][[np.abs(known - image).mean((1, 2, 3)).argmin() for image in images.astype(np.int16)]]


def baselines(train: tuple[np.ndarray, np.ndarray], images: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """(name, masks): bool ``(N, H, W)`` for uint8 ``(N, 3, H, W)``.

    Args:
        train: photographs and their masks.
        images: photographs whose masks are wanted.
    """
    shape = (len(images), *images.shape[2:])
    yield 'nothing', np.zeros(shape, bool)
    yield 'everything', np.ones(shape, bool)
    yield constant(train, images)
    for colour in COLOURS:
        yield threshold(train, images, colour)
    yield 'nearest', nearest(train, images)


def labels(images: np.ndarray, masks: np.ndarray, like: float) -> Iterator[tuple[str, list[tuple]]]:
    """(name, pairs of masks to score): the true masks against what is nearly the same.

    Args:
        images: photographs in the order of their recording, uint8 ``(N, 3, H, W)``.
        masks: theirs, bool ``(N, H, W)``.
        like: mean difference in gray levels up to which a photograph and the next one hardly differ.
    """
    height, width = masks.shape[1:]
    drawn = masks.astype(np.uint8)
    small = [cv2.resize(mask * 255, (width // 2, height // 2), interpolation=cv2.INTER_AREA) for mask in drawn]
    yield 'shrunk to half and enlarged', list(zip(
        [cv2.resize(mask, (width, height)) > 127 for mask in small], masks, strict=True))
    yield 'a pixel wider', list(zip([cv2.dilate(mask, CROSS) > 0 for mask in drawn], masks, strict=True))
    yield 'a pixel narrower', list(zip([cv2.erode(mask, CROSS) > 0 for mask in drawn], masks, strict=True))
    yield 'a pixel further right', list(zip(np.roll(masks, 1, 2), masks, strict=True))
    apart = [float(np.abs(one.astype(np.int16) - other).mean()) for one, other in itertools.pairwise(images)]
    near = [i for i, level in enumerate(apart) if level <= like and not is_copy(level, masks[i], masks[i + 1])]
    for name, chosen in ((f"the next photograph's, which differs by at most {like:g} levels", near),
                         ("the next photograph's, which is the same", [i for i in near if not apart[i]])):
        if chosen:
            yield f'{name} ({len(chosen)})', [(masks[i + 1], masks[i]) for i in chosen]
    if near:
        # Of all masks for both, the union of theirs has the best pooled IoU: every pixel that only one of them marks
        # adds as much to the hits as to the union, and hits are fewer.
        both = [(masks[i] | masks[i + 1], masks[j]) for i in near for j in (i, i + 1)]
        yield 'the best for both of such photographs, if they get the same one', both


def is_copy(level: float, *masks: np.ndarray) -> bool:
    """Whether two pairs are one, stored twice."""
    return not level and np.array_equal(*masks)


def read(dataset: Sequence, mask: Callable) -> tuple[np.ndarray, np.ndarray]:
    """All photographs ``(N, 3, H, W)`` and foregrounds ``(N, H, W)`` of a data set."""
    samples = [dataset[i] for i in range(len(dataset))]
    return (np.stack([sample['A'].numpy() for sample in samples]),
            np.stack([mask(sample, 'B', 'target') for sample in samples]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config_arguments(parser)
    parser.add_argument('--labels', type=float, metavar='LEVELS',
                        help='what the true masks agree on; photographs are alike up to so many gray levels, e.g. 5')
    args = parser.parse_args()
    from toolbox.engine.config import load_config, parse_options
    from toolbox.errors import ConfigError
    from toolbox.metrics.masks import MaskIoU, mask_counts
    from toolbox.registry import DATASETS, METRICS, build
    cfg = load_config(args.config, parse_options(args.cfg_options))
    metric = next((metric for one in cfg.val_evaluator if isinstance(metric := build(one, METRICS), MaskIoU)), None)
    if metric is None:
        raise ConfigError(f"{args.config}: val_evaluator has no dict(type='MaskIoU'), which says what a mask is.")
    still = dict(pipeline=cfg.val_dataloader.dataset.pipeline)
    train, val = (read(build({**loader.dataset, **still}, DATASETS), metric.mask)
                  for loader in (cfg.train_dataloader, cfg.val_dataloader))
    if args.labels is None:
        print(f'chosen on {len(train[0])} pairs, scored on {len(val[0])}\n')
        rows = ((name, zip(masks, val[1], strict=True)) for name, masks in baselines(train, val[0]))
    else:
        print(f'of {len(val[0])} masks of {val[1].shape[2]}x{val[1].shape[1]} pixels\n')
        rows = labels(*val, args.labels)
    print(f'| {" | ".join(("baseline" if args.labels is None else "mask", *metric.result_names))} |')
    print(f'|---{"|---" * len(metric.result_names)}|')
    for name, pairs in rows:
        scores = metric.compute_metrics([mask_counts(*pair) for pair in pairs])
        print(f'| {" | ".join((name, *(f"{score:.4f}" for score in scores.values())))} |')


if __name__ == '__main__':
    run(main)
