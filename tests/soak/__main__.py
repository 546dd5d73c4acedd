"""``make soak``: everything here, one after the other; ``ARGS='NAME …'`` only those, ``--seed N`` brings a run back."""

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial

from soak import alerts, dear, der, documents, history, kills, lives, mixed, probes, steady, surroundings, trusted

RUNS: Mapping[str, Callable[[int], object]] = {
    "hangups": lambda _: surroundings.hangups(),
    "few-threads": lambda _: surroundings.few_threads(),
    "few-descriptors": lambda _: surroundings.few_descriptors(),
    "little-memory": lambda _: surroundings.little_memory(),
    "silent-names": lambda _: surroundings.silent_names("c-ares"),
    "silent-names-system": lambda _: surroundings.silent_names("system"),
    "locked-file": lambda _: surroundings.locked_file(),
    "alerts": lambda _: alerts.main(),
    "mixed": partial(mixed.main, 600),
    "kills": partial(kills.main, 500),
    "documents": partial(documents.main, 40),
    "documents-in-turn": partial(documents.looks, 100),
    "history": partial(history.main, 1000),
    "trusted": partial(trusted.main, 1_000_000),
    "der": partial(der.main, 1_000_000),
    "probes": lambda _: probes.main(),
    "signatures": dear.signatures,
    "streams": dear.streams,
    "steady": partial(steady.main, 200_000),
    "lives": lambda _: lives.main(),
}
"""What is run, by name, each with a seed."""


def main() -> int:
    """The exit code: 0 when all held."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to run: {', '.join(RUNS)} (default: all)")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    flags = parser.parse_args()
    failed = False
    for name in flags.names or RUNS:
        print(f"{name}, seed {flags.seed}", flush=True)
        try:
            said = RUNS[name](flags.seed)
        except AssertionError as error:
            failed, said = True, f"FAILED: {error}"
        if isinstance(said, bool):
            failed, said = failed or not said, "" if said else "FAILED"
        if said:
            print(f"  {said}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
