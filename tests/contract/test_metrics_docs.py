"""docs/metrics.md says what the code does, and what was once promised stays."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

import builders
import pytest
import scrapes
from builders import DAY, HOUR, NOW, SECOND, knowing, with_looks

from exporter.config.settings import Cloud, Entra, TrustSource
from exporter.demo import scenarios
from exporter.demo.scenarios import SCENARIOS, Answer, Scenario
from exporter.exposition.families import FAMILIES, MEMORY
from exporter.exposition.own import OWN_FAMILIES
from exporter.exposition.render import Renderer
from exporter.findings import Kind, standing
from exporter.history import Change, EntityHistory, History, KeySetHistory
from exporter.inquiry import DomainTrust, Slot, TrustReason, UpdateResult
from exporter.model import (
    Certificate,
    Document,
    FaultKind,
    Observation,
    Phase,
    Reason,
    Role,
    SignatureState,
    Use,
    Weakness,
)
from exporter.policy import PolicySettings, Profile, ProfileEvidence
from exporter.primary import Evidence
from exporter.probe import read_document
from exporter.record import Record, bare
from exporter.rollover import Position, Severity, State
from exporter.trust import TrustState

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
PROMISED = (ROOT / "tests" / "contract" / "promised_metrics.txt").read_text(encoding="utf-8")

Row = Sequence[str]

VALUES: Mapping[str, type[StrEnum]] = {
    "Reason": Reason,
    "Fault kind": FaultKind,
    "Finding": Kind,
    "State": State,
    "Position": Position,
    "Evidence": Evidence,
    "Change": Change,
    "Signature state": SignatureState,
    "Weakness": Weakness,
    "Phase": Phase,
    "Role": Role,
    "Use": Use,
    "Profile": Profile,
    "Profile evidence": ProfileEvidence,
    "Trust state": TrustState,
    "Trust reason": TrustReason,
    "Slot": Slot,
    "Update result": UpdateResult,
    "Source": TrustSource,
    "Cloud": Cloud,
}
"""What each table of label values lists, by the heading of its first column."""

WITHOUT_TARGET = {family.name for family in FAMILIES if not family.of_target} | OWN_FAMILIES.keys()

EVERY_FAMILY = {
    family.name: (str(family.kind), (*(["target"] if family.of_target else []), *family.labels)) for family in FAMILIES
} | {name: (kind, labels) for name, (kind, labels) in OWN_FAMILIES.items()}
"""Kind and labels of all that is exposed."""


def rows(heading: str) -> Iterator[Row]:
    """The rows of every table whose first column has this heading, heading and rule left out."""
    for table in re.findall(rf"^\| {heading} \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE):
        for line in table.splitlines():
            yield [cell.strip() for cell in line.strip("|").split("|")]


def words(cell: str) -> tuple[str, ...]:
    """What stands in code type."""
    return tuple(re.findall(r"`([^`]+)`", cell))


def first_words(heading: str) -> list[str]:
    return [words(row[0])[0] for row in rows(heading)]


def test_every_family_has_a_row_and_every_row_a_family() -> None:
    documented = {
        name: (kind, labels if name in WITHOUT_TARGET else ("target", *labels))
        for (name,), kind, labels in ((words(row[0]), row[1], words(row[2])) for row in rows("Family"))
    }

    assert documented == EVERY_FAMILY
    assert len(first_words("Family")) == len(EVERY_FAMILY)


def test_every_family_has_a_value_for_example_and_a_meaning() -> None:
    for row in rows("Family"):
        _, _, _, value, meaning = row
        assert words(value)
        assert meaning.endswith(".")


@pytest.mark.parametrize(("heading", "listed"), VALUES.items(), ids=VALUES)
def test_every_value_of_a_label_is_documented_in_its_order(heading: str, listed: type[StrEnum]) -> None:
    assert first_words(heading) == [member.value for member in listed]
    assert all(row[-1].endswith(".") for row in rows(heading))


def test_what_a_probe_does_not_give_is_listed() -> None:
    listed = re.findall(r"^- `(fedmeta_\w+)`$", PAGE, re.MULTILINE)
    _, trust = PAGE.split("\n### Trust\n")
    of_trust = re.findall(r"^\| `(fedmeta_\w+)` \|", trust.split("\n### ")[0], re.MULTILINE)

    assert "Nor does it give the families of [trust](#trust)" in PAGE
    assert sorted(listed + of_trust) == sorted(family.name for family in MEMORY)


def test_the_page_names_no_metric_that_does_not_exist() -> None:
    assert set(re.findall(r"\bfedmeta_\w+", PAGE)) <= EVERY_FAMILY.keys()


def test_every_link_leads_to_a_heading() -> None:
    for page, anchor in re.findall(r"\]\(([\w.]*)#([^)]+)\)", PAGE):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8") if page else PAGE
        headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)

        assert anchor in {re.sub(r"[^\w -]", "", heading).replace(" ", "-").lower() for heading in headings}


def test_the_example_is_part_of_the_golden_scrape() -> None:
    example, _ = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    scrape = (ROOT / "tests" / "golden" / "published.prom").read_text(encoding="utf-8")

    assert set(example.splitlines()) <= set(scrape.splitlines())


def severities() -> Mapping[str, set[str]]:
    return {words(row[0])[0]: {each.strip() for each in row[1].split(",")} for row in rows("State")}


@pytest.mark.parametrize(
    "scenario", [each for each in SCENARIOS if each.answer is Answer.METADATA], ids=lambda scenario: scenario.name
)
def test_a_state_has_the_severity_that_is_documented(scenario: Scenario) -> None:
    found = read_document(scenarios.document(scenario, NOW, key="ec"), ())
    (verdict,) = knowing(bare(scrapes.FARM), document=found).judge(NOW)

    assert verdict.severity.name.lower() in severities()[verdict.state]


def test_the_states_that_no_farm_shows_have_the_severity_that_is_documented() -> None:
    keyless = knowing(bare(scrapes.FARM), document=read_document(builders.saml_metadata(keys=[]), ()))
    (verdict,) = keyless.judge(NOW)

    assert (verdict.state, verdict.severity) == (State.NONE, Severity.CRITICAL)
    assert severities()["none"] == {"critical"}


PRIMARY, ENCRYPTION = scrapes.pair("1", "2", not_before=NOW - 300 * DAY, not_after=NOW + 65 * DAY)
SUCCESSOR = scrapes.certificate("3", not_before=NOW - DAY, not_after=NOW + 363 * DAY)

TRUSTS = {
    TrustState.NOT_FEDERATED: DomainTrust(TrustSource.GRAPH, federated=False),
    TrustState.BROKEN: scrapes.federated(signing=SUCCESSOR),
    TrustState.UNKNOWN: scrapes.realm(PRIMARY),
    TrustState.AT_RISK: scrapes.federated(signing=PRIMARY),
    TrustState.PENDING: scrapes.federated(signing=PRIMARY),
    TrustState.IN_SYNC: scrapes.federated(signing=PRIMARY, following=SUCCESSOR),
}


@pytest.mark.parametrize(("state", "says"), TRUSTS.items(), ids=TRUSTS)
def test_every_trust_state_that_is_documented_comes_about(state: TrustState, says: DomainTrust) -> None:
    content = scrapes.document(
        scrapes.adfs_entity(PRIMARY, SUCCESSOR, encryption=ENCRYPTION), signature=scrapes.signed_by(PRIMARY)
    )
    later = 3 * DAY if state is TrustState.AT_RISK else 0 * DAY
    target = replace(scrapes.FARM, entra=Entra(("contoso.com",)))
    now = NOW + later
    record = scrapes.told(scrapes.after(target, scrapes.good(content, now)), "contoso.com", scrapes.answer(says, now))
    (verdict,) = standing(record, now).verdicts

    assert verdict.state is state
    assert state in first_words("Trust state")


def test_whether_entra_id_could_read_the_metadata_is_documented_for_each_result() -> None:
    documented = {words(row[0])[0]: words(row[1]) for row in rows("Update result")}

    assert documented == {
        result.value: () if result.readable is None else (str(int(result.readable)),) for result in UpdateResult
    }


def everything(found: Document) -> Record:
    """A record of the document that has every series it can have at once."""
    places = {(role.role, key.use) for entity in found.metadata.entities for role in entity.roles for key in role.keys}
    known = EntityHistory(
        first_seen={digit * 64: NOW for digit in "0123456789abcdef"},
        key_sets={place: KeySetHistory((), dict.fromkeys(Change, NOW)) for place in places},
        last_promotion=NOW,
    )
    policy = PolicySettings(profile=Profile.ADFS, primary="1" * 64)
    looked = scrapes.after(replace(scrapes.FARM, policy=policy), scrapes.good(found, NOW))
    assert looked.observation
    failed = replace(looked.observation, reason=Reason.NOT_XML, document=None)
    history = History({entity.entity_id: known for entity in found.metadata.entities}, NOW, dropped=1)
    return knowing(looked, observation=failed, history=history)


def count(record: Record) -> int:
    """How many series a record has without its findings, each of which is one."""
    found = scrapes.samples(Renderer(limit=200).render([record], NOW, openmetrics=False))
    return sum(name != "fedmeta_finding" for name, _ in found)


def at_most(**numbers: int) -> int:
    """The sum that the page gives for so many of each, by the first word of its row."""
    documented = {row[0].split()[0].rstrip(","): int(row[1]) for row in rows("For each")}
    assert documented.keys() >= numbers.keys()
    return sum(number * documented[name] for name, number in numbers.items())


def farm() -> Document:
    """A farm with all evidence and faults there are and the weakest certificates, which are in two roles each."""
    weak = (Weakness.SHORT_KEY, Weakness.SHA1)
    primary, encryption = scrapes.pair("1", "2", not_before=NOW - 300 * DAY, not_after=NOW + 18 * DAY)
    successor = scrapes.certificate("3", not_before=NOW - DAY, not_after=NOW + 363 * DAY)
    primary, encryption, successor = (
        replace(each, weaknesses=weak, subject="CN=ADFS Signing - x") for each in (primary, encryption, successor)
    )
    return scrapes.document(
        scrapes.adfs_entity(primary, successor, encryption=encryption),
        signature=scrapes.signed_by(primary),
        valid_until=NOW + DAY,
        cache_duration=DAY,
        faults=FaultKind,
    )


def test_a_farm_that_has_every_series_has_as_many_as_are_documented() -> None:
    # Three certificates and two uses, each in two roles.
    expected = at_most(target=1, policy=1, look=1, last=1, entity=1, certificate=3, use=2)

    assert count(everything(farm())) == expected


def steady() -> Record:
    """A farm in the middle of a year: its earlier certificate is still published and has ended, all other is new."""
    before = scrapes.certificate("1", not_before=NOW - 900 * DAY, not_after=NOW - 535 * DAY)
    old, old_encryption = scrapes.pair("2", "3", not_before=NOW - 555 * DAY, not_after=NOW - 190 * DAY)
    new, encryption = scrapes.pair("4", "5", not_before=NOW - 210 * DAY, not_after=NOW + 155 * DAY)

    def look(at: timedelta, *signing: Certificate, encrypts: Certificate, signs: Certificate) -> Observation:
        entity = scrapes.adfs_entity(*signing, encryption=encrypts)
        return scrapes.good(scrapes.document(entity, signature=scrapes.signed_by(signs)), NOW - at)

    return scrapes.after(
        scrapes.FARM,
        look(210 * DAY + HOUR, before, old, encrypts=old_encryption, signs=old),
        look(210 * DAY, old, encrypts=old_encryption, signs=old),
        look(210 * DAY - HOUR, old, new, encrypts=old_encryption, signs=old),
        look(205 * DAY + HOUR, old, new, encrypts=old_encryption, signs=old),
        look(205 * DAY, old, new, encrypts=encryption, signs=new),
        look(30 * SECOND, old, new, encrypts=encryption, signs=new),
    )


STEADY = {
    "fedmeta_target_info": 1,
    "fedmeta_target_as_of_timestamp_seconds": 1,
    "fedmeta_target_interval_seconds": 1,
    "fedmeta_metadata_reachable": 1,
    "fedmeta_probes_total": 1,
    "fedmeta_probe_failures_total": 1,
    "fedmeta_probe_duration_seconds": len(Phase),
    "fedmeta_probe_http_status_code": 1,
    "fedmeta_probe_last_attempt_timestamp_seconds": 1,
    "fedmeta_probe_last_success_timestamp_seconds": 1,
    "fedmeta_tls_certificate_not_after_timestamp_seconds": 1,
    "fedmeta_metadata_size_bytes": 1,
    "fedmeta_metadata_entities": 1,
    "fedmeta_metadata_signature_state": 1,
    "fedmeta_certificate_expiry_days": 3,
    "fedmeta_certificate_not_after_timestamp_seconds": 3,
    "fedmeta_certificate_not_before_timestamp_seconds": 3,
    "fedmeta_certificate_first_seen_timestamp_seconds": 3,
    "fedmeta_certificate_info": 3,
    "fedmeta_rollover_state": 1,
    "fedmeta_secondary_certificate_present": 1,
    "fedmeta_rollover_certificate_expiry_days": 1,
    "fedmeta_rollover_info": 1,
    "fedmeta_rollover_evidence_agrees": 1,
    "fedmeta_rollover_last_promotion_timestamp_seconds": 1,
    # Signing keys were added and removed, encryption keys replaced.
    "fedmeta_key_set_last_change_timestamp_seconds": 3,
}
"""Every family of a steady farm with three certificates and a year of history, and how many series it has."""


MOST = 45
"""That such a farm may have."""


def test_a_steady_farm_of_three_certificates_has_these_series_and_no_more() -> None:
    record = steady()
    shown = Counter(name for name, _ in scrapes.samples(Renderer(limit=0).render([record], NOW, openmetrics=False)))
    thresholds = shown.pop("fedmeta_policy_threshold_days")
    (documented,) = re.findall(r"has at most (\d+) of its own", PAGE)

    assert [each.state for each in record.judge(NOW)] == [State.STEADY]
    assert shown == STEADY
    assert shown.total() <= int(documented) <= MOST
    assert thresholds == at_most(policy=1)


def test_several_looks_and_a_domain_that_have_every_series_have_as_many_as_are_documented() -> None:
    alone = everything(farm())
    node = replace(alone.target.look, node="wap1", address="wap1")
    target = replace(with_looks(alone.target, node), entra=Entra(("contoso.com",)))
    looks = (alone.first, replace(alone.first, look=node))
    known = replace(alone, target=target, looks=looks, domains=bare(target).domains, differing_since=NOW)
    says = scrapes.federated(signing=PRIMARY, following=SUCCESSOR)
    for inquiry in (scrapes.answer(says, NOW), scrapes.unanswered(TrustReason.TIMEOUT, NOW)):
        known = scrapes.told(known, "contoso.com", inquiry)

    more = at_most(look=1, several=1, key=2, all=1, domain=1, slot=2)

    assert count(known) == count(alone) + more


def test_the_farm_of_the_example_has_as_many_series_as_are_documented() -> None:
    (documented,) = re.findall(r"example above has (\d+) series", PAGE)

    assert count(scrapes.published()) == int(documented)


def test_an_aggregate_has_no_more_series_than_are_documented() -> None:
    certificates = [scrapes.certificate(f"{number:x}") for number in range(10)]
    entities = [scrapes.idp(each, entity_id=f"https://{each.serial_number}.example/") for each in certificates]
    found = scrapes.document(*entities, aggregate=True, valid_until=NOW + DAY, cache_duration=DAY)

    bound = at_most(target=1, policy=1, look=1, last=1, aggregate=1, entity=10, watched=10, certificate=10, use=10)

    assert count(scrapes.after(scrapes.FARM, scrapes.good(found, NOW))) < count(everything(found)) < bound


def test_every_promised_metric_is_still_there_with_its_labels() -> None:
    for line in PROMISED.splitlines():
        name, *labels = line.split(" ")
        assert name in EVERY_FAMILY, (
            f"{name} was promised, and rules and dashboards out there use it. If it must go, take it out of"
            " tests/contract/promised_metrics.txt and put it under Removed or Changed in CHANGELOG.md."
        )
        assert tuple(labels) == EVERY_FAMILY[name][1], (
            f"the labels of {name} were promised, and rules and dashboards out there join on them. If they must change,"
            " change tests/contract/promised_metrics.txt and put it under Changed in CHANGELOG.md."
        )


def test_every_metric_is_promised() -> None:
    missing = EVERY_FAMILY.keys() - {line.split(" ")[0] for line in PROMISED.splitlines()}

    assert not missing, "a new metric is a promise: add it to tests/contract/promised_metrics.txt and CHANGELOG.md"


def test_every_recorded_series_is_in_the_table_of_those_and_no_other() -> None:
    rules = (ROOT / "alerts" / "fedmeta.rules.yml").read_text(encoding="utf-8")
    series = list(rows("Recorded series"))

    assert sorted(words(row[0])[0] for row in series) == sorted(re.findall(r"- record: (\S+)", rules))
    assert {row[1] for row in series} == {"yes", "no"}
    assert set(re.findall(r"\bfedmeta:[\w:]+", PAGE)) == {words(row[0])[0] for row in series}
