"""How the probes of the last day went: at the count, at the second, and whatever the clock shows."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
from builders import DAY, HOUR, NOW, SECOND
from moments import moments
from scrapes import certificate, document, failed, good, idp

from exporter.clock import EARLIEST
from exporter.lately import NOTHING_YET, Hour, Lately
from exporter.model import Observation, Reason

DOCUMENT = document(idp(certificate("1")))
MINUTE = timedelta(minutes=1)


def probe(at: datetime, *, succeeds: bool) -> Observation:
    return good(DOCUMENT, at) if succeeds else failed(Reason.TIMEOUT, at, phases={})


def after(outcomes: str, *, start: datetime = NOW, every: timedelta = MINUTE, before: Lately = NOTHING_YET) -> Lately:
    """How they went after these: ``+`` succeeded, ``-`` failed."""
    for nth, outcome in enumerate(outcomes):
        before = before.after(probe(start + nth * every, succeeds=outcome == "+"))
    return before


def counted(lately: Lately) -> tuple[int, int]:
    return lately.probes, lately.failures


def test_before_the_first_probe_there_is_nothing_to_tell() -> None:
    assert counted(NOTHING_YET) == (0, 0)
    assert not NOTHING_YET.is_unsteady
    assert NOTHING_YET.unread_since(None) is None


def test_probes_are_counted_with_those_that_failed() -> None:
    assert counted(after("++-+--")) == (6, 3)


def test_while_probes_succeed_nothing_is_unread() -> None:
    lately = after("--+++")

    assert (lately.failure, lately.failing_since, lately.unsteady_since) == (None, None, None)
    assert lately.unread_since(NOW + 2 * MINUTE) is None


def test_what_fails_is_unread_since_the_last_success_or_else_the_first_failure() -> None:
    lately = after("---")

    assert lately.failing_since == NOW
    assert lately.failure == probe(NOW + 2 * MINUTE, succeeds=False)
    assert lately.unread_since(NOW - HOUR) == NOW - HOUR
    assert lately.unread_since(None) == NOW


# Few of a day's probes


@pytest.mark.parametrize(
    ("outcomes", "unsteady"),
    [
        ("++---------", False),
        ("++----------", True),
        ("+++---------", False),
        ("+++----------", True),
        ("-----------+", True),
        ("+----------+", True),
        ("------------", True),
        ("++-----------------+", True),
        ("++----------------+++", False),
        ("+-----------------+-++", True),
        ("+-----------------+-+++", False),
        ("-----------------+-", True),
        ("-----------------++", True),
        ("-----------------+-+", True),
    ],
    ids=[
        "eleven probes say nothing",
        "two of twelve are few",
        "a quarter is not few",
        "less than a quarter is few",
        "the first success of the day does not show that it is over",
        "one success does not repair what takes turns",
        "none at all is few",
        "one success does not show that it is over",
        "three in a row do",
        "two in a row do not, with one before",
        "three in a row do, whatever was before",
        "a failure after the first success",
        "the first two do not either",
        "one more success after that",
    ],
)
def test_few_of_a_days_probes_succeed(outcomes: str, *, unsteady: bool) -> None:
    assert after(outcomes).is_unsteady is unsteady


def test_what_succeeds_seldom_is_unread_since_the_first_failure() -> None:
    began = after("+" + "-" * 12)
    seldom = after("+-", start=NOW + HOUR, before=began)
    read = after("+", start=NOW + 2 * HOUR, before=seldom)

    assert began.unread_since(NOW) == NOW
    for lately, last_success in ((seldom, NOW + HOUR), (read, NOW + 2 * HOUR)):
        assert lately.is_unsteady
        assert lately.unsteady_since == NOW + MINUTE
        assert lately.unread_since(last_success) == NOW + MINUTE
    assert (read.failing_since, read.successes) == (None, 1)


def test_what_succeeds_seldom_was_last_read_before_that_where_it_is() -> None:
    lately = after("+" + "-" * 12)

    told = [lately.unread_since(NOW + MINUTE + each * SECOND) for each in (-1, 0, 1)]

    assert told == [NOW + MINUTE - SECOND, NOW + MINUTE, NOW + MINUTE]
    assert lately.unread_since(None) == NOW + MINUTE


def test_three_in_a_row_forget_what_failed_but_not_that_it_was_counted() -> None:
    seldom = after("+" + "-" * 17)

    two, three = (after("+" * count, start=NOW + HOUR, before=seldom) for count in (2, 3))

    assert (two.failure, two.unread_since(NOW + HOUR)) == (seldom.failure, NOW + MINUTE)
    assert (three.failure, three.unsteady_since, three.unread_since(NOW + HOUR)) == (None, None, None)
    assert counted(three) == (21, 17)
    assert after("+", start=NOW + 2 * HOUR, before=three).successes == 3


def test_what_fails_again_after_that_is_counted_from_then() -> None:
    over = after("+" + "-" * 20 + "+++")

    again = after("-", start=NOW + HOUR, before=over)

    assert not again.is_unsteady
    assert again.unsteady_since == again.failing_since == NOW + HOUR


# The day that counts


def test_of_the_hour_that_is_a_day_ago_nothing_counts() -> None:
    start = NOW + MINUTE
    early = after("-" * 5, start=start)

    told = [
        counted(after("+", start=at, before=early)) for at in (NOW + DAY - SECOND, NOW + DAY, NOW + DAY + HOUR - SECOND)
    ]

    assert told == [(6, 5), (1, 0), (1, 0)]


def test_the_hours_of_a_day_are_kept_and_no_more() -> None:
    lately = after("+-" * 500, every=7 * MINUTE)

    assert len(lately.hours) == 24
    assert lately.hours == tuple(sorted(lately.hours))
    assert counted(lately) == by_hand([NOW + nth * 7 * MINUTE for nth in range(1000)])


def by_hand(probes: Iterable[datetime]) -> tuple[int, int]:
    """Of probes of which every other one failed: those of the 24 clock hours up to the last, and how many failed."""
    times = list(probes)
    latest = times[-1].replace(minute=0, second=0, microsecond=0)
    within = [nth for nth, at in enumerate(times) if at >= latest - 23 * HOUR]
    return len(within), sum(nth % 2 for nth in within)


# A clock that was wrong


@pytest.mark.parametrize("wrong", [NOW + SECOND, NOW + 365 * DAY, EARLIEST - DAY], ids=["ahead", "a year", "behind"])
def test_a_time_that_cannot_be_true_is_now(wrong: datetime) -> None:
    lately = after("--", start=wrong, every=timedelta())

    right = lately.clamped(NOW)

    assert right.failure == probe(NOW, succeeds=False)
    assert (right.failing_since, right.unsteady_since) == (NOW, NOW)
    assert all(EARLIEST <= moment <= NOW for _, moment in moments(right))
    assert right.clamped(NOW) == right


def test_an_hour_that_never_was_is_not_counted() -> None:
    ahead = after("--", start=NOW + DAY, before=after("-+"))

    assert counted(ahead) == (2, 2)
    assert counted(ahead.clamped(NOW)) == (0, 0)
    assert counted(Lately(hours=(Hour(NOW - HOUR, 3, 1), Hour(NOW, 4, 2), Hour(NOW + HOUR, 5, 3))).clamped(NOW)) == (
        7,
        3,
    )


def test_what_can_be_true_stays_as_it_is() -> None:
    for lately in (NOTHING_YET, after("++"), after("+" + "-" * 12 + "+-")):
        assert lately.clamped(NOW + HOUR) == lately


def test_a_clock_that_is_set_back_counts_no_probe_of_a_later_hour() -> None:
    later = after("--", start=NOW + 3 * HOUR, before=after("-+"))

    assert counted(after("+", start=NOW + HOUR, before=later)) == (3, 1)
