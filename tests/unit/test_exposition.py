from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import product

import pytest
import scrapes
from builders import DAY, ENTITY_ID, HOUR, NOW, SECOND, knowing, looking, probed, watched, with_looks
from scrapes import FARM, certificate, document, good, idp, value, values

from exporter.config.settings import Cloud, Entra, Target, TrustSource
from exporter.exposition.own import Format, Status, render_own
from exporter.exposition.render import Renderer
from exporter.history import Change, EntityHistory, History, KeySetHistory
from exporter.inquiry import DomainTrust, TrustReason, UpdateResult
from exporter.model import Certificate, Document, Entity, Phase, Reason, Role, StorageStatus, Use
from exporter.names import LONGEST_SHORTENED
from exporter.policy import THRESHOLD_NAMES, PolicySettings
from exporter.record import Record, bare
from exporter.rollover import Rollover, State
from exporter.trust import TrustState

SAML = watched("saml", "https://idp.example/metadata")

COUNT = "fedmeta_entities"
EXPIRY_DAYS = "fedmeta_certificate_expiry_days"
LAST_CHANGE = "fedmeta_key_set_last_change_timestamp_seconds"
STATE = "fedmeta_rollover_state"
THRESHOLD = "fedmeta_policy_threshold_days"


@dataclass(frozen=True, slots=True)
class Noting(Record):
    """A record that notes when its document is judged: what a fragment costs."""

    judged: list[datetime] = field(default_factory=list, compare=False)

    def judge(self, now: datetime, *, only: Container[str] | None = None) -> tuple[Rollover, ...]:
        self.judged.append(now)
        return Record.judge(self, now, only=only)


def noting(record: Record) -> Noting:
    return Noting(record.target, record.looks, record.history)


def scrape(*records: Record, now: datetime = NOW, limit: int = 200) -> bytes:
    return Renderer(limit=limit).render(records, now, openmetrics=False)


def line(text: bytes, name: str) -> str:
    """The one sample line of a family, its value alone."""
    (found,) = [each for each in text.decode().splitlines() if each.startswith(f"{name}{{")]
    return found.rsplit(" ", 1)[1]


def ending(not_after: datetime) -> Record:
    return scrapes.after(SAML, good(document(idp(certificate("a", not_after=not_after))), NOW - HOUR))


def aggregate(*ends: float, watch: tuple[str, ...] = ()) -> Record:
    """Identity providers named after their place whose only certificate ends in so many days."""
    entities = [
        idp(certificate(f"{place:x}", not_after=NOW + days * DAY), entity_id=f"https://{place}.example/")
        for place, days in enumerate(ends)
    ]
    return scrapes.after(replace(SAML, watch=watch), good(document(*entities, aggregate=True), NOW - HOUR))


def shown(text: bytes) -> list[str]:
    """The entities that have series of their own."""
    found = [dict(labels)["entity_id"] for name, labels in scrapes.samples(text) if name == STATE]
    return list(dict.fromkeys(found))


def test_nothing_watched_is_an_empty_scrape() -> None:
    assert scrape() == b""


@pytest.mark.parametrize(
    ("left", "days"),
    [
        (timedelta(days=41, hours=12), "41.500000"),
        (SECOND, "0.000012"),
        (timedelta(), "0.000000"),
        (-SECOND, "-0.000012"),
        (timedelta(days=-3), "-3.000000"),
        (timedelta(days=36525), "36525.000000"),
    ],
)
def test_days_left_are_written_to_the_second_and_negative_after_the_end(left: timedelta, days: str) -> None:
    text = scrape(ending(NOW + left))

    assert line(text, EXPIRY_DAYS) == line(text, "fedmeta_rollover_certificate_expiry_days") == days


def test_days_left_count_down_between_two_scrapes_of_one_renderer() -> None:
    record, renderer = ending(NOW + 200 * DAY), Renderer(limit=200)

    first = renderer.render([record], NOW, openmetrics=False)
    second = renderer.render([record], NOW + DAY, openmetrics=False)

    assert (value(first, EXPIRY_DAYS), value(second, EXPIRY_DAYS)) == (200, 199)


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0"),
        (1.0, "1"),
        (0.25, "0.25"),
        (12.3456789, "12.345679"),
        (0.00002, "0.00002"),
        (0.0000004, "0"),
        (1e7, "10000000"),
    ],
)
def test_numbers_are_written_without_exponent_and_to_the_microsecond(seconds: float, written: str) -> None:
    failure = scrapes.failed(Reason.REFUSED, NOW, phases={Phase.RESOLVE: seconds})

    assert line(scrape(scrapes.after(SAML, failure)), "fedmeta_probe_duration_seconds") == written


def test_moments_are_written_with_their_microseconds() -> None:
    at = NOW + timedelta(microseconds=250_000)
    record = scrapes.after(SAML, scrapes.failed(Reason.REFUSED, at, phases={}))

    assert line(scrape(record), "fedmeta_probe_last_attempt_timestamp_seconds") == "1780315200.25"


def test_a_certificate_that_never_ends_has_a_moment_all_the_same() -> None:
    last = datetime.max.replace(microsecond=0, tzinfo=NOW.tzinfo)

    assert value(scrape(ending(last)), "fedmeta_certificate_not_after_timestamp_seconds") == last.timestamp()


@pytest.mark.parametrize("name", ["value", "family", "self", "labels", "target_name"])
def test_the_operator_may_call_a_label_what_the_code_calls_its_own_variables(name: str) -> None:
    text = scrape(bare(replace(SAML, labels={name: "x"})))

    assert value(text, "fedmeta_target_info", **{name: "x"}) == 1


@pytest.mark.parametrize(("said", "label"), [(True, "true"), (False, "false"), (None, "unknown")])
def test_auto_certificate_rollover_is_true_false_or_unknown(said: bool | None, label: str) -> None:  # noqa: FBT001 -- the parameter under test
    target = replace(FARM, policy=PolicySettings(auto_certificate_rollover=said))

    assert value(scrape(bare(target)), "fedmeta_target_info", auto_certificate_rollover=label) == 1


def test_a_threshold_that_is_configured_is_the_one_in_force() -> None:
    target = replace(SAML, policy=PolicySettings("patient", thresholds={"missing": 2.5}))

    text = scrape(bare(target))

    assert value(text, THRESHOLD, policy="patient", profile="saml", threshold="missing") == 2.5
    assert value(text, THRESHOLD, policy="patient", profile="saml", threshold="due") == 30
    assert value(text, "fedmeta_target_info", policy="patient", profile="saml") == 1


def test_targets_of_one_policy_and_profile_have_its_thresholds_once() -> None:
    hasty = PolicySettings("hasty", thresholds={"missing": 9})
    targets = [
        replace(target, name=str(number), policy=policy)
        for number, (target, policy) in enumerate(product((FARM, SAML, SAML), (hasty, PolicySettings())))
    ]

    text = scrape(*map(bare, targets))

    assert values(text, THRESHOLD, threshold="missing") == [9, 5, 9, 5]
    assert len(values(text, THRESHOLD)) == 4 * len(THRESHOLD_NAMES)
    for profile in ("adfs", "saml"):
        assert value(text, THRESHOLD, policy="hasty", profile=profile, threshold="missing") == 9


def test_a_policy_that_is_renamed_is_named_so_at_once() -> None:
    record, renderer = scrapes.published(), Renderer(limit=200)
    renderer.render([record], NOW, openmetrics=False)
    renamed = replace(record, target=replace(record.target, policy=PolicySettings("other")))

    text = renderer.render([renamed], NOW, openmetrics=False)

    assert value(text, "fedmeta_target_info", policy="other") == 1
    assert {dict(labels)["policy"] for name, labels in scrapes.samples(text) if name == THRESHOLD} == {"other"}


def test_a_profile_that_a_document_gives_brings_its_thresholds_along() -> None:
    record, renderer, farm = bare(SAML), Renderer(limit=200), scrapes.published().document
    assert farm
    before = renderer.render([record], NOW, openmetrics=False)
    after = renderer.render([probed(record, good(farm, NOW))], NOW, openmetrics=False)

    assert value(before, THRESHOLD, profile="saml", threshold="due") == 30
    assert value(after, THRESHOLD, profile="adfs", threshold="due") == 35
    assert values(after, THRESHOLD, profile="saml") == []


def in_two_roles(first: Sequence[Certificate], second: Sequence[Certificate]) -> bytes:
    """The scrape of an entity that publishes these signing keys as a service provider and, before, in a third role."""
    keys = [[(Use.SIGNING, each) for each in some] for some in (first, second)]
    roles = (
        scrapes.role(Role.AA, "AttributeAuthorityDescriptor", *keys[1]),
        scrapes.role(Role.SP, "SPSSODescriptor", *keys[0]),
    )
    return scrape(scrapes.after(SAML, good(document(replace(idp(), roles=roles)), NOW)))


def placed(text: bytes) -> Mapping[str, tuple[str, str]]:
    """Roles and position of each certificate, by the digit of its fingerprint."""
    found = [dict(labels) for name, labels in scrapes.samples(text) if name == EXPIRY_DAYS]
    return {labels["fingerprint"][0]: (labels["roles"], labels["position"]) for labels in found}


OLD = certificate("a", not_before=NOW - 300 * DAY, not_after=NOW + 20 * DAY)
NEXT = certificate("b", not_before=NOW - DAY, not_after=NOW + 300 * DAY)


def test_a_certificate_of_two_roles_is_one_series_with_the_roles_in_their_own_order() -> None:
    assert placed(in_two_roles([OLD], [OLD])) == {"a": ("sp,aa", "primary")}


def test_the_position_of_a_certificate_is_that_in_the_role_that_is_judged() -> None:
    # In the third role, where it is alone, the successor is primary.
    assert placed(in_two_roles([OLD, NEXT], [NEXT])) == {"a": ("sp", "primary"), "b": ("sp,aa", "successor")}


def test_elsewhere_the_position_is_the_best_that_the_certificate_has_anywhere() -> None:
    roles = (
        scrapes.role(Role.IDP, "IDPSSODescriptor", (Use.SIGNING, certificate("c"))),
        scrapes.role(Role.AA, "AttributeAuthorityDescriptor", (Use.SIGNING, NEXT)),
        scrapes.role(Role.SP, "SPSSODescriptor", (Use.SIGNING, OLD), (Use.SIGNING, NEXT)),
    )
    text = scrape(scrapes.after(SAML, good(document(replace(idp(), roles=roles)), NOW)))

    assert placed(text) == {"a": ("sp", "primary"), "b": ("sp,aa", "primary"), "c": ("idp", "primary")}


def test_a_change_of_keys_is_told_once_for_all_roles_and_at_the_latest_time() -> None:
    signing = KeySetHistory((), {Change.ADDED: NOW - DAY, Change.REMOVED: NOW - HOUR})
    later = KeySetHistory((), {Change.ADDED: NOW})
    known = EntityHistory(key_sets={(Role.IDP, Use.SIGNING): later, (Role.SP, Use.SIGNING): signing})
    record = replace(ending(NOW + DAY), history=History({ENTITY_ID: known}, NOW))

    text = scrape(record)

    assert value(text, LAST_CHANGE, use="signing", change="added") == NOW.timestamp()
    assert value(text, LAST_CHANGE, use="signing", change="removed") == (NOW - HOUR).timestamp()
    assert len(values(text, LAST_CHANGE)) == 2


def test_an_unreachable_target_keeps_the_certificates_of_its_last_good_document() -> None:
    text = scrape(scrapes.unreachable())

    assert value(text, "fedmeta_metadata_reachable") == 0
    assert value(text, "fedmeta_probe_last_failure_info", reason="refused") == 1
    assert value(text, "fedmeta_probe_last_success_timestamp_seconds") == (NOW - timedelta(minutes=10)).timestamp()
    assert value(text, EXPIRY_DAYS, roles="idp,sp", use="signing") == 200


def test_a_look_that_succeeds_takes_the_reason_of_the_failure_before_away() -> None:
    record = scrapes.unreachable()
    assert record.document

    text = scrape(probed(record, good(record.document, NOW)))

    assert value(text, "fedmeta_metadata_reachable") == 1
    assert values(text, "fedmeta_probe_last_failure_info") == []
    assert value(text, "fedmeta_probe_failures_total") == 2


def test_a_farm_that_renews_without_overlap_tells_so() -> None:
    before, then = (document(idp(certificate(digit))) for digit in "ab")

    text = scrape(scrapes.after(SAML, good(before, NOW - HOUR), good(then, NOW)))

    assert value(text, "fedmeta_key_set_last_change_timestamp_seconds", use="signing", change="replaced") == (
        NOW.timestamp()
    )
    assert value(text, "fedmeta_rollover_last_promotion_timestamp_seconds") == NOW.timestamp()


def test_evidence_that_names_another_primary_is_visible_beside_the_one_that_decided() -> None:
    text = scrape(scrapes.promoted())

    assert value(text, "fedmeta_rollover_info", evidence="signature", primary_fingerprint="3" * 64) == 1
    assert value(text, "fedmeta_rollover_evidence_agrees", evidence="encryption_pair") == 0
    assert len(values(text, "fedmeta_rollover_evidence_agrees")) == 1
    assert value(text, "fedmeta_metadata_faults", kind="primary_disputed") == 1


def test_faults_of_the_document_and_of_its_rollover_are_counted_together() -> None:
    target = replace(SAML, policy=PolicySettings(primary="b" * 64))
    record = scrapes.after(target, good(document(idp(certificate("a")), faults=[]), NOW))

    assert value(scrape(record), "fedmeta_metadata_faults", kind="primary_ignored") == 1


def test_an_aggregate_counts_its_entities_by_state() -> None:
    text = scrape(aggregate(200, 20, 3, -1, -2))

    counts = {dict(labels)["state"]: count for (name, labels), count in scrapes.samples(text).items() if name == COUNT}
    assert counts == {
        State.STEADY: 1,
        State.DUE: 1,
        State.MISSING: 1,
        State.EXPIRED: 2,
    }
    assert value(text, "fedmeta_entities_omitted") == 0


def test_one_entity_by_itself_is_no_aggregate() -> None:
    assert not {"fedmeta_entities", "fedmeta_entities_omitted"} & scrapes.names(scrape(ending(NOW + DAY)))


def test_of_an_aggregate_the_worst_are_shown_by_severity_and_then_by_the_end_of_the_primary() -> None:
    # Warnings end in 25 and 20 days, criticals in 4 and -1; the first, which is well, ends last.
    text = scrape(aggregate(200, 25, 4, 20, -1), limit=3)

    assert shown(text) == ["https://4.example/", "https://2.example/", "https://3.example/"]
    assert value(text, "fedmeta_entities_omitted") == 2


def test_watched_entities_are_shown_on_top_of_the_worst_and_only_once() -> None:
    text = scrape(aggregate(200, 25, 4, 20, -1, watch=("https://0.*", "https://[04].example/")), limit=1)

    assert shown(text) == ["https://4.example/", "https://0.example/", "https://2.example/"]
    assert value(text, "fedmeta_entities_omitted") == 2


def test_without_a_limit_to_spare_only_watched_entities_are_shown() -> None:
    text = scrape(aggregate(200, -1, watch=("https://0.example/",)), limit=0)

    assert shown(text) == ["https://0.example/"]
    assert value(text, "fedmeta_entities", state="expired") == 1


def for_years(record: Record) -> Record:
    """The record of a target whose document does not grow old."""
    return replace(record, target=looking(record.target, interval=10 * 365 * 86400.0))


def test_an_unchanged_record_is_judged_once_until_a_turning_point() -> None:
    record, renderer = noting(for_years(scrapes.published())), Renderer(limit=200)

    for now in (NOW, NOW + SECOND, NOW + 2 * DAY):
        renderer.render([record], now, openmetrics=False)

    assert record.judged == [NOW]


@pytest.mark.parametrize(
    ("state", "before", "turns"),
    [("missing", State.DUE, NOW + 195 * DAY), ("expired", State.MISSING, NOW + 200 * DAY)],
)
def test_a_fragment_is_made_anew_at_the_very_moment_the_state_turns(state: str, before: State, turns: datetime) -> None:
    record, renderer = noting(for_years(ending(NOW + 200 * DAY))), Renderer(limit=200)

    earlier = renderer.render([record], turns - SECOND, openmetrics=False)
    later = renderer.render([record], turns, openmetrics=False)

    assert record.judged == [turns - SECOND, turns]
    assert value(earlier, STATE, state=before) == value(later, STATE, state=state) == 1


@pytest.mark.parametrize("fails", [True, False])
def test_a_look_that_brings_nothing_new_keeps_what_is_known_of_the_document(fails: bool) -> None:  # noqa: FBT001 -- the parameter under test
    record, renderer = noting(for_years(scrapes.published())), Renderer(limit=200)
    renderer.render([record], NOW, openmetrics=False)
    assert record.document
    look = scrapes.failed(Reason.DNS, NOW + HOUR, phases={}) if fails else good(record.document, NOW + HOUR)
    looked = probed(record, look)
    record.judged.clear()

    text = renderer.render([looked], NOW + HOUR, openmetrics=False)

    assert record.judged == []
    assert value(text, "fedmeta_metadata_reachable") == (not fails)
    assert value(text, "fedmeta_probe_last_attempt_timestamp_seconds") == (NOW + HOUR).timestamp()


@pytest.mark.parametrize(
    "changed",
    [
        replace(FARM, policy=PolicySettings(thresholds={"missing": 30})),
        replace(FARM, labels={"team": "sso"}),
    ],
    ids=["policy", "labels"],
)
def test_a_target_that_is_configured_anew_is_judged_anew(changed: Target) -> None:
    record, renderer = noting(for_years(scrapes.published())), Renderer(limit=200)
    renderer.render([record], NOW, openmetrics=False)

    configured = replace(record, target=changed)

    assert renderer.render([configured], NOW, openmetrics=False) == scrape(configured)
    assert len(record.judged) == 3


def test_a_new_document_is_shown_at_once() -> None:
    record, renderer = ending(NOW + 200 * DAY), Renderer(limit=200)
    renderer.render([record], NOW, openmetrics=False)

    renewed: Document = document(idp(certificate("b", not_after=NOW + 300 * DAY)))
    text = renderer.render([probed(record, good(renewed, NOW))], NOW, openmetrics=False)

    assert value(text, EXPIRY_DAYS, fingerprint="b" * 64) == 300
    assert values(text, EXPIRY_DAYS, fingerprint="a" * 64) == []


def test_the_entity_that_the_configuration_names_is_watched_in_an_aggregate() -> None:
    record = aggregate(100, 200)
    assert record.document is not None
    first, second = (each.entity_id for each in record.document.metadata.entities)
    named = replace(record, target=replace(record.target, entity_id=second))
    shown = {each: value(scrape(named), "fedmeta_entity_watched", entity_id=each) for each in (first, second)}
    assert shown == {first: 0, second: 1}


def test_a_document_that_comes_back_shows_what_was_seen_in_between() -> None:
    first, second = (document(idp(certificate(digit))) for digit in "ab")
    record, renderer = scrapes.after(SAML, good(first, NOW - 9 * HOUR)), Renderer(limit=200)
    renderer.render([record], NOW, openmetrics=False)

    returned = probed(probed(record, good(second, NOW - 8 * HOUR)), good(first, NOW))
    text = renderer.render([returned], NOW, openmetrics=False)

    assert text == scrape(returned)
    assert (
        value(text, "fedmeta_key_set_last_change_timestamp_seconds", change="replaced") == (NOW - 8 * HOUR).timestamp()
    )


def test_a_clock_that_is_set_back_is_believed() -> None:
    record, renderer = ending(NOW + 3 * DAY), Renderer(limit=200)
    renderer.render([record], NOW, openmetrics=False)

    text = renderer.render([record], NOW - 30 * DAY, openmetrics=False)

    assert text == scrape(record, now=NOW - 30 * DAY)
    assert value(text, STATE, state=State.STEADY) == 1


def test_a_removed_target_vanishes_and_the_others_stay() -> None:
    records, renderer = scrapes.federation(), Renderer(limit=scrapes.LIMIT)
    renderer.render(records, NOW, openmetrics=False)

    text = renderer.render(records[1:], NOW, openmetrics=False)

    assert text == scrape(*records[1:], limit=scrapes.LIMIT)
    assert records[0].target.name.encode() not in text


def test_of_very_many_removed_targets_the_latest_are_told_in_half_a_megabyte() -> None:
    removed = {f"{nth:05}{'n' * 500}": NOW - nth * SECOND for nth in range(20_000)}

    text = Renderer(limit=scrapes.LIMIT).render((), NOW, removed=removed, openmetrics=False)

    told = [
        dict(labels)["target"]
        for name, labels in scrapes.samples(text)
        if name == "fedmeta_target_removed_timestamp_seconds"
    ]
    assert 500_000 < len(text) < 600_000
    assert told == list(removed)[: len(told)]


def test_targets_stand_in_the_order_of_the_configuration() -> None:
    records = scrapes.federation()

    targets = [
        dict(labels)["target"] for name, labels in scrapes.samples(scrape(*records)) if name == "fedmeta_target_info"
    ]

    assert targets == [record.target.name for record in records]


STATUS = Status(
    version="1.2.3",
    since=NOW - HOUR,
    targets=7,
    failures={Reason.DNS: 4, Reason.HTML: 1},
    reloaded=False,
    reloaded_at=NOW - HOUR,
    storage=StorageStatus(writable=False, errors=2),
    restarts={"fs": 3},
)


def own(status: Status = STATUS, accept: str = "") -> bytes:
    return render_own(status, Format.negotiate(accept))


def test_every_reason_has_a_count_from_the_start() -> None:
    text = own(replace(STATUS, failures={}))

    counts = {reason: value(text, "fedmeta_exporter_probe_failures_total", reason=reason) for reason in Reason}
    assert counts == dict.fromkeys(Reason, 0)


def test_every_trust_reason_has_a_count_from_the_start() -> None:
    text = own()

    counts = {each: value(text, "fedmeta_exporter_trust_failures_total", reason=each) for each in TrustReason}
    assert counts == dict.fromkeys(TrustReason, 0)


def test_inquiries_that_fail_are_counted_by_reason() -> None:
    text = own(replace(STATUS, inquiry_failures={TrustReason.THROTTLED: 3}))

    assert value(text, "fedmeta_exporter_trust_failures_total", reason="throttled") == 3
    assert sum(values(text, "fedmeta_exporter_trust_failures_total")) == 3


def test_failures_are_counted_by_reason() -> None:
    text = own()

    assert value(text, "fedmeta_exporter_probe_failures_total", reason="dns") == 4
    assert sum(values(text, "fedmeta_exporter_probe_failures_total")) == 5


def test_the_exporter_tells_its_build_targets_configuration_and_storage() -> None:
    text = own()

    assert value(text, "fedmeta_exporter_build_info", version="1.2.3") == 1
    assert value(text, "fedmeta_exporter_targets") == 7
    assert value(text, "fedmeta_exporter_config_last_reload_successful") == 0
    assert value(text, "fedmeta_exporter_config_last_reload_success_timestamp_seconds") == (NOW - HOUR).timestamp()
    assert value(text, "fedmeta_exporter_storage_errors_total") == 2


def test_the_exporter_tells_of_its_process() -> None:
    assert {"process_start_time_seconds", "process_open_fds", "python_info"} <= scrapes.names(own())


@pytest.mark.parametrize(
    ("accept", "content_type", "end"),
    [
        ("", "text/plain; version=0.0.4", b""),
        ("*/*", "text/plain; version=0.0.4", b""),
        ("text/plain;version=0.0.4;q=0.3,*/*;q=0.2", "text/plain; version=0.0.4", b""),
        ("text/plain;version=1.0.0;escaping=allow-utf-8", "text/plain; version=0.0.4", b""),
        ("application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4", "text/plain; version=0.0.4", b""),
        ("application/openmetrics-text;version=x", "text/plain; version=0.0.4", b""),
        ("application/openmetrics-text", "application/openmetrics-text; version=1.0.0", b"# EOF\n"),
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;q=0.5",
            "application/openmetrics-text; version=1.0.0",
            b"# EOF\n",
        ),
    ],
)
def test_a_scrape_is_openmetrics_for_who_asks(accept: str, content_type: str, end: bytes) -> None:
    form = Format.negotiate(accept)

    assert form.content_type.startswith(content_type)
    assert "charset=utf-8" in form.content_type
    assert form.openmetrics is bool(end)
    assert form.end == end
    assert own(accept=accept).endswith(b"# EOF\n") is form.openmetrics


def test_whatever_version_is_asked_for_there_are_two_formats_of_a_scrape() -> None:
    asked = [f"{kind};version={nth}.0.0" for kind in ("application/openmetrics-text", "text/plain") for nth in range(9)]
    assert len({Format.negotiate(each).content_type for each in asked}) == 2


def test_an_entity_without_any_role_has_no_state_and_no_certificate() -> None:
    roleless = replace(idp(), roles=())
    text = scrape(scrapes.after(SAML, good(document(roleless), NOW)))

    assert value(text, "fedmeta_metadata_entities") == 1
    assert {name for name, labels in scrapes.samples(text) if ("entity_id", ENTITY_ID) in labels} == set()


def test_a_certificate_whose_arrival_is_not_remembered_has_no_first_seen_time() -> None:
    remembered = ending(NOW + DAY)
    forgotten = knowing(bare(SAML), document=remembered.document)

    assert values(scrape(forgotten), "fedmeta_certificate_first_seen_timestamp_seconds") == []
    assert len(values(scrape(remembered), "fedmeta_certificate_first_seen_timestamp_seconds")) == 1
    assert value(scrape(forgotten), EXPIRY_DAYS) == 1


WAP = replace(SAML.look, node="wap1", address="10.0.0.11")
PAIR = with_looks(SAML, WAP)

KEY_SET = "fedmeta_node_key_set_info"
AGREE = "fedmeta_nodes_agree"
DIFFER_SINCE = "fedmeta_nodes_differ_since_timestamp_seconds"


def key_sets(text: bytes) -> dict[str, tuple[str, str]]:
    """The key set and the signer that each node serves."""
    found = [dict(labels) for name, labels in scrapes.samples(text) if name == KEY_SET]
    return {labels["node"]: (labels["key_set"], labels["signer"]) for labels in found}


def serving(digits: str) -> Document:
    """A document with a key for each digit."""
    return document(idp(*map(certificate, digits)))


def test_a_target_with_a_single_look_has_no_series_about_several() -> None:
    assert scrapes.names(scrape(ending(NOW + DAY))).isdisjoint({KEY_SET, AGREE, DIFFER_SINCE})


def test_each_look_has_series_of_its_own() -> None:
    text = scrape(scrapes.nodes())

    looks = {"service": "internet", "wap2": "internet", "10.0.0.11": "internet"}
    reachable = {
        node: value(text, "fedmeta_metadata_reachable", node=node, vantage=place) for node, place in looks.items()
    }
    assert reachable == {"service": 1, "wap2": 1, "10.0.0.11": 0}
    assert value(text, "fedmeta_metadata_reachable", node="service", vantage="intranet") == 1
    assert value(text, "fedmeta_probe_last_failure_info", node="10.0.0.11", reason="refused") == 1


def test_certificates_are_those_of_the_targets_own_look_alone() -> None:
    record = probed(scrapes.after(PAIR, good(serving("a"), NOW)), good(serving("b"), NOW), look=WAP)

    text = scrape(record)

    assert value(text, EXPIRY_DAYS, fingerprint="a" * 64) == 200
    assert values(text, EXPIRY_DAYS, fingerprint="b" * 64) == []


@pytest.mark.parametrize(
    ("digits", "key_set"),
    [
        ("", "none"),
        ("a", "aaaaaaaa"),
        ("cab", "aaaaaaaa bbbbbbbb cccccccc"),
        ("dcab", "aaaaaaaa bbbbbbbb cccccccc dddddddd"),
    ],
)
def test_a_key_set_is_the_beginnings_of_its_fingerprints_in_order(digits: str, key_set: str) -> None:
    text = scrape(scrapes.after(PAIR, good(serving(digits), NOW)))

    assert key_sets(text) == {"service": (key_set, "unknown")}


def test_a_large_key_set_is_its_size_and_a_digest_that_no_order_changes() -> None:
    def shown(digits: str) -> str:
        return key_sets(scrape(scrapes.after(PAIR, good(serving(digits), NOW))))["service"][0]

    assert shown("12345").startswith("5 keys ")
    assert len(shown("12345")) == len("5 keys 01234567")
    assert shown("12345") == shown("54321") != shown("12346")


def test_nodes_that_serve_the_same_keys_and_another_signature_do_not_agree() -> None:
    keys = certificate("a"), certificate("b")
    old, new = (document(idp(*keys), signature=scrapes.signed_by(each)) for each in keys)

    text = scrape(probed(scrapes.after(PAIR, good(new, NOW - HOUR)), good(old, NOW), look=WAP))

    both = "aaaaaaaa bbbbbbbb"
    assert key_sets(text) == {"service": (both, "bbbbbbbb"), "wap1": (both, "aaaaaaaa")}
    assert value(text, AGREE) == 0
    assert value(text, DIFFER_SINCE) == NOW.timestamp()


def test_one_document_agrees_with_nothing_until_another_look_got_one() -> None:
    alone = scrapes.after(PAIR, good(serving("a"), NOW))
    failing = probed(alone, scrapes.failed(Reason.REFUSED, NOW, phases={}), look=WAP)

    for record in (bare(PAIR), alone, failing):
        assert scrapes.names(scrape(record)).isdisjoint({AGREE, DIFFER_SINCE})

    text = scrape(probed(failing, good(serving("a"), NOW), look=WAP))

    assert value(text, AGREE) == 1
    assert values(text, DIFFER_SINCE) == []


def test_nodes_that_agree_again_are_shown_so_at_once() -> None:
    apart = probed(scrapes.after(PAIR, good(serving("b"), NOW - HOUR)), good(serving("a"), NOW - HOUR), look=WAP)
    renderer = Renderer(limit=200)

    before = renderer.render([apart], NOW, openmetrics=False)
    after = renderer.render([probed(apart, good(serving("b"), NOW), look=WAP)], NOW, openmetrics=False)

    assert value(before, AGREE) == 0
    assert value(before, DIFFER_SINCE) == (NOW - HOUR).timestamp()
    assert value(after, AGREE) == 1
    assert values(after, DIFFER_SINCE) == []


def test_a_look_at_a_node_keeps_what_is_known_of_the_document() -> None:
    record, renderer = noting(scrapes.after(PAIR, good(serving("a"), NOW))), Renderer(limit=200)
    renderer.render([record], NOW, openmetrics=False)
    record.judged.clear()

    renderer.render([probed(record, good(serving("a"), NOW), look=WAP)], NOW, openmetrics=False)

    assert record.judged == []


TRUST_STATE = "fedmeta_trust_state"
OF_ANSWERS = {
    "fedmeta_trust_primary_trusted",
    "fedmeta_trust_successor_trusted",
    "fedmeta_trust_foreign_certificates",
    "fedmeta_trust_certificate_info",
    "fedmeta_trust_update_result",
    "fedmeta_trust_update_timestamp_seconds",
    "fedmeta_trust_metadata_readable",
    "fedmeta_trust_as_of_timestamp_seconds",
}
OF_INQUIRIES = {
    "fedmeta_trust_inquiries_total",
    "fedmeta_trust_inquiry_failures_total",
    "fedmeta_trust_inquiry_last_failure_info",
    "fedmeta_trust_last_attempt_timestamp_seconds",
}
ENTRA = Entra(("contoso.com",))
PRIMARY, _ = scrapes.pair("1", "2", not_before=NOW - 347 * DAY, not_after=NOW + 18 * DAY)
SUCCESSOR = certificate("3", not_before=NOW - 2 * DAY, not_after=NOW + 363 * DAY)
LEFTOVER = certificate("4", not_after=NOW + 5 * DAY)


def trusting(says: DomainTrust, *, entra: Entra = ENTRA) -> Record:
    """The farm that published its successor, and what Entra ID says of its domain."""
    farm = scrapes.published()
    target = replace(farm.target, entra=entra)
    record = replace(farm, target=target, domains=bare(target).domains)
    return scrapes.told(record, "contoso.com", scrapes.answer(says, NOW - HOUR))


def trust_state(text: bytes) -> TrustState:
    """The one state that holds."""
    (state,) = [dict(labels)["state"] for name, labels in scrapes.samples(text) if name == TRUST_STATE]
    return TrustState(state)


def test_a_target_without_entra_has_no_series_about_trust() -> None:
    assert not [name for name in scrapes.names(scrape(scrapes.published())) if name.startswith("fedmeta_trust_")]


def test_a_domain_that_was_never_asked_about_is_unknown_and_nothing_more_is_said() -> None:
    text = scrape(bare(replace(FARM, entra=ENTRA)))

    assert trust_state(text) is TrustState.UNKNOWN
    assert value(text, "fedmeta_trust_info", domain="contoso.com", service="unknown") == 1
    assert scrapes.names(text).isdisjoint(OF_ANSWERS | OF_INQUIRIES)


def test_a_domain_says_where_it_is_asked_about_and_how_often() -> None:
    entra = replace(ENTRA, cloud=Cloud.CHINA, source=TrustSource.USER_REALM, interval=7200.0)
    text = scrape(bare(replace(FARM, entra=entra)))

    assert value(text, "fedmeta_trust_info", source="user_realm", cloud="china") == 1
    assert value(text, "fedmeta_trust_interval_seconds") == 7200


def test_an_answer_that_is_known_from_before_the_start_is_shown_with_its_age() -> None:
    record = trusting(scrapes.federated(signing=PRIMARY, following=SUCCESSOR))
    (domain,) = record.domains

    text = scrape(replace(record, domains=(replace(domain, inquiry=None, inquiries=0),)))

    assert trust_state(text) is TrustState.IN_SYNC
    assert value(text, "fedmeta_trust_as_of_timestamp_seconds") == (NOW - HOUR).timestamp()
    assert scrapes.names(text).isdisjoint(OF_INQUIRIES)


def test_an_inquiry_that_fails_takes_nothing_away() -> None:
    record = trusting(scrapes.federated(signing=PRIMARY, following=SUCCESSOR))
    failing = scrapes.told(record, "contoso.com", scrapes.unanswered(TrustReason.REFUSED, NOW))

    before, after = (scrapes.samples(scrape(each)) for each in (record, failing))
    assert {name for (name, _), _ in before.items() ^ after.items()} == OF_INQUIRIES


def test_an_answer_takes_the_reason_of_the_failure_before_away() -> None:
    says = scrapes.federated(signing=PRIMARY, following=SUCCESSOR)
    failing = scrapes.told(trusting(says), "contoso.com", scrapes.unanswered(TrustReason.REFUSED, NOW - SECOND))

    text = scrape(scrapes.told(failing, "contoso.com", scrapes.answer(says, NOW)))

    assert values(text, "fedmeta_trust_inquiry_last_failure_info") == []
    assert value(text, "fedmeta_trust_inquiry_failures_total") == 1
    assert value(text, "fedmeta_trust_as_of_timestamp_seconds") == NOW.timestamp()


def test_the_two_slots_are_told_apart_even_with_one_certificate_in_both() -> None:
    text = scrape(trusting(scrapes.federated(signing=PRIMARY, following=PRIMARY)))

    for slot in ("signing", "next"):
        assert value(text, "fedmeta_trust_certificate_expiry_days", slot=slot, fingerprint="1" * 64) == 18
        assert value(text, "fedmeta_trust_certificate_info", slot=slot, published="yes") == 1


def test_a_foreign_certificate_counts_until_it_ends() -> None:
    record = for_years(trusting(scrapes.federated(signing=PRIMARY, following=LEFTOVER)))
    renderer = Renderer(limit=200)

    before = renderer.render([record], LEFTOVER.not_after - SECOND, openmetrics=False)
    after = renderer.render([record], LEFTOVER.not_after, openmetrics=False)

    for text, count in ((before, 1), (after, 0)):
        assert value(text, "fedmeta_trust_foreign_certificates") == count
        assert value(text, "fedmeta_trust_certificate_info", slot="next", published="no") == 1


def test_without_a_document_nobody_knows_what_is_published() -> None:
    record = bare(replace(FARM, entra=ENTRA))
    text = scrape(scrapes.told(record, "contoso.com", scrapes.answer(scrapes.federated(signing=PRIMARY), NOW)))

    assert value(text, "fedmeta_trust_certificate_info", published="unknown") == 1
    assert value(text, "fedmeta_trust_certificate_expiry_days", slot="signing") == 18


def test_what_user_realm_discovery_cannot_tell_is_absent() -> None:
    text = scrape(trusting(scrapes.realm(PRIMARY), entra=replace(ENTRA, source=TrustSource.USER_REALM)))

    assert value(text, "fedmeta_trust_primary_trusted") == 1
    assert value(text, "fedmeta_trust_certificate_info", slot="unnamed", published="yes") == 1
    assert scrapes.names(text) & OF_ANSWERS == {
        "fedmeta_trust_primary_trusted",
        "fedmeta_trust_certificate_info",
        "fedmeta_trust_as_of_timestamp_seconds",
    }


@pytest.mark.parametrize("result", UpdateResult)
def test_entra_ids_own_account_is_its_result_and_no_other(result: UpdateResult) -> None:
    text = scrape(trusting(scrapes.federated(signing=PRIMARY, update=result)))

    assert value(text, "fedmeta_trust_update_result", result=result) == 1
    assert len(values(text, "fedmeta_trust_update_result")) == 1
    assert values(text, "fedmeta_trust_metadata_readable") == (
        [] if result.readable is None else [float(result.readable)]
    )
    assert value(text, "fedmeta_trust_update_timestamp_seconds") == (NOW - 6 * HOUR).timestamp()


def test_an_answer_is_shown_at_once() -> None:
    record, renderer = trusting(scrapes.federated(signing=SUCCESSOR)), Renderer(limit=200)
    before = renderer.render([record], NOW, openmetrics=False)

    says = scrapes.federated(signing=PRIMARY, following=SUCCESSOR)
    after = renderer.render([scrapes.told(record, "contoso.com", scrapes.answer(says, NOW))], NOW, openmetrics=False)

    assert (trust_state(before), trust_state(after)) == (TrustState.BROKEN, TrustState.IN_SYNC)


def test_a_trust_is_judged_anew_at_the_very_moment_its_state_turns() -> None:
    record, renderer = for_years(trusting(scrapes.federated(signing=PRIMARY))), Renderer(limit=200)
    # The promotion is predicted in three days, and two days are the notice.
    turns = NOW + DAY

    states = [trust_state(renderer.render([record], now, openmetrics=False)) for now in (turns - SECOND, turns)]

    assert states == [TrustState.PENDING, TrustState.AT_RISK]


# --- room


def many_certificates(count: int, entity_id: str = "urn:x") -> Entity:
    found = (
        replace(certificate("a", not_after=NOW + (count - nth) * DAY), fingerprint=f"{nth:064x}")
        for nth in range(count)
    )
    return idp(*found, entity_id=entity_id)


def test_labels_are_shortened_but_for_those_that_say_what_a_series_is_about() -> None:
    long = "x" * 1000
    found = scrapes.after(
        replace(watched("t" * 1000, f"https://idp.example/{long}")),
        good(document(idp(replace(certificate("a"), subject=long), entity_id="e" * 1024)), NOW),
    )
    for _, labels in scrapes.samples(scrape(found)):
        for name, text in labels:
            assert len(text) <= LONGEST_SHORTENED or text == {"entity_id": "e" * 1024, "target": "t" * 1000}[name]


def test_of_certificates_without_room_those_in_use_come_first_and_then_those_that_end_next() -> None:
    entities = [many_certificates(60, f"{nth:04}" + "\N{GRINNING FACE}" * 1020) for nth in range(40)]
    record = scrapes.after(SAML, good(document(*entities, aggregate=True), NOW))
    text = scrape(record)
    labels = [dict(pairs) for name, pairs in scrapes.samples(text) if name == EXPIRY_DAYS]
    shown = {(each["entity_id"], each["fingerprint"]) for each in labels}
    omitted = value(text, "fedmeta_certificates_omitted")
    assert 4_000_000 < len(text) < 5_000_000
    assert value(text, "fedmeta_entities_omitted") > 0
    counts = Counter(entity_id for entity_id, _ in shown)
    (partly,) = [entity_id for entity_id, count in counts.items() if count < 60]
    assert omitted == 60 - counts[partly]
    # The last of its certificates ends first.
    assert {fingerprint for entity_id, fingerprint in shown if entity_id == partly} >= {f"{59:064x}", f"{58:064x}"}


def test_whoever_asks_for_more_entities_gets_more_room() -> None:
    entities = [many_certificates(60, f"{nth:04}" + "\N{GRINNING FACE}" * 1020) for nth in range(40)]
    record = scrapes.after(SAML, good(document(*entities, aggregate=True), NOW))
    assert "fedmeta_certificates_omitted" not in scrapes.names(scrape(record, limit=5000))


def test_findings_that_have_no_room_are_counted_the_least_bad_first() -> None:
    entities = [
        idp(certificate("a", not_after=NOW + (3 if nth % 2 else 25) * DAY), entity_id=f"{nth:04}" + "x" * 1000)
        for nth in range(600)
    ]
    record = scrapes.after(replace(SAML, watch=("*",)), good(document(*entities, aggregate=True), NOW))
    text = scrape(record)
    findings = [dict(pairs) for name, pairs in scrapes.samples(text) if name == "fedmeta_finding"]
    omitted = value(text, "fedmeta_findings_omitted")
    assert omitted > 0
    assert [each["severity"] for each in findings].count("critical") == 300
    assert "fedmeta_findings_omitted" not in scrapes.names(scrape(record, limit=2000))


def test_only_the_entities_whose_verdict_has_ended_are_judged_anew() -> None:
    record, renderer = noting(aggregate(3, 100, 200)), Renderer(limit=200)
    renderer.render([record], NOW, openmetrics=False)
    later = renderer.render([record], NOW + 4 * DAY, openmetrics=False)
    fresh = scrape(record, now=NOW + 4 * DAY)
    assert later == fresh
