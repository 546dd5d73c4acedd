"""What every panel is made of, and looks alike: colours, units, words, queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from exporter.policy import Thresholds

Json = dict[str, object]

DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}


class Colour(StrEnum):
    """Names that Grafana shades for the dark and the light theme; grey has none and reads well on both."""

    DARK_RED = "dark-red"
    SEMI_DARK_RED = "semi-dark-red"
    RED = "red"
    PURPLE = "purple"
    DARK_ORANGE = "dark-orange"
    SEMI_DARK_ORANGE = "semi-dark-orange"
    ORANGE = "orange"
    BLUE = "blue"
    SEMI_DARK_GREEN = "semi-dark-green"
    GREEN = "green"
    GREY = "#8e8e8e"
    TEXT = "text"


class Unit(StrEnum):
    """Units as Grafana spells them; its own unit of days turns into weeks and years. Dates are in milliseconds."""

    NONE = "none"
    WORDS = "string"
    DAYS = "suffix: days"
    SECONDS = "s"
    BYTES = "bytes"
    SHARE = "percentunit"
    PER_MINUTE = "suffix: a minute"
    DATE = "dateTimeAsIso"


@dataclass(frozen=True, slots=True)
class Word:
    """What a value is called, and its colour."""

    value: int | str
    """A number, or the value of a label."""
    text: str
    colour: Colour = Colour.TEXT


Words = Sequence[Word]

Steps = Sequence[tuple[Colour, float | None]]
"""Colours, each from a value on; the first from nothing on."""

PLAIN: Steps = ((Colour.TEXT, None),)

UNKNOWN: Steps = ((Colour.GREY, None),)

BAD_IF_ANY: Steps = ((Colour.GREEN, None), (Colour.RED, 1))

WORK_IF_ANY: Steps = ((Colour.GREEN, None), (Colour.ORANGE, 1))

# As long as a policy says nothing else; the findings know each policy.
DAYS_LEFT: Steps = ((Colour.RED, None), (Colour.TEXT, Thresholds().missing))

OUTDATED: Steps = ((Colour.RED, None), (Colour.TEXT, 0))
"""Of days for which a document may be used: afterwards partners refuse it."""

PAST: Steps = ((Colour.ORANGE, None), (Colour.TEXT, 0))
"""Of days until something that is to come, and locks nobody out when it is late."""

TLS_LEFT: Steps = ((Colour.ORANGE, None), (Colour.TEXT, Thresholds().tls))
"""Of the endpoint's own certificate, which is no part of the rollover."""

HOUR = 3600

AGE: Steps = ((Colour.TEXT, None), (Colour.ORANGE, HOUR))
"""Seconds since a target was read: what is older than an hour is worth a look."""

AGE_OF_ANSWER: Steps = ((Colour.TEXT, None), (Colour.ORANGE, 4 * HOUR))
"""Seconds since Entra ID answered, which is asked every hour."""

AGE_OF_READING: Steps = ((Colour.TEXT, None), (Colour.ORANGE, 48 * HOUR))
"""Seconds since Entra ID read the metadata, which it does every day."""

LATE: Steps = ((Colour.TEXT, None), (Colour.RED, 330))
"""Seconds since a scrape, of which there is one in five minutes at least."""


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression, and what its series are called."""

    expr: str
    legend: str = ""
    colour: Colour | None = None
    """Of a series whose legend is a plain name."""
