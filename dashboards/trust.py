"""What Entra ID trusts, as the boards of all targets and of one target ask for it: PromQL and columns."""

from collections.abc import Sequence

from dashboards import words
from dashboards.panels import Column
from dashboards.queries import FEW, Scope, age, late_answer, numbered, throughout
from dashboards.style import AGE_OF_READING, WORK, Unit
from exporter.trust import TrustState

NO_DOMAIN = "No trust of a domain is watched"


def domains(scope: Scope) -> str:
    """1 for each domain whose trust is watched."""
    return _by_domain(scope("fedmeta_trust_info"))


def trust_state(scope: Scope) -> str:
    """The state of each domain's trust, as the number of its word."""
    return _by_domain(numbered("fedmeta_trust_state", "state", words.TRUSTS.items(), scope))


def trust_over_time(scope: Scope) -> str:
    """The same, of many domains the worst in the time shown."""
    metric, states = "fedmeta_trust_state", words.TRUSTS.items()
    worst = f"topk({FEW}, {_by_domain(numbered(metric, 'state', states, throughout(scope)))})"
    return _by_domain(numbered(metric, "state", states, scope, among=f" and on (job, target, domain) {worst}"))


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


def columns(scope: Scope) -> Sequence[Column]:
    """What tables of domains say of each."""
    answered = _by_domain(scope("fedmeta_trust_as_of_timestamp_seconds"))
    return [
        Column("State", expr=trust_state(scope), words=words.TRUST, filled=True, width=115),
        Column("Primary trusted", expr=_accepted(scope, "primary"), words=words.YES_NO, coloured=True, width=130),
        Column("Successor trusted", expr=_accepted(scope, "successor"), words=words.YES_NO, coloured=True, width=150),
        Column("Foreign", expr=foreign(scope), words=words.FOREIGN, coloured=True, width=80),
        Column("Entra ID's last reading", expr=update(scope), words=words.UPDATE, coloured=True, width=190),
        Column(
            "Age of reading",
            expr=age(_by_domain(scope("fedmeta_trust_update_timestamp_seconds"))),
            unit=Unit.SECONDS,
            steps=AGE_OF_READING,
            width=125,
        ),
        Column(
            "Age of answer",
            expr=age(answered),
            unit=Unit.SECONDS,
            absent="never",
            width=120,
        ),
        Column("Late by", expr=late_answer(answered, scope), unit=Unit.SECONDS, steps=WORK, width=110),
    ]


def _accepted(scope: Scope, position: str) -> str:
    # min: where two exporters got different answers, the worse, as the state does.
    return f"min by (job, target, domain) ({scope(f'fedmeta_trust_{position}_trusted')})"


def _by_domain(vector: str) -> str:
    return f"max by (job, target, domain) ({vector})"
