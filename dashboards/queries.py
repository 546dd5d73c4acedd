"""PromQL that several panels share.

As in the alert rules: what tells two exporters of a pair apart (``instance``, ``pod``) is aggregated away, joins are
``on (job, target, …)``, and an aggregate's entity that nobody watches counts for no target.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dashboards.style import Colour, Query, Word
from dashboards.words import ENDED, NO_DOCUMENT, NOT_JUDGED, NOTHING, POSITIONS, PROMOTED, SIGNATURES, STATES
from exporter.config.settings import SERVICE

LATELY = 30 * 86400
"""Seconds for which a change counts as late news."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a board looks at: called with a metric and more matchers, it gives the selector."""

    matchers: tuple[str, ...]
    every_entity: bool = True
    """Also entities of an aggregate that are shown for being bad, and that nobody watches."""

    def __call__(self, metric: str, *more: str) -> str:
        """The selector of this metric."""
        return f"{metric}{{{', '.join((*self.matchers, *more))}}}"


_JOB = 'job=~"$job"'
_TARGET = 'target="$target"'
ANY_TARGET = Scope((_JOB,), every_entity=False)
ONE_TARGET = Scope((_JOB, _TARGET))
ONE_ENTITY = Scope((_JOB, _TARGET, 'entity_id=~"$entity"'))
EXPORTERS = Scope((_JOB, 'instance=~"$instance"'))

OF_SERVICE = f'node="{SERVICE}"'
"""The matcher of looks at the service itself, from whatever vantage; its nodes are shown by themselves."""

_STATES = [(state, word) for state, (word, _) in STATES.items()]


def state(scope: Scope) -> str:
    """The worst state of each target, as the number of its word."""
    states = numbered("fedmeta_rollover_state", "state", _STATES, scope)
    return (
        "max by (job, target) (\n"
        f"  {_that_count(states if scope.every_entity else f'({states})', scope)}\n"
        f"  or {NO_DOCUMENT} * {without_document(scope)}\n"
        f"  or {NOT_JUDGED} * max by (job, target) ({scope('fedmeta_metadata_size_bytes')})\n"
        ")"
    )


def state_of_entities(scope: Scope) -> str:
    """The state of each entity that has series of its own, as the number of its word."""
    return f"max by (entity_id, role) ({numbered('fedmeta_rollover_state', 'state', _STATES, scope)})"


def without_document(scope: Scope) -> str:
    """1 for each target of which no usable document was ever seen."""
    return (
        f"(max by (job, target) ({scope('fedmeta_target_info')})"
        f" unless on (job, target) {scope('fedmeta_metadata_size_bytes')})"
    )


def in_state(scope: Scope, states: str) -> str:
    """1 for each target with an entity in one of these states (a pattern)."""
    holding = _that_count(scope("fedmeta_rollover_state", f'state=~"{states}"'), scope)
    return f"max by (job, target) ({holding})"


def days(scope: Scope, position: str) -> str:
    """Days left of each target's primary or successor; of several the fewest."""
    left = _that_count(scope("fedmeta_rollover_certificate_expiry_days", f'position="{position}"'), scope)
    return f"min by (job, target) ({left})"


def critical(scope: Scope) -> str:
    """1 for each target that somebody must act on now."""
    policies = f"max by (job, target, policy, profile) ({scope('fedmeta_target_info')})"
    days_of = f"max by (job, policy, profile) ({_threshold('missing')})"
    missing = f"max by (job, target) ({policies} * on (job, policy, profile) group_left () {days_of})"
    late = f"{days(scope, 'primary')} <= on (job, target) {missing}"
    severe = in_state(scope, "none|unreadable|expired|missing")
    return f"({severe} or {in_state(scope, 'stalled')} and on (job, target) ({late}))"


def thresholds(scope: Scope) -> Sequence[Query]:
    """The thresholds that the state of a rollover depends on; where policies differ, the highest."""
    colours = {"missing": Colour.RED, "generation": Colour.SEMI_DARK_ORANGE, "due": Colour.ORANGE}
    return [
        Query(f"max({in_force(_threshold(name), scope)})", f"Threshold: {name}", colour)
        for name, colour in colours.items()
    ]


def in_force(thresholds: str, scope: Scope) -> str:
    """Of these thresholds those of the policies that targets in scope have."""
    return f"{thresholds} and on (job, policy, profile) {scope('fedmeta_target_info')}"


def _threshold(name: str) -> str:
    return ANY_TARGET("fedmeta_policy_threshold_days", f'threshold="{name}"')


def from_every_vantage(scope: Scope, metric: str) -> str:
    """The least that holds for looks at each target's service from all vantages; of two exporters the more."""
    return f"min by (job, target) (max without (instance, pod) ({scope(metric, OF_SERVICE)}))"


def reachable(scope: Scope) -> str:
    """For each target: 1 if its service was reached from every vantage."""
    return from_every_vantage(scope, "fedmeta_metadata_reachable")


def last_success(scope: Scope) -> str:
    """When each target's service was last read, in milliseconds; of several vantages the longest ago."""
    return milliseconds(from_every_vantage(scope, "fedmeta_probe_last_success_timestamp_seconds"))


def agreement(scope: Scope) -> str:
    """For each target with several looks: 1 if all get the same signing keys, 0 if not."""
    return f"min by (job, target) ({scope('fedmeta_nodes_agree')})"


def differing_since(scope: Scope) -> str:
    """Since when they do not, in milliseconds."""
    return milliseconds(f"min by (job, target) ({scope('fedmeta_nodes_differ_since_timestamp_seconds')})")


def looks(scope: Scope) -> str:
    """For each look at a target with several: 1 if it got a usable document, 0 if not."""
    return f"({_looks(scope)} and on (job, target) {several_looks(scope)})"


def several_looks(scope: Scope) -> str:
    """The number of looks at each target that is looked at in several places."""
    return f"count by (job, target) ({_looks(scope)}) > 1"


def one_of(labels: str, others: str, vector: str) -> str:
    """One series for each set of the labels, with the other labels too: of two exporters that differ, one's."""
    return f"topk by ({labels}) (1, max by ({labels}, {others}) ({vector}))"


def milliseconds(moment: str) -> str:
    """A moment as Grafana wants it."""
    return f"1000 * {moment}"


def how_many(vector: str) -> str:
    """The number of series, 0 without any."""
    return f"count({vector}) or vector(0)"


def otherwise(vector: str, label: str, value: str = NOTHING, *, zero: str = "vector(0)") -> str:
    """The vector, or where it is empty one series at 0 with this label."""
    return f'{vector} or on () label_replace({zero}, "{label}", "{value}", "", "")'


def changes(scope: Scope) -> str:
    """When keys changed or a primary was promoted, in milliseconds, of the last 30 days."""
    promotions = scope("fedmeta_rollover_last_promotion_timestamp_seconds")
    lately = f"> time() - {LATELY}"
    return otherwise(
        milliseconds(
            "max by (job, target, use, change) (\n"
            f"  {scope('fedmeta_key_set_last_change_timestamp_seconds')} {lately}\n"
            f'  or label_replace(label_replace({promotions} {lately}, "change", "{PROMOTED}", "", ""),'
            ' "use", "signing", "", "")\n'
            ")"
        ),
        "change",
    )


def if_read(scope: Scope) -> str:
    """0 where a usable document was ever seen."""
    return f"0 * max({scope('fedmeta_metadata_size_bytes')})"


def signature(scope: Scope) -> str:
    """What the document's signature is worth, as the number of its word."""
    return f"max({numbered('fedmeta_metadata_signature_state', 'state', SIGNATURES.items(), scope)})"


def positions(scope: Scope) -> str:
    """What each certificate is in the rollover, as a word's number; ``short`` is how its fingerprint begins."""
    placed = numbered("fedmeta_certificate_info", "position", POSITIONS.items(), scope)
    ended = f"{ENDED} * ({scope('fedmeta_certificate_not_after_timestamp_seconds')} <= bool time())"
    return _short(f"max by (roles, use, fingerprint) ({placed} or {ended})")


def days_of_certificates(scope: Scope) -> str:
    """Days left of each certificate; ``short`` is how its fingerprint begins."""
    return _short(f"max by (roles, use, position, fingerprint) ({scope('fedmeta_certificate_expiry_days')})")


def numbered(metric: str, label: str, words: Iterable[tuple[str, Word]], scope: Scope) -> str:
    """The number of the word whose series is there."""
    terms = [(word.value, f'{label}="{value}"') for value, word in words]
    return "\n  or ".join(f"{number} * {scope(metric, matcher)}" for number, matcher in terms)


@dataclass(frozen=True, slots=True)
class Stretches:
    """The parts of each certificate's life in days from now, by the label ``certificate``; never 0."""

    ended: str
    """Negative: from its end until now."""
    lived: str
    """Negative: from its beginning until now, or until its end."""
    waiting: str
    """Positive: until its beginning."""
    left: str
    """Positive: from its beginning, or now, until its end."""

    @classmethod
    def of(cls, scope: Scope) -> "Stretches":
        """Those of the certificates in scope."""
        labels = "entity_id, roles, use, fingerprint"
        left = f"max by (entity_id, roles, use, position, fingerprint) ({scope('fedmeta_certificate_expiry_days')})"
        begins = f"max by ({labels}) ({scope('fedmeta_certificate_not_before_timestamp_seconds')})"
        # Multiplied by 0 only to take the labels with the position.
        age = f"0 * {left} + on ({labels}) group_left () (time() - {begins}) / 86400"
        return cls(
            ended=_by_certificate(f"{left} < 0"),
            lived=_by_certificate(f"-clamp_min(({age}) + clamp_max({left}, 0), 0) < 0"),
            waiting=_by_certificate(f"-({age}) > 0"),
            left=_by_certificate(f"clamp_min({left}, 0) - clamp_min(-({age}), 0) > 0"),
        )


def _looks(scope: Scope) -> str:
    return f"max by (job, target, node, vantage) ({scope('fedmeta_metadata_reachable')})"


def _by_certificate(vector: str) -> str:
    named = f'label_join({_short(vector)}, "certificate", " ", "roles", "use", "position", "short")'
    return f"max by (certificate) ({named})"


def _short(vector: str) -> str:
    return f'label_replace({vector}, "short", "$1", "fingerprint", "(.{{8}}).*")'


def _that_count(selected: str, scope: Scope) -> str:
    if scope.every_entity:
        return selected
    watched = f"max by (job, target, entity_id) ({scope('fedmeta_entity_watched')})"
    return f"({selected} unless on (job, target, entity_id) ({watched} == 0))"
