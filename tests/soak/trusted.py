"""The property of tests/property/test_trusted.py for longer: ``python -m soak.trusted DOCUMENTS [SEED]``.

Half of the documents are real ones, where the corpus of them is there.
"""

import sys
import time
from collections import Counter
from random import Random

import corpora
from mutants import ORIGINALS, SIGNED, mutant, read_otherwise, real

LONGEST = 100_000
"""Bytes of a real document, so that a million take an hour and not a day."""


def main(documents: int, seed: int) -> None:
    """Ends after so many changed documents, or with AssertionError at the first that is signed and read otherwise."""
    random = Random(seed)  # noqa: S311 -- a seed brings the case back
    outcomes: Counter[str] = Counter()
    there = (corpora.FOLDER / "documents").is_dir()
    others = [each for each in real(corpora.FOLDER) if len(each.document) <= LONGEST] if there else []
    for nth in range(1, documents + 1):
        original = random.choice(random.choice([others or ORIGINALS, ORIGINALS]))
        changed = mutant(original.document, random)
        outcome = read_otherwise(changed, original)
        outcomes[outcome or "the same"] += 1
        if outcome in SIGNED:
            raise AssertionError(f"seed {seed}, document {nth}: {outcome}, and read otherwise: {changed!r}")
    said = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
    count = len(ORIGINALS) + len(others)
    print(f"seed {seed}: {documents} documents out of {count} changed, none signed and read otherwise; {said}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if sys.argv[2:] else time.time_ns())
