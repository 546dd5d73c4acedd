"""The board of all targets: which need somebody, how long they have, what changed."""

from dashboards import words
from dashboards.layout import Board, Height, Line, Section
from dashboards.panels import Column, series, stat, table, tiles, timeline
from dashboards.queries import (
    ANY_TARGET,
    agreement,
    changes,
    critical,
    days,
    differing_since,
    how_many,
    in_state,
    last_success,
    looks,
    milliseconds,
    reachable,
    several_looks,
    state,
    thresholds,
    without_document,
)
from dashboards.style import BAD_IF_ANY, WORK_IF_ANY, Query, Unit
from dashboards.trust import NO_DOMAIN, columns, domains, foreign, in_trust_state, trust_state, unanswered
from dashboards.variables import JOB_OF_TARGETS
from exporter.trust import TrustState

TO_TARGET = (
    "/d/fedmeta-target?${datasource:queryparam}&var-job=${__data.fields.job:percentencode}&var-target=${__data.fields.target:percentencode}"
    "&${__url_time_range}"
)
"""The board of the target in a table's row; it has the labels of the same names."""

NO_OTHER_LOOK = "Every target is looked at in one place only"

URGENT_DAYS = (-15, 90)
"""What is drawn of the days left."""

COUNTS = [
    stat(
        "Targets",
        "Federation services and metadata documents that are watched.",
        Unit.NONE,
        how_many(f"max by (job, target) ({ANY_TARGET('fedmeta_target_info')})"),
    ),
    stat(
        "Reachable",
        "Targets whose service gave a usable document to the latest look, from every vantage. Of the others the last"
        " good document is shown. Nodes have a table of their own.",
        Unit.NONE,
        how_many(f"{reachable(ANY_TARGET)} == 1"),
    ),
    stat(
        "Unreachable",
        "Targets whose service gave no usable document to the latest look, from one vantage at least: nobody there"
        " would learn a new key from them.",
        Unit.NONE,
        how_many(f"{reachable(ANY_TARGET)} == 0"),
        steps=WORK_IF_ANY,
    ),
    stat(
        "Act now",
        "Targets where sign-in has stopped or is about to: no signing key, an expired one, or one that ends within days"
        " while nothing is ready to take over.",
        Unit.NONE,
        how_many(critical(ANY_TARGET)),
        steps=BAD_IF_ANY,
    ),
    stat(
        "Look after",
        "Targets that somebody should look after in the days to come: a promotion that stalls, a successor that is"
        " overdue, a renewal that is due.",
        Unit.NONE,
        how_many(f"{in_state(ANY_TARGET, 'stalled|overdue|due')} unless on (job, target) {critical(ANY_TARGET)}"),
        steps=WORK_IF_ANY,
    ),
    stat(
        "Trust to repair",
        "Domains that Entra ID must be updated for now: it does not trust the certificate in use, or it does not trust"
        " the successor and the promotion is near.",
        Unit.NONE,
        how_many(in_trust_state(ANY_TARGET, TrustState.BROKEN, TrustState.AT_RISK)),
        steps=BAD_IF_ANY,
    ),
    stat(
        "Nodes differ",
        "Targets whose nodes, or vantages, do not all get the same signing keys. Minutes are normal, hours are not.",
        Unit.NONE,
        how_many(f"{agreement(ANY_TARGET)} == 0"),
        steps=WORK_IF_ANY,
    ),
    stat(
        "First to end",
        "Days until the first signing certificate in use ends; negative when it has ended.",
        Unit.DAYS,
        f"min({days(ANY_TARGET, 'primary')})",
        decimals=0,
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

TARGETS = table(
    "Targets, worst first",
    "One row for each target, with the worst of its watched entities; the name leads to the target's own board."
    " Primary: the certificate that signs today. Successor: the one that will take over. The promotion is"
    " predicted, where AD FS does it by itself. Reachable, last success: of the service, from all vantages the worst.",
    [
        Column("Target", label="target", link=TO_TARGET, width=180),
        Column("Job", label="job", hidden=True),
        Column("State", expr=state(ANY_TARGET), words=words.STATE, filled=True, width=185),
        Column("What to do", expr=state(ANY_TARGET), words=words.WHAT_TO_DO),
        Column("Primary left", expr=days(ANY_TARGET, "primary"), unit=Unit.DAYS, width=110),
        Column("Successor left", expr=days(ANY_TARGET, "successor"), unit=Unit.DAYS, absent="no successor", width=120),
        Column(
            "Predicted promotion",
            expr=milliseconds(f"min by (job, target) ({ANY_TARGET('fedmeta_rollover_promotion_timestamp_seconds')})"),
            unit=Unit.DATE,
            width=165,
        ),
        Column("Reachable", expr=reachable(ANY_TARGET), words=words.REACHABLE, coloured=True, width=110),
        Column(
            "Last success",
            expr=last_success(ANY_TARGET),
            unit=Unit.AGO,
            absent="never",
            width=130,
        ),
    ],
    rows=f"max by (job, target) ({ANY_TARGET('fedmeta_target_info')})",
    sort="State",
    largest_first=True,
    absent="No target is watched",
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
        "Domains for which a certificate is trusted that was never seen published: planted, or from long ago.",
        Unit.NONE,
        how_many(f"{foreign(ANY_TARGET)} > 0"),
        steps=WORK_IF_ANY,
    ),
    stat(
        "Without fresh answer",
        "Domains about which Entra ID never answered, or not for three intervals: what is shown of them is old.",
        Unit.NONE,
        how_many(unanswered(ANY_TARGET)),
        steps=WORK_IF_ANY,
    ),
]

TRUST = table(
    "Domains, worst first",
    "One row for each domain that signs in through a target; the target's name leads to its own board. Foreign:"
    " certificates that are trusted and were never seen published. Last reading: Entra ID's own account of how it read"
    " the metadata, and when. Last answer: when Entra ID was last asked with success, the age of all that is shown.",
    [
        Column("Target", label="target", link=TO_TARGET, width=180),
        Column("Job", label="job", hidden=True),
        Column("Domain", label="domain"),
        *columns(ANY_TARGET),
    ],
    rows=domains(ANY_TARGET),
    sort="State",
    largest_first=True,
    absent=NO_DOMAIN,
)

NODES = [
    table(
        "Nodes and vantages, those that differ first",
        "One row for each target that is looked at in several places. Unreachable: how many of these looks got no"
        " usable document. Which node serves what is on the target's own board.",
        [
            Column("Target", label="target", link=TO_TARGET),
            Column("Job", label="job", hidden=True),
            Column("Keys", expr=agreement(ANY_TARGET), words=words.AGREE, coloured=True, width=75),
            Column("Since", expr=differing_since(ANY_TARGET), unit=Unit.AGO, width=130),
            Column("Looks", unit=Unit.NONE, width=75),
            Column(
                "Unreachable",
                expr=f"sum by (job, target) ({looks(ANY_TARGET)} == bool 0)",
                unit=Unit.NONE,
                width=105,
            ),
        ],
        rows=several_looks(ANY_TARGET),
        sort="Keys",
        absent=NO_OTHER_LOOK,
    ),
    timeline(
        "Agreement of nodes and vantages",
        "Whether all looks at each target get the same signing keys, over time.",
        words.AGREE,
        Query(agreement(ANY_TARGET), "{{target}}"),
        absent=NO_OTHER_LOOK,
    ),
]

DAYS_LEFT = series(
    "Days left of the certificates in use",
    "Days until each target's signing certificate ends, the twenty that end first. Only the days from -15 to 90 are"
    " drawn; the list has them all. Dashed: the thresholds of the policies, the highest where they differ.",
    Unit.DAYS,
    Query(f"bottomk(20, {days(ANY_TARGET, 'primary')})", "{{target}}"),
    *thresholds(ANY_TARGET),
    within=URGENT_DAYS,
    dashed="Threshold",
    ranked=True,
)

CHANGES = table(
    "What changed lately",
    "Key sets that changed and primaries that were promoted, as the exporter saw it, in the last 30 days.",
    [
        Column("When", unit=Unit.DATE, words=words.NEVER, width=160),
        Column("Target", label="target", link=TO_TARGET),
        Column("Job", label="job", hidden=True),
        Column("What", label="change", words=words.CHANGE_NAMES, coloured=True, width=200),
        Column("Use", label="use", width=90),
    ],
    rows=changes(ANY_TARGET),
    sort="When",
    largest_first=True,
)

BOARD = Board(
    uid="fedmeta-fleet",
    title="Federation metadata: fleet",
    description="Every watched federation service at a glance, those that need somebody first.",
    since="now-24h",
    variables=[JOB_OF_TARGETS],
    sections=[
        Section("", [Line(Height.STAT, COUNTS), Line(Height.STAT, [STATES]), Line(Height.LIST, [TARGETS])]),
        Section(
            "Trust of Entra ID",
            [Line(Height.STAT, DOMAINS, shares=[3, 13, 4, 4]), Line(Height.GRAPH, [TRUST])],
        ),
        Section("Nodes and vantages", [Line(Height.LOW, NODES)]),
        Section("How long, and what changed", [Line(Height.GRAPH, [DAYS_LEFT, CHANGES])]),
        Section(
            "History",
            [
                Line(
                    Height.LIST,
                    [
                        timeline(
                            "State of each target",
                            "The state of each target's rollover over time; of several watched entities the worst.",
                            words.STATE,
                            Query(state(ANY_TARGET), "{{target}}"),
                        ),
                        timeline(
                            "Trust of each domain",
                            "The state of each domain's trust over time.",
                            words.TRUST,
                            Query(trust_state(ANY_TARGET), "{{domain}}"),
                            absent=NO_DOMAIN,
                        ),
                        timeline(
                            "Reachability of each target",
                            "Whether the latest look at each target's service got a usable document, from every"
                            " vantage, over time.",
                            words.REACHABLE,
                            Query(reachable(ANY_TARGET), "{{target}}"),
                        ),
                    ],
                )
            ],
        ),
    ],
)
