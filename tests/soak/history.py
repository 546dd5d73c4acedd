"""Documents that show something new at every look, for as long as one likes: what is remembered of them stays flat.

``PYTHONPATH=tests python tests/soak/history.py [LOOKS [SEED]]``; ends with 1 when it does not.
"""

import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import median

import scrapes
from builders import NOW, probed, watched
from kept import kept_in

from exporter.history import PER_TARGET
from exporter.model import Certificate, Document, Entity
from exporter.record import Record, bare

ENTITIES, KEYS = 2_000, 20
INTERVAL = timedelta(minutes=5)
TOLERANCE = 0.05
PAGE = 4096


def main(looks: int = 1_000, seed: int = 1) -> bool:
    """Looks so many times at each kind of document, and prints figures; whether memory was flat."""
    print(f"seed {seed}, {looks} looks")
    chance = random.Random(seed)  # noqa: S311 -- chance, not secrecy
    return all(
        [
            _soak(f"{ENTITIES} new entityIDs", looks, lambda: _aggregate(chance)),
            _soak(f"{KEYS} new keys of one entity", looks, lambda: _one(chance)),
        ]
    )


def _aggregate(chance: random.Random) -> Document:
    return scrapes.document(
        *(scrapes.idp(_new(chance), entity_id=f"urn:{chance.getrandbits(64):x}") for _ in range(ENTITIES)),
        aggregate=True,
    )


def _one(chance: random.Random) -> Document:
    entity: Entity = scrapes.idp(*(_new(chance) for _ in range(KEYS)))
    return scrapes.document(entity)


def _new(chance: random.Random) -> Certificate:
    return replace(scrapes.certificate("1"), fingerprint=f"{chance.getrandbits(256):064x}")


def _soak(kind: str, looks: int, publish: Callable[[], Document]) -> bool:
    record, at = bare(watched("soak", "https://soak.example/")), NOW
    seconds, resident = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.sqlite"
        with kept_in(path, NOW) as state:
            state.load("soak", record.target.url)
            for _ in range(looks):
                document = publish()
                at += INTERVAL
                began = time.process_time()
                record = probed(record, scrapes.good(document, at))
                state.keep(record)
                seconds.append(time.process_time() - began)
                del document
                resident.append(_resident())
            size = sum(each.stat().st_size for each in Path(folder).iterdir())
    return _told(kind, record, seconds, resident, size)


def _resident() -> int:
    """Bytes of this process in memory (proc_pid_statm(5))."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE


def _told(kind: str, record: Record, seconds: Sequence[float], resident: Sequence[int], size: int) -> bool:
    # From where the bounds are met, and the state's own copies are whole: until then memory must grow.
    full = min(len(resident) - 1, max(2 * PER_TARGET // ENTITIES, len(resident) // 4))
    growth = median(resident[-10:]) / median(resident[full : full + 10]) - 1
    early, late = median(seconds[full : full + 10]), median(seconds[-10:])
    history = record.history
    known = sum(len(each.first_seen) for each in history.entities.values())
    print(f"{kind}: {len(history.entities)} entities, {known} certificates remembered, {history.dropped} dropped")
    print(f"  memory {resident[full] / 1e6:.0f} MB after {full} looks, {resident[-1] / 1e6:.0f} MB ({growth:+.1%})")
    print(f"  a look and its save {early * 1e3:.0f} ms, {late * 1e3:.0f} ms; state file {size / 1e6:.1f} MB")
    return abs(growth) <= TOLERANCE


if __name__ == "__main__":
    sys.exit(0 if main(*map(int, sys.argv[1:])) else 1)
