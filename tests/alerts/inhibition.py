"""What the Alertmanager sample silences, worked out as Alertmanager does ("Inhibition-related settings")."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import yaml

SAMPLE = Path(__file__).parents[2] / "alerts" / "alertmanager.example.yml"
INHIBITIONS: list[Mapping[str, list[str]]] = yaml.safe_load(SAMPLE.read_text(encoding="utf-8"))["inhibit_rules"]

Labels = Mapping[str, str]


def matches(matchers: Iterable[str], labels: Labels) -> bool:
    """Whether all matchers hold (Alertmanager, "Matcher"); a label that is absent is an empty one."""
    for matcher in matchers:
        parts = re.fullmatch(r'(\w+) (=~?) "?([^"]*)"?', matcher)
        assert parts, f"this does not read {matcher}"
        label, operator, wanted = parts.groups()
        value = labels.get(label, "")
        if value != wanted if operator == "=" else not re.fullmatch(wanted, value):
            return False
    return True


def silences(source: Labels, other: Labels) -> bool:
    """Whether one alert silences another."""
    return any(
        matches(rule["source_matchers"], source)
        and matches(rule["target_matchers"], other)
        and all(source.get(label, "") == other.get(label, "") for label in rule["equal"])
        for rule in INHIBITIONS
    )


def told(firing: Sequence[Labels]) -> Sequence[Labels]:
    """Those of the alerts that fire at one time of which people hear."""
    return [each for each in firing if not any(silences(other, each) for other in firing if other is not each)]
