"""The properties of tests/property/test_steady.py for longer: ``python -m soak.steady WORLDS [SEED]``."""

import sys
import time
from collections.abc import Sequence

import steady

SHARES: Sequence[tuple[steady.Check, float]] = (
    (steady.at_once, 0.55),
    (steady.in_time, 0.15),
    (steady.grown_old, 0.1),
    (steady.mistaken, 0.05),
    (steady.trusting, 0.1),
    (steady.returning, 0.03),
    (steady.taking_turns, 0.02),
)
"""What is asked of which part of the worlds; what takes long is asked of few."""


def main(worlds: int, seed: int) -> str:
    """How many worlds were judged; ends with AssertionError at the first that is judged wrongly."""
    for check, share in SHARES:
        count = round(worlds * share)
        wrong = steady.first_wrong(count, seed, check)
        assert not wrong, wrong
        print(f"  {check.__name__}: {count} worlds")
    return f"seed {seed}: {worlds} worlds, none judged wrongly"


if __name__ == "__main__":
    print(main(int(sys.argv[1]), int(sys.argv[2]) if sys.argv[2:] else time.time_ns()))
