import base64
import hashlib
from datetime import timedelta
from functools import partial

import pytest
from builders import DAY, NOW
from found import known, simulated
from lxml import etree

from exporter import metadata
from exporter.config.settings import INTERNET, SERVICE
from exporter.demo.documents import DS, MD, XSI
from exporter.demo.scenarios import SCENARIOS, Answer, Scenario, document
from exporter.findings import Kind, standing
from exporter.model import Certificate, Reason, Role
from exporter.policy import PolicySettings, Profile, in_force, is_auto_managed
from exporter.rollover import State
from exporter.trust import TrustState

PUBLISHING = [scenario for scenario in SCENARIOS if scenario.answer is Answer.METADATA]
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}

each_publishing = pytest.mark.parametrize("scenario", PUBLISHING, ids=lambda scenario: scenario.name)


made = partial(simulated, now=NOW)


def body(scenario: Scenario) -> bytes:
    return made(scenario).documents[SERVICE]


def published(scenario: Scenario, *, signs: bool) -> tuple[Certificate, ...]:
    (entity,) = metadata.parse(body(scenario)).entities
    return entity.published(Role.IDP, signs=signs)


def test_every_state_of_a_farm_that_publishes_keys_is_shown() -> None:
    # A farm without a signing key does not start, AD FS publishes no certificate that cannot be read, and it signs
    # its document with the primary, which proves that: no document of AD FS shows these states.
    assert {scenario.state for scenario in PUBLISHING} == set(State) - {State.NONE, State.UNREADABLE, State.UNPROVEN}


def test_the_ways_not_to_get_a_document_are_shown() -> None:
    unusable = {scenario.name: (scenario.answer, scenario.reason) for scenario in SCENARIOS if not scenario.reachable}

    assert unusable == {
        "unreachable": (Answer.NOTHING, Reason.REFUSED),
        "html": (Answer.PAGE, Reason.HTML),
    }


def test_without_a_document_nothing_is_expected_of_the_rollover() -> None:
    unusable = [scenario for scenario in SCENARIOS if not scenario.reachable]

    assert [(scenario.state, scenario.left) for scenario in unusable] == [(None, None)] * len(unusable)


def test_names_are_unique_and_fit_into_an_address() -> None:
    assert len(BY_NAME) == len(SCENARIOS)
    assert all(name.replace("-", "").isalpha() and name.islower() for name in BY_NAME)


def test_every_scenario_says_in_one_line_what_it_shows() -> None:
    sentences = {scenario.sentence for scenario in SCENARIOS}

    assert len(sentences) == len(SCENARIOS)
    assert all(sentence.endswith(".") and len(sentence) < 100 for sentence in sentences)


@each_publishing
def test_the_signing_certificates_live_as_long_as_the_scenario_says(scenario: Scenario) -> None:
    lifetimes = [(each.not_before - NOW, each.not_after - NOW) for each in published(scenario, signs=True)]

    assert lifetimes == [(each.not_before * DAY, each.not_after * DAY) for each in scenario.signing]


@each_publishing
def test_the_primary_ends_when_the_scenario_says_and_signs_the_document(scenario: Scenario) -> None:
    primary = published(scenario, signs=True)[scenario.primary]

    signature = etree.fromstring(body(scenario))[0]
    (signer,) = signature.iterfind(f"{{{DS}}}KeyInfo//{{{DS}}}X509Certificate")
    assert scenario.left is not None
    assert primary.not_after == NOW + scenario.left * DAY
    assert bytes.fromhex(primary.fingerprint) == hashlib.sha256(base64.b64decode(signer.text or "")).digest()


@each_publishing
def test_only_the_encryption_certificate_made_with_the_primary_is_published(scenario: Scenario) -> None:
    primary = published(scenario, signs=True)[scenario.primary]

    (encryption,) = published(scenario, signs=False)
    assert timedelta() < encryption.not_before - primary.not_before < timedelta(seconds=21)
    assert timedelta() < encryption.not_after - primary.not_after < timedelta(seconds=21)


@each_publishing
def test_the_certificates_have_the_shape_of_the_profile(scenario: Scenario) -> None:
    everything = (*published(scenario, signs=True), *published(scenario, signs=False))

    policy = in_force(PolicySettings(), metadata.parse(body(scenario)), "https://fs.example/")
    assert {is_auto_managed(each) for each in everything} == {scenario.profile is Profile.ADFS}
    assert {each.self_issued for each in everything} == {scenario.profile is Profile.ADFS}
    assert policy.profile is scenario.profile


@each_publishing
def test_a_secondary_is_another_certificate_that_is_not_expired(scenario: Scenario) -> None:
    signing = published(scenario, signs=True)
    others = [each for each in signing if each != signing[scenario.primary]]

    assert any(each.not_after > NOW for each in others) is scenario.secondary_present


@each_publishing
def test_a_successor_starts_later_than_the_primary_and_outlives_it_by_a_month(scenario: Scenario) -> None:
    signing = published(scenario, signs=True)
    primary = signing[scenario.primary]

    outliving = [
        each
        for each in signing
        if primary.not_before < each.not_before < primary.not_after and each.not_after >= primary.not_after + 30 * DAY
    ]
    assert bool(outliving) is scenario.successor_present


@each_publishing
def test_the_faults_are_those_of_the_scenario(scenario: Scenario) -> None:
    assert {fault.kind for fault in metadata.parse(body(scenario)).faults} == scenario.faults


@each_publishing
def test_the_farm_goes_by_the_name_of_its_scenario(scenario: Scenario) -> None:
    (entity,) = metadata.parse(body(scenario)).entities

    assert entity.entity_id == scenario.entity_id == f"http://{scenario.name}.fs.example/adfs/services/trust"
    assert set(entity.sign_in_locations) == {f"https://{scenario.name}.fs.example/adfs/ls/"}


@each_publishing
def test_the_rollover_is_in_the_state_that_the_scenario_promises(scenario: Scenario) -> None:
    (rollover,) = known(scenario, NOW).judge(NOW)

    assert rollover.state is scenario.state


@each_publishing
def test_the_trust_of_each_domain_is_in_the_state_that_the_scenario_promises(scenario: Scenario) -> None:
    verdicts = standing(known(scenario, NOW), NOW).verdicts

    assert [(each.domain, each.state) for each in verdicts] == [(each.name, each.state) for each in scenario.domains]


@each_publishing
def test_a_foreign_certificate_is_one_that_the_farm_does_not_publish(scenario: Scenario) -> None:
    verdicts = standing(known(scenario, NOW), NOW).verdicts

    assert [bool(each.foreign) for each in verdicts] == [each.foreign for each in scenario.domains]


@each_publishing
def test_looks_agree_where_the_scenario_says_so(scenario: Scenario) -> None:
    record = known(scenario, NOW)

    usable = [each for each in record.looks if each.document]
    assert (len(usable) > 1) is (scenario.nodes_agree is not None)
    assert (record.differing_since is None) is (scenario.nodes_agree is not False)


def test_every_state_of_a_domain_that_signs_in_through_a_farm_is_shown() -> None:
    states = {domain.state for scenario in SCENARIOS for domain in scenario.domains}

    assert states == set(TrustState) - {TrustState.NOT_FEDERATED, TrustState.UNKNOWN}


def test_no_domain_signs_in_through_two_farms() -> None:
    domains = [domain.name for scenario in SCENARIOS for domain in scenario.domains]

    assert len(set(domains)) == len(domains)


def test_only_a_farm_that_publishes_has_nodes_and_domains() -> None:
    assert all(not each.others and not each.domains for each in SCENARIOS if each not in PUBLISHING)


def test_one_of_two_domains_was_forgotten() -> None:
    states = {domain.state for domain in BY_NAME["half-updated"].domains}

    assert states == {TrustState.IN_SYNC, TrustState.PENDING}


def test_what_is_not_public_cannot_be_read_from_the_internet_and_not_by_entra_id_either() -> None:
    scenario = BY_NAME["not-public"]
    (other,), (domain,) = scenario.others, scenario.domains

    assert (scenario.vantage, other.vantage) == ("intranet", INTERNET)
    assert domain.update.readable is False
    found = standing(known(scenario, NOW), NOW)
    assert found.readable is False
    assert [each.kind for each in found.findings][:1] == [Kind.TRUST_AT_RISK]


def test_a_stale_proxy_serves_the_primary_and_not_the_successor() -> None:
    scenario = BY_NAME["stale-proxy"]

    (stale,) = metadata.parse(made(scenario).documents["wap2"]).entities
    assert made(scenario).documents["wap1"] == body(scenario)
    assert stale.published(Role.IDP, signs=True) == published(scenario, signs=True)[:1]


def test_a_broken_certificate_stands_beside_one_that_counts() -> None:
    scenario = BY_NAME["broken-certificate"]

    token_service = f"*[@{{{XSI}}}type='fed:SecurityTokenServiceType']/{{{MD}}}KeyDescriptor"
    assert len(etree.fromstring(body(scenario)).findall(token_service)) == 2
    assert len(published(scenario, signs=True)) == 1


def test_the_lingering_certificate_is_older_than_the_primary_that_is_about_to_end() -> None:
    lingering, primary = BY_NAME["missing-lingering"].signing

    assert lingering.not_before < primary.not_before
    assert 0 < lingering.not_after <= primary.not_after <= 5


def test_the_stalled_successor_is_past_its_promotion_and_the_36_hours_after_it() -> None:
    _, successor = BY_NAME["stalled"].signing

    assert -successor.not_before > 5 + 1.5


def test_the_published_successor_is_not_yet_to_be_promoted() -> None:
    _, successor = BY_NAME["published"].signing

    assert -5 < successor.not_before < 0


def test_a_document_is_made_of_rsa_keys_unless_told_otherwise() -> None:
    (entity,) = metadata.parse(document(BY_NAME["steady"], NOW)).entities

    assert [each.key_algorithm for each in entity.published(Role.IDP, signs=True)] == ["RSA"]
