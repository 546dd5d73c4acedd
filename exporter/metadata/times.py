"""The two XML Schema types that bound a document's life (W3C, XML Schema part 2: ``dateTime`` and ``duration``)."""

import re
from datetime import UTC, datetime, timedelta

_WIDEST_ZONE = timedelta(hours=14)
_DATE_TIME = re.compile(
    r"(\d{4,})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):([0-5]\d))?", re.ASCII
)
_DURATION = re.compile(
    r"P(?=\d|T\d)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?", re.ASCII
)


def moment(text: str) -> datetime:
    """An ``xs:dateTime`` as UTC, which it also is without a zone (SAML core 1.3.3).

    Raises ValueError or OverflowError, for years after 9999 as well.
    """
    match = _DATE_TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    year, month, day, hour, minute, second, fraction, sign, zone_hours, zone_minutes = match.groups()
    end_of_day = (hour, minute, second) == ("24", "00", "00")
    result = datetime(
        int(year),
        int(month),
        int(day),
        0 if end_of_day else int(hour),
        int(minute),
        int(second),
        int((fraction or "0")[:6].ljust(6, "0")),
        tzinfo=UTC,
    )
    if end_of_day:
        result += timedelta(days=1)
    if sign:
        zone = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
        if zone > _WIDEST_ZONE:
            raise ValueError(text)
        result += zone if sign == "-" else -zone
    return result


def duration(text: str) -> timedelta:
    """An ``xs:duration``, with years of 365 and months of 30 days.

    Raises ValueError or OverflowError, for negative ones as well.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    years, months, days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return timedelta(days=365 * years + 30 * months + days, hours=hours, minutes=minutes, seconds=seconds)
