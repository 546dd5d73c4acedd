"""A rollover along time, as a picture (SVG 2): when each certificate holds, and what comes when.

Places are in per cent of the width, so the picture is as wide as the screen and its letters keep their size. It has no
style of its own, which the pages' Content-Security-Policy forbids.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from exporter.findings import Standing, ends, predicted
from exporter.model import Certificate
from exporter.page.html import Html, element
from exporter.policy import Profile
from exporter.rollover import Rollover, shifted

BARS = 10
"""Certificates in the picture."""

_SPAN = timedelta(days=400)
"""What lies further from now than this is not drawn: a certificate may be valid for a hundred years."""

_LEAST = timedelta(days=20)
_ROW = 34
"""Pixels of a label, and of what lies below it."""
_LETTERS = 14
_BAR = 10
_THIN = 0.4
"""Per cent of the width."""
_TICKS = 4
_MONTHS = (1, 2, 3, 6, 12)


@dataclass(frozen=True, slots=True)
class Bar:
    """How long a certificate holds."""

    certificate: Certificate
    text: str
    css: str | None


@dataclass(frozen=True, slots=True)
class _Mark:
    at: datetime
    text: str
    css: str = "mark"
    until: datetime | None = None
    """None: it is a moment."""
    always: bool = False
    """It is in the picture, however far away: at its edge."""


@dataclass(frozen=True, slots=True)
class _Scale:
    begin: datetime
    end: datetime

    def place(self, at: datetime) -> float:
        """In per cent of the width; what is not in the picture is at its edge."""
        return max(0.0, min(100.0, 100 * ((at - self.begin) / (self.end - self.begin))))

    def shows(self, at: datetime) -> bool:
        return self.begin <= at <= self.end


def axis(standing: Standing, rollover: Rollover, bars: Sequence[Bar], now: datetime) -> Html:
    """The picture of one rollover as of ``now``."""
    bars = bars[:BARS]
    marks = list(_marks(standing, rollover, now))
    scale = _scale([each.certificate for each in bars], marks, now)
    marks = [each for each in marks if each.always or any(scale.shows(at) for at in (each.at, each.until) if at)]
    height = _ROW * (len(marks) + len(bars))
    labels = [*(f"{each.text} {each.at:%Y-%m-%d}" for each in marks), *(each.text for each in bars)]
    return element(
        "svg",
        element("title", f"Time axis. {'; '.join(labels)}"),
        *_ticks(scale, height),
        *(_mark(each, nth * _ROW, scale, height) for nth, each in enumerate(marks)),
        *(_bar(each, (len(marks) + nth) * _ROW, scale) for nth, each in enumerate(bars)),
        # Above the lines that cross them, and where a small screen has room for the whole.
        *(element("text", each, x="0", y=f"{nth * _ROW + _LETTERS}") for nth, each in enumerate(labels)),
        class_="axis",
        role="img",
        width="100%",
        height=f"{height + _LETTERS + 6}",
    )


def _marks(standing: Standing, rollover: Rollover, now: datetime) -> Iterator[_Mark]:
    yield _Mark(now, "Today", "mark today")
    primary, policy = rollover.primary, standing.policy
    if primary is None or not policy.counts_dates:
        return
    days = policy.thresholds
    if policy.profile.is_adfs:
        polls = shifted(primary.not_after, -timedelta(days=days.poll))
        reads = "reads" if now < primary.not_after else "read"
        yield _Mark(polls, f"Entra ID {reads} the metadata daily, from", "mark window", primary.not_after)
    if rollover.successor is not None:
        made = rollover.successor.not_before
        yield _Mark(made, "The successor begins on" if now < made else "The successor was made on")
    elif policy.profile is Profile.ADFS:
        due = shifted(primary.not_after, -timedelta(days=days.generation))
        makes = "makes" if now < due else "was expected to make"
        yield _Mark(due, f"AD FS {makes} a successor about")
    if rollover.promotion is not None:
        yield _Mark(rollover.promotion, f"Promotion {predicted(rollover.promotion, now)}")
    yield _Mark(primary.not_after, f"The primary {ends(primary.not_after, now)}", always=True)


def _scale(certificates: Sequence[Certificate], marks: Sequence[_Mark], now: datetime) -> _Scale:
    moments = [each.not_before for each in certificates] + [each.not_after for each in certificates]
    near = [each for each in (*moments, *(each.at for each in marks)) if abs(each - now) <= _SPAN]
    # Where a certificate goes on beyond the picture, its bar must reach the edge.
    far = [now - _SPAN if each < now else now + _SPAN for each in moments if abs(each - now) > _SPAN]
    begin, end = min((*near, *far, now - _LEAST)), max((*near, *far, now + _LEAST))
    margin = (end - begin) / 50
    return _Scale(begin, end + margin)


def _mark(mark: _Mark, top: int, scale: _Scale, height: int) -> Html:
    x, y = f"{scale.place(mark.at):.2f}%", top + _LETTERS + 4
    line = element("line", x1=x, x2=x, y1=f"{y}", y2=f"{height}")
    if mark.until is None:
        shape = element("circle", cx=x, cy=f"{y + _BAR // 2}", r=f"{_BAR // 2}")
    else:
        shape = _rect(mark.at, mark.until, y, scale)
    return element("g", line, shape, class_=mark.css)


def _bar(bar: Bar, top: int, scale: _Scale) -> Html:
    certificate = bar.certificate
    rect = _rect(certificate.not_before, certificate.not_after, top + _LETTERS + 4, scale)
    return element("g", rect, class_=bar.css)


def _rect(begin: datetime, end: datetime, y: int, scale: _Scale) -> Html:
    # What lies outside of the picture is a mark at its edge, and not nothing.
    x = min(scale.place(begin), 100 - _THIN)
    width = max(scale.place(end) - x, _THIN)
    return element("rect", x=f"{x:.2f}%", y=f"{y}", width=f"{width:.2f}%", height=f"{_BAR}", rx="2")


def _ticks(scale: _Scale, height: int) -> Iterator[Html]:
    """The first days of some months, as many as a small screen has room for."""
    months = [
        datetime(year, month, 1, tzinfo=UTC)
        for year in range(scale.begin.year, scale.end.year + 1)
        for month in range(1, 13)
    ]
    shown = [each for each in months if 8 <= scale.place(each) <= 92]  # noqa: PLR2004 -- none at the edges
    every = next((each for each in _MONTHS if len([m for m in shown if (m.month - 1) % each == 0]) <= _TICKS), 12)
    for each in shown:
        if (each.month - 1) % every == 0:
            x = f"{scale.place(each):.2f}%"
            yield element(
                "g",
                element("line", x1=x, x2=x, y1="0", y2=f"{height}"),
                element("text", f"{each:%Y-%m}", x=x, y=f"{height + _LETTERS}", text_anchor="middle"),
                class_="tick",
            )
