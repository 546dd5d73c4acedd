"""What every panel is made of, and looks alike: colours, units, words, queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

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
    PER_MINUTE = "opm"
    DATE = "dateTimeAsIso"
    AGO = "dateTimeFromNow"


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


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression, and what its series are called."""

    expr: str
    legend: str = ""
    colour: Colour | None = None
    """Of a series whose legend is a plain name."""
