"""Each life must show its findings by day: they begin and end when they must, in one run, and no others are raised.

The numbers name a kind of trouble. Those that are missing are about what no exporter can know by itself; the alert
rules answer for them (test_alerts.py):

==  ===================================================================================================
20  One exporter of a pair cannot reach the farm: each judges by what it sees, the rules ask who sees.
31  The state is lost in an outage: here is what the exporter can still say; that the page stays up is the rules' part.
32  The exporter is down: likewise.
33  Targets are split over two exporters of one job, and one of these is gone.
49  A target is removed from the configuration while it pages: whatever is not watched has no findings.
50  Scrapes are slow.
51  Groups of rules are evaluated minutes apart.
56  The exporter's pod is replaced at the repair: the new one finds nothing wrong from its first look on.
61  An exporter never answers: it has no findings.
==  ===================================================================================================
"""

from collections.abc import Callable
from functools import cache

import pytest
from lives.every import LIVES
from lives.replay import Moments, complaints, lived, report


@cache
def moments(name: str) -> Moments:
    return lived(LIVES[name])


@pytest.mark.parametrize("name", LIVES)
def test_a_life_shows_what_it_must_by_day_and_no_other_warning(name: str) -> None:
    life = LIVES[name]

    if wrong := complaints(life, moments(name)):
        pytest.fail("\n".join(["", *wrong, "", "What was found:", report(life, moments(name))]), pytrace=False)


def test_the_lives_read_as_they_should(golden: Callable[[str, str], str]) -> None:
    text = "\n".join(report(life, moments(name)) for name, life in LIVES.items())

    assert text == golden("findings.txt", text)
