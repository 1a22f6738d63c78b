"""Short trainings whose success is a number (slow), and the page that shows them."""

from __future__ import annotations

import math
import re
import sys
import time

import numpy as np
import pytest
import torch
from tiny import ROOT, some_by_turn

from toolbox.engine import Runner

sys.path.insert(0, str(ROOT / 'tools'))
import proofs

PROOFS = proofs.load()
PAGE = (ROOT / 'docs/proofs.md').read_text()
TRANSLATIONS = ('disc to star', 'plain to striped', 'styles', 'toys')
SEVERAL_SEEDS = ('clothes', 'symbols', 'emoji', 'few shapes')
WHOLE = ('ring', 'disjoint lines', 'landscape')  # no config, or one of stages: they cannot be short
SHORTEST = {'shapes, WGAN critic': 301}  # iterations: it looks at samples of every 150th
MAPS = ('scenes', 'uniform maps')


def limit(name: str) -> float:
    """CPU seconds that a proof may take."""
    if name.startswith(SEVERAL_SEEDS):
        return 1200
    return 600 if name.startswith(TRANSLATIONS) else 480 if name.startswith(MAPS) else 360


@pytest.mark.slow
@pytest.mark.parametrize('name', PROOFS)
def test_proof_holds(name, tmp_path, monkeypatch):
    monkeypatch.setattr(proofs, 'DATA', ROOT / 'data')
    if needs := proofs.missing(name):
        pytest.skip(f'needs data/{needs}: toolbox prepare {needs}')
    torch.set_num_threads(1)
    start = time.process_time()
    claims = PROOFS[name](tmp_path)
    assert claims and [claim for claim in claims if not claim.holds] == []
    assert time.process_time() - start <= limit(name)


@pytest.mark.parametrize('name', some_by_turn([name for name in PROOFS if not name.startswith(WHOLE)], 2))
def test_a_proof_measures_a_training_of_two_iterations(name, tmp_path, monkeypatch):
    """Nobody runs all of them after each change: here their configs, metrics and pictures work."""
    if needs := proofs.missing(name):
        pytest.skip(f'needs data/{needs}: toolbox prepare {needs}')
    build = Runner.from_cfg

    def short(cfg):
        cfg.train_cfg = dict(cfg.train_cfg, max_iters=SHORTEST.get(name, 2), max_epochs=None)
        return build(cfg)

    monkeypatch.setattr(Runner, 'from_cfg', short)
    assert all(math.isfinite(claim.after) for claim in PROOFS[name](tmp_path))


def test_the_page_shows_every_proof_with_numbers_that_hold():
    rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in PAGE.splitlines()
            if line.startswith('| ')][1:]
    there = {row[0] for row in rows} - {''}
    assert there <= set(PROOFS) and set(PROOFS) - there <= set(proofs.NEEDS)  # those on real sets may not have been run
    for *_, after, bound, _seconds in rows:
        relation, number = bound.split()
        assert (float(after) >= float(number)) if relation == '>=' else (float(after) <= float(number)), bound
    for name, *_, seconds in rows:
        assert re.fullmatch(r'\d+', seconds) and float(seconds) <= limit(name) if name else not seconds


def test_emoji_are_blurred_by_their_neighbours_and_averaged_in_squares():
    from proofs import real
    image = np.zeros((8, 8, 3), np.uint8)
    image[0, 0], image[4, 4] = 90, 45
    blurred = real.blur(image)
    assert blurred[0, 0].tolist() == [40] * 3  # the corner counts four times
    assert blurred[4, 5].tolist() == [5] * 3 and blurred[7, 7].tolist() == [0] * 3
    assert real.coarse([image])[0][..., 0].tolist() == [[90 / 16, 0], [0, 45 / 16]]


def test_a_claim_that_is_not_so_is_seen():
    claims = [proofs.Claim('a', 8, at_least=8), proofs.Claim('b', 7, 0, at_least=8), proofs.Claim('c', 2, at_most=1)]
    assert [claim.holds for claim in claims] == [True, False, False]
    lines = proofs.table([('name', claims, 12.3)]).splitlines()
    assert lines[2] == '| name | a |  | 8 | >= 8 | 12 |' and lines[4] == '|  | c |  | 2 | <= 1 |  |'
