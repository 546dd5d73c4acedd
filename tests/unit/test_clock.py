"""Which times can be believed."""

from datetime import datetime, timedelta

import pytest
from builders import DAY, NOW, SECOND

from exporter.clock import EARLIEST, believed


@pytest.mark.parametrize(
    ("moment", "true"),
    [
        (NOW - SECOND, True),
        (NOW, True),
        (NOW + SECOND, False),
        (EARLIEST - SECOND, False),
        (EARLIEST, True),
        (EARLIEST + SECOND, True),
    ],
    ids=str,
)
def test_what_was_seen_was_seen_before_now_and_after_the_exporter_existed(moment: datetime, *, true: bool) -> None:
    assert believed(moment, NOW) == (moment if true else NOW)


@pytest.mark.parametrize(
    ("beside", "corrects"),
    [(-SECOND, False), (timedelta(), True), (SECOND, True)],
    ids=["a second before", "at", "a second after"],
)
def test_a_clock_that_is_wrong_itself_corrects_nothing(beside: timedelta, *, corrects: bool) -> None:
    now = EARLIEST + beside
    for moment in (NOW, EARLIEST - 3650 * DAY):
        assert believed(moment, now) == (now if corrects else moment)
