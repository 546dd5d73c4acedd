"""PromQL that several panels share.

As in the alert rules: what tells two exporters of a pair apart (``instance``, ``pod``) is aggregated away, joins are
``on (job, target, …)``, and an aggregate's entity that nobody watches counts for no target.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from dashboards.style import Colour, Query, Word
from dashboards.words import (
    ALERTS,
    ENDED,
    NO_DOCUMENT,
    NO_RUNBOOK,
    NOT_JUDGED,
    NOT_LOOKED_AT,
    NOTHING,
    NOTHING_FOUND,
    POSITIONS,
    PROMOTED,
    RENEWED,
    RUNBOOK,
    SIGNATURES,
    STATES,
    TROUBLES,
)
from exporter.config.settings import SERVICE
from exporter.history import Change
from exporter.policy import Profile
from exporter.rules import JOB

_LATELY = f"> time() - {30 * 86400}"
"""For so long a change counts as late news."""

SOONEST = 50
"""Dates that are listed."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a board looks at: called with a metric and more matchers, it gives the selector."""

    matchers: tuple[str, ...]
    every_entity: bool = True
    """Also entities of an aggregate that are shown for being bad, and that nobody watches."""
    over: str = ""
    """What is taken of all the time shown, and so the same at every moment of it: ``last``, ``avg``."""

    def __call__(self, metric: str, *more: str) -> str:
        """The selector of this metric."""
        selected = f"{metric}{{{', '.join((*self.matchers, *more))}}}"
        return f"{self.over}_over_time({selected}[$__range] @ end())" if self.over else selected


_JOB = 'job=~"$job"'
_TARGET = 'target="$target"'
ANY_TARGET = Scope((_JOB,), every_entity=False)
ONE_TARGET = Scope((_JOB, _TARGET))
ONE_ENTITY = Scope((_JOB, _TARGET, 'entity_id=~"$entity"'))
EXPORTERS = Scope((_JOB, 'instance=~"$instance"'))

OF_SERVICE = f'node="{SERVICE}"'
"""The matcher of looks at the service itself, from whatever vantage; its nodes are shown by themselves."""

FEW = 20
"""What can be told apart on a graph."""

ABSENT = -999999
"""Stands for a word where there is no number."""
NOTHING_SHOWN = -1
"""The same in a band."""

DASH = "–"  # noqa: RUF001 -- a dash, not a minus
"""Where a value is not known: short enough for a cell and for a band."""

NO_EXPORTER = "no exporter answers"

EVERY_EXPORTER = Scope((_JOB,))

WITNESS = f"max({EVERY_EXPORTER('fedmeta_exporter_build_info')})"
"""1 while any exporter answers: without one a count is not 0, but not known."""


def state(scope: Scope) -> str:
    """The worst state of each target, as the number of its word."""
    return (
        "max by (job, target) (\n"
        f"  {_that_count(_state(scope), scope)}\n"
        f"  or {NO_DOCUMENT} * {without_document(scope)}\n"
        f"  or {NOT_JUDGED} * max by (job, target) ({scope('fedmeta_metadata_size_bytes')})\n"
        ")"
    )


def state_over_time(scope: Scope, by: str = "job, target") -> str:
    """The state of each target, of many the worst in the time shown, as the number of its word."""
    few = _few(by, f"topk({FEW}, {worst_state(scope, by)})")
    return f"max by ({by}) ({_that_count(_state(scope, among=few), throughout(scope))})"


def worst_state(scope: Scope, by: str = "job, target") -> str:
    """The worst state of each target in all the time shown."""
    shown = throughout(scope)
    return f"max by ({by}) ({_that_count(_state(shown), shown)})"


def _state(scope: Scope, among: str = "") -> str:
    return numbered("fedmeta_rollover_state", "state", STATES.items(), scope, among=among)


def _few(by: str, worst: str) -> str:
    return f" and on ({by}) {worst}"


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
    return f"min by (job, target) ({_that_count(_days(scope, position), scope)})"


def days_of_the_living(scope: Scope) -> str:
    """Days left of the primaries that end next: those that have ended leave nothing to save by a date."""
    shown = throughout(scope)
    few = _few("job, target", f"bottomk({FEW}, {days(shown, 'primary')} > 0)")
    left = f"({_days(scope, 'primary')}{few})"
    return f"min by (job, target) ({_that_count(left, shown)})"


def _days(scope: Scope, position: str) -> str:
    return scope("fedmeta_rollover_certificate_expiry_days", f'position="{position}"')


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


def of_its_policy(threshold: str, targets: str) -> str:
    """The days of this threshold that the policy of each of these targets has."""
    policies = f"max by (job, target, policy, profile) ({targets})"
    days = f"max by (job, policy, profile) ({_threshold(threshold)})"
    return f"max by (job, target) ({policies} * on (job, policy, profile) group_left () {days})"


def at_most(days: str, threshold: str, scope: Scope) -> str:
    """Of days of targets those that are no more than this threshold of the target's own policy."""
    return f"{days} <= on (job, target) {of_its_policy(threshold, scope('fedmeta_target_info'))}"


def _threshold(name: str) -> str:
    return ANY_TARGET("fedmeta_policy_threshold_days", f'threshold="{name}"')


def from_every_vantage(scope: Scope, metric: str, *, among: str = "") -> str:
    """The least that holds for looks at each target's service from all vantages; of two exporters the more."""
    return f"min by (job, target) (max by (job, target, vantage) ({scope(metric, OF_SERVICE)}{among}))"


def reachable_over_time(scope: Scope) -> str:
    """1 while a target's service is reached from every vantage; of many targets those reached the least."""
    by, least = "job, target", from_every_vantage(throughout(scope, "avg"), "fedmeta_metadata_reachable")
    return from_every_vantage(scope, "fedmeta_metadata_reachable", among=_few(by, f"bottomk({FEW}, {least})"))


def difference(scope: Scope) -> str:
    """For each target with several looks: 0 if all get the same signing keys, 1 if not."""
    return _differing(scope)


def difference_over_time(scope: Scope) -> str:
    """The same, of many targets those that differed the longest in the time shown."""
    longest = f"topk({FEW}, {_differing(throughout(scope, 'avg'))})"
    return _differing(scope, among=_few("job, target", longest))


def _differing(scope: Scope, among: str = "") -> str:
    return f"1 - min by (job, target) ({scope('fedmeta_nodes_agree')}{among})"


def differing_since(scope: Scope) -> str:
    """Since when they do not."""
    return f"min by (job, target) ({scope('fedmeta_nodes_differ_since_timestamp_seconds')})"


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
    """The number of series; 0 without any, while an exporter answers."""
    return or_value(f"count({vector})", 0)


def or_value(vector: str, value: int) -> str:
    """The vector, or where it is empty this value, while an exporter answers."""
    return f"{vector} or on () {value} * {WITNESS}"


def while_answered(vector: str, scope: Scope) -> str:
    """The vector while an exporter in scope answers: what is counted over a time outlives whoever counted it."""
    return f"{vector} and on () {scope('fedmeta_exporter_build_info')}"


def or_words(vector: str, label: str, words: str) -> str:
    """The vector, or where it is empty one series without a number that says why, by this label."""
    return (
        f'{vector} or on () label_replace(NaN * {WITNESS}, "{label}", "{words}", "", "")'
        f' or on () label_replace(vector(NaN), "{label}", "{NO_EXPORTER.capitalize()}", "", "")'
    )


def or_band(vector: str, labels: Sequence[str], words: str, shown: str) -> str:
    """The vector, or where all the time shown has nothing to show, one band that says why."""
    answered = throughout(EVERY_EXPORTER)("fedmeta_exporter_build_info")
    bands = (
        _named(f"{NOTHING_SHOWN} * max(absent({nothing}))", labels, said)
        for nothing, said in (
            (f"{shown} or on () absent({answered})", words),
            (answered, "No exporter answered"),
        )
    )
    return " or on () ".join((vector, *bands))


def _named(band: str, labels: Sequence[str], words: str) -> str:
    for label in labels:
        band = _with(label, words if label == labels[0] else DASH, band)
    return band


def otherwise(vector: str, label: str, value: str = NOTHING, *, zero: str = f"0 * {WITNESS}") -> str:
    """The vector, or where it is empty one series at 0 with this label, while an exporter answers."""
    return f'{vector} or on () label_replace({zero}, "{label}", "{value}", "", "")'


def only_rows(vector: str, rows: str, keys: str) -> str:
    """Of the vector what belongs to a row."""
    return f"({vector}) and on ({keys}) ({rows})"


def nearest(vector: str) -> str:
    """Of days those that are nearest to now: what has just ended, and what ends next."""
    return f"({vector} and bottomk({FEW}, abs({vector})))"


def exporters(scope: Scope) -> str:
    """For each exporter that Prometheus scrapes 1 if it answers, 0 if not.

    As in the alert rules: what never answered is known by the name of its job, if another one there did.
    """
    lately = throughout(scope)("fedmeta_exporter_build_info")
    known, up = f"({lately} or {scope('fedmeta:exporter:last')})", scope("up")
    named = f'job=~"{JOB}"'
    others = f"{scope('up', named)} and on (job) {known}"
    return f"max by (job, instance) ({up} and on (job, instance) {known} or {others})"


def exporters_up(scope: Scope) -> str:
    """How many exporters do not answer; the labels ``up`` and ``expected`` say how many do, of how many."""
    every = exporters(scope)
    counts = f'count_values("up", sum({every})) * on () group_left (expected) count_values("expected", count({every}))'
    none = 'label_replace(label_replace(vector(1), "up", "0", "", ""), "expected", "0", "", "")'
    return f"(count({every}) - sum({every})) * on () group_left (up, expected) ({counts}) or on () {none}"


def oldest_scrape(scope: Scope) -> str:
    """Seconds since the exporter was scraped with success whose turn is the longest ago."""
    scraped = f"timestamp({scope('fedmeta_exporter_build_info')})"
    before = f"({scope('fedmeta:exporter:last')} and on (job, instance) {scope('up')})"
    return f"time() - min({scraped} or {before})"


def age(moment: str) -> str:
    """Seconds since then."""
    return f"time() - {moment}"


def late(moment: str, scope: Scope) -> str:
    """Seconds by which a target should have been read, or looked at, before now; nothing of what is in time.

    As findings count it: three intervals are none, and no hour is.
    """
    return _late(moment, f"clamp_min(3 * {_interval('fedmeta_target_interval_seconds', scope)}, 3600)")


def late_answer(moment: str, scope: Scope) -> str:
    """The same of answers of Entra ID: three of their own intervals and ten minutes."""
    return _late(moment, f"(3 * {_interval('fedmeta_trust_interval_seconds', scope)} + 600)")


def _late(moment: str, patience: str) -> str:
    return f"time() - {moment} - on (job, target) group_left () {patience} > 0"


def _interval(metric: str, scope: Scope) -> str:
    return f"max by (job, target) ({scope(metric)})"


def document_read(scope: Scope) -> str:
    """When the document of each target that is judged was last read."""
    return f"max by (job, target) ({scope('fedmeta_target_as_of_timestamp_seconds')})"


def findings(scope: Scope, *more: str) -> str:
    """What was found: as the alert rules hold it; where none are loaded, as each exporter says it."""
    held, said = (scope(name, *more) for name in ("fedmeta:finding", "fedmeta_finding"))
    return f"({held} or {said} unless on (job) {ANY_TARGET('fedmeta:exporter:last')})"


def targets_with(scope: Scope, severity: str) -> str:
    """1 for each target with a finding so bad."""
    matcher = f'severity="{severity}"'
    return f"group by (job, target) ({findings(scope, matcher)})"


def worst(scope: Scope) -> str:
    """The worst that was found of each target, as the number of its word."""
    read, known = document_read(scope), f"max by (job, target) ({scope('fedmeta_target_info')})"
    found = f"max by (job, target) ({_numbered_findings(findings(scope))})"
    return f"({found} or {NOTHING_FOUND} * {read} or {NOT_LOOKED_AT} * {known})"


def worst_with_section(scope: Scope) -> str:
    """The same, with what says more of it as the label ``section``."""
    read, known = document_read(scope), f"max by (job, target) ({scope('fedmeta_target_info')})"
    listed = f"max by (job, target, finding) ({_numbered_findings(findings(scope))})"
    found = f"topk by (job, target) (1, max by (job, target, section) ({_with_section(listed)}))"
    others = _with("section", NO_RUNBOOK, f"{NOTHING_FOUND} * {read} or {NOT_LOOKED_AT} * {known}")
    return f"{found} or on (job, target) {others}"


def firing(scope: Scope) -> str:
    """The number of alerts that fire and do not only inform; 0 without any, where the rules are loaded."""
    alerts = scope("ALERTS", 'alertstate="firing"', _OURS, 'severity!="info"')
    return f"count({alerts}) or on () 0 * max({scope('fedmeta:exporter:last')})"


def firing_critical(scope: Scope) -> str:
    """Alerts that fire and are critical."""
    return scope("ALERTS", 'alertstate="firing"', _OURS, 'severity="critical"')


@dataclass(frozen=True, slots=True)
class Troubles:
    """All that was found, and the alerts on what nobody could find."""

    rows: str
    """The number of each one's word. ``about`` is whom it is about beside the target, ``section`` what says more of it,
    ``key`` what it is known by."""
    since: str
    """Since when its alert holds, in milliseconds."""

    @classmethod
    def of(cls, scope: Scope) -> "Troubles":
        """Those in scope."""
        firing = scope("ALERTS", 'alertstate="firing"', _OURS)
        since = f"({scope('ALERTS_FOR_STATE', _OURS)} and ignoring (alertstate) {firing})"
        found = f"({findings(scope)} or {_by_kind(firing)})"
        listed = f"max by ({_ABOUT}) ({_numbered_findings(found)})"
        nothing = f"{NOTHING_FOUND} * max({document_read(scope)})"
        rows = _with_section(otherwise(_keyed(listed), "finding", zero=nothing))
        return cls(
            rows=f'label_join({rows}, "about", " ", "domain", "node", "vantage", "entity_id")',
            since=milliseconds(f"max by (key) ({_keyed(_by_kind(since))})"),
        )


_ABOUT = "job, target, finding, domain, node, vantage, entity_id"

_OURS = 'alertname=~"Fedmeta.+"'


def _keyed(vector: str) -> str:
    return f'label_join({vector}, "key", " ", {_quoted(_ABOUT.split(", "))})'


def _with_section(vector: str) -> str:
    """The vector, of what was found by ``finding``, with the page and section that say more of it."""
    parts = "([^_]+)_?" + 5 * "([^_]*)_?"
    vector = f'label_replace({vector}, "section", "{RUNBOOK.format("$1$2$3$4$5$6")}", "finding", "{parts}")'
    others: dict[str, list[str]] = {NO_RUNBOOK: [NOTHING]}
    for each in TROUBLES:
        if each.section != RUNBOOK.format(each.name.replace("_", "")):
            others.setdefault(each.section, []).append(each.name)
    for section, names in others.items():
        vector = f'label_replace({vector}, "section", "{section}", "finding", "{"|".join(names)}")'
    return vector


def _quoted(labels: Iterable[str]) -> str:
    return ", ".join(f'"{each}"' for each in labels)


def _by_kind(alerts: str) -> str:
    """These alerts by the label ``finding``, also those on exporters, which stand where a node would."""
    for alert, kind in ALERTS.items():
        alerts = f'label_replace({alerts}, "finding", "{kind}", "alertname", "{alert}")'
    return f'label_replace({alerts}, "node", "$1", "instance", "(.+)")'


def _numbered_findings(found: str) -> str:
    return _by_number(found, "finding", ((each.name, each.word) for each in TROUBLES))


def changes(scope: Scope) -> str:
    """When keys changed or a primary was promoted, in milliseconds, of the last 30 days."""
    promoted = _with("change", PROMOTED, _with("use", "signing", f"{last_promotion(scope)} {_LATELY}"))
    return milliseconds(f"max by (job, target, use, change) (\n  {key_set_changes(scope, _LATELY)}\n  or {promoted}\n)")


def key_set_changes(scope: Scope, lately: str = "") -> str:
    """When key sets changed, by ``change``; a renewal of the one encryption key is a word of its own."""
    metric, encrypts, replaced = "fedmeta_key_set_last_change_timestamp_seconds", 'use="encryption"', Change.REPLACED
    signs, others, renewed = (
        f"{scope(metric, *matchers)} {lately}".rstrip()
        for matchers in (
            ['use!="encryption"'],
            [encrypts, f'change!="{replaced}"'],
            [encrypts, f'change="{replaced}"'],
        )
    )
    return f"({signs} or {others} or {_with('change', RENEWED, renewed)})"


def last_promotion(scope: Scope) -> str:
    """When the primary became another."""
    return scope("fedmeta_rollover_last_promotion_timestamp_seconds")


def marks_of_changes(scope: Scope) -> str:
    """When key sets changed, but for those that a promotion has a mark for, in milliseconds."""
    changed = f"max by (entity_id, use, change) ({key_set_changes(scope)})"
    promoted = f"max by (entity_id) ({last_promotion(scope)})"
    others = f"{changed} unless on (entity_id) {promoted}"
    return milliseconds(f"({changed} != on (entity_id) group_left () {promoted} or {others})")


def next_dates(scope: Scope) -> str:
    """What comes next, as seconds since 1970, by the label ``date``; of all targets the soonest."""
    by = "job, target, domain"
    ends = f"time() + 86400 * {days(scope, 'primary')}"
    before = of_its_policy("generation", scope("fedmeta_target_info", f'profile="{Profile.ADFS}"'))
    generation = f"({ends}) - on (job, target) 86400 * {before} unless on (job, target) {days(scope, 'successor')}"
    moments = {
        "generation": generation,
        "promotion": scope("fedmeta_rollover_promotion_timestamp_seconds"),
        "end": ends,
        "tls": scope("fedmeta_tls_certificate_not_after_timestamp_seconds"),
        "valid_until": scope("fedmeta_metadata_valid_until_timestamp_seconds"),
        "entra": scope("fedmeta_trust_certificate_not_after_timestamp_seconds"),
    }
    # What is past is no date that comes; where it is bad there is a finding.
    each = [_with("date", name, f"min by ({by}) (({moment}) > time())") for name, moment in moments.items()]
    every = "\n  or ".join(each)
    return f"bottomk({SOONEST}, min by ({by}, date) (\n  {every}\n))"


def days_until(moment: str) -> str:
    """Days from now."""
    return f"({moment} - time()) / 86400"


def if_read(scope: Scope) -> str:
    """0 where a usable document was ever seen."""
    return f"0 * max({scope('fedmeta_metadata_size_bytes')})"


def signature(scope: Scope) -> str:
    """What the document's signature is worth, as the number of its word."""
    return f"max({numbered('fedmeta_metadata_signature_state', 'state', SIGNATURES.items(), scope)})"


def positions(scope: Scope) -> str:
    """What each certificate is in the rollover, as a word's number; ``short`` is how its fingerprint begins."""
    by = "entity_id, roles, use, fingerprint"
    few = _few(by, _nearest_of_the_last(scope))
    placed = numbered("fedmeta_certificate_info", "position", POSITIONS.items(), scope, among=few)
    ends = f"({scope('fedmeta_certificate_not_after_timestamp_seconds')}{few})"
    return with_short(f"max by ({by}) ({placed} or {ENDED} * ({ends} <= bool time()))")


def days_of_certificates(scope: Scope) -> str:
    """Days left of each certificate, whatever its position; ``short`` is how its fingerprint begins."""
    by = "entity_id, roles, use, fingerprint"
    few = _few(by, _nearest_of_the_last(scope))
    return with_short(f"max by ({by}) ({scope('fedmeta_certificate_expiry_days')}{few})")


def _nearest_of_the_last(scope: Scope) -> str:
    last = f"max by (entity_id, roles, use, fingerprint) ({throughout(scope)('fedmeta_certificate_expiry_days')})"
    return f"bottomk({FEW}, abs({last}))"


def throughout(scope: Scope, over: str = "last") -> Scope:
    """The same over all the time shown, so that a graph has the same lines from its beginning."""
    return replace(scope, over=over)


def numbered(metric: str, label: str, words: Iterable[tuple[str, Word]], scope: Scope, *, among: str = "") -> str:
    """The number of the word whose series is there; ``among`` leaves out others before they cost."""
    return _by_number(f"({scope(metric)}{among})" if among else scope(metric), label, words)


def _by_number(vector: str, label: str, words: Iterable[tuple[str, Word]]) -> str:
    # A term for each word would compare all series with all, at each moment anew; these numbers are there once.
    numbers = " or ".join(_with(label, value, f"vector({word.value})") for value, word in words)
    return f"{vector} * on ({label}) group_left () ({numbers})"


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
        every = f"max by (entity_id, roles, use, position, fingerprint) ({scope('fedmeta_certificate_expiry_days')})"
        left = nearest(every)
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
    named = f'label_join({with_short(vector)}, "certificate", " ", "roles", "use", "position", "short")'
    return f"max by (certificate) ({named})"


def _with(label: str, value: str, vector: str) -> str:
    return f'label_replace({vector}, "{label}", "{value}", "", "")'


def with_short(vector: str) -> str:
    """The vector with the label ``short``: how the fingerprint begins."""
    return f'label_replace({vector}, "short", "$1", "fingerprint", "(.{{8}}).*")'


def _that_count(selected: str, scope: Scope) -> str:
    if scope.every_entity:
        return selected
    watched = f"max by (job, target, entity_id) ({scope('fedmeta_entity_watched')})"
    return f"({selected} unless on (job, target, entity_id) ({watched} == 0))"
