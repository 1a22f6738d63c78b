"""Curves and points as small pictures, drawn with OpenCV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from toolbox.data.io import write_image

INK = (40, 40, 40)
COLOURS = ((200, 40, 40), (30, 90, 200), (20, 140, 60), (150, 80, 170))
MARGIN = 46


def text(picture: np.ndarray, words: str, x: int, y: int, colour: Sequence[int] = INK) -> None:
    cv2.putText(picture, words, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.4, tuple(colour), 1, cv2.LINE_AA)


def curves(path: Path, series: dict[str, np.ndarray], title: str, x_label: str, log: bool = False,
           size: tuple[int, int] = (300, 480)) -> None:
    """One curve ``(N, 2)`` of (x, y) per name, on linear or logarithmic y, written to a file."""
    height, width = size
    points = {name: np.stack([xy[:, 0], np.log10(np.maximum(xy[:, 1], 1e-12)) if log else xy[:, 1]], 1)
              for name, xy in series.items()}
    everything = np.concatenate([*points.values()])
    low, high = everything.min(0), everything.max(0)
    span = np.maximum(high - low, 1e-9)
    picture = np.full((height, width, 3), 255, np.uint8)
    inner = np.array([width - MARGIN - 12, height - 2 * MARGIN])
    cv2.rectangle(picture, (MARGIN, MARGIN), (MARGIN + int(inner[0]), MARGIN + int(inner[1])), INK, 1)
    for i, (name, xy) in enumerate(points.items()):
        at = (xy - low) / span * [1, -1] + [0, 1]
        places = np.rint(at * inner + MARGIN).astype(np.int32)
        cv2.polylines(picture, [places], False, COLOURS[i], 1, cv2.LINE_AA)
        text(picture, name, MARGIN + 8 + i * 130, height - 6, COLOURS[i])
    text(picture, title, MARGIN, 20)
    text(picture, x_label, width // 2 - 20, height - 28)
    for value, y in ((low[1], MARGIN + int(inner[1])), (high[1], MARGIN + 8)):
        text(picture, f'1e{value:.0f}' if log else f'{value:.3g}', 2, y)
    for value, x in ((low[0], MARGIN), (high[0], width - 40)):
        text(picture, f'{value:g}', x, height - MARGIN + 16)
    write_image(path, picture)


def scatters(path: Path, rows: dict[str, list[tuple[str, np.ndarray]]], side: int = 120) -> None:
    """Rows of square panels of points ``(N, 2)`` in [-1, 1]; every panel has a title, written to a file."""
    lines = []
    for i, (name, panels) in enumerate(rows.items()):
        boxes = []
        for title, points in panels:
            box = np.full((side + 20, side, 3), 255, np.uint8)
            cv2.rectangle(box, (1, 18), (side - 2, side + 18), (200, 200, 200), 1)
            for x, y in np.rint((points + 1) / 2 * (side - 1)).astype(int):
                if 0 <= x < side and 0 <= y < side:
                    box[18 + y, x] = COLOURS[i]
            text(box, title, 4, 13)
            boxes.append(box)
        line = np.concatenate(boxes, 1)
        head = np.full((18, line.shape[1], 3), 255, np.uint8)
        text(head, name, 4, 13, COLOURS[i])
        lines += [head, line]
    write_image(path, np.concatenate(lines))
