"""Proofs that the methods learn: short trainings with fixed seeds whose success is a number, on one CPU core.

A module of this folder holds the proofs of one system, each a function that returns its claims::

    @proof('ring, GAN')
    def ring_gan(out: Path) -> list[Claim]:
        ...
        return [Claim('modes covered of 8', before=0, after=8, at_least=8)]

``out`` is a folder for pictures. A proof takes at most 6 minutes, one of a translation 10, one with
several seeds 10 for each; aim at 3.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
HELPERS = ('__init__', 'run', 'plot')
DATA = Path('data')  # folder of the sets that `toolbox prepare` makes


@dataclass(frozen=True)
class Claim:
    """A number after a training, what it was before, and the bound that it must keep."""

    what: str
    after: float
    before: float | None = None
    at_least: float | None = None
    at_most: float | None = None

    @property
    def holds(self) -> bool:
        return ((self.at_least is None or self.after >= self.at_least)
                and (self.at_most is None or self.after <= self.at_most))

    @property
    def bound(self) -> str:
        return f'>= {self.at_least:g}' if self.at_least is not None else f'<= {self.at_most:g}'


Proof = Callable[..., list[Claim]]
PROOFS: dict[str, Proof] = {}
ON_PHOTOGRAPHS: dict[str, Proof] = {}  # these take a folder of the user's, too
NEEDS: dict[str, str] = {}  # the sets of `toolbox prepare` that some proofs need


def proof(name: str, photos: bool = False, needs: str = '') -> Callable[[Proof], Proof]:
    """Register a proof under a name that tells data and method.

    One of ``photos`` gets their folder; one that ``needs`` a set of `toolbox prepare` finds it in ``DATA``.
    """
    def register(function: Proof) -> Proof:
        (ON_PHOTOGRAPHS if photos else PROOFS)[name] = function
        if needs:
            NEEDS[name] = needs
        return function
    return register


def missing(name: str) -> str:
    """The set that a proof needs and that is not there, or ''."""
    needs = NEEDS.get(name, '')
    return '' if not needs or (DATA / needs).is_dir() else needs


def load() -> dict[str, Proof]:
    """All proofs of all modules of this folder, by name."""
    for path in sorted(FOLDER.glob('*.py')):
        if path.stem not in HELPERS:
            importlib.import_module(f'{__name__}.{path.stem}')
    return PROOFS


def table(rows: Iterable[tuple[str, list[Claim], float]]) -> str:
    """Markdown table of (name, claims, seconds)."""
    lines = ['| proof | claim | before | after | must be | seconds |', '|---|---|---|---|---|---|']
    for name, claims, seconds in rows:
        for i, claim in enumerate(claims):
            first, last = (name, f'{seconds:.0f}') if i == 0 else ('', '')
            before = '' if claim.before is None else f'{claim.before:.3g}'
            lines.append(f'| {first} | {claim.what} | {before} | {claim.after:.3g} | {claim.bound} | {last} |')
    return '\n'.join(lines)
