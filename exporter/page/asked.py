"""What a reader asks to see, as the query of a page's address has it. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Self, TypeVar
from urllib.parse import urlencode

from exporter.metadata import LONGEST_ENTITY_ID
from exporter.page.html import Html, element, together

LONGEST = 200
"""Characters of a word that is searched for."""

_DIGITS = 6
"""Of a place in a list."""

T = TypeVar("T")


class Sort(StrEnum):
    """In which order targets stand."""

    WORST = "worst"
    NAME = "name"
    ENDS = "ends"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reader asks to see; the names of the fields are those in the address."""

    severity: str = ""
    """In one word; empty: any."""
    state: str = ""
    """In the words of the page; empty: any."""
    q: str = ""
    """What is searched for."""
    sort: Sort = Sort.WORST
    start: int = 0
    """The first of the list that is shown, from 0."""
    finding: int = 0
    """The first finding that is shown, from 0."""
    entity: str = ""
    """Whose certificates are shown, of an aggregate."""

    @classmethod
    def by(cls, query: Mapping[str, str]) -> Self:
        """What a query asks; what it cannot mean counts as not asked."""
        sort = query.get("sort", "")
        return cls(
            severity=query.get("severity", "")[:LONGEST],
            state=query.get("state", "")[:LONGEST],
            q=query.get("q", "")[:LONGEST].strip(),
            sort=Sort(sort) if sort in set(Sort) else Sort.WORST,
            start=_number(query.get("start", "")),
            finding=_number(query.get("finding", "")),
            entity=query.get("entity", "")[:LONGEST_ENTITY_ID],
        )

    def among(self, states: Iterable[str], severities: Iterable[str] = ()) -> Self:
        """The same, with the severity and the state as the page writes them, whatever the size of their letters."""
        return replace(self, severity=_as_written(self.severity, severities), state=_as_written(self.state, states))

    def finds(self, names: Iterable[str]) -> bool:
        """Whether what is searched for stands in one of these names, in letters of either size."""
        word = self.q.casefold()
        return any(word in each.casefold() for each in names)

    def but(self, **changes: str | int) -> str:
        """The address of the same page with something else asked, relative to it."""
        asked = replace(self, **changes)  # type: ignore[arg-type]  # fields by their names
        said = {each.name: getattr(asked, each.name) for each in fields(asked)}
        return "?" + urlencode({name: value for name, value in said.items() if value != getattr(NOTHING_ASKED, name)})


NOTHING_ASKED = Asked()


def _number(text: str) -> int:
    """A place in a list; one that no list has is beyond every end."""
    if not text.isdecimal():
        return 0
    return int(text) if len(text) <= _DIGITS else 10**_DIGITS - 1


def _as_written(word: str, words: Iterable[str]) -> str:
    return next((each for each in words if each.casefold() == word.casefold()), word)


def part(
    things: Sequence[T], start: int, show: Callable[[T], Html], *, most: int, room: int, turn: Callable[[int], str]
) -> Html:
    """Some things of a list from one on: at most so many, and so many characters, but one at least.

    Whoever asks for what lies beyond the end gets the end.

    Where there are more, links lead to them; ``turn`` gives the address of the part that begins at a place.
    """
    shown: list[Html] = []
    start = start if start < len(things) else max(0, len(things) - 1) // most * most
    for each in things[start : start + most]:
        html = show(each)
        room -= len(html)
        if shown and room < 0:
            break
        shown.append(html)
    end = start + len(shown)
    if len(shown) == len(things):
        return together(*shown)
    links = []
    if start:
        links.append(element("a", "Earlier", href=turn(max(0, start - most)), rel="prev"))
    if end < len(things):
        links.append(element("a", "Further", href=turn(end), rel="next"))
    told_where = f"{start + 1} to {end} of {len(things)}"
    return together(
        *shown, element("p", told_where, *(piece for link in links for piece in (" · ", link)), class_="pages")
    )
