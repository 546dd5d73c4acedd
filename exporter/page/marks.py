"""By which colour a target is shown."""

from exporter.findings import Standing
from exporter.report import severity

UNKNOWN = "unknown"


def mark(standing: Standing) -> str:
    """By which colour a target is shown: its severity, or ``unknown``."""
    # Of what was not looked at, or has nothing to judge, nothing is known to be well.
    return severity(standing.severity) if standing.findings or standing.rollovers else UNKNOWN
