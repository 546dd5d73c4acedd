"""Parts that sentences and next steps have in common."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from exporter.model import Certificate

NAMED = 5
"""Of many things, so many are named."""


def moment(at: datetime | None) -> str:
    """A moment, to the minute."""
    return at.strftime("%Y-%m-%d %H:%M UTC") if at else "an unknown date"


def ends(at: datetime, now: datetime) -> str:
    """That something ends, or ended, at a moment that follows."""
    return "ends on" if now < at else "ended on"


def predicted(at: datetime, now: datetime) -> str:
    """That a promotion is predicted for about a moment that follows, or was."""
    return "predicted for about" if now < at else "was predicted for about"


def span(length: timedelta) -> str:
    """A length of time, in the unit that a person would use."""
    hours = abs(length) / timedelta(hours=1)
    if hours < 1:
        minutes = int(hours * 60)
        return {0: "less than a minute", 1: "1 minute"}.get(minutes, f"{minutes} minutes")
    return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:.1f} days"  # noqa: PLR2004 -- two days


def thumbprint(certificate: Certificate | None) -> str:
    """The thumbprint of a certificate, as AD FS prints it."""
    return certificate.thumbprint if certificate else "(no certificate)"


def some(names: Sequence[str], total: int | None = None) -> str:
    """Some of many names, and how many more there are."""
    more = (len(names) if total is None else total) - len(names[:NAMED])
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def listed(texts: Sequence[str]) -> str:
    """Some of many parts of a sentence, and how many more there are."""
    return "; ".join(texts[:NAMED]) + (f"; and {len(texts) - NAMED} more" if len(texts) > NAMED else "")
