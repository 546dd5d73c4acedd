"""What a Retry-After asks for."""

from datetime import UTC, datetime

import pytest

from exporter.entra.api import seconds_to_wait

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        ("86401", 86400),
        ("9" * 400, 86400),
        ("Mon, 01 Jun 2026 12:02:00 GMT", 120),
        ("Mon, 01 Jun 2026 12:02:00 -0000", 120),
        ("Mon, 01 Jun 2026 11:00:00 GMT", 0),
        ("Wed, 01 Jul 2026 12:00:00 GMT", 86400),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("soon", None),
        ("Mon, 99 Jun 2026 12:02:00 GMT", None),
        ("Mon, 01 Jun 99999999999 12:02:00 GMT", None),
    ],
)
def test_seconds_and_dates_are_understood_and_cut_to_a_day(retry_after: str, seconds: float | None) -> None:
    assert seconds_to_wait(retry_after, NOW) == seconds
