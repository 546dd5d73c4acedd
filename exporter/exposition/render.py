"""Sheets to the bytes of a scrape."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from exporter.exposition.families import FAMILIES, MEMORY, Family
from exporter.exposition.sheet import Row, Sheet, document_sheet, look_sheet
from exporter.record import Record

SECONDS_PER_DAY = 86400


@dataclass(frozen=True, slots=True)
class _Kept:
    """The sheets of one target, and the record they were made of."""

    record: Record
    look: Sheet
    document: Sheet


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
        kept = {record.target.name: self._sheets(record, now) for record in records}
        self._kept = kept
        sheets = [sheet for each in kept.values() for sheet in (each.look, each.document)]
        return render(sheets, now, openmetrics=openmetrics)

    def _sheets(self, record: Record, now: datetime) -> _Kept:
        kept = self._kept.get(record.target.name)
        if kept is not None and kept.record is record and kept.document.holds(now):
            return kept
        if kept is not None and kept.document.holds(now) and _same_document(kept.record, record):
            return _Kept(record, look_sheet(record, now), kept.document)
        return _Kept(record, look_sheet(record, now), document_sheet(record, now, limit=self._limit))


def render_probe(record: Record, now: datetime, *, limit: int, openmetrics: bool) -> bytes:
    """The scrape of one look by itself: no counter, no first-seen time, no change, no promotion."""
    sheets = (look_sheet(record, now), document_sheet(record, now, limit=limit))
    return render(sheets, now, openmetrics=openmetrics, without=MEMORY)


def render(
    sheets: Iterable[Sheet], now: datetime, *, openmetrics: bool, without: frozenset[Family] = frozenset()
) -> bytes:
    """The text of the sheets, each family under one heading, in the order of :data:`FAMILIES`."""
    fixed: dict[Family, list[str]] = {}
    moving: dict[Family, list[Row]] = {}
    for sheet in sheets:
        for family, text in sheet.fixed.items():
            fixed.setdefault(family, []).append(text)
        for family, rows in sheet.moving.items():
            moving.setdefault(family, []).extend(rows)
    moment = now.timestamp()
    parts: list[str] = []
    for family in FAMILIES:
        if family in without or (family not in fixed and family not in moving):
            continue
        parts.append(family.header(openmetrics=openmetrics))
        parts.extend(fixed.get(family, ()))
        parts.extend([f"{series}{(to - moment) / SECONDS_PER_DAY:.6f}\n" for series, to in moving.get(family, ())])
    return "".join(parts).encode()


def _same_document(kept: Record, record: Record) -> bool:
    return (
        kept.document is record.document
        and kept.history.entities is record.history.entities
        and kept.target == record.target
    )
