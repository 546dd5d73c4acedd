"""The property of tests/property/test_trusted.py for longer: ``python -m soak.trusted SECONDS [SEED]``."""

import sys
import time
from collections import Counter
from random import Random

from mutants import DOCUMENTS, MEANT, mutant, read_otherwise

from exporter.model import SignatureState


def main(seconds: float, seed: int) -> None:
    """Ends after so many seconds, or with AssertionError at the first document that is trusted and read otherwise."""
    random = Random(seed)  # noqa: S311 -- a seed brings the case back
    outcomes: Counter[str] = Counter()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        nth = random.randrange(len(DOCUMENTS))
        changed = mutant(DOCUMENTS[nth], random)
        outcome = read_otherwise(changed, MEANT[nth])
        outcomes[outcome or "the same"] += 1
        if outcome is SignatureState.TRUSTED:
            raise AssertionError(f"seed {seed}, document {outcomes.total()}: trusted, and read otherwise: {changed!r}")
    said = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
    print(f"seed {seed}: {outcomes.total()} changed documents, 0 trusted and read otherwise; {said}")


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]) if sys.argv[2:] else time.time_ns())
