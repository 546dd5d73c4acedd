"""The shipped alert rules, for the tests beside this file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

RULES = Path(__file__).parents[2] / "alerts" / "fedmeta.rules.yml"
GROUPS: list[Mapping[str, Any]] = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
ALERTS: Mapping[str, Mapping[str, Any]] = {
    rule["alert"]: rule for group in GROUPS for rule in group["rules"] if "alert" in rule
}
ORDER = [group["name"] for group in GROUPS]
"""Of the groups: promtool promises none unless told, and an alert could see what was recorded an evaluation earlier."""
