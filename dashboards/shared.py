"""What the boards say alike: who watches, what fires, what is wrong, and where a row leads."""

from dashboards import words
from dashboards.panels import Column, Judged, Link, Show, stat, table
from dashboards.queries import ANY_TARGET, Scope, Troubles, changes, exporters_up, firing, firing_critical
from dashboards.style import BAD, BAD_IF_ANY, WORK_IF_ANY, Json, Unit
from exporter.rules import RUNBOOKS

TO_TARGET = Link(
    "board of the target",
    "/d/fedmeta-target?${datasource:queryparam}&var-job=${__data.fields.job:percentencode}"
    "&var-target=${__data.fields.target:percentencode}&${__url_time_range}",
)
"""The board of the target in a table's row; it has the labels of the same names."""

NOT_READ = "No document was read yet"

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


def found(troubles: Troubles, description: str, *of_target: Column, then: str) -> Json:
    """Everything that was found, the worst first, with since when each alert is there, and what to do.

    ``of_target`` are the columns that say which target a row is about; ``then`` is the column that sorts what is alike.
    """
    return table(
        "What is wrong, worst first",
        f"{description} About: the domain, the place or the entity. Alert since: when the alert began;"
        " without a date no alert fires.",
        [
            Column("What", words=words.FOUND, filled=True, width=310),
            *of_target,
            Column("About", label="about"),
            Column("Alert since", expr=troubles.since, unit=Unit.DATE, width=165),
            Column("What to do", label="finding", words=words.WHAT_TO_DO_ABOUT, link=TO_RUNBOOK, width=330),
            Column("Section", label="section", hidden=True),
            Column("Key", label="key", hidden=True),
        ],
        rows=troubles.rows,
        keys="key",
        sort="What",
        largest_first=True,
        then=then,
        absent=NOT_READ,
    )


def changed(scope: Scope, *of_target: Column) -> Json:
    """What changed lately; ``of_target`` are the columns that say which target a row is about."""
    return table(
        "What changed lately",
        "Key sets that changed and primaries that were promoted, as the exporter saw it, in the last 30 days.",
        [
            Column("When", unit=Unit.DATE, width=165),
            *of_target,
            Column("What", label="change", words=words.CHANGE_NAMES, coloured=True, width=215),
            Column("Use", label="use", width=105),
        ],
        rows=changes(scope),
        keys="job, target, use, change",
        sort="When",
        largest_first=True,
        absent="Nothing in 30 days",
    )
