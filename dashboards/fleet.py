"""The board of all targets: what is wrong, worst first, what comes next, how long each has."""

from dashboards import words
from dashboards.layout import Board, Height, Line, Section
from dashboards.panels import Column, Judged, series, stat, table, tiles, timeline
from dashboards.queries import (
    ANY_TARGET,
    Troubles,
    age,
    at_most,
    days,
    days_of_the_living,
    days_until,
    difference,
    difference_over_time,
    differing_since,
    document_read,
    how_many,
    in_state,
    late,
    looks,
    milliseconds,
    next_dates,
    oldest_scrape,
    reachable_over_time,
    several_looks,
    state_over_time,
    targets_with,
    thresholds,
    throughout,
    without_document,
    worst,
    worst_state,
)
from dashboards.shared import EXPORTERS_UP, FIRING, TO_TARGET, changed, found
from dashboards.style import BAD, BAD_IF_ANY, DIFFERING, HAS_ENDED, LATE, PAST, WORK, WORK_IF_ANY, Query, Unit
from dashboards.trust import NO_DOMAIN, columns, domains, foreign, in_trust_state, trust_over_time
from dashboards.variables import JOB_OF_TARGETS

NO_OTHER_LOOK = "Every target is looked at in one place only"

URGENT_DAYS = (0, 90)
"""What is drawn of the days left."""

SIGHT = [
    EXPORTERS_UP,
    stat(
        "Oldest scrape",
        "How long ago Prometheus last got an answer from the exporter that it has not heard from for the"
        " longest time. The data here may be as old as that.",
        Unit.SECONDS,
        oldest_scrape(ANY_TARGET),
        steps=LATE,
        absent="none yet",
    ),
    stat(
        "Oldest document",
        "How long ago the exporter last read the document of the target that it has not read for the longest time."
        " Orange: a document is late, by the interval of its target.",
        Unit.SECONDS,
        age(f"min({document_read(ANY_TARGET)})"),
        bad=Judged(late(document_read(ANY_TARGET), ANY_TARGET), WORK),
        absent="none read yet",
    ),
    FIRING,
]

COUNTS = [
    stat(
        "Act now",
        "Targets with a critical finding: people cannot sign in, or will soon be unable to.",
        Unit.NONE,
        how_many(targets_with(ANY_TARGET, "critical")),
        steps=BAD_IF_ANY,
    ),
    stat(
        "Look after",
        "Targets with a warning and nothing critical: somebody should look at them in the next days.",
        Unit.NONE,
        how_many(
            f"{targets_with(ANY_TARGET, 'warning')} unless on (job, target) {targets_with(ANY_TARGET, 'critical')}"
        ),
        steps=WORK_IF_ANY,
    ),
    stat(
        "Targets",
        "Federation services and metadata documents that are watched.",
        Unit.NONE,
        how_many(f"max by (job, target) ({ANY_TARGET('fedmeta_target_info')})"),
    ),
    stat(
        "First to end",
        "Days until the first signing certificate in use ends; negative when it has ended. Red: one has no more days"
        " left than the threshold missing of its policy.",
        Unit.DAYS,
        f"min({days(ANY_TARGET, 'primary')})",
        steps=HAS_ENDED,
        bad=Judged(at_most(days(ANY_TARGET, "primary"), "missing", ANY_TARGET), BAD),
        decimals=0,
        absent="none known",
    ),
]

STATES = tiles(
    "Targets by state, worst first",
    "How many targets are in each state of their rollover. A target with several watched entities counts for each of"
    " their states.",
    [
        Query(
            how_many(without_document(ANY_TARGET) if name is None else in_state(ANY_TARGET, name)),
            word.text,
            word.colour,
        )
        for name, word in words.BY_BADNESS.items()
    ],
)

TROUBLES = found(
    Troubles.of(ANY_TARGET),
    "Everything that was found, and every alert on the exporters. Click the target to open its board,"
    " and the text under What to do to open the runbook.",
    Column("Target", label="target", link=TO_TARGET, width=180),
    Column("Job", label="job", width=110),
    then="Target",
)

TARGETS = table(
    "Targets, worst first",
    "One row for each target, with the worst finding. If two targets have the same, the one whose"
    " certificate ends first comes first. Click the name to open the board of the target. Primary:"
    " the certificate that signs today. Successor: the one that will sign next. Document read: how"
    " long ago the exporter last read the document. Late by: how long ago it should have, by the target's interval.",
    [
        Column("Worst finding", expr=worst(ANY_TARGET), words=words.FOUND, filled=True, width=310),
        Column("Target", label="target", link=TO_TARGET),
        Column("Job", label="job", width=110),
        Column("Primary left", unit=Unit.DAYS, words=words.NO_DAYS, steps=HAS_ENDED, width=110),
        Column(
            "Successor left",
            expr=days(ANY_TARGET, "successor"),
            unit=Unit.DAYS,
            steps=HAS_ENDED,
            absent="no successor",
            width=120,
        ),
        Column(
            "Document read",
            expr=age(document_read(ANY_TARGET)),
            unit=Unit.SECONDS,
            absent="never",
            width=125,
        ),
        Column("Late by", expr=late(document_read(ANY_TARGET), ANY_TARGET), unit=Unit.SECONDS, steps=WORK, width=110),
    ],
    rows=(
        f"{days(ANY_TARGET, 'primary')} or {words.NO_END} * max by (job, target) ({ANY_TARGET('fedmeta_target_info')})"
    ),
    keys="job, target",
    sort="Worst finding",
    largest_first=True,
    then="Primary left",
    absent="No target is watched",
)

_NEXT = next_dates(ANY_TARGET)

NEXT = table(
    "Next dates, soonest first",
    "The next fifty dates of all targets. What AD FS will do by itself is a prediction. Domain: the"
    " domain for which Entra ID holds the certificate.",
    [
        Column("In", unit=Unit.DAYS, steps=PAST, width=105),
        Column("When", expr=milliseconds(f"({_NEXT})"), unit=Unit.DATE, width=165),
        Column("What", label="date", words=words.DATE_NAMES, width=255),
        Column("Target", label="target", link=TO_TARGET),
        Column("Job", label="job", width=110),
        Column("Domain", label="domain"),
    ],
    rows=days_until(f"({_NEXT})"),
    keys="job, target, domain, date",
    sort="In",
    absent="No date is known",
)

DOMAINS = [
    stat(
        "Domains",
        "Domains of Entra ID whose trust is watched.",
        Unit.NONE,
        how_many(domains(ANY_TARGET)),
    ),
    tiles(
        "Domains by state, worst first",
        "How many domains are in each state of their trust.",
        [
            Query(how_many(in_trust_state(ANY_TARGET, state)), word.text, word.colour)
            for state, word in words.TRUSTS.items()
        ],
    ),
    stat(
        "Foreign certificates",
        "Domains for which Entra ID trusts a certificate that this target was never seen to publish. It"
        " may be old, or an attacker wrote it.",
        Unit.NONE,
        how_many(f"{foreign(ANY_TARGET)} > 0"),
        steps=WORK_IF_ANY,
    ),
]

TRUST = table(
    "Domains, worst first",
    "One row for each domain that signs in through a target. Click the target to open its board."
    " Foreign: certificates that Entra ID trusts and that were never seen published. Last reading:"
    " what Entra ID says about its own last reading of the metadata. Age of answer: how long ago"
    " Entra ID last answered the exporter; all that is shown here is as old as that.",
    [
        Column("Domain", label="domain"),
        Column("Target", label="target", link=TO_TARGET),
        Column("Job", label="job", width=110),
        *columns(ANY_TARGET),
    ],
    rows=domains(ANY_TARGET),
    keys="job, target, domain",
    sort="State",
    largest_first=True,
    then="Domain",
    absent=NO_DOMAIN,
)

TRUST_OVER_TIME = timeline(
    "Trust of each domain",
    "The state of the trust of each domain over time. If there are many domains, the twenty that were worst.",
    words.TRUST,
    Query(trust_over_time(ANY_TARGET), "{{target}} {{domain}} ({{job}})"),
    of=throughout(ANY_TARGET)("fedmeta_trust_info"),
    page=8,
    absent=NO_DOMAIN,
)

NODES = [
    table(
        "Nodes and vantages, those that differ first",
        "One row for each target that is looked at in several places. Unreachable: how many of these"
        " looks got no usable document. Which node serves what is on the target's own board.",
        [
            Column("Target", label="target", link=TO_TARGET),
            Column("Job", label="job", width=110),
            Column("Keys", expr=difference(ANY_TARGET), words=words.DIFFER, coloured=True, width=75),
            Column("Differ for", expr=age(differing_since(ANY_TARGET)), unit=Unit.SECONDS, steps=DIFFERING, width=110),
            Column("Looks", unit=Unit.NONE, width=75),
            Column(
                "Unreachable",
                expr=f"sum by (job, target) ({looks(ANY_TARGET)} == bool 0)",
                unit=Unit.NONE,
                steps=WORK_IF_ANY,
                width=110,
            ),
        ],
        rows=several_looks(ANY_TARGET),
        keys="job, target",
        sort="Keys",
        largest_first=True,
        then="Target",
        absent=NO_OTHER_LOOK,
    ),
    timeline(
        "Agreement of nodes and vantages",
        "Whether all looks at a target get the same signing keys. If there are many targets, the twenty"
        " that differed the longest.",
        words.DIFFER,
        Query(difference_over_time(ANY_TARGET), "{{target}} ({{job}})"),
        of=throughout(ANY_TARGET)("fedmeta_nodes_agree"),
        page=8,
        absent=NO_OTHER_LOOK,
    ),
]

DAYS_OVER_TIME = series(
    "Days left of the certificates in use",
    "Days until the signing certificate of each target ends, for the twenty that end next."
    " Certificates that have ended are in the tables above. The graph shows only the next 90 days;"
    " the list shows all. Dashed lines: the thresholds of the policies, the highest if they differ.",
    Unit.DAYS,
    Query(days_of_the_living(ANY_TARGET), "{{target}} ({{job}})"),
    *thresholds(ANY_TARGET),
    within=URGENT_DAYS,
    dashed="Threshold",
    ranked=True,
    absent="No certificate with days left is known in this time",
)

CHANGES = changed(ANY_TARGET, Column("Target", label="target", link=TO_TARGET), Column("Job", label="job", width=110))

BOARD = Board(
    uid="fedmeta-fleet",
    title="Federation metadata: fleet",
    description="Every watched federation service at a glance, those that need somebody first.",
    since="now-24h",
    variables=[JOB_OF_TARGETS],
    sections=[
        Section(
            "",
            [
                Line(Height.STAT, SIGHT),
                Line(Height.STAT, COUNTS),
                Line(Height.GRAPH, [TROUBLES]),
                Line(Height.TILES, [STATES]),
                Line(Height.LIST, [TARGETS]),
            ],
        ),
        Section(
            "What comes, and what changed",
            [Line(Height.GRAPH, [each]) for each in (NEXT, DAYS_OVER_TIME, CHANGES)],
        ),
        Section(
            "History",
            [
                Line(
                    Height.LIST,
                    [
                        timeline(
                            "State of each target",
                            "The state of the rollover of each target over time; if it has several watched entities,"
                            " the"
                            " worst. If there are many targets, the twenty that were worst.",
                            words.STATE,
                            Query(state_over_time(ANY_TARGET), "{{target}} ({{job}})"),
                            of=worst_state(ANY_TARGET),
                            absent="No target has a state",
                        ),
                        timeline(
                            "Reachability of each target",
                            "Whether the latest look at the service of each target got a usable document from every"
                            " vantage."
                            " If there are many targets, the twenty that were reached the least.",
                            words.REACHABLE,
                            Query(reachable_over_time(ANY_TARGET), "{{target}} ({{job}})"),
                            of=throughout(ANY_TARGET)("fedmeta_metadata_reachable"),
                            absent="No target was looked at",
                        ),
                    ],
                )
            ],
        ),
        Section(
            "Trust of Entra ID",
            [
                Line(Height.TILES, DOMAINS, shares=[4, 14, 6]),
                Line(Height.GRAPH, [TRUST]),
                Line(Height.GRAPH, [TRUST_OVER_TIME]),
            ],
            collapsed=True,
        ),
        Section("Nodes and vantages", [Line(Height.GRAPH, NODES)], collapsed=True),
    ],
)
