"""All lives, judged by the alert rules over what the exporter answers: ``python -m soak.lives``."""

import tempfile
from pathlib import Path

import stack
from lives.alerts import complaints, raised
from lives.every import FLEETS
from lives.replay import report


def main() -> None:
    """Ends when every life raised its alerts as it must, or with AssertionError; prints them all."""
    with tempfile.TemporaryDirectory() as folder:
        found = raised(list(FLEETS.values()), stack.found("promtool"), Path(folder))
    wrong = []
    for name, fleet in FLEETS.items():
        print(report(fleet, found[name].told))
        wrong += [f"{name}: {each}" for each in complaints(fleet, found[name])]
    if wrong:
        raise AssertionError("\n".join(["", *wrong]))


if __name__ == "__main__":
    main()
