"""Every alert that the exporter's own series raise: the exporter renders them from what happens, and promtool judges.

Everything is watched by two, because one problem must be one alert.
"""

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from alerts.scenes import (
    BESIDE_A_BLIND_ONE,
    CADENCES,
    FAILING,
    FAILING_FOR_HOURS,
    SITUATIONS,
    SLOWEST,
    TEXTS,
    Cadence,
    Scene,
    Situation,
    can_be_short,
    judged,
    suits,
    together,
)
from alerts.stories import STORIES

OF_EACH_KIND = (
    "the document is past its validUntil",
    "the primary is about to end, and nothing follows",
    "Entra ID trusts another certificate",
    "the metadata cannot be read",
)
"""A story about a document, an entity, a domain, and a place."""


def chosen() -> Iterator[tuple[Cadence, Scene]]:
    """What there is time for; ``make soak ARGS=alerts`` judges every scene at every cadence."""
    yield from ((SLOWEST, Scene(name, FAILING_FOR_HOURS)) for name in STORIES)
    for situation in SITUATIONS[1:]:
        possible = {name: story for name, story in STORIES.items() if can_be_short(story) and suits(story, situation)}
        # One story of each alert.
        for name in {story.alert: name for name, story in reversed(possible.items())}.values():
            if name in OF_EACH_KIND:
                yield from ((cadence, Scene(name, situation)) for cadence in CADENCES)
            elif situation is not FAILING:
                yield SLOWEST, Scene(name, situation)


CHOSEN = tuple(chosen())


@pytest.fixture(scope="module")
def failures(promtool: str, tmp_path_factory: pytest.TempPathFactory) -> Mapping[tuple[Cadence, Scene], str]:
    """What promtool says about each scene, of which it judges many at once."""
    folder = tmp_path_factory.mktemp("stories")
    at_once = [(cadence, group) for cadence in CADENCES for group in together(s for c, s in CHOSEN if c == cadence)]

    def told(number: int) -> Mapping[tuple[Cadence, Scene], str]:
        cadence, group = at_once[number]
        return dict.fromkeys(
            ((cadence, scene) for scene in group), judged(promtool, group, cadence, folder / f"{number}.yml")
        )

    with ThreadPoolExecutor() as pool:
        return {scene: said for each in pool.map(told, range(len(at_once))) for scene, said in each.items()}


@pytest.mark.parametrize(("cadence", "scene"), CHOSEN, ids=str)
def test_an_alert_fires_while_what_raises_it_is_so_and_says_what_it_should(
    cadence: Cadence, scene: Scene, failures: Mapping[tuple[Cadence, Scene], str]
) -> None:
    said = failures[cadence, scene]

    assert not said, f"{scene.job} is this scene's job, if it is about this one:\n{said}"


@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_every_alert_is_judged_in_every_situation_that_it_can_be_in(situation: Situation) -> None:
    judged_in = {scene.story.alert for _, scene in CHOSEN if scene.situation is situation}
    about_a_target = {story.alert for story in STORIES.values() if story.outlives is None and story.passes is None}

    if situation is FAILING:
        assert judged_in == {STORIES[name].alert for name in OF_EACH_KIND}
    else:
        assert about_a_target - BESIDE_NOBODY.get(situation, set()) <= judged_in


BESIDE_NOBODY = {
    BESIDE_A_BLIND_ONE: {
        # What raises these is that nobody sees, or what is said of the own clock.
        "FedmetaSigningKeysChanged",
        "FedmetaMetadataUnreachableInPollWindow",
        "FedmetaClockWrong",
    }
}
"""What is not raised by one exporter while another one sees nothing."""


def test_every_story_has_its_texts_and_no_other_has() -> None:
    assert list(TEXTS) == list(STORIES)


@pytest.mark.parametrize("name", STORIES)
def test_what_is_said_came_out_of_its_template_whole(name: str) -> None:
    for text in (TEXTS[name].get(key, "") for key in ("says", "gone", "moved", "blind")):
        assert not re.search(r"no value|error while|\{\{|\}\}|%!|\+0000|\s\s|<(?!thumbprint of the new one>)", text)
