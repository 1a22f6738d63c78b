"""The list of mutants is up to date, and the ones whose turn it is are caught. ``make mutants`` tries all of them."""

from __future__ import annotations

import pytest
from mutants import MUTANTS
from run_mutants import problems, verdict
from tiny import turn

AT_ONCE = 2


def test_every_mutant_changes_one_place_and_names_a_test() -> None:
    assert len(MUTANTS) >= 60 and len({(m.file, m.new) for m in MUTANTS}) == len(MUTANTS)
    assert [problem for mutant in MUTANTS for problem in problems(mutant)] == []


@pytest.mark.parametrize('place', range(AT_ONCE))
def test_the_mutants_whose_turn_it_is_are_caught(place: int) -> None:
    mutant = MUTANTS[(turn() * AT_ONCE + place) % len(MUTANTS)]
    assert verdict(mutant) == ''


def test_a_mutant_that_changes_nothing_survives() -> None:
    same = MUTANTS[0]._replace(new=MUTANTS[0].old, test='test_schedules.py::test_last_epochs_of_both_orders')
    assert verdict(same).startswith('SURVIVES')
