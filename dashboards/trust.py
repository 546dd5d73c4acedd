"""What Entra ID trusts, as the boards of all targets and of one target ask for it: PromQL and columns."""

from collections.abc import Sequence

from dashboards import words
from dashboards.panels import Column
from dashboards.queries import Scope, milliseconds, numbered
from dashboards.style import Unit
from exporter.trust import TrustState

_LATE = 600
"""Seconds by which an inquiry may be late; as in the alert."""

NO_DOMAIN = "No domain's trust is watched"


def domains(scope: Scope) -> str:
    """1 for each domain whose trust is watched."""
    return _by_domain(scope("fedmeta_trust_info"))


def trust_state(scope: Scope) -> str:
    """The state of each domain's trust, as the number of its word."""
    return _by_domain(numbered("fedmeta_trust_state", "state", words.TRUSTS.items(), scope))


def in_trust_state(scope: Scope, *states: TrustState) -> str:
    """1 for each domain whose trust is in one of these states."""
    matcher = f'state=~"{"|".join(states)}"'
    return _by_domain(scope("fedmeta_trust_state", matcher))


def update(scope: Scope) -> str:
    """How Entra ID says that its last reading of each domain's metadata went, as the number of its word."""
    return _by_domain(numbered("fedmeta_trust_update_result", "result", words.UPDATES.items(), scope))


def foreign(scope: Scope) -> str:
    """For each domain the certificates that are trusted and were never seen published."""
    return _by_domain(scope("fedmeta_trust_foreign_certificates"))


def unanswered(scope: Scope) -> str:
    """Each domain about which there never was an answer, or whose latest is more than three intervals old."""
    answered = scope("fedmeta_trust_as_of_timestamp_seconds")
    interval = f"max by (job, target) ({scope('fedmeta_trust_interval_seconds')})"
    old = f"time() - {_by_domain(answered)} > on (job, target) group_left () (3 * {interval} + {_LATE})"
    return f"({domains(scope)} unless on (job, target, domain) {answered} or {old})"


def columns(scope: Scope) -> Sequence[Column]:
    """What tables of domains say of each."""
    return [
        Column("State", expr=trust_state(scope), words=words.TRUST, filled=True, width=115),
        Column("Primary trusted", expr=_accepted(scope, "primary"), words=words.YES_NO, coloured=True, width=125),
        Column("Successor trusted", expr=_accepted(scope, "successor"), words=words.YES_NO, coloured=True, width=140),
        Column("Foreign", expr=foreign(scope), words=words.FOREIGN, coloured=True, width=75),
        Column("Entra ID's last reading", expr=update(scope), words=words.UPDATE, coloured=True, width=185),
        Column(
            "When",
            expr=milliseconds(_by_domain(scope("fedmeta_trust_update_timestamp_seconds"))),
            unit=Unit.AGO,
            width=130,
        ),
        Column(
            "Last answer",
            expr=milliseconds(_by_domain(scope("fedmeta_trust_as_of_timestamp_seconds"))),
            unit=Unit.AGO,
            absent="never",
            width=130,
        ),
    ]


def _accepted(scope: Scope, position: str) -> str:
    # min: where two exporters got different answers, the worse, as the state does.
    return f"min by (job, target, domain) ({scope(f'fedmeta_trust_{position}_trusted')})"


def _by_domain(vector: str) -> str:
    return f"max by (job, target, domain) ({vector})"
