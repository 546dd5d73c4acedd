"""Drives what the exporter knows and judges through a life, look by look, and compares it with what must be found."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

from builders import looking, probed, with_looks
from lives.story import (
    Exporter,
    Fleet,
    Life,
    May,
    Must,
    Named,
    Published,
    T,
    Timeline,
    Watch,
    moment,
    within,
)

from exporter import inquiry as inquiries
from exporter.config.settings import SERVICE, Entra
from exporter.findings import Finding, standing
from exporter.inquiry import DomainRecord, Inquiry, TrustReason
from exporter.model import Observation, Reason
from exporter.record import Record, answered, bare
from exporter.rollover import Severity

ASKED = timedelta(hours=1)
"""How often Entra ID is asked."""
JUDGED = timedelta(minutes=30)
"""How often is judged, at least."""
TOLD_FOR = timedelta(days=7)
"""How long an exporter says that a target was taken out."""
PRECISION = 1 / 86400
"""Days are no exact numbers: a second."""

SHOWN = 8
"""Lines of one sort in a complaint."""

About = frozenset[tuple[str, str]]
Found = frozenset[tuple[Named, About]]
Moments = Sequence[tuple[float, Found]]
"""By day what was found then."""


@dataclass(frozen=True)
class Run:
    """How long something was found without a gap."""

    begin: float
    end: float | None
    """The day on which it was not found any more; None: it was found to the end."""

    def __str__(self) -> str:
        return f"{self.begin:+8.2f} .. {'the end' if self.end is None else f'{self.end:+.2f}':8}"

    def lies_in(self, since: float, until: float | None) -> bool:
        """Whether it is within these days; None: to the end."""
        return since <= self.begin + PRECISION and (
            until is None or (self.end is not None and self.end <= until + PRECISION)
        )


def lived(life: Life) -> Moments:
    """What is found at every moment of a life at which the exporter runs."""
    return list(_lived(life))


def _lived(life: Life) -> Iterator[tuple[float, Found]]:
    exporter = life.exporter()
    moments = walked(exporter, life.days, every=life.every, step=min(life.every, JUDGED))
    for process, known in groupby(moments, key=lambda each: each.process):
        judged = None
        for found in known if process else ():
            (record,) = found.records
            judged = standing(record, found.at + exporter.ahead, before=judged)
            yield found.day, _found(judged.findings)


@dataclass(frozen=True)
class Moment:
    """What an exporter knows at a moment."""

    at: datetime
    process: tuple[float, float] | None
    """From when to when it runs that does; None: it does not run."""
    records: Sequence[Record]
    """Of each target that is configured; of what it knew at its end, while it does not run."""
    removed: Mapping[str, datetime]
    """When those targets were taken out that were, within the last week."""

    @property
    def day(self) -> float:
        return (self.at - T) / timedelta(days=1)


def walked(exporter: Exporter, days: tuple[float, float], *, every: timedelta, step: timedelta) -> Iterator[Moment]:
    """What an exporter knows step by step, whether it runs or not; all that it watches is looked at together."""
    known: Mapping[str, Record] = {}
    looks, ran, now, end = 0, None, *map(moment, days)
    due = now
    while now < end:
        process = exporter.process(now)
        if process is not None and process != ran:
            known = {name: _restarted(record) for name, record in known.items() if exporter.keeps_state}
            due = now
        if (ran := process) is not None:
            watches = [each for each in exporter.watches if within(each.days, now)]
            looking_now = now >= due
            known = {
                watch.target.name: _advanced(
                    known.get(watch.target.name) or _bare(watch, every),
                    watch,
                    looks if looking_now else None,
                    now,
                    exporter.ahead,
                )
                for watch in watches
            }
            if looking_now:
                looks, due = looks + 1, due + every
        yield Moment(now, process, tuple(known.values()), _removed(exporter, now))
        now += step


def _removed(exporter: Exporter, now: datetime) -> Mapping[str, datetime]:
    """Which targets it says were taken out, and when."""
    ends = {each.target.name: moment(each.days[1]) for each in exporter.watches}
    return {name: at for name, at in ends.items() if at <= now < at + TOLD_FOR}


def _bare(watch: Watch, every: timedelta) -> Record:
    target = looking(watch.target, interval=every.total_seconds())
    target = with_looks(target, *(replace(target.look, node=node, address=node) for node in watch.nodes))
    return bare(replace(target, entra=Entra(tuple(watch.trusted)) if watch.trusted else None))


def _restarted(record: Record) -> Record:
    """What is known of a target when the exporter has found its state file."""
    fresh, known = bare(record.target), record.first
    first = replace(fresh.first, document=known.document, validators=known.validators, last_success=known.last_success)
    return replace(
        fresh,
        looks=(first, *fresh.looks[1:]),
        history=replace(record.history, steady=None),
        domains=tuple(
            DomainRecord(each.domain, trust=each.trust, last_success=each.last_success) for each in record.domains
        ),
    )


def _advanced(record: Record, watch: Watch, number: int | None, now: datetime, ahead: timedelta) -> Record:
    """What is known after the look of this number, if it is time for one, and the inquiries of which it is."""
    looked = record if number is None else _looked(record, watch, number, now, ahead)
    return _asked(looked, watch, now, ahead, anew=looked.document is not record.document)


def _looked(record: Record, watch: Watch, number: int, now: datetime, ahead: timedelta) -> Record:
    """What is known after one more look from every place."""
    service = watch.published if isinstance(watch.published, Timeline) else watch.published(number)
    for look in record.target.looks:
        published = service if look.node == SERVICE else watch.nodes[look.node]
        record = probed(record, _observation(published, now, ahead), look=look)
    return record


def _observation(published: Published, now: datetime, ahead: timedelta) -> Observation:
    found = published.at(now)
    if isinstance(found, Reason):
        return Observation(now + ahead, found, "", {}, None, None, None)
    return Observation(now + ahead, None, "", {}, 200, T + timedelta(days=3650), found, clock=now)


def _asked(record: Record, watch: Watch, now: datetime, ahead: timedelta, *, anew: bool) -> Record:
    """What is known after an inquiry about every domain of which it is time to ask."""
    at = now + ahead
    for known in record.domains:
        latest = known.inquiry
        if anew or latest is None or latest.trust is None or at - latest.at >= ASKED:
            said = watch.trusted[known.domain].at(now)
            inquiry = Inquiry(at, said, "", None) if isinstance(said, TrustReason) else Inquiry(at, None, "", said)
            record = answered(record, inquiries.advance(known, inquiry))
    return record


def _found(findings: Sequence[Finding]) -> Found:
    return frozenset((each.kind, _about(each)) for each in findings)


def _about(finding: Finding) -> About:
    """The domain or node, if it is about one."""
    node = finding.place.node if finding.place else SERVICE
    named = {"domain": finding.domain, "node": None if node == SERVICE else node}
    return frozenset((name, each) for name, each in named.items() if each is not None)


def runs(moments: Moments, holds: Callable[[Named, About], bool]) -> Sequence[Run]:
    """How long anything of this was found."""
    found: list[Run] = []
    since: float | None = None
    before, held = None, False
    for day, now in moments:
        if now != before:
            before, held = now, any(holds(kind, about) for kind, about in now)
        if held and since is None:
            since = day
        elif since is not None and not held:
            found.append(Run(since, day))
            since = None
    return found if since is None else [*found, Run(since, None)]


def each_run(moments: Moments) -> Sequence[tuple[Named, About, Run]]:
    """Every run of every finding, the first before the others, and the worse of those that begin together."""
    several = dict.fromkeys(each for _, now in moments for each in now)
    found = [
        (kind, about, run)
        for kind, about in several
        for run in runs(moments, lambda *other, mine=(kind, about): other == mine)
    ]
    return sorted(found, key=lambda each: (each[2].begin, each[0].rank, sorted(each[1])))


def complaints(life: Life | Fleet, moments: Moments) -> Sequence[str]:
    """What must be found and was not, and what was found and must not be, as lines."""
    return [*missing(life, moments), *wrong(life, moments)]


def missing(life: Life | Fleet, moments: Moments, *, handover: float = 0) -> Sequence[str]:
    """What must be found and was not; where one thing follows another, there may be a gap of so many days."""
    return [each for row in life.must if (each := _missed(row, moments, handover)) is not None]


def wrong(life: Life | Fleet, moments: Moments) -> Sequence[str]:
    """What was found and must not be, and what came and went."""
    judged = [each for each in each_run(moments) if each[0].severity >= Severity.WARNING or each[0] in life.never]
    places = [(each, _row(life, *each)) for each in judged]
    unexpected = [f"must not be found:  {line(*each)}" for each, row in places if row is None]
    several = Counter((kind, about, row) for (kind, about, _), row in places if row is not None)
    return [*_some(unexpected), *(f"{times} runs of {kind}" for (kind, *_), times in several.items() if times > 1)]


def _some(lines: Sequence[str]) -> Sequence[str]:
    """The first few of them; one that flaps has hundreds."""
    return lines if len(lines) <= SHOWN else [*lines[:SHOWN], f"and {len(lines) - SHOWN} more"]


def _missed(row: Must, moments: Moments, handover: float) -> str | None:
    """Why what must be found was not found as it must."""
    last = row.ends[1] if row.ends else None
    found = [
        each
        for each in _joined(
            runs(moments, lambda kind, about: kind in row.kinds and _is_about(row, about)),
            handover if len(row.kinds) > 1 else 0,
        )
        if (last is None or each.begin <= last) and (each.end is None or each.end > row.begins[0])
    ]
    match found:
        case [one] if _begins(one, row) and _ends(one, row):
            return None
    came = "; ".join(_some(list(map(str, found)))) or "nothing"
    ends = f"{row.ends[0]:.2f} .. {row.ends[1]:.2f}" if row.ends else "the end"
    kinds = " or ".join(sorted(row.kinds))
    about = " ".join(row.about.values())
    return (
        f"must be found: from {row.begins[0]:.2f} .. {row.begins[1]:.2f} to {ends}: {kinds} {about}, and came: {came}"
    )


def _joined(found: Sequence[Run], gap: float) -> Sequence[Run]:
    """The runs, those as one between which there are no more than so many days."""
    joined: list[Run] = []
    for each in found:
        if joined and (end := joined[-1].end) is not None and each.begin - end <= gap + PRECISION:
            joined[-1] = Run(joined[-1].begin, each.end)
        else:
            joined.append(each)
    return joined


def _begins(run: Run, row: Must) -> bool:
    return row.begins[0] - PRECISION <= run.begin <= row.begins[1] + PRECISION


def _ends(run: Run, row: Must) -> bool:
    if row.ends is None or run.end is None:
        return row.ends is None and run.end is None
    return row.ends[0] - PRECISION <= run.end <= row.ends[1] + PRECISION


def _row(life: Life | Fleet, kind: Named, about: About, run: Run) -> int | None:
    """The number of the row by which a run is right."""
    allowed = [
        *(May(row.kinds, row.begins[0], row.ends[1] if row.ends else None, row.about) for row in life.must),
        *life.may,
    ]
    for number, row in enumerate(allowed):
        if kind in row.kinds and _is_about(row, about) and run.lies_in(row.since, row.until):
            return number
    return None


def _is_about(row: Must | May, about: About) -> bool:
    return row.about.items() <= dict(about).items()


def report(life: Life | Fleet, moments: Moments) -> str:
    """A life as a person would read it: what was found, and for how long."""
    told = [line(*each) for each in each_run(moments)]
    return "\n".join([life.name.upper(), life.story, "", *(told or ["nothing"]), "", ""])


def line(kind: Named, about: About, run: Run) -> str:
    return f"{run}  {kind.severity.name.lower():8}  {' '.join([kind, *(value for _, value in sorted(about))])}"
