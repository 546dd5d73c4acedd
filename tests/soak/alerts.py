"""Every story of an alert in every situation at every cadence: ``make soak ARGS=alerts``."""

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from alerts.scenes import CADENCES, FAILING_FOR_HOURS, SITUATIONS, Cadence, Scene, can_be_short, judged, suits, together
from alerts.stories import STORIES


def main() -> str:
    """How many scenes were judged; ends with AssertionError when promtool says something against one."""
    scenes = [
        Scene(name, situation)
        for name, story in STORIES.items()
        for situation in SITUATIONS
        if situation is FAILING_FOR_HOURS or (can_be_short(story) and suits(story, situation))
    ]
    promtool = shutil.which("promtool")
    assert promtool, "promtool is not there: make prometheus"
    groups = together(scenes)
    at_once = [(cadence, group) for cadence in CADENCES for group in groups]
    with tempfile.TemporaryDirectory() as folder:

        def said(number: int, cadence: Cadence) -> str:
            return judged(promtool, at_once[number][1], cadence, Path(folder) / f"{number}.yml")

        with ThreadPoolExecutor() as pool:
            against = [
                each for each in pool.map(said, range(len(at_once)), (cadence for cadence, _ in at_once)) if each
            ]
    assert not against, "\n".join(against)
    return f"{len(scenes)} scenes, each at {len(CADENCES)} cadences"
