"""The shipped alert rules, for the tests beside this file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from exporter.findings import Kind
from exporter.rollover import Severity

RULES = Path(__file__).parents[2] / "alerts" / "fedmeta.rules.yml"
GROUPS: list[Mapping[str, Any]] = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
ALERTS: Mapping[str, Mapping[str, Any]] = {
    rule["alert"]: rule for group in GROUPS for rule in group["rules"] if "alert" in rule
}
ORDER = [group["name"] for group in GROUPS]
"""Of the groups: promtool promises none unless told, and an alert could see what was recorded an evaluation earlier."""


class Alert(str):
    """The name of an alert, which knows what the rules say of it."""

    __slots__ = ()

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return Severity[str(ALERTS[self]["labels"]["severity"]).upper()]

    @property
    def rank(self) -> int:
        """Its place among all alerts; the worst has the least."""
        return list(ALERTS).index(self) - len(ALERTS) * self.severity


def alert_of(kind: Kind) -> Alert | None:
    """The alert that tells a kind of finding, where one does."""
    name = "Fedmeta" + "".join(map(str.capitalize, kind.split("_")))
    return Alert(name) if name in ALERTS else None
