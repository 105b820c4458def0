"""Depth of a run: a fixed sample in ``make test``, everything in ``make nightly``."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Hashable, Mapping, Sequence
from typing import Final

NIGHTLY: Final = bool(os.environ.get("BOLTZ_KEYSCAN_NIGHTLY"))
"""Full depth. Read at import, because tests see no variable of this name."""

EXAMPLES: Final = 10
"""Examples that Hypothesis draws for a law in ``make test``, always the same."""


def examples(full: int) -> int:
    """Return the number of examples of a law that takes ``full`` at full depth."""
    return full if NIGHTLY else min(full, EXAMPLES)


def covering(cases: Sequence[Mapping[str, Hashable]], strength: int, seed: str) -> list[int]:
    """Choose cases that have every combination of values of ``strength`` parameters at least once.

    Args:
        cases: the values of each case by parameter.
        strength: 1 for every value of every parameter, 2 for every pair of values of two parameters.
        seed: what the choice among equally good cases depends on.

    Returns:
        The positions of the chosen cases, in order; the same for the same arguments.
    """
    has = [
        {frozenset(some) for some in itertools.combinations(case.items(), min(strength, len(case)))}
        for case in cases
    ]
    order = random.Random(seed).sample(range(len(cases)), len(cases))
    missing = set().union(*has)
    chosen: list[int] = []
    while missing:
        best = max(order, key=lambda position: len(has[position] & missing))
        missing -= has[best]
        chosen.append(best)
    return sorted(chosen)


def drawn(count: int, of: int, seed: str) -> list[int]:
    """Choose ``count`` of ``of`` positions, in order; the same for the same arguments."""
    return sorted(random.Random(seed).sample(range(of), min(count, of)))
