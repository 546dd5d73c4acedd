"""The metric families: the contract with everybody's rules and dashboards. docs/metrics.md says the same."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Metric types of OpenMetrics 1.0 that we use."""

    GAUGE = "gauge"
    COUNTER = "counter"
    INFO = "info"


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """One metric family; ``name`` is the name of its samples."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    """Beyond ``target``."""
    of_target: bool = True
    """Whether its series have the label ``target``."""

    def header(self, *, openmetrics: bool) -> str:
        """The HELP and TYPE lines.

        OpenMetrics names a counter or info family without the suffix of its samples (OpenMetrics 1.0, "MetricFamily");
        the older text format has no type for info.
        """
        name, kind = self.name, str(self.kind)
        if openmetrics:
            name = name.removesuffix({Kind.COUNTER: "_total", Kind.INFO: "_info"}.get(self.kind, ""))
        elif self.kind is Kind.INFO:
            kind = "gauge"
        return f"# HELP {name} {self.help}\n# TYPE {name} {kind}\n"


_LOOK = ("node", "vantage")
_DOMAIN = ("domain",)
_SLOT = ("domain", "slot", "fingerprint")
_ENTITY = ("entity_id", "role")
_CERTIFICATE = ("entity_id", "roles", "use", "fingerprint")
_PLACED = ("entity_id", "roles", "use", "position", "fingerprint")

FINDING = Family(
    "fedmeta_finding",
    Kind.GAUGE,
    "1 for each thing that is wrong, about to be wrong, or worth knowing as of this scrape; absent when it is not.",
    ("finding", "severity", "entity_id", *_DOMAIN, *_LOOK),
)
AS_OF = Family(
    "fedmeta_target_as_of_timestamp_seconds",
    Kind.GAUGE,
    "When the probe began that last got the judged document, or found it unchanged; absent until there is one.",
)
REACHABLE = Family(
    "fedmeta_metadata_reachable",
    Kind.GAUGE,
    "1 if the last probe got a usable document (not modified counts), 0 if it did not.",
    _LOOK,
)
PROBES = Family("fedmeta_probes_total", Kind.COUNTER, "Probes since the exporter started.", _LOOK)
PROBE_FAILURES = Family(
    "fedmeta_probe_failures_total",
    Kind.COUNTER,
    "Probes since the exporter started that got no usable document.",
    _LOOK,
)
LAST_FAILURE = Family(
    "fedmeta_probe_last_failure_info",
    Kind.INFO,
    "Why the last probe failed; absent when it did not.",
    (*_LOOK, "reason"),
)
PROBE_DURATION = Family(
    "fedmeta_probe_duration_seconds",
    Kind.GAUGE,
    "Time the last probe spent in each phase; a phase that was not reached is absent.",
    (*_LOOK, "phase"),
)
HTTP_STATUS = Family(
    "fedmeta_probe_http_status_code",
    Kind.GAUGE,
    "HTTP status of the last probe's last answer; absent without one.",
    _LOOK,
)
LAST_ATTEMPT = Family("fedmeta_probe_last_attempt_timestamp_seconds", Kind.GAUGE, "When the last probe began.", _LOOK)
LAST_SUCCESS = Family(
    "fedmeta_probe_last_success_timestamp_seconds",
    Kind.GAUGE,
    "When the last probe that got a usable document began: the age of everything else about the document.",
    _LOOK,
)
TLS_NOT_AFTER = Family(
    "fedmeta_tls_certificate_not_after_timestamp_seconds",
    Kind.GAUGE,
    "When the endpoint's own TLS certificate ends, also when it does not verify.",
    _LOOK,
)
KEY_SET = Family(
    "fedmeta_node_key_set_info",
    Kind.INFO,
    "The signing keys that the last good look got, by the beginnings of their fingerprints, and which of them signed.",
    (*_LOOK, "key_set", "signer"),
)
NODES_AGREE = Family(
    "fedmeta_nodes_agree",
    Kind.GAUGE,
    "1 if all looks got the same signing keys and the same of them signed, 0 if not; absent until two got any.",
)
NODES_DIFFER_SINCE = Family(
    "fedmeta_nodes_differ_since_timestamp_seconds",
    Kind.GAUGE,
    "Since when looks do not get the same signing keys, or signer; absent while they do.",
)
SIZE = Family("fedmeta_metadata_size_bytes", Kind.GAUGE, "Size of the last good document, decompressed.")
ENTITIES_TOTAL = Family("fedmeta_metadata_entities", Kind.GAUGE, "Entities in the last good document.")
VALID_UNTIL = Family(
    "fedmeta_metadata_valid_until_timestamp_seconds",
    Kind.GAUGE,
    "Until when the last good document may be used, where it says so.",
)
CACHE_DURATION = Family(
    "fedmeta_metadata_cache_duration_seconds",
    Kind.GAUGE,
    "How long the last good document asks to be kept, where it says so.",
)
FAULTS = Family(
    "fedmeta_metadata_faults",
    Kind.GAUGE,
    "Things wrong with the last good document, which is usable all the same; a kind without any is absent.",
    ("kind",),
)
SIGNATURE = Family(
    "fedmeta_metadata_signature_state",
    Kind.GAUGE,
    "What the last good document's own signature is worth: 1 for the state that holds, the others are absent.",
    ("state",),
)
EXPIRY_DAYS = Family(
    "fedmeta_certificate_expiry_days",
    Kind.GAUGE,
    "Days until a published certificate ends, as of this scrape; negative after it.",
    _PLACED,
)
NOT_AFTER = Family(
    "fedmeta_certificate_not_after_timestamp_seconds", Kind.GAUGE, "When a published certificate ends.", _CERTIFICATE
)
NOT_BEFORE = Family(
    "fedmeta_certificate_not_before_timestamp_seconds", Kind.GAUGE, "When a published certificate begins.", _CERTIFICATE
)
FIRST_SEEN = Family(
    "fedmeta_certificate_first_seen_timestamp_seconds",
    Kind.GAUGE,
    "When this exporter first saw a published certificate.",
    _CERTIFICATE,
)
CERTIFICATE = Family(
    "fedmeta_certificate_info",
    Kind.INFO,
    "A published certificate.",
    (
        *_PLACED,
        "subject",
        "issuer",
        "serial_number",
        "thumbprint",
        "key_algorithm",
        "key_size",
        "signature_algorithm",
    ),
)
WEAK = Family(
    "fedmeta_certificate_weak",
    Kind.GAUGE,
    "1 for each reason why a published certificate is weak.",
    (*_CERTIFICATE, "reason"),
)
SECONDARY_PRESENT = Family(
    "fedmeta_secondary_certificate_present",
    Kind.GAUGE,
    "1 if a signing certificate that is not expired is published beside the primary; an earlier one counts too.",
    _ENTITY,
)
ROLLOVER_STATE = Family(
    "fedmeta_rollover_state",
    Kind.GAUGE,
    "The state of the rollover as of this scrape: 1 for the one that holds, the others are absent.",
    (*_ENTITY, "state"),
)
ROLLOVER_DAYS = Family(
    "fedmeta_rollover_certificate_expiry_days",
    Kind.GAUGE,
    "Days until the primary or the successor ends, as of this scrape; the series outlives a promotion.",
    (*_ENTITY, "position"),
)
ROLLOVER = Family(
    "fedmeta_rollover_info",
    Kind.INFO,
    "Which certificate is primary, by what evidence, and which is its successor.",
    (*_ENTITY, "evidence", "primary_fingerprint", "successor_fingerprint"),
)
EVIDENCE_AGREES = Family(
    "fedmeta_rollover_evidence_agrees",
    Kind.GAUGE,
    "For each piece of evidence beside the one that decided: 1 if it names the same primary, 0 if another.",
    (*_ENTITY, "evidence"),
)
PROMOTION = Family(
    "fedmeta_rollover_promotion_timestamp_seconds",
    Kind.GAUGE,
    "When AD FS is predicted to make the successor primary (inferred); in the past only if it did not.",
    _ENTITY,
)
LAST_PROMOTION = Family(
    "fedmeta_rollover_last_promotion_timestamp_seconds",
    Kind.GAUGE,
    "When this exporter saw the primary change.",
    _ENTITY,
)
LAST_CHANGE = Family(
    "fedmeta_key_set_last_change_timestamp_seconds",
    Kind.GAUGE,
    "When this exporter last saw the published keys change in this way; the first document is no change.",
    ("entity_id", "use", "change"),
)
HISTORY_DROPPED = Family(
    "fedmeta_history_dropped_total",
    Kind.COUNTER,
    "Earlier key sets, primaries and entities forgotten since the exporter started because there were too many.",
)
THRESHOLD = Family(
    "fedmeta_policy_threshold_days",
    Kind.GAUGE,
    "The thresholds of a policy under a profile; fedmeta_target_info says which policy and profile a target has.",
    ("policy", "profile", "threshold"),
    of_target=False,
)
TARGET = Family(
    "fedmeta_target_info",
    Kind.INFO,
    "A target, and the labels that its configuration gives it.",
    ("url", "policy", "profile", "profile_evidence", "auto_certificate_rollover", "expiry", "module"),
)
INTERVAL = Family(
    "fedmeta_target_interval_seconds", Kind.GAUGE, "Time between two probes of the target, as configured."
)
REMOVED = Family(
    "fedmeta_target_removed_timestamp_seconds",
    Kind.GAUGE,
    "When a reload or a start took a target out of the configuration; for 7 days, absent when it is watched again.",
)
ENTITIES = Family(
    "fedmeta_entities",
    Kind.GAUGE,
    "Entities of an aggregate by rollover state as of this scrape; a state without any is absent.",
    ("state",),
)
ENTITIES_OMITTED = Family(
    "fedmeta_entities_omitted", Kind.GAUGE, "Entities of an aggregate that have no series of their own."
)
CERTIFICATES_OMITTED = Family(
    "fedmeta_certificates_omitted",
    Kind.GAUGE,
    "Published certificates that have no series of their own, or are not watched, for being too many; absent without.",
)
FINDINGS_OMITTED = Family(
    "fedmeta_findings_omitted",
    Kind.GAUGE,
    "Findings that have no series of their own for being too many, the least bad; absent without any.",
)
ENTITY_WATCHED = Family(
    "fedmeta_entity_watched",
    Kind.GAUGE,
    "1 if the configuration watches the entity of an aggregate, 0 if it is shown for being among the worst.",
    ("entity_id",),
)
TRUST = Family(
    "fedmeta_trust_info",
    Kind.INFO,
    "A domain whose trust is watched, and the host that its people are sent to for signing in.",
    (*_DOMAIN, "source", "cloud", "service"),
)
TRUST_INTERVAL = Family(
    "fedmeta_trust_interval_seconds", Kind.GAUGE, "Time between two inquiries about a domain, as configured."
)
TRUST_STATE = Family(
    "fedmeta_trust_state",
    Kind.GAUGE,
    "The state of the trust of a domain as of this scrape: 1 for the one that holds, the others are absent.",
    (*_DOMAIN, "state"),
)
TRUST_PRIMARY = Family(
    "fedmeta_trust_primary_trusted",
    Kind.GAUGE,
    "1 if the primary is trusted for the domain, 0 if not; absent where that is not known.",
    _DOMAIN,
)
TRUST_SUCCESSOR = Family(
    "fedmeta_trust_successor_trusted",
    Kind.GAUGE,
    "1 if the successor is trusted for the domain, 0 if not; absent without a successor, or where it is not known.",
    _DOMAIN,
)
TRUST_FOREIGN = Family(
    "fedmeta_trust_foreign_certificates",
    Kind.GAUGE,
    "Certificates that are trusted for the domain, not expired and not published; absent where that is not known.",
    _DOMAIN,
)
TRUST_EXPIRY_DAYS = Family(
    "fedmeta_trust_certificate_expiry_days",
    Kind.GAUGE,
    "Days until a trusted certificate ends, as of this scrape; negative after it.",
    _SLOT,
)
TRUST_NOT_AFTER = Family(
    "fedmeta_trust_certificate_not_after_timestamp_seconds", Kind.GAUGE, "When a trusted certificate ends.", _SLOT
)
TRUST_CERTIFICATE = Family(
    "fedmeta_trust_certificate_info",
    Kind.INFO,
    "A certificate that is trusted for the domain.",
    (*_SLOT, "thumbprint", "subject", "published"),
)
TRUST_UPDATE = Family(
    "fedmeta_trust_update_result",
    Kind.GAUGE,
    "How Entra ID says that its last reading of the metadata went: 1 for that result; absent until it says.",
    (*_DOMAIN, "result"),
)
TRUST_UPDATED = Family(
    "fedmeta_trust_update_timestamp_seconds",
    Kind.GAUGE,
    "When Entra ID says that it last read the metadata.",
    _DOMAIN,
)
TRUST_READABLE = Family(
    "fedmeta_trust_metadata_readable",
    Kind.GAUGE,
    "1 if Entra ID could read the metadata, by its own account, 0 if not; absent where it does not say.",
    _DOMAIN,
)
INQUIRIES = Family(
    "fedmeta_trust_inquiries_total", Kind.COUNTER, "Inquiries about the domain since the exporter started.", _DOMAIN
)
INQUIRY_FAILURES = Family(
    "fedmeta_trust_inquiry_failures_total",
    Kind.COUNTER,
    "Inquiries about the domain since the exporter started that got no answer.",
    _DOMAIN,
)
INQUIRY_LAST_FAILURE = Family(
    "fedmeta_trust_inquiry_last_failure_info",
    Kind.INFO,
    "Why the last inquiry about the domain failed; absent when it did not.",
    (*_DOMAIN, "reason"),
)
INQUIRY_LAST_ATTEMPT = Family(
    "fedmeta_trust_last_attempt_timestamp_seconds", Kind.GAUGE, "When the last inquiry about the domain began.", _DOMAIN
)
TRUST_AS_OF = Family(
    "fedmeta_trust_as_of_timestamp_seconds",
    Kind.GAUGE,
    "When the last inquiry that got an answer began: the age of everything else about the domain's trust.",
    _DOMAIN,
)

FAMILIES = tuple(value for value in list(globals().values()) if isinstance(value, Family))
"""All of them, in the order of a scrape."""

MEMORY = frozenset(
    {
        PROBES,
        PROBE_FAILURES,
        LAST_SUCCESS,
        KEY_SET,
        NODES_AGREE,
        NODES_DIFFER_SINCE,
        FIRST_SEEN,
        PROMOTION,
        LAST_PROMOTION,
        LAST_CHANGE,
        HISTORY_DROPPED,
        REMOVED,
        *(family for family in FAMILIES if family.name.startswith("fedmeta_trust_")),
    }
)
"""What needs more than one look, or an answer of Entra ID's, and so is absent from ``/probe``."""
