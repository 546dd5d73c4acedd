"""Fragments to the bytes of a scrape."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import add, is_, itemgetter
from types import MappingProxyType

from exporter.exposition.documents import document_fragment
from exporter.exposition.families import FAMILIES, MEMORY, REMOVED, Family
from exporter.exposition.fragment import Fragment, Writer, together
from exporter.exposition.looks import look_fragment
from exporter.exposition.policies import policies_fragment
from exporter.findings import Standing, standing
from exporter.record import Record
from exporter.rollover import FOREVER
from exporter.standings import Standings

SECONDS_PER_DAY = 86400

_ROOM = 2**19
"""Bytes that removals take in a scrape: some 5,000 of targets with short names, 500 of those with the longest."""

_NOBODY: Mapping[str, datetime] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Kept:
    """The fragments of one target, and how it stood when they were made."""

    standing: Standing
    look: Fragment
    document: Fragment


class Renderer:
    """Renders records, and keeps what it made for as long as that holds.

    What it keeps changes nothing but the time it takes: a fragment names the moment until which it would come out
    the same. May be called from several threads at once.
    """

    def __init__(self, *, limit: int, standings: Standings | None = None) -> None:
        self._limit = limit
        self._standings = standings or Standings()
        self._kept: dict[str, _Kept] = {}
        self._documents: tuple[Sequence[Fragment], Fragment] | None = None
        """Fragments about documents, nine tenths of the text, and all of them as one: they outlive many a probe."""

    def render(
        self,
        records: Sequence[Record],
        now: datetime,
        *,
        removed: Mapping[str, datetime] = _NOBODY,
        openmetrics: bool,
    ) -> bytes:
        """The scrape of all targets, without the last line that OpenMetrics asks for.

        ``removed`` says when each of those was removed that are watched no longer.
        """
        judged = self._standings.of(records, now)
        kept = {each.asked.target.name: self._keep(each, now) for each in judged}
        self._kept = kept
        fragments = [policies_fragment((each.standing.policy for each in kept.values()), now), _removals(removed, now)]
        if kept:
            documents = self._together([each.document for each in kept.values()])
            fragments += (documents, together(each.look for each in kept.values()))
        return render(fragments, now, openmetrics=openmetrics)

    def _keep(self, found: Standing, now: datetime) -> _Kept:
        kept = self._kept.get(found.asked.target.name)
        if kept is None or not kept.document.holds(now) or not _same_document(kept.standing.record, found.asked):
            return _Kept(found, look_fragment(found, limit=self._limit), document_fragment(found, limit=self._limit))
        return kept if found is kept.standing else _Kept(found, look_fragment(found, limit=self._limit), kept.document)

    def _together(self, documents: Sequence[Fragment]) -> Fragment:
        known = self._documents
        if known is not None and len(known[0]) == len(documents) and all(map(is_, known[0], documents)):
            return known[1]
        self._documents = documents, together(documents)
        return self._documents[1]


def render_probe(record: Record, now: datetime, *, limit: int, openmetrics: bool) -> bytes:
    """The scrape of one probe by itself: nothing that needs another, or an answer of Entra ID's."""
    found = standing(record, now, remembers=False)
    fragments = [
        document_fragment(found, limit=limit),
        look_fragment(found, limit=limit),
        policies_fragment([found.policy], now),
    ]
    return render(fragments, now, openmetrics=openmetrics, without=MEMORY)


def render(
    fragments: Sequence[Fragment], now: datetime, *, openmetrics: bool, without: frozenset[Family] = frozenset()
) -> bytes:
    """The text of the fragments, each family under one heading, in the order of :data:`FAMILIES`."""
    left = _days_left(set().union(*(ends for fragment in fragments for ends in fragment.ends.values())), now)
    parts: list[bytes] = []
    for family in FAMILIES:
        texts = [text for fragment in fragments for text in _texts(fragment, family, left)]
        if texts and family not in without:
            parts += (family.header(openmetrics=openmetrics).encode(), *texts)
    return b"".join(parts)


def _removals(removed: Mapping[str, datetime], now: datetime) -> Fragment:
    """Who was removed, the latest first: what has no room is missing."""
    writer = Writer()
    for name, at in sorted(removed.items(), key=itemgetter(1), reverse=True):
        if writer.size > _ROOM:
            break
        writer.write(REMOVED, at.timestamp(), target=name)
    return writer.fragment(now, FOREVER)


def _days_left(moments: Iterable[float], now: datetime) -> Mapping[float, str]:
    """The end of a line for each moment; many certificates share one, and formatting is what takes time."""
    here = now.timestamp()
    return {to: f"{(to - here) / SECONDS_PER_DAY:.6f}\n" for to in moments}


def _texts(fragment: Fragment, family: Family, left: Mapping[float, str]) -> Iterator[bytes]:
    """The lines of one family: those that hold as long as the fragment, or those whose days are counted now."""
    if family in fragment.fixed:
        yield fragment.fixed[family]
    if family in fragment.moving:
        yield "".join(map(add, fragment.moving[family], map(left.__getitem__, fragment.ends[family]))).encode()


def _same_document(kept: Record, record: Record) -> bool:
    return kept is record or (
        kept.document is record.document
        and kept.history.entities is record.history.entities
        and kept.target == record.target
    )
