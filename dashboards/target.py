"""The board of one target: its certificates, its rollover, its endpoint, its document."""

from dashboards import words
from dashboards.layout import Board, Height, Line, Section, annotation
from dashboards.panels import Column, Judged, Link, Show, series, spans, stat, table, timeline
from dashboards.queries import (
    ANY_TARGET,
    OF_SERVICE,
    ONE_ENTITY,
    ONE_TARGET,
    Stretches,
    Troubles,
    age,
    at_most,
    days,
    days_of_certificates,
    days_until,
    difference,
    differing_since,
    document_read,
    if_read,
    in_force,
    last_promotion,
    late,
    looks,
    marks_of_changes,
    milliseconds,
    one_of,
    otherwise,
    positions,
    signature,
    state,
    state_over_time,
    thresholds,
    throughout,
    with_short,
    worst,
    worst_state,
    worst_with_section,
)
from dashboards.shared import NOT_READ, TO_ITS_RUNBOOK, changed, found, up
from dashboards.style import (
    BAD,
    DIFFERING,
    HAS_ENDED,
    NEAR_ITS_END,
    PAST,
    WORK,
    WORK_IF_ANY,
    Colour,
    Query,
    Unit,
)
from dashboards.trust import NO_DOMAIN, columns, domains, trust_state, update
from dashboards.variables import ENTITY, JOB_OF_TARGETS, TARGET
from exporter.model import Phase

THUMBPRINT = 385
"""Pixels of forty capital digits: people compare the last ones."""

DRAWN_DAYS = (-400, 400)
"""What is drawn of a certificate's life: AD FS makes them for a year."""

KEY_SETS = annotation(
    "Key set changes",
    marks_of_changes(ONE_ENTITY),
    colour=Colour.ORANGE,
    title="Keys: {{change}}",
    text="{{use}} keys of {{entity_id}}",
)
PROMOTIONS = annotation(
    "Promotions",
    milliseconds(f"max by (entity_id, role) ({last_promotion(ONE_ENTITY)})"),
    colour=Colour.GREEN,
    title="Promoted",
    text="Another signing certificate is primary: role {{role}} of {{entity_id}}",
)

VERDICT = [
    stat(
        "Worst finding",
        "The worst that was found about the rollover, the trust of Entra ID, the nodes and vantages, or the document.",
        Unit.WORDS,
        worst(ONE_TARGET),
        words=words.FOUND,
    ),
    stat(
        "What to do",
        "The next step for the worst finding. Click it to open the runbook. The list below has them all.",
        Unit.WORDS,
        worst_with_section(ONE_TARGET),
        words=words.WHAT_TO_DO,
        filled=False,
        link=TO_ITS_RUNBOOK,
    ),
    stat(
        "Document read",
        "How long ago the exporter last read the document. Everything that is said about it is as old as that."
        " Orange: that is late, by the interval of the target.",
        Unit.SECONDS,
        age(document_read(ONE_TARGET)),
        bad=Judged(late(document_read(ONE_TARGET), ONE_TARGET), WORK),
        absent="never",
    ),
    up(ANY_TARGET),
]

ROLLOVER = [
    stat(
        "State",
        "How far the rollover is; if there are several entities, the worst.",
        Unit.WORDS,
        state(ONE_ENTITY),
        words=words.STATE,
        filled=False,
    ),
    stat(
        "Primary left",
        "Days left of the certificate that signs today; negative when it has ended. Red: no more than the threshold"
        " missing of the policy.",
        Unit.DAYS,
        days(ONE_ENTITY, "primary"),
        steps=HAS_ENDED,
        bad=Judged(at_most(days(ONE_ENTITY, "primary"), "missing", ONE_TARGET), BAD),
        decimals=0,
        absent="no primary",
    ),
    stat(
        "Successor left",
        "Days left of the certificate that is published to sign next.",
        Unit.DAYS,
        days(ONE_ENTITY, "successor"),
        steps=HAS_ENDED,
        decimals=0,
        absent="no successor",
    ),
    stat(
        "Promotion in",
        "Days until AD FS will sign with the successor; this is a prediction. Negative only if the day"
        " has passed and AD FS did not do it.",
        Unit.DAYS,
        days_until(f"min({ONE_ENTITY('fedmeta_rollover_promotion_timestamp_seconds')})"),
        steps=PAST,
        decimals=1,
        absent="not predicted",
    ),
]

TROUBLES = found(
    Troubles.of(ONE_TARGET),
    "Everything that was found about this target. Click the text under What to do to open the runbook.",
    then="About",
)

_INFO = ONE_ENTITY("fedmeta_certificate_info")
_SHOWN = "position, subject, thumbprint"
_BY = "entity_id, roles, use, fingerprint"
_BEGINS = f"max by ({_BY}) ({ONE_ENTITY('fedmeta_certificate_not_before_timestamp_seconds')})"
_ENDS = f"max by ({_BY}) ({ONE_ENTITY('fedmeta_certificate_not_after_timestamp_seconds')})"

CERTIFICATES = table(
    "Certificates",
    "Every published certificate, in each use. The thumbprint is what AD FS prints. Fingerprint: the first digits of"
    " the SHA-256, by which the graphs and nodes below name it. Life used goes from green to red.",
    [
        Column("Position", label="position", words=words.POSITION_NAMES, width=105),
        Column("Use", label="use", width=95),
        Column("Days left", expr=days_until(_ENDS), unit=Unit.DAYS, steps=HAS_ENDED, width=105),
        Column("Ends", expr=milliseconds(_ENDS), unit=Unit.DATE, width=165),
        Column("Thumbprint", label="thumbprint", width=THUMBPRINT),
        Column("Fingerprint", label="short", width=115),
        Column("Subject", label="subject"),
        Column("Entity", label="entity_id"),
        Column("Roles", label="roles", width=65),
        Column(
            "Life used",
            expr=f"clamp((time() - {_BEGINS}) / ({_ENDS} - {_BEGINS}), 0, 1)",
            unit=Unit.SHARE,
            gauge=True,
            width=110,
        ),
    ],
    rows=with_short(f"max by (entity_id, roles, use, fingerprint, {_SHOWN}) ({_INFO})"),
    keys=_BY,
    sort="Position",
    then="Days left",
    absent=NOT_READ,
)

_LIVES = Stretches.of(ONE_ENTITY)

LIVES = [
    spans(
        "Validity, in days from today",
        "When each certificate begins and ends: roles, use, position and the first digits of its"
        " fingerprint. If there are many, the twenty whose end is nearest to today. 0 is now; the graph"
        " shows 400 days before and after.",
        Unit.DAYS,
        Query(_LIVES.ended, "Ended since", Colour.SEMI_DARK_RED),
        Query(_LIVES.lived, "Lived", Colour.GREY),
        Query(_LIVES.waiting, "Begins in", Colour.PURPLE),
        Query(_LIVES.left, "Left", Colour.GREEN),
        label="certificate",
        within=DRAWN_DAYS,
        absent=NOT_READ,
    ),
    series(
        "Days left of each certificate",
        "The number falls by one each day; below 0 the certificate has ended. If there are many"
        " certificates, the twenty whose end is nearest to today. Dashed lines: the thresholds of the"
        " policy.",
        Unit.DAYS,
        Query(days_of_certificates(ONE_ENTITY), "{{roles}} {{use}} {{short}}"),
        *thresholds(ONE_TARGET),
        within=DRAWN_DAYS,
        dashed="Threshold",
        absent="No certificate is known in this time",
    ),
]

HISTORY = [
    timeline(
        "State over time",
        "The state of the rollover of each entity; if there are many entities, the worst twenty.",
        words.STATE,
        Query(state_over_time(ONE_ENTITY, "entity_id, role"), "{{entity_id}}"),
        of=worst_state(ONE_ENTITY),
        page=6,
        absent=NOT_READ,
    ),
    timeline(
        "Positions over time",
        "What each certificate was in the rollover: roles, use and the first digits of its fingerprint."
        " If there are many, the twenty whose end is nearest to today.",
        words.POSITION,
        Query(positions(ONE_ENTITY), "{{roles}} {{use}} {{short}}"),
        of=throughout(ONE_ENTITY)("fedmeta_certificate_info"),
        page=6,
        absent=NOT_READ,
    ),
]

EVIDENCE = table(
    "Which certificate is primary, and what says so",
    "Metadata does not mark the primary. All evidence there is, and whether it names the one that was decided on (of"
    " several entities: in each). The policy is the strongest, then the document's signature.",
    [
        Column("Evidence", label="evidence", words=words.EVIDENCE_NAMES),
        Column("Agrees", words=words.YES_NO, coloured=True, width=90),
    ],
    rows=(
        f"min by (evidence) ({ONE_ENTITY('fedmeta_rollover_info')} or {ONE_ENTITY('fedmeta_rollover_evidence_agrees')})"
    ),
    keys="evidence",
    sort="Agrees",
    absent=NOT_READ,
)

CHANGES = changed(ONE_ENTITY)

DOMAINS = table(
    "Trust of each domain now",
    "What Entra ID trusts for each domain. Foreign: certificates that it trusts and that were never"
    " seen published. Last reading: what Entra ID says about its own last reading of the metadata."
    " Age of answer: how long ago it last answered the exporter; all that is shown here is as old as"
    " that.",
    [
        Column("Domain", label="domain"),
        *columns(ONE_TARGET),
        Column(
            "Why no answer",
            label="reason",
            expr=one_of("job, target, domain", "reason", ONE_TARGET("fedmeta_trust_inquiry_last_failure_info")),
            width=125,
        ),
    ],
    rows=domains(ONE_TARGET),
    keys="job, target, domain",
    sort="State",
    largest_first=True,
    then="Domain",
    absent=NO_DOMAIN,
)

_TRUSTED = "domain, slot, fingerprint"

TRUSTED = table(
    "Certificates that Entra ID trusts",
    "The certificates in the two slots of each domain; Entra ID accepts tokens that either of them"
    " signed. A certificate that is not published is an old one, or an attacker wrote it.",
    [
        Column("Domain", label="domain"),
        Column("Slot", label="slot", words=words.SLOT_NAMES, width=85),
        Column("Published", label="published", words=words.PUBLISHED_NAMES, coloured=True, width=90),
        Column("Subject", label="subject"),
        Column("Thumbprint", label="thumbprint", width=THUMBPRINT),
        Column("Fingerprint", label="short", width=115),
        Column(
            "Ends",
            expr=milliseconds(
                f"max by ({_TRUSTED}) ({ONE_TARGET('fedmeta_trust_certificate_not_after_timestamp_seconds')})"
            ),
            unit=Unit.DATE,
            width=165,
        ),
        Column(
            "Days left",
            expr=f"max by ({_TRUSTED}) ({ONE_TARGET('fedmeta_trust_certificate_expiry_days')})",
            unit=Unit.DAYS,
            steps=PAST,
            width=105,
        ),
    ],
    rows=with_short(
        f"max by ({_TRUSTED}, published, subject, thumbprint) ({ONE_TARGET('fedmeta_trust_certificate_info')})"
    ),
    keys=_TRUSTED,
    sort="Domain",
    absent="No trusted certificate is known",
)

TRUST = [
    timeline(
        "Trust over time",
        "The state of each domain's trust.",
        words.TRUST,
        Query(trust_state(ONE_TARGET), "{{domain}}"),
        of=throughout(ONE_TARGET)("fedmeta_trust_info"),
        page=6,
        absent=NO_DOMAIN,
    ),
    timeline(
        "Entra ID's readings over time",
        "How Entra ID says that its last reading of the metadata went, for each domain.",
        words.UPDATE,
        Query(update(ONE_TARGET), "{{domain}}"),
        of=throughout(ONE_TARGET)("fedmeta_trust_update_result"),
        page=6,
        absent="Entra ID does not say",
    ),
]

ONE_LOOK = "The target is looked at in one place only"

AGREEMENT = [
    stat(
        "Nodes and vantages",
        "Whether all nodes and vantages get the same signing keys, signed by the same one.",
        Unit.WORDS,
        difference(ONE_TARGET),
        words=words.DIFFER,
        absent="nothing to compare",
    ),
    stat(
        "Differ for",
        "How long they have differed. Minutes are normal, hours are not.",
        Unit.SECONDS,
        age(differing_since(ONE_TARGET)),
        steps=DIFFERING,
        absent="no difference",
    ),
    stat(
        "Looks that fail",
        "At the service and each node, from each vantage: latest looks that got no usable document.",
        Unit.NONE,
        f"sum({looks(ONE_TARGET)} == bool 0)",
        steps=WORK_IF_ANY,
        absent="one place only",
    ),
]

_LOOK = "node, vantage"
_READ = f"max by (job, target, {_LOOK}) ({ONE_TARGET('fedmeta_probe_last_success_timestamp_seconds')})"

NODES = table(
    "Which node serves what",
    "The service and each node, from each vantage: the signing keys of the last good document and the"
    " key that signed it, by the first digits of their fingerprints. A node that is behind serves"
    " other keys than the rest.",
    [
        Column("Node", label="node"),
        Column("Vantage", label="vantage", width=110),
        Column("Reachable", expr=looks(ONE_TARGET), words=words.REACHABLE, coloured=True, width=110),
        Column(
            "Keys",
            label="key_set",
            expr=one_of(_LOOK, "key_set, signer", ONE_TARGET("fedmeta_node_key_set_info")),
            width=280,
        ),
        Column("Signed by", label="signer", width=105),
        Column(
            "Last success",
            expr=age(_READ),
            unit=Unit.SECONDS,
            absent="never",
            width=115,
        ),
        Column("Late by", expr=late(_READ, ONE_TARGET), unit=Unit.SECONDS, steps=WORK, width=110),
        Column(
            "Why it failed",
            label="reason",
            expr=one_of(_LOOK, "reason", ONE_TARGET("fedmeta_probe_last_failure_info")),
            width=130,
        ),
    ],
    rows=looks(ONE_TARGET),
    keys=_LOOK,
    sort="Node",
    absent=ONE_LOOK,
)

REACHED = timeline(
    "Nodes and vantages over time",
    "Whether the latest look got a usable document: at the service and each node, from each vantage.",
    words.REACHABLE,
    Query(looks(ONE_TARGET), "{{node}} from {{vantage}}"),
    of=throughout(ONE_TARGET)("fedmeta_nodes_agree"),
    page=6,
    absent=ONE_LOOK,
)

LOOKS = timeline(
    "Looks and their failures",
    "Whether the latest look at the service got a usable document, from each vantage, and if not, why.",
    words.LOOK,
    Query(f"max by (vantage) ({ONE_TARGET('fedmeta_metadata_reachable', OF_SERVICE)})", "{{vantage}}"),
    Query(
        f"{words.FAILING} * max by (vantage, reason) ({ONE_TARGET('fedmeta_probe_last_failure_info', OF_SERVICE)})",
        "{{vantage}}: {{reason}}",
    ),
    of=throughout(ONE_TARGET)("fedmeta_metadata_reachable"),
    page=12,
    absent="The target was not looked at",
)

PHASES = series(
    "Time of a look, by phase",
    "How long the latest look at the service took, in the order of its phases; of several vantages the longest. Where"
    " the document had not changed there is no parse.",
    Unit.SECONDS,
    *(
        Query(f"max({ONE_TARGET('fedmeta_probe_duration_seconds', OF_SERVICE, matcher)})", phase)
        for phase in Phase
        for matcher in [f'phase="{phase}"']
    ),
    stacked=True,
    absent="No look in this time",
)

_TLS_LEFT = days_until(f"min by (job, target) ({ONE_TARGET('fedmeta_tls_certificate_not_after_timestamp_seconds')})")
_LOOKED = f"max by (job, target) ({ONE_TARGET('fedmeta_probe_last_attempt_timestamp_seconds', OF_SERVICE)})"

ENDPOINT = [
    stat(
        "Why it failed",
        "Why the latest look at the service failed.",
        Unit.NONE,
        otherwise(
            f"max by (reason) ({ONE_TARGET('fedmeta_probe_last_failure_info', OF_SERVICE)})", "reason", "no failure"
        ),
        legend="{{reason}}",
        show=Show.NAME,
    ),
    stat(
        "HTTP status",
        "Of the service's last answer to the latest look; of several vantages the highest.",
        Unit.NONE,
        f"max({ONE_TARGET('fedmeta_probe_http_status_code', OF_SERVICE)})",
        absent="no answer",
    ),
    stat(
        "TLS ends in",
        "Days left of the TLS certificate of the endpoint; if there are several nodes, the first to end."
        " AD FS never renews it by itself. Orange: no more than the threshold tls of the policy; red: it has ended.",
        Unit.DAYS,
        _TLS_LEFT,
        steps=HAS_ENDED,
        bad=Judged(at_most(f"({_TLS_LEFT})", "tls", ONE_TARGET), NEAR_ITS_END),
        decimals=0,
        absent="no TLS",
    ),
    stat(
        "Last look",
        "How long ago the service was last looked at, with or without success. Orange: that is late, by the interval"
        " of the target.",
        Unit.SECONDS,
        age(_LOOKED),
        bad=Judged(late(_LOOKED, ONE_TARGET), WORK),
        absent="never",
    ),
    stat(
        "Looks every",
        "The time between two looks, as configured.",
        Unit.SECONDS,
        f"max({ONE_TARGET('fedmeta_target_interval_seconds')})",
    ),
]

DOCUMENT = [
    stat(
        "Size",
        "Of the last good document, decompressed.",
        Unit.BYTES,
        f"max({ONE_TARGET('fedmeta_metadata_size_bytes')})",
        absent="no document",
    ),
    stat(
        "Entities",
        "In the last good document.",
        Unit.NONE,
        f"max({ONE_TARGET('fedmeta_metadata_entities')})",
        absent="no document",
    ),
    stat(
        "Signature",
        "What the document's own signature is worth. Valid: by the certificate it brings along.",
        Unit.WORDS,
        signature(ONE_TARGET),
        words=words.SIGNATURE,
        absent="no document",
    ),
    stat(
        "Valid for",
        "Days for which the document may still be used (validUntil). AD FS does not say.",
        Unit.DAYS,
        days_until(f"max({ONE_TARGET('fedmeta_metadata_valid_until_timestamp_seconds')})"),
        steps=HAS_ENDED,
        decimals=1,
        absent="does not say",
    ),
    stat(
        "To be kept for",
        "How long the document asks to be kept (cacheDuration). AD FS does not say.",
        Unit.SECONDS,
        f"max({ONE_TARGET('fedmeta_metadata_cache_duration_seconds')})",
        absent="does not say",
    ),
    stat(
        "Faults",
        "Things that are wrong with the document; it is usable all the same.",
        Unit.NONE,
        f"sum(max by (kind) ({ONE_TARGET('fedmeta_metadata_faults')})) or {if_read(ONE_TARGET)}",
        steps=WORK_IF_ANY,
        absent="no document",
    ),
    stat(
        "Weak certificates",
        "Published certificates with a short key, or signed by an issuer with MD5 or SHA-1.",
        Unit.NONE,
        f"count(max by (fingerprint) ({ONE_ENTITY('fedmeta_certificate_weak')})) or {if_read(ONE_TARGET)}",
        steps=WORK_IF_ANY,
        absent="no document",
    ),
]

FAULTS = table(
    "Faults of the document",
    "What is wrong with the last good document; it is usable all the same.",
    [
        Column("Fault", label="kind", words=words.FAULT_NAMES),
        Column("How many", unit=Unit.NONE, width=105),
    ],
    rows=otherwise(f"max by (kind) ({ONE_TARGET('fedmeta_metadata_faults')})", "kind", zero=if_read(ONE_TARGET)),
    keys="kind",
    sort="How many",
    largest_first=True,
    absent=NOT_READ,
)

ENTITIES = table(
    "Entities by state",
    "How many entities of the document are in each state; of an aggregate all count, those without series of their own"
    " too.",
    [
        Column("State", label="state", words=words.STATE_NAMES, coloured=True),
        Column("Entities", unit=Unit.NONE, width=105),
    ],
    rows=(
        f"max by (state) ({ONE_TARGET('fedmeta_entities')})"
        f" or sum by (state) (max by (entity_id, role, state) ({ONE_TARGET('fedmeta_rollover_state')}))"
    ),
    keys="state",
    sort="Entities",
    largest_first=True,
    absent=NOT_READ,
)

THRESHOLDS = table(
    "Policy, in days",
    "The thresholds in force for this target.",
    [
        Column("Threshold", label="threshold"),
        Column("Days", unit=Unit.NONE, width=105),
    ],
    rows=f"max by (threshold) ({in_force(ANY_TARGET('fedmeta_policy_threshold_days'), ONE_TARGET)})",
    keys="threshold",
    sort="Days",
    absent="No policy is known",
)

CONFIGURATION = table(
    "The target",
    "Its address, and how its publisher is expected to roll over. The address leads to the document itself.",
    [
        Column("Address", label="url", link=Link("document", "${__value.raw}", away=True)),
        Column("Policy", label="policy", width=110),
        Column("Profile", label="profile", width=110),
        Column("Profile by", label="profile_evidence", width=170),
        Column("AutoCertificateRollover", label="auto_certificate_rollover", width=185),
        Column("Dates count", label="expiry", width=105),
        Column("Module", label="module", width=90),
    ],
    rows="max by (url, policy, profile, profile_evidence, auto_certificate_rollover, expiry, module)"
    f" ({ONE_TARGET('fedmeta_target_info')})",
    keys="url",
    sort="Address",
    absent="No such target is watched",
)

BOARD = Board(
    uid="fedmeta-target",
    title="Federation metadata: target",
    description="One federation service: its certificates, how its rollover goes, its endpoint and its document.",
    since="now-24h",
    variables=[TARGET, ENTITY, JOB_OF_TARGETS],
    annotations=[KEY_SETS, PROMOTIONS],
    sections=[
        Section(
            "",
            [
                Line(Height.STAT, VERDICT, shares=[6, 8, 5, 5]),
                Line(Height.STAT, ROLLOVER),
                Line(Height.LOW, [TROUBLES]),
                Line(Height.LOW, [CERTIFICATES]),
                Line(Height.GRAPH, LIVES),
            ],
        ),
        Section("Rollover", [*(Line(Height.LOW, [each]) for each in HISTORY), Line(Height.LOW, [EVIDENCE, CHANGES])]),
        Section(
            "Endpoint",
            [Line(Height.ROW, [CONFIGURATION]), Line(Height.GRAPH, [LOOKS, PHASES]), Line(Height.STAT, ENDPOINT)],
        ),
        Section(
            "Document and policy",
            [
                Line(Height.STAT, DOCUMENT[:4]),
                Line(Height.STAT, DOCUMENT[4:]),
                Line(Height.GRAPH, [FAULTS, ENTITIES, THRESHOLDS]),
            ],
        ),
        Section(
            "Trust of Entra ID",
            [Line(Height.LOW, [DOMAINS]), Line(Height.LOW, [TRUSTED]), Line(Height.LOW, TRUST)],
            collapsed=True,
        ),
        Section(
            "Nodes and vantages",
            [Line(Height.STAT, AGREEMENT), Line(Height.LOW, [NODES]), Line(Height.LOW, [REACHED])],
            collapsed=True,
        ),
    ],
)
