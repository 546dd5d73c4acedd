"""What every panel is made of, and looks alike: colours, units, words, queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from exporter.findings.looks import COPYING

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

BAD: Steps = ((Colour.RED, None),)

WORK: Steps = ((Colour.ORANGE, None),)

HAS_ENDED: Steps = ((Colour.RED, None), (Colour.TEXT, 0))
"""Of days left: what has ended is refused. Whether an end is near is a question of each target's policy."""

NEAR_ITS_END: Steps = ((Colour.RED, None), (Colour.ORANGE, 0))
"""Of days left, where the policy says that they are few, and nobody is locked out before the end."""

PAST: Steps = ((Colour.ORANGE, None), (Colour.TEXT, 0))
"""Of days until something that is to come, and locks nobody out when it is late."""

HOUR = 3600

DIFFERING: Steps = ((Colour.TEXT, None), (Colour.ORANGE, COPYING.total_seconds()))
"""Seconds for which nodes differ: for less they may be copying from each other."""

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
