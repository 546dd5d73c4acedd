"""The page of a target: its findings, what to do, what is known, and nothing that a document could smuggle in."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl

import builders
import pytest
from builders import DAY, ENTITY_ID, HOST, HOUR, NOW, beside, knowing, pair, probed, watched
from found import (
    EXAMPLES,
    HEADLINES,
    LONG_ENCRYPTION,
    NEW,
    OLD,
    STEADY,
    STRANGE,
    Example,
    ending,
    farm,
    refused,
    seen,
    trusting,
)
from lxml import etree
from pages import LINKS
from scrapes import FARM, PHASES, adfs_entity, after, aggregate, certificate, document, failed, federated, good, idp

from exporter.advice import ADVICE
from exporter.config.settings import INTERNET
from exporter.findings import Kind, moment, outlook, sentence, standing, step, title
from exporter.history import Change, EntityHistory, History, KeySetHistory, Sighting
from exporter.inquiry import TrustReason
from exporter.model import (
    Certificate,
    Entity,
    Fault,
    FaultKind,
    Key,
    Observation,
    Reason,
    Role,
    RoleDescriptor,
    Signature,
    SignatureState,
    Use,
)
from exporter.page import Asked, target
from exporter.page import certificate as certificate_of
from exporter.page.commands import commands
from exporter.policy import PolicySettings, Profile
from exporter.probe import read_document
from exporter.record import Record, bare
from exporter.report import state
from exporter.rollover import WORDS

SECTIONS = (Path(__file__).parents[2] / "docs" / "runbooks.md").read_text(encoding="utf-8").lower().splitlines()

HOSTILE = """"'><script>alert(1)</script>&amp;<b>"""


def shown(record: Record, now: datetime = NOW, /, **asked: str) -> etree._Element:
    """The page as a browser reads it."""
    return etree.fromstring(text_of_page(record, now, **asked), etree.HTMLParser())


def text_of_page(record: Record, now: datetime = NOW, /, **asked: str) -> str:
    return target(standing(record, now), now, Asked.by(asked), version="1.2.3")


def text_of(element: etree._Element) -> str:
    return "".join(element.itertext())


def rows(tree: etree._Element) -> list[tuple[str, str]]:
    """Every label on the page, and what stands beside it."""
    return [(text_of(row[0]), text_of(row[1])) for row in tree.iterfind(".//tr")]


def links(tree: etree._Element) -> Mapping[str, str]:
    return {text_of(each): each.get("href", "") for each in tree.iterfind(".//main//a")}


@pytest.mark.parametrize("kind", Kind)
def test_a_finding_has_its_title_severity_sentence_step_and_whole_commands(kind: Kind) -> None:
    record, at = EXAMPLES[kind]
    finding = next(each for each in standing(record, at).findings if each.kind is kind)
    tree = shown(record, at)

    shown_finding = tree.xpath(f".//div[@data-finding='{kind}']")[0]

    severity, next_step = kind.severity.name.lower(), step(finding, at)
    assert shown_finding.get("class") == f"finding {severity}"
    assert text_of(shown_finding.find("h3")) == f"{title(kind)} ({severity})"
    told, todo, *notes = (text_of(each) for each in shown_finding.findall("p") if each.get("class") is None)
    assert (told, todo) == (sentence(finding, at), f"To do: {next_step.text}")
    assert [tuple(map(text_of, each)) for each in shown_finding.findall("pre")] == [
        each.commands for each in next_step.blocks
    ]
    assert notes == [each.before for each in next_step.blocks if each.before]
    section = f"fedmeta{kind.replace('_', '')}"
    runbook = [each.get("href", "") for each in shown_finding.iterfind(".//a")]
    assert runbook == ([f"../runbooks#{section}"] if f"## {section}" in SECTIONS else [])


def test_without_its_style_every_command_has_a_line_of_its_own() -> None:
    record, at = EXAMPLES[Kind.SIGNING_CERTIFICATE_EXPIRED]
    (finding, *_) = standing(record, at).findings
    blocks = step(finding, at).blocks
    text = text_of(shown(record, at))

    assert max(len(each.commands) for each in blocks) > 1
    for each in blocks:
        assert "".join(f"\n{command}" for command in each.commands[1:]) + "\n" in text
        assert f"\n{each.commands[0]}\n" in text


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("", ""),
        ("ls", "ls"),
        ("a - b", "a <span>-</span> b"),
        ("check x --config.file=a b-c -v", "check x <span>--config.file=a</span> <span>b-c</span> <span>-v</span>"),
        ("<a-b>  c", "<span>&lt;a-b&gt;</span>  c"),
    ],
)
def test_a_word_of_a_command_that_has_a_hyphen_is_kept_together(text: str, html: str) -> None:
    assert commands([text]) == f"<pre><code>{html}</code>\n</pre>\n"


@pytest.mark.parametrize(
    ("kind", "whom"),
    [
        (Kind.TRUST_BROKEN, "domain contoso.com"),
        (Kind.NODES_DIFFER, None),
        (Kind.METADATA_UNREACHABLE, "node service, vantage default"),
        (Kind.ENTITY_VANISHED, "entity https://watched.example/"),
    ],
)
def test_a_finding_names_whom_it_is_about(kind: Kind, whom: str | None) -> None:
    record, at = EXAMPLES[kind]

    paragraphs = shown(record, at).xpath(f".//div[@data-finding='{kind}']/p[@class='small'][not(a)]")

    assert [text_of(each) for each in paragraphs] == ([] if whom is None else [whom])


@pytest.mark.parametrize(("example", "state", "css"), HEADLINES)
def test_the_worst_finding_is_the_headline_and_gives_the_colour(example: Example, state: str, css: str) -> None:
    (headline,) = shown(example.record, example.at).xpath(".//p[contains(@class, 'state')]")

    assert (headline.text, headline.get("class")) == (state, f"state {css}")


def test_where_nothing_was_found_the_page_says_what_comes_next() -> None:
    there = standing(seen(STEADY), NOW)

    assert outlook(there) in [text_of(each) for each in shown(seen(STEADY)).findall(".//main/p")]
    assert "othing to do" not in text_of(shown(seen(ending(3))))


# What is known


def test_what_is_known_stands_below_the_findings_and_judges_nothing() -> None:
    record = beside(seen(STEADY), replace(FARM.look, node="wap1", address="10.0.0.11", vantage=INTERNET))

    tree = shown(trusting(record, federated(signing=OLD)))

    known = rows(tree)
    assert ("Now", "readable, keys 44444444 (signs)") in known
    assert ("Now", "not looked at yet") in known
    assert ("Domain", "contoso.com") in known
    assert not {"critical", "warning", "info", "ok"} & {word for row in known for word in " ".join(row).split()}
    assert [text_of(each) for each in tree.iterfind(".//article[@data-node]/h4")] == [
        "service, from default",
        "wap1 at 10.0.0.11, from internet",
    ]


def test_a_certificate_has_both_fingerprints_its_place_and_can_be_had_as_a_file() -> None:
    tree = shown(seen(farm(OLD, NEW)))

    cards = {
        text_of(each[0]): (dict(rows(each)), [link.get("href") for link in each.iterfind(".//a")])
        for each in tree.iterfind(".//article[@data-fingerprint]")
    }

    assert list(cards) == ["Signing, primary", "Signing, successor", "Encryption, primary"]
    facts, files = cards["Signing, successor"]
    assert (facts["Thumbprint"], facts["SHA-256"]) == (NEW.thumbprint, NEW.fingerprint)
    assert facts["Valid"] == "2026-05-30 12:00 UTC to 2027-05-30 12:00 UTC, 363.0 days left"
    assert facts["Roles"] == "idp, sp"
    assert facts["First seen"] == "2026-06-01 12:00 UTC"
    assert "Issuer" not in facts
    assert files == [f"{HOST}/certificates/{NEW.fingerprint}.{form}" for form in ("pem", "base64")]


def test_a_certificate_that_has_ended_says_how_long_ago_and_who_issued_it() -> None:
    issued = certificate("1", not_before=NOW - 400 * DAY, not_after=NOW - 3 * DAY, issuer="CN=Enterprise CA")

    tree = shown(after(FARM, good(document(idp(issued)), NOW)))

    assert ("Issuer", "CN=Enterprise CA") in rows(tree)
    assert any(text.endswith("ended 3.0 days ago") for label, text in rows(tree) if label == "Valid")


@pytest.mark.parametrize(
    ("record", "days", "css", "valid"),
    [
        (seen(ending(18)), 0, "ok", "18.0 days left"),
        (seen(ending(18)), 20, "critical", "ended 2.0 days ago"),
        (EXAMPLES[Kind.SP_CERTIFICATE_EXPIRED].record, 0, "warning", "ended 3.0 days ago"),
        (seen(ending(18), settings=PolicySettings(expiry=False)), 20, "unknown", "ended 2.0 days ago"),
        (seen(ending(18)), -377, "critical", "begins in 30.0 days"),
    ],
    ids=["valid", "ended", "no identity provider", "dates do not count", "not begun"],
)
def test_a_primary_has_the_colour_of_its_validity_on_its_card_and_on_the_axis(
    record: Record, days: int, css: str, valid: str
) -> None:
    tree = shown(record, NOW + days * DAY)

    assert tree.findall(".//article[@data-fingerprint]")[0].get("class") == css
    assert tree.xpath(".//svg/g[rect][not(contains(@class, 'mark'))]/@class")[0] == css
    assert next(text for label, text in rows(tree) if label == "Valid").endswith(f", {valid}")


def test_a_successor_that_has_not_begun_says_when_it_will() -> None:
    early = replace(NEW, not_before=NOW + 5 * DAY)

    (_, card, *_) = shown(seen(farm(OLD, early))).iterfind(".//article[@data-fingerprint]")
    assert card.get("class") == "info"
    assert "begins in 5.0 days" in text_of(card)
    assert "Signing, successor 33333333, from 2026-06-06 until 2027-05-30" in axis(seen(farm(OLD, early)))


def test_a_key_of_several_roles_is_primary_where_it_is_judged() -> None:
    tree = shown(seen(STEADY))

    assert [text_of(each) for each in tree.iterfind(".//article[@data-fingerprint]/h4")] == [
        "Signing, primary",
        "Encryption, primary",
    ]


def test_without_a_signing_key_nothing_is_primary() -> None:
    tree = shown(after(FARM, good(document(adfs_entity(encryption=OLD)), NOW)))

    assert ("Primary", "none") in rows(tree)
    assert ("Successor", "none") in rows(tree)


def test_what_changed_is_told_with_the_latest_first() -> None:
    keys = KeySetHistory((Sighting(frozenset({OLD.fingerprint}), NOW, NOW),), {Change.REPLACED: NOW - 2 * HOUR})
    primary = Sighting(frozenset({OLD.fingerprint}), NOW - 3 * HOUR, NOW)
    known = EntityHistory(
        first_seen={OLD.fingerprint: NOW - 9 * DAY, NEW.fingerprint: NOW - HOUR},
        key_sets={(Role.IDP, Use.SIGNING): keys},
        primaries=(primary,),
        last_promotion=NOW - 3 * HOUR,
        began=NOW - 9 * DAY,
        left=NOW,
    )
    entity_id = STEADY.metadata.entities[0].entity_id

    tree = shown(knowing(seen(STEADY), history=History({entity_id: known})))

    (heading,) = tree.xpath(".//h3[@id='changes']")
    assert [(text_of(row[0]), text_of(row[1])) for row in heading.getnext().iterfind("tr")] == [
        ("2026-06-01 12:00 UTC", "The entity was no longer published"),
        ("2026-06-01 11:00 UTC", f"Certificate first seen: SHA-256 {NEW.fingerprint}"),
        ("2026-06-01 10:00 UTC", "Signing: all keys were replaced at once"),
        ("2026-06-01 09:00 UTC", f"The primary became another: SHA-256 {OLD.fingerprint}"),
        ("2026-05-23 12:00 UTC", "The entity was first seen"),
    ]


def test_where_nothing_is_remembered_nothing_changed() -> None:
    assert shown(knowing(seen(STEADY), history=History())).xpath(".//h3[@id='changes']") == []


def test_the_last_failed_look_is_told_with_its_phases_also_once_the_next_one_succeeded() -> None:
    failed = Observation(NOW - HOUR, Reason.HTTP_STATUS, "503 Service Unavailable", PHASES, 503, NOW + DAY, None)
    record = probed(probed(bare(FARM), failed), good(STEADY, NOW))

    known = rows(shown(record))

    assert ("Last failed", "2026-06-01 11:00 UTC, http_status: 503 Service Unavailable") in known
    assert ("Phases", "resolve 1 ms, connect 2 ms, tls 4 ms, processing 20 ms, transfer 0 ms, parse 0 ms") in known
    assert ("HTTP", "503") in known
    assert ("Last day", "2 looks, 1 failed") in known
    assert ("TLS until", "2026-06-02 12:00 UTC") in rows(shown(probed(bare(FARM), failed)))
    # It is said once: what fails now is what failed last.
    assert "Last failed" not in dict(rows(shown(probed(bare(FARM), failed))))


@pytest.mark.parametrize("reason", Reason)
def test_a_place_where_the_document_cannot_be_read_comes_with_the_advice_of_check(reason: Reason) -> None:
    record = beside(after(FARM, failed(reason, NOW, phases={})), replace(FARM.look, node="wap1", address="wap1"))

    tried = [each for each in rows(shown(record)) if each[0] == "Try"]

    assert tried == [("Try", ADVICE[reason])]


def test_a_place_that_is_read_again_needs_no_advice() -> None:
    record = after(FARM, failed(Reason.HTML, NOW - HOUR, phases={}), good(STEADY, NOW))

    assert "Try" not in [label for label, _ in rows(shown(record))]


def test_the_document_is_told_with_signature_validity_and_faults() -> None:
    found = document(
        adfs_entity(OLD, encryption=OLD),
        signature=Signature(SignatureState.INVALID, OLD.fingerprint, "the digest is another"),
        valid_until=NOW + 2 * DAY,
        cache_duration=timedelta(hours=6),
    )
    faults = (
        Fault(FaultKind.CERTIFICATE_DER, "urn:a", "no certificate", 3),
        *(Fault(FaultKind.USE_UNKNOWN, None, f"use {number}") for number in range(20)),
    )
    found = replace(found, metadata=replace(found.metadata, faults=faults))

    tree = shown(after(FARM, good(found, NOW)))

    facts = dict(rows(tree.xpath(".//h3[@id='document']")[0].getparent()))
    assert facts["Signature"] == "does not verify: the digest is another"
    assert facts["Signed by"] == f"SHA-256 {OLD.fingerprint}"
    assert facts["validUntil"] == "2026-06-03 12:00 UTC, 2.0 days left"
    assert facts["cacheDuration"] == "6.0 hours"
    told = [text_of(each) for each in tree.iterfind(".//main/ul/li")]
    assert told[0] == "no certificate (certificate_der, of urn:a, 3 times)"
    assert len(told) == 20
    assert "And 1 more fault." in text_of(tree)


def test_a_document_past_its_validity_says_so() -> None:
    found = document(idp(OLD), valid_until=NOW - 2 * DAY)

    assert ("validUntil", "2026-05-30 12:00 UTC, 2.0 days ago") in rows(shown(after(FARM, good(found, NOW))))


def test_what_entra_id_trusts_can_be_had_as_a_file() -> None:
    tree = shown(trusting(seen(STEADY), federated(signing=OLD)))

    assert f"{HOST}/certificates/{OLD.fingerprint}.pem" in {each.get("href") for each in tree.iterfind(".//a")}
    assert f"Signing: SHA-256 {OLD.fingerprint}" in text_of(tree)


def test_each_domain_says_how_its_trust_stands() -> None:
    states = {Kind.TRUST_BROKEN: "Broken", Kind.TRUST_PENDING: "Pending", Kind.TRUST_AT_RISK: "At risk"}
    for kind, words in states.items():
        record, at = EXAMPLES[kind]
        assert ("State", words) in rows(shown(record, at))
    (steady,) = STEADY.metadata.entities[0].certificates(signs=True)
    well = rows(shown(trusting(seen(STEADY), federated(signing=steady))))
    assert well[well.index(("Domain", "contoso.com")) + 1] == ("State", "In sync")


def test_of_many_domains_some_are_shown_and_the_others_counted() -> None:
    record = trusting(seen(STEADY), federated(signing=OLD))
    (domain,) = record.domains
    many = replace(record, domains=tuple(replace(domain, domain=f"{nth}.example") for nth in range(23)))

    tree = shown(many)

    shown_ones = [text for label, text in rows(tree) if label == "Domain"]
    assert shown_ones == [f"{nth}.example" for nth in range(20)]
    assert "And 3 more domains." in text_of(tree)


def test_a_place_calls_its_keys_as_findings_and_the_axis_call_them() -> None:
    one = replace(certificate("1"), thumbprint="A" * 40)
    found = document(idp(one), signature=Signature(SignatureState.VALID, one.fingerprint, ""))

    assert ("Now", "readable, keys AAAAAAAA (signs)") in rows(shown(after(FARM, good(found, NOW))))


def test_places_that_differ_say_since_when() -> None:
    record, at = EXAMPLES[Kind.NODES_DIFFER]

    assert "not all places got the same keys and signer." in text_of(shown(record, at))
    since = record.differing_since
    assert since is not None
    for now in (since, at):
        assert links(shown(record, now))[f"Places differ since {moment(since)}."] == "#places"
    assert "#places" not in links(shown(seen(STEADY))).values()


@pytest.mark.parametrize(("which", "found"), [(OLD, True), (NEW, True), (LONG_ENCRYPTION, True), (STRANGE, False)])
def test_a_certificate_is_found_that_is_published_certifies_one_or_is_trusted(
    which: Certificate, *, found: bool
) -> None:
    keys = (Key(Use.SIGNING, OLD, chain=(NEW,)),)
    entity = Entity("urn:a", (RoleDescriptor(Role.IDP, "IDPSSODescriptor", keys),), None, ())
    record = after(FARM, good(document(entity), NOW))
    record = trusting(record, federated(signing=LONG_ENCRYPTION), TrustReason.PERMISSION)

    assert certificate_of(record, which.fingerprint) == (which if found else None)
    assert certificate_of(bare(FARM), which.fingerprint) is None


# The axis


def axis(record: Record, **asked: str) -> list[str]:
    """What stands beside the axis, from above."""
    return [text_of(each) for each in shown(record, **asked).xpath(".//svg[@class='axis']/text")]


def test_the_axis_has_today_and_what_comes_until_the_end_and_every_certificate() -> None:
    assert axis(seen(ending(18))) == [
        "Today 2026-06-01",
        "Entra ID reads the metadata daily, from 2026-05-15",
        "AD FS was expected to make a successor about 2026-05-30",
        "The primary ends on 2026-06-19",
        "Signing, primary 11111111, until 2026-06-19",
        "Encryption, primary 22222222, until 2027-07-06",
    ]
    assert axis(seen(farm(OLD, NEW)))[2:6] == [
        "The successor was made on 2026-05-30",
        "Promotion predicted for about 2026-06-04",
        "The primary ends on 2026-06-19",
        "Signing, primary 11111111, until 2026-06-19",
    ]


def test_the_axis_tells_of_what_is_to_come_and_of_what_has_been() -> None:
    assert axis(seen(ending(25)))[2] == "AD FS makes a successor about 2026-06-06"
    assert axis(seen(ending(-3)))[1:4] == [
        "Entra ID read the metadata daily, from 2026-04-24",
        "AD FS was expected to make a successor about 2026-05-09",
        "The primary ended on 2026-05-29",
    ]
    overdue = certificate("5", not_before=NOW - 9 * DAY, not_after=NOW + 356 * DAY)
    assert "Promotion was predicted for about 2026-05-28" in axis(seen(farm(OLD, overdue)))
    assert ("Promotion", "was predicted for about 2026-05-28 12:00 UTC") in rows(shown(seen(farm(OLD, overdue))))
    coming = certificate("6", not_before=NOW + DAY, not_after=NOW + 366 * DAY)
    assert "The successor begins on 2026-06-02" in axis(seen(farm(OLD, coming)))


@pytest.mark.parametrize(("end", "words"), [(-7000, "ended on 2007-04-02"), (7000, "ends on 2045-07-31")])
def test_the_end_of_the_primary_is_on_the_axis_however_far_it_is(end: int, words: str) -> None:
    far = certificate("1", not_before=NOW - 9000 * DAY, not_after=NOW + end * DAY)

    assert f"The primary {words}" in axis(after(FARM, good(document(idp(far)), NOW)))


def test_the_axis_has_no_dates_that_do_not_count_and_nothing_of_entra_id_where_it_reads_nothing() -> None:
    assert axis(seen(STEADY, settings=PolicySettings(expiry=False)))[:2] == [
        "Today 2026-06-01",
        "Signing, primary 44444444, until 2026-12-18",
    ]
    assert axis(seen(STEADY, settings=PolicySettings(profile=Profile.SAML)))[:2] == [
        "Today 2026-06-01",
        "The primary ends on 2026-12-18",
    ]


@pytest.mark.parametrize(("begin", "end"), [(-36500, 36500), (-36500, -30000), (30000, 36500), (-1, 1), (-399, 399)])
def test_whatever_its_dates_a_certificate_is_in_the_picture(begin: int, end: int) -> None:
    far = certificate("1", not_before=NOW + begin * DAY, not_after=NOW + end * DAY)

    tree = shown(after(FARM, good(document(idp(far)), NOW)))

    for each in tree.xpath(".//svg//rect"):
        x, width = (float(each.get(name, "").removesuffix("%")) for name in ("x", "width"))
        assert 0 <= x <= x + width <= 100.01
        assert width > 0
    assert len(tree.xpath(".//svg/g[@class='tick']")) <= 4


def test_of_very_many_certificates_some_are_shown_and_the_others_counted() -> None:
    many = [certificate("1", not_after=NOW + 200 * DAY + nth * DAY) for nth in range(30)]
    many = [replace(each, fingerprint=f"{nth:064x}") for nth, each in enumerate(many)]

    tree = shown(after(FARM, good(document(idp(*many)), NOW)))

    assert len(tree.xpath(".//svg//rect")) == 10
    assert len(tree.findall(".//article[@data-fingerprint]")) == 24
    assert {"And 20 more certificates.", "And 6 more certificates."} <= {
        text_of(each) for each in tree.iterfind(".//p")
    }


# Aggregates


def test_of_an_aggregate_the_states_are_counted_and_the_watched_entities_come_first() -> None:
    tree = shown(aggregate())

    states = [text_of(each) for each in tree.iterfind(".//ul[@class='chips']/li")]
    assert (states[0], states[-1]) == ("No signing key 1", "Steady 2")
    assert sum(int(each.rpartition(" ")[2]) for each in states) == 6
    entities = [each.get("data-entity") for each in tree.iterfind(".//p[@data-entity]")]
    assert len(entities) == 6
    assert "watched" in text_of(tree.findall(".//p[@data-entity]")[0])


def test_an_entity_is_found_by_its_name_and_by_its_state() -> None:
    record = aggregate()
    everything = [each.get("data-entity", "") for each in shown(record).iterfind(".//p[@data-entity]")]

    assert [
        each.get("data-entity") for each in shown(record, q=everything[3].upper()).iterfind(".//p[@data-entity]")
    ] == [each for each in everything if everything[3] in each]
    found = shown(record, state="Steady").findall(".//p[@data-entity]")
    assert 0 < len(found) < 6
    assert all(": Steady" in text_of(each) for each in found)
    assert [text_of(each) for each in shown(record, state="sTEADY").iterfind(".//p[@data-entity]")] == [
        text_of(each) for each in found
    ]
    assert "No entity is like that." in text_of(shown(record, q="nowhere"))


def test_a_chip_counts_the_entities_that_are_shown_once_it_is_followed() -> None:
    tree = shown(aggregate(), q="D", state="Steady")

    chips = {text_of(each): each.get("href", "") for each in tree.iterfind(".//ul[@class='chips']//a")}
    assert {"Expired 1", "Steady 2"} < set(chips)
    for words, link in chips.items():
        asked = dict(parse_qsl(link.removeprefix("?").removesuffix("#entities")))
        state, _, count = words.rpartition(" ")
        shown_ones = shown(aggregate(), **{**asked, "state": state}).findall(".//p[@data-entity]")
        assert len(shown_ones) == int(count)


def test_the_list_says_of_an_entity_whether_its_primary_ends_or_ended() -> None:
    of = {each.get("data-entity"): text_of(each) for each in shown(aggregate()).iterfind(".//p[@data-entity]")}

    assert "Expired, the primary ended on 2026-05-29 12:00 UTC." in of["https://expired.example/"]
    assert "the primary ends on 2026-06-21 12:00 UTC." in of["https://due.example/"]


@pytest.mark.parametrize("name", ["expired", "missing", "none", "due", "steady", "watched"])
def test_an_entity_of_an_aggregate_stands_on_its_page_as_check_says_who_asks_for_it(name: str) -> None:
    record, entity_id = aggregate(), f"https://{name}.example/"
    asked = replace(record, target=replace(record.target, entity_id=entity_id))
    alone = standing(asked, NOW)
    about_it = [each for each in alone.findings if each.entity_id in {None, entity_id}]

    tree = shown(record, entity=entity_id, q="example", state="steady", start="1")

    (headline,) = tree.xpath(".//p[contains(@class, 'state')]")
    assert (headline.text, headline.get("class")) == (state(alone), f"state {alone.word}")
    found = tree.findall(".//div[@data-finding]")
    assert [each.get("data-finding") for each in found] == [each.kind for each in about_it]
    for each, finding in zip(found, about_it, strict=True):
        assert sentence(finding, NOW) in text_of(each)
        assert f"To do: {step(finding, NOW).text}" in text_of(each)
    (rollover,) = (each for each in alone.rollovers if each.entity_id == entity_id)
    (which,) = (each for each in tree.iterfind(".//main/p") if text_of(each).startswith("Entity "))
    assert text_of(which) == f"Entity {entity_id}: {WORDS[rollover.state]}. All entities"
    assert links(tree)["All entities"] == "?state=steady&q=example&start=1#entities"


def test_the_end_of_an_entity_whose_certificate_has_ended_is_on_its_axis_in_the_colour_of_the_finding() -> None:
    tree = shown(aggregate(), entity="https://expired.example/")

    assert "The primary ended on 2026-05-29" in axis(aggregate(), entity="https://expired.example/")
    assert [each.get("class") for each in tree.iterfind(".//article[@data-fingerprint]")] == ["critical"]


def test_an_entity_of_an_aggregate_is_shown_with_its_certificates() -> None:
    record = aggregate()
    first = shown(record).findall(".//p[@data-entity]")[0]
    entity_id, link = first.get("data-entity", ""), first.find("a")
    assert link is not None
    assert re.fullmatch(r"\?entity=[^&#]*", link.get("href", ""))
    assert shown(record).findall(".//svg") == []

    tree = shown(record, entity=entity_id)

    assert ("Entity", entity_id) in rows(tree)
    assert len(tree.findall(".//svg[@class='axis']")) == 1
    assert "The document has no entity nobody with a role." in text_of(shown(record, entity="nobody"))


def test_of_many_entities_a_part_is_shown_and_links_lead_to_the_others() -> None:
    entities = [idp(certificate("a"), entity_id=f"urn:{nth:03}") for nth in range(250)]
    record = after(watched("all", "https://a.example/"), good(document(*entities, aggregate=True), NOW))

    def part(**asked: str) -> tuple[list[str], Mapping[str, str]]:
        tree = shown(record, **asked)
        return [each.get("data-entity", "") for each in tree.iterfind(".//p[@data-entity]")], links(tree)

    first, then = part()
    assert first == [f"urn:{nth:03}" for nth in range(100)]
    assert then["Further"] == "?start=100#entities"
    assert "Earlier" not in then
    second, around = part(start="100", q="urn")
    assert second == [f"urn:{nth:03}" for nth in range(100, 200)]
    assert (around["Earlier"], around["Further"]) == ("?q=urn#entities", "?q=urn&start=200#entities")
    last, before = part(start="200")
    assert before["Earlier"] == "?start=100#entities"
    assert last == [f"urn:{nth:03}" for nth in range(200, 250)]
    assert "Further" not in before
    assert part(start="-1")[0] == part(start="x")[0] == first
    assert part(start="250")[0] == part(start="99999")[0] == part(start="9" * 30)[0] == last


def test_of_very_many_findings_a_part_is_shown_and_links_lead_to_the_others() -> None:
    entities = [idp(certificate("a", not_after=NOW), entity_id=f"urn:{nth}") for nth in range(250)]
    record = after(watched("all", "https://a.example/", watch=("*",)), good(document(*entities, aggregate=True), NOW))
    whole = [each.about for each in standing(record, NOW).findings]

    found: list[str] = []
    asked: Mapping[str, str] = {}
    while True:
        tree = shown(record, **asked)
        found += [each.get("data-entity-id", "") for each in tree.iterfind(".//div[@data-finding]")]
        addresses = (each.get("href", "") for each in tree.xpath(".//a[@rel='next']"))
        further = [each for each in addresses if each.startswith("?finding=")]
        if not further:
            break
        asked = {"finding": further[0].removesuffix("#findings").rpartition("=")[2]}

    assert found == [each.get("entity_id", "") for each in whole]
    assert len(found) == 250


def many_ended() -> Record:
    """An aggregate of 50 entities with findings."""
    entities = [idp(certificate("a", not_after=NOW), entity_id=f"urn:{nth:02}") for nth in range(50)]
    return after(watched("all", "https://a.example/", watch=("*",)), good(document(*entities, aggregate=True), NOW))


@pytest.mark.parametrize(
    ("asked", "whose"),
    [
        ({"q": "URN:42"}, ["urn:42"]),
        ({"entity": "urn:42"}, ["urn:42"]),
        ({"entity": "urn:42", "q": "urn:1"}, ["urn:42"]),
        ({"q": "urn:4"}, [f"urn:4{nth}" for nth in range(10)]),
        ({"q": "nobody"}, []),
    ],
)
def test_who_looks_for_an_entity_sees_what_was_found_about_it_and_how_much_else_there_is(
    asked: Mapping[str, str], whose: Sequence[str]
) -> None:
    tree = shown(many_ended(), **asked)

    assert [each.get("data-entity-id") for each in tree.iterfind(".//div[@data-finding]")] == list(whose)
    assert f"Not shown: {50 - len(whose)} findings about other entities. Show all" in text_of(tree)
    assert "?#findings" in tree.xpath(".//a/@href")
    assert "Not shown" not in text_of(shown(many_ended()))


def test_what_was_found_about_the_document_is_shown_whatever_entity_is_looked_for() -> None:
    ended = idp(certificate("a", not_after=NOW), entity_id="urn:a")
    record = after(
        watched("all", "https://a.example/", watch=("*",)),
        good(document(ended, aggregate=True, valid_until=NOW + HOUR), NOW),
    )
    kinds = {each.kind for each in standing(record, NOW).findings if each.entity_id is None}

    assert {each.get("data-finding") for each in shown(record, q="nobody").iterfind(".//div[@data-finding]")} == kinds
    assert kinds


def test_the_name_of_the_only_entity_hides_no_finding() -> None:
    example = EXAMPLES[Kind.ROLLOVER_MISSING]

    assert shown(example.record, example.at, q="nobody").findall(".//div[@data-finding]")


def test_whatever_changes_the_list_of_entities_leads_to_that_list() -> None:
    tree = shown(many_ended(), q="urn", state="Expired")

    (form,) = tree.iterfind(".//form")
    assert form.get("action") == "#entities"
    assert {each.get("name"): each.get("value") for each in form.iterfind(".//input")} == {
        "q": "urn",
        "state": "Expired",
    }
    there = [each.get("href", "") for each in tree.xpath(".//form//a | .//ul[@class='chips']//a")]
    assert len(there) > 1
    assert {each.partition("#")[2] for each in there} == {"entities"}


def test_long_words_that_a_visitor_asks_for_make_no_long_page() -> None:
    entities = [
        idp(certificate("a", not_after=NOW + (nth - 10) * DAY), entity_id="\N{GRINNING FACE}" * 1020 + f"{nth:04}")
        for nth in range(120)
    ]
    record = after(watched("all", "https://a.example/", watch=("*",)), good(document(*entities, aggregate=True), NOW))
    words = dict.fromkeys(("q", "state", "severity", "entity", "start", "finding"), "\N{GRINNING FACE}" * 8000)

    for asked in (words, {**words, "q": "", "state": "", "entity": entities[9].entity_id}):
        assert len(text_of_page(record, **asked)) < 300_000


def test_long_texts_of_others_make_no_long_page() -> None:
    long = "&" * 1000
    entities = [idp(certificate("a", not_after=NOW), entity_id=f"urn:{nth}{long}") for nth in range(250)]
    record = after(watched("all", "https://a.example/", watch=("*",)), good(document(*entities, aggregate=True), NOW))

    assert len(text_of_page(record)) < 300_000


# Whatever others wrote


def test_nothing_that_others_wrote_becomes_markup() -> None:
    hostile = watched(HOSTILE, f"https://{HOST}/{HOSTILE}")
    expired = pair(not_after=NOW - DAY)
    found = read_document(builders.saml_metadata(HOSTILE, keys=[(Use.SIGNING, expired)]), ())
    record = probed(bare(hostile), Observation(NOW, None, "", {}, 200, None, found))
    record = probed(record, Observation(NOW, Reason.HTTP_STATUS, HOSTILE, {}, 503, None, None))
    record = beside(record, replace(hostile.look, vantage=HOSTILE))
    record = probed(record, replace(refused(), detail=HOSTILE), look=record.target.looks[1])

    tree = shown(record)

    assert tree.findall(".//script") == tree.findall(".//b") == []
    assert text_of(tree.findall(".//h1")[0]) == HOSTILE
    assert links(tree)[record.target.url] == record.target.url
    findings: Sequence[etree._Element] = tree.findall(".//div[@data-finding]")
    assert HOSTILE in {each.get("data-entity-id") for each in findings}
    assert HOSTILE in {each.get("data-vantage") for each in findings}
    assert sum(HOSTILE in text_of(each) for each in findings) == 3
    assert tree.xpath(".//*[@style]") == []


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://fs.example/?key=a-secret", "https://fs.example/?key=***"),
        ("file:///srv/metadata.xml", "file:///srv/metadata.xml"),
    ],
)
def test_an_address_that_is_no_page_or_is_not_whole_is_no_link(url: str, text: str) -> None:
    tree = shown(bare(watched("fs", url)))

    assert text in text_of(tree)
    assert text not in links(tree)


def test_the_page_says_when_it_was_made_and_by_which_version_and_leads_to_the_rest() -> None:
    tree = shown(seen(STEADY), NOW + 59 * builders.SECOND)

    assert "As of 2026-06-01 12:00 UTC. The document was last read on 2026-06-01 12:00 UTC." in text_of(tree)
    assert "fedmeta-exporter 1.2.3." in text_of(tree)
    assert [each.get("href") for each in tree.iterfind(".//nav/a")] == [*(f"../{each}" for each in LINKS), ""]


def test_the_page_is_one_whole_document_without_scripts_or_styles_of_elements() -> None:
    for record, at in EXAMPLES.values():
        text = text_of_page(record, at)
        assert text.startswith("<!DOCTYPE html>\n<html")
        # Every element is closed where it should be: XML's parser is not as lenient as HTML's.
        tree = etree.fromstring(text.removeprefix("<!DOCTYPE html>\n"))
        assert tree.xpath("//script | //@style | //@onclick") == []


def test_an_entity_is_named_by_its_id() -> None:
    assert ("Entity", ENTITY_ID) in rows(shown(after(FARM, good(document(idp(OLD)), NOW))))
