"""Each life must raise its alerts by day: they begin and end when they must, in one run, one for each problem.

The shipped rules judge what the life's exporters answer. All lives take minutes: ``make soak ARGS=lives``.
"""

from collections.abc import Callable, Mapping

import pytest
from lives import every
from lives.alerts import Raised, complaints, raised
from lives.replay import report

BRIEFLY = [
    "08 restored from backup",
    "20 one exporter of a pair is blind",
    "31 state lost in an outage",
    "33 targets split over two exporters of one job",
    "49 varied: removed with the state",
    "56 pod replaced at the repair",
    "61 a new exporter that never answers",
]


@pytest.fixture(scope="module")
def found(promtool: str, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Raised]:
    return raised([every.FLEETS[name] for name in BRIEFLY], promtool, tmp_path_factory.mktemp("lives"))


@pytest.mark.parametrize("name", BRIEFLY)
def test_a_life_raises_what_it_must_by_day_and_each_problem_once(name: str, found: Mapping[str, Raised]) -> None:
    fleet = every.FLEETS[name]

    if wrong := complaints(fleet, found[name]):
        pytest.fail("\n".join(["", *wrong, "", "What was told:", report(fleet, found[name].told)]), pytrace=False)


def test_the_alerts_of_the_lives_read_as_they_should(
    found: Mapping[str, Raised], golden: Callable[[str, str], str]
) -> None:
    text = "\n".join(report(every.FLEETS[name], found[name].told) for name in BRIEFLY)

    assert text == golden("alerts.txt", text)
