"""What the boards say alike: who watches, what fires, what is wrong, and where a row leads."""

from collections.abc import Sequence

from dashboards import words
from dashboards.panels import Column, Judged, Link, Show, stat
from dashboards.queries import ANY_TARGET, Scope, Troubles, exporters_up, firing, firing_critical
from dashboards.style import BAD, BAD_IF_ANY, WORK_IF_ANY, Json, Unit
from exporter.rules import RUNBOOKS

TO_TARGET = Link(
    "board of the target",
    "/d/fedmeta-target?${datasource:queryparam}&var-job=${__data.fields.job:percentencode}"
    "&var-target=${__data.fields.target:percentencode}&${__url_time_range}",
)
"""The board of the target in a table's row; it has the labels of the same names."""

_DOCS = RUNBOOKS.removesuffix("runbooks.md")

TO_RUNBOOK = Link("runbook", _DOCS + "${__data.fields.section}", away=True)
"""The section of the documentation that a table's row is about."""

TO_ITS_RUNBOOK = Link("runbook", _DOCS + "${__field.labels.section}", away=True)
"""The same of a number with that label."""


def up(scope: Scope) -> Json:
    """How many exporters answer, of how many."""
    return stat(
        "Exporters up",
        "How many exporters answer Prometheus, and how many there should be. If none answers, nothing is"
        " watched, and everything else here is what was known last.",
        Unit.NONE,
        exporters_up(scope),
        legend="{{up}} of {{expected}}",
        show=Show.NAME,
        steps=BAD_IF_ANY,
        lit=True,
    )


EXPORTERS_UP = up(ANY_TARGET)

FIRING = stat(
    "Alerts firing",
    "Alerts on federation metadata that fire now. Red: one is critical. Alerts that only inform do not count.",
    Unit.NONE,
    firing(ANY_TARGET),
    steps=WORK_IF_ANY,
    bad=Judged(firing_critical(ANY_TARGET), BAD),
    unknown="no rules loaded",
)


def alerted(troubles: Troubles) -> Sequence[Column]:
    """Since when each alert is there, and what to do, which leads to the runbooks."""
    return [
        Column("Alert since", expr=troubles.since, unit=Unit.DATE, width=165),
        Column("What to do", label="finding", words=words.WHAT_TO_DO_ABOUT, link=TO_RUNBOOK, width=330),
        Column("Section", label="section", hidden=True),
        Column("Key", label="key", hidden=True),
    ]
