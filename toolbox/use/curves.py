"""Curves of a training as SVG: axes with units, the numbers as they are, and a smoothed line over them."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar('T')
Points = Sequence[tuple[int, float]]
WIDTH, HEIGHT = 340, 190
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 26, 34  # margins, for axes and title
MOST = 2000  # points that are drawn
FEW = 20  # points up to which nothing is smoothed
TICKS = 4  # of an axis, about


def curve(name: str, points: Points, unit: str = '', best: tuple[int, float] | None = None) -> str:
    """An SVG picture of one curve.

    The first of many points does not stretch the axis: losses fall from it by an order of magnitude. What lies outside
    is drawn at the edge. The title says the last value, the lowest and the highest.

    Args:
        name: of the curve; any text.
        points: iteration and value, by iteration; finite.
        unit: of the values.
        best: a point to mark.
    """
    values = [value for _, value in points]
    span = values[1:] if len(values) > FEW else values
    low, high = limits(min(span), max(span))
    first, end = points[0][0], max(points[-1][0], points[0][0] + 1)
    start = 0 if first < end / 2 else first

    def place(step: float, value: float) -> tuple[float, float]:
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        return (LEFT + (WIDTH - LEFT - RIGHT) * (step - start) / (end - start),
                HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share)

    drawn = thinned(points, MOST)
    parts = [line([place(*point) for point in drawn], '#93c5fd' if len(points) > FEW else '#2563eb', 1.5)]
    if len(points) > FEW:
        parts.append(line([place(*point) for point in thinned(smoothed(points), MOST)], '#1d4ed8', 1.5))
    floor = HEIGHT - BOTTOM
    for value in ticks(low, high):
        y = place(start, value)[1]
        parts += [line([(LEFT, y), (WIDTH - RIGHT, y)], '#e5e7eb', 1), text(4, y + 4, f'{value:.4g}')]
    for step in ticks(start, end):
        x = place(step, low)[0]
        parts += [line([(x, floor), (x, floor + 4)], '#6b7280', 1),
                  text(min(x, WIDTH - 44), floor + 16, f'{step:,.0f}')]
    parts += [line([(LEFT, TOP), (LEFT, floor), (WIDTH - RIGHT, floor)], '#6b7280', 1),
              text(LEFT, HEIGHT - 4, 'iteration' + (f'; up: {unit}' if unit else '')),
              text(4, 16, f'{name[:100]} {values[-1]:.3g} ({min(values):.3g} to {max(values):.3g})', 12)]
    if best is not None:
        x, _ = place(*best)
        parts += [line([(x, TOP), (x, floor)], '#16a34a', 1),
                  text(min(x + 3, WIDTH - 110), TOP + 10, f'best: {best[0]:,}')]
    return f'<svg width="{WIDTH}" height="{HEIGHT}">{"".join(parts)}</svg>'


def line(places: Sequence[tuple[float, float]], colour: str, width: float) -> str:
    return (f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}" fill="none" stroke="{colour}" '
            f'stroke-width="{width}"/>')


def text(x: float, y: float, words: str, size: int = 10) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}">{html.escape(words)}</text>'


def limits(low: float, high: float) -> tuple[float, float]:
    """Ends of an axis that are not equal."""
    if high - low > 1e-9 * max(abs(low), abs(high)):
        return low, high
    return low - abs(low or 1) / 2, high + abs(high or 1) / 2


def ticks(low: float, high: float) -> list[float]:
    """Round numbers from ``low`` to ``high``, about ``TICKS``."""
    raw = (high - low) / TICKS
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * size for factor in (1, 2, 5, 10) if factor * size >= raw)
    return [number * step for number in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def smoothed(points: Points) -> list[tuple[int, float]]:
    """Means over about a twentieth of the points around each."""
    half = max(1, len(points) // 40)
    sums = np.concatenate([[0.0], np.cumsum([value for _, value in points])])
    places = np.arange(len(points))
    first, last = np.maximum(places - half, 0), np.minimum(places + half + 1, len(points))
    means = (sums[last] - sums[first]) / (last - first)
    return [(step, float(mean)) for (step, _), mean in zip(points, means, strict=True)]


def thinned(items: Sequence[T], most: int) -> Sequence[T]:
    """At most so many of them, spread evenly, the last one included."""
    if len(items) <= most:
        return items
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]
