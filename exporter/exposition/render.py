"""Sheets to the bytes of a scrape."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from exporter.exposition.families import FAMILIES, MEMORY, Family
from exporter.exposition.sheet import MOVING, Sheet, document_sheet, look_sheet
from exporter.record import Record

SECONDS_PER_DAY = 86400


@dataclass(frozen=True, slots=True)
class _Kept:
    """The sheet of one target, and the record it was made of."""

    record: Record
    document: Sheet
    """The part about the document, which outlives many a look."""
    whole: Sheet


class Press:
    """Renders records, and keeps each sheet for as long as it holds.

    What it keeps changes nothing but the time it takes: a sheet names the moment until which it would come out
    the same. May be called from several threads at once.
    """

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._kept: dict[str, _Kept] = {}

    def render(self, records: Sequence[Record], now: datetime, *, openmetrics: bool) -> bytes:
        """The scrape of all targets, without the last line that OpenMetrics asks for."""
        kept = {record.target.name: self._keep(record, now) for record in records}
        self._kept = kept
        return render([each.whole for each in kept.values()], now, openmetrics=openmetrics)

    def _keep(self, record: Record, now: datetime) -> _Kept:
        kept = self._kept.get(record.target.name)
        if kept is not None and kept.record is record and kept.whole.holds(now):
            return kept
        if kept is not None and kept.document.holds(now) and _same_document(kept.record, record):
            document = kept.document
        else:
            document = document_sheet(record, now, limit=self._limit)
        return _Kept(record, document, look_sheet(record, now).beside(document))


def render_probe(record: Record, now: datetime, *, limit: int, openmetrics: bool) -> bytes:
    """The scrape of one look by itself: no counter, no first-seen time, no change, no promotion."""
    sheet = look_sheet(record, now).beside(document_sheet(record, now, limit=limit))
    return render([sheet], now, openmetrics=openmetrics, without=MEMORY)


def render(
    sheets: Sequence[Sheet], now: datetime, *, openmetrics: bool, without: frozenset[Family] = frozenset()
) -> bytes:
    """The text of the sheets, each family under one heading, in the order of :data:`FAMILIES`."""
    # One pass in C over everything that holds; a join of this size lets go of the interpreter lock.
    fixed = dict(zip(FAMILIES, zip(*(sheet.fixed for sheet in sheets), strict=True), strict=False))
    moving = dict(zip(MOVING, zip(*(sheet.moving for sheet in sheets), strict=True), strict=False))
    moment = now.timestamp()
    parts: list[bytes] = []
    for family in FAMILIES:
        lines = [
            f"{series}{(to - moment) / SECONDS_PER_DAY:.6f}\n" for rows in moving.get(family, ()) for series, to in rows
        ]
        text = fixed.get(family, ())
        if family not in without and (lines or any(text)):
            parts.append(family.header(openmetrics=openmetrics).encode())
            parts.extend(text)
            parts.append("".join(lines).encode())
    return b"".join(parts)


def _same_document(kept: Record, record: Record) -> bool:
    return (
        kept.document is record.document
        and kept.history.entities is record.history.entities
        and kept.target == record.target
    )
