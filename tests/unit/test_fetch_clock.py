"""What the headers of an answer say of the time, and what they do not."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.fetch.clock import shown

DATE = "Mon, 01 Jun 2026 12:00:00 GMT"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "date",
    [
        DATE,
        "Monday, 01-Jun-26 12:00:00 GMT",
        "Mon Jun  1 12:00:00 2026",
        "Mon, 01 Jun 2026 12:00:00 UTC",
        "Mon, 01 Jun 2026 14:00:00 +0200",
        "Mon, 01 Jun 2026 12:00:00 -0000",
        f" {DATE} ",
    ],
)
def test_a_date_in_any_form_of_http_is_read(date: str) -> None:
    assert shown([date], []) == NOON


@pytest.mark.parametrize(
    ("dates", "ages"),
    [
        ([], []),
        ([], ["5"]),
        ([""], []),
        (["yesterday"], []),
        (["Mon, 31 Feb 2026 12:00:00 GMT"], []),
        (["Tue, 31 Dec 2024 23:59:59 GMT"], []),
        (["Thu, 01 Jan 1970 00:00:00 GMT"], ["1"]),
        (["Fri, 31 Dec 9999 23:59:59 GMT"], ["1"]),
        (["Fri, 31 Dec 9999 23:59:59 -0100"], []),
        ([DATE, "Mon, 01 Jun 2026 13:00:00 GMT"], []),
        ([DATE], ["1", "2"]),
        ([DATE], ["-1"]),
        ([DATE], ["1.5"]),
        ([DATE], [""]),
        ([DATE], ["\N{ARABIC-INDIC DIGIT ONE}"]),
        ([DATE], [str(400 * 86400 + 1)]),
        ([DATE], ["9" * 5000]),
    ],
)
def test_what_is_missing_contradicts_itself_or_cannot_be_true_is_no_clock(dates: list[str], ages: list[str]) -> None:
    assert shown(dates, ages) is None


@pytest.mark.parametrize(
    ("date", "age", "clock"),
    [
        ("Wed, 01 Jan 2025 00:00:00 GMT", "0", datetime(2025, 1, 1, tzinfo=UTC)),
        (DATE, "86400", NOON + timedelta(days=1)),
        (DATE, str(400 * 86400), NOON + timedelta(days=400)),
    ],
)
def test_the_bounds_themselves_count(date: str, age: str, clock: datetime) -> None:
    assert shown([date, date], [age, age]) == clock


@given(
    st.datetimes(datetime(2025, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 -- its zone is UTC
    st.integers(0, 400 * 86400),
)
def test_what_was_written_is_what_is_read(date: datetime, age: int) -> None:
    clock = shown([format_datetime(date, usegmt=True)], [str(age)])

    assert clock == date.replace(microsecond=0) + timedelta(seconds=age)


@given(st.lists(st.text(), max_size=2), st.lists(st.text(), max_size=2))
def test_whatever_is_written_gives_a_moment_in_utc_or_none(dates: list[str], ages: list[str]) -> None:
    clock = shown(dates, ages)

    assert clock is None or clock.utcoffset() == timedelta(0)
