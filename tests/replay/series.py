"""Scrapes, one after the other, as the input series of ``promtool test rules``."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import groupby

Values = Mapping[str, str]
"""The value of every series of a scrape, both as the exposition spells them."""


def read(scrape: bytes, names: Container[str], labels: str) -> Values:
    """The series of these names in a scrape of the text format, with the labels that Prometheus adds."""
    found = {}
    for line in scrape.decode().splitlines():
        series, _, value = line.rpartition(" ")
        name, _, own = series.partition("{")
        if name in names:
            found[f"{name}{{{labels},{own or '}'}"] = value
    return found


def input_series(scrapes: Sequence[Values], *, repeat: int) -> Iterator[Mapping[str, str]]:
    """Each series with its values in promtool's notation; every scrape stands ``repeat`` times."""
    for series in dict.fromkeys(series for scrape in scrapes for series in scrape):
        yield {"series": series, "values": " ".join(_runs((scrape.get(series) for scrape in scrapes), repeat))}


def _runs(values: Iterable[str | None], repeat: int) -> Iterator[str]:
    came = False
    for value, group in groupby(values):
        times = repeat * sum(1 for _ in group)
        if value is not None:
            came = True
            yield f"{value}+0x{times - 1}"
        elif came:
            # Prometheus marks a series that is missing from a scrape.
            yield f"stale _x{times - 1}"
        else:
            yield f"_x{times}"
