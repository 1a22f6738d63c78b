"""What a data set says about its images: names whose order gives labels a meaning, channels, what the numbers in files
mean, whether pixels are read as stored or as shown, how pairs are stored, and of label maps the colours, whether pixels
may be unknown and whether objects are told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

NAMED = ('domains', 'classes', 'attributes')
OF_MAPS = ('palette', 'unknown', 'instances')
OF_IMAGES = ('pyramid',)  # of a set of one image: the sizes at which it is learnt
IN_FILES = ('numbers', 'unknown_numbers')  # of label maps: what means a class there, for other data sets alone
MAX_ASPECT_DEVIATION = 0.25
Facts = dict[str, Any]


def facts_of(dataset: Any) -> Facts:
    """What a data set says by its ``facts()``, as plain data; nothing for one that has no such method."""
    facts: Facts = getattr(dataset, 'facts', dict)()
    return {name: list(value) if name in NAMED else value for name, value in facts.items()}


def named(source: Any) -> Facts:
    """The names that an object has as attributes, each a list of strings."""
    found: Facts = {name: getattr(source, name, None) for name in NAMED}
    return {name: list(value) for name, value in found.items() if are_names(value)}


def are_names(value: Any) -> bool:
    """Whether it is a sequence of strings that is not empty."""
    return isinstance(value, Sequence) and not isinstance(value, str) and bool(value) and all(
        isinstance(item, str) for item in value)


def differences(first: Mapping[str, Any], second: Mapping[str, Any], names: tuple[str, str]) -> list[str]:
    """One message, with both lists, for every kind of names that two sources give in another number or order.

    Args:
        first: facts of one source.
        second: facts of the other.
        names: of the two sources, for the messages.
    """
    return [f'{name}: {list(first[name])} in {names[0]}, but {list(second[name])} in {names[1]}'
            for name in NAMED if are_names(first.get(name)) and are_names(second.get(name))
            and list(first[name]) != list(second[name])]


def other_pairs(first: Mapping[str, Any], second: Mapping[str, Any], names: tuple[str, str]) -> list[str]:
    """A message where the images of pairs in two splits differ in shape, and one of the two is cut in the middle.

    That happens to single photographs in the place of pairs A|B. Pairs of two files may have any shape.
    """
    pairs = [facts.get('pairs') for facts in (first, second)]
    aspects: list[Any] = [pair.get('aspect') for pair in pairs if isinstance(pair, Mapping)]
    if len(aspects) < 2 or not all(isinstance(aspect, float) and aspect > 0 for aspect in aspects):
        return []
    stored = [pair.get('stored') for pair in pairs if isinstance(pair, Mapping)]
    if 'joined' not in stored or abs(aspects[1] / aspects[0] - 1) <= MAX_ASPECT_DEVIATION:
        return []
    return [' but '.join(f'{name} has pairs whose images have width/height {aspect:.2f} ({kind})'
                         for name, aspect, kind in zip(names, aspects, stored, strict=True))]


def range_differences(first: Mapping[str, Any], second: Mapping[str, Any], names: tuple[str, str]) -> list[str]:
    """The same for the value ranges of images that both have; types of files may differ."""
    keys = [key for key in first.get('channels', ()) if key in second.get('channels', ())]
    limits = [{key: tuple(ranges[key][:2]) if key in ranges else None for key in keys}
              for ranges in (facts.get('value_range', {}) for facts in (first, second))]
    return [f'value_range of {key}: {limits[0][key]} in {names[0]}, but {limits[1][key]} in {names[1]}'
            for key in keys if limits[0][key] != limits[1][key]]


def pixel_differences(first: Mapping[str, Any], second: Mapping[str, Any], names: tuple[str, str]) -> list[str]:
    """A message where two sources read the pixels of files in different ways; sets without files read none."""
    found = [facts.get('pixels') for facts in (first, second)]
    if None in found or found[0] == found[1]:
        return []
    return [f'pixels: {found[0]!r} in {names[0]}, but {found[1]!r} in {names[1]}']


def other_hold_outs(first: Mapping[str, Any], second: Mapping[str, Any], names: tuple[str, str]) -> list[str]:
    """A message where the second source is a held-out part of a set that the first one divides in another way."""
    if 'hold_out' not in second or first.get('hold_out') == second['hold_out']:
        return []
    return [f'hold_out: {first.get("hold_out")} in {names[0]}, but {second["hold_out"]} in {names[1]}']
