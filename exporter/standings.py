"""How every target stands, judged anew only where it may stand otherwise by now."""

from collections.abc import Sequence
from datetime import datetime

from exporter.findings import Standing, standing
from exporter.record import Record


class Standings:
    """Judges records, and keeps each judgement for as long as it holds.

    What it keeps changes nothing but the time it takes. May be called from several threads at once.
    """

    def __init__(self) -> None:
        self._kept: dict[str, Standing] = {}

    def of(self, records: Sequence[Record], now: datetime) -> Sequence[Standing]:
        """How each target stands, in the order of the records, which are all that there are."""
        kept = self._kept
        found = [standing(each, now, before=kept.get(each.target.name)) for each in records]
        self._kept = {each.asked.target.name: each for each in found}
        return found

    def one(self, record: Record, now: datetime) -> Standing:
        """How one of the targets stands."""
        name = record.target.name
        found = standing(record, now, before=self._kept.get(name))
        self._kept[name] = found
        return found
