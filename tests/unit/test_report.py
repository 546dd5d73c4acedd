"""The text of ``check``: what stands in it, for whom, and that nothing smuggles itself in."""

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

import pytest
from builders import DAY, HOST, HOUR, NOW, beside, knowing, looking, probed, watched
from scrapes import FARM, adfs_entity, after, aggregate, certificate, document, good, idp, pair, published, signed_by

from exporter.config.settings import INTERNET, Entra, TrustSource
from exporter.findings import standing, step
from exporter.inquiry import DomainRecord, DomainTrust, Inquiry, Slot, TrustReason, UpdateResult
from exporter.inquiry import advance as after_inquiry
from exporter.model import Observation, Reason, SignatureState
from exporter.policy import PolicySettings, Profile
from exporter.record import Record, bare
from exporter.report import report as text_of
from exporter.statement import statement

OLD, ENCRYPTION = pair("1", "2", not_before=NOW - 347 * DAY, not_after=NOW + 18 * DAY)
NEW = certificate("3", not_before=NOW - 2 * DAY, not_after=NOW + 363 * DAY)
STRANGE = certificate("5", not_after=NOW + 300 * DAY)
ALONE = document(adfs_entity(OLD, encryption=ENCRYPTION), signature=signed_by(OLD))
BOTH = document(adfs_entity(NEW, OLD, encryption=ENCRYPTION), signature=signed_by(OLD))


def refused(detail: str = "connection refused") -> Observation:
    return Observation(NOW, Reason.REFUSED, detail, {}, None, None, document=None)


def graph(
    slots: Mapping[Slot, str] | None = None,
    *,
    unreadable: tuple[Slot, ...] = (),
    update: UpdateResult | None = None,
    federated: bool = True,
) -> DomainTrust:
    """What Graph says: slots by the digit of the certificate in them."""
    known = {"1": OLD, "3": NEW, "5": STRANGE}
    return DomainTrust(
        TrustSource.GRAPH,
        federated=federated,
        certificates={slot: known[digit] for slot, digit in (slots or {}).items()},
        unreadable=unreadable,
        service=HOST,
        update=update,
        updated=NOW - 5 * HOUR if update else None,
    )


def asked(record: Record, *answers: DomainTrust | TrustReason | None) -> Record:
    """The target with a domain for each answer, or failure; None: it was not asked yet."""
    domains = tuple(f"{name}.com" for name in ("contoso", "fabrikam", "tailspin")[: len(answers)])
    known = []
    for domain, answer in zip(domains, answers, strict=True):
        each = DomainRecord(domain)
        if isinstance(answer, DomainTrust):
            each = after_inquiry(each, Inquiry(NOW, None, "", answer))
        elif answer is not None:
            each = after_inquiry(each, Inquiry(NOW, answer, "403 Forbidden", trust=None))
        known.append(each)
    target = replace(record.target, entra=Entra(domains, tenant="contoso.onmicrosoft.com"))
    return replace(record, target=target, domains=tuple(known))


def looked(record: Record, **looks: Observation | None) -> Record:
    """The target with a node for each look."""
    found = beside(record, *(replace(record.target.look, node=node, address="10.0.0.11") for node in looks))
    for look, observation in zip(found.target.looks[1:], looks.values(), strict=True):
        found = found if observation is None else probed(found, observation, look=look)
    return found


def report(record: Record, now: datetime, *, remembers: bool = False) -> str:
    """What ``check`` prints of a target; it remembers nothing."""
    return text_of(standing(record, now, remembers=remembers), now)


def rows(text: str) -> dict[str, str]:
    """What stands beside each label of a report; a label that comes again has the last say."""
    found: dict[str, str] = {}
    label = ""
    for line in text.splitlines():
        label = line[:12].strip() or label
        found[label] = line[12:] if line[:12].strip() else f"{found[label]} {line.strip()}".strip()
    return found


def test_a_farm_in_the_middle_of_its_rollover_reads_like_this(golden: Callable[[str, str], str]) -> None:
    farm = after(looking(FARM, vantage=INTERNET), good(BOTH, NOW))
    farm = looked(farm, wap1=good(BOTH, NOW), wap2=good(ALONE, NOW), wap3=refused())
    farm = asked(
        farm,
        graph({Slot.SIGNING: "1"}, update=UpdateResult.COULD_NOT_ACCESS_REMOTE_HOST),
        graph({Slot.SIGNING: "5", Slot.NEXT: "3"}),
        TrustReason.PERMISSION,
    )

    text = report(farm, NOW + HOUR / 2) + "\n"

    assert text == golden("check.txt", text)


def test_no_line_is_longer_than_100_columns_but_for_a_word_or_a_command_that_is() -> None:
    farm = looked(asked(published(), graph({Slot.SIGNING: "1"})), wap1=refused("no " * 80), wap2=None)

    steps = [step(each, NOW) for each in standing(farm, NOW).findings]
    commands = [f"{'':12}{each}" for next_step in steps for block in next_step.blocks for each in block.commands]
    assert max(len(line) for line in report(farm, NOW).splitlines() if line not in commands) <= 100
    address = f"https://idp.example/{'a' * 100}"
    assert address in report(after(watched("idp", address), good(document(idp()), NOW)), NOW)


def test_a_name_that_leaves_no_room_has_a_line_of_its_own() -> None:
    farm = looked(after(FARM, good(BOTH, NOW)), **{"n" * 120: good(BOTH, NOW)})

    assert "readable, keys 11111111 (signs)," in report(farm, NOW)


def test_a_target_that_cannot_be_read_says_why_and_has_nothing_to_judge() -> None:
    text = report(after(FARM, refused()), NOW)

    assert rows(text)["State"] == "Unreadable (warning)"
    assert rows(text)["Look"] == "service, from default: not readable, refused: connection refused"
    assert "Profile     adfs, known by url" in text
    assert "Entity" not in rows(text)


def test_a_look_that_fails_or_is_yet_to_come_says_what_was_got_before() -> None:
    record = after(FARM, good(ALONE, NOW - DAY), refused())
    before = "on 2026-05-31 12:00 UTC: keys 11111111 (signs)"

    assert rows(report(record, NOW))["Look"].endswith(f"not readable, refused: connection refused; {before}")
    assert rows(report(knowing(record, observation=None), NOW))["Look"].endswith(f"not looked at yet; {before}")


def test_a_place_that_was_not_looked_at_yet_says_so() -> None:
    found = rows(report(bare(FARM), NOW))

    assert found["State"] == "Not looked at yet Nothing is known of it yet."
    assert found["Look"] == "service, from default: not looked at yet"


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 signing keys"), (1, "keys 0000"), (6, "keys 0000"), (7, "7 signing keys")]
)
def test_a_few_keys_are_named_and_many_are_counted(count: int, words: str) -> None:
    found = document(idp(*(certificate(f"{digit}") for digit in range(count))))

    assert f": readable, {words}" in rows(report(after(FARM, good(found, NOW)), NOW))["Look"]


def test_a_node_that_is_named_by_its_address_is_named_once() -> None:
    node = replace(FARM.look, node="10.0.0.11", address="10.0.0.11")
    farm = beside(after(FARM, good(ALONE, NOW)), node)

    assert "Look        10.0.0.11, from default: not looked at yet" in report(farm, NOW).splitlines()


def test_evidence_that_disagrees_is_shown_with_what_it_names() -> None:
    farm = after(FARM, good(document(adfs_entity(NEW, OLD, encryption=ENCRYPTION), signature=signed_by(NEW)), NOW))

    evidence = rows(report(farm, NOW))["Primary"]

    assert "because it signed the document (inferred)" in evidence
    assert f"disputed by {OLD.thumbprint}: it was made together with the encryption certificate (inferred)" in evidence


@pytest.mark.parametrize(
    ("settings", "state", "words"),
    [
        (PolicySettings(primary=OLD.fingerprint), SignatureState.VALID, "because the policy names it"),
        (
            PolicySettings(),
            SignatureState.INVALID,
            "because it is named in a signature that does not verify (inferred)",
        ),
        (
            PolicySettings(profile=Profile.SAML),
            SignatureState.UNCHECKED,
            "because its dates fit best, which is weak (inferred)",
        ),
    ],
)
def test_the_primary_has_its_evidence(settings: PolicySettings, state: SignatureState, words: str) -> None:
    found = document(adfs_entity(OLD, NEW, encryption=ENCRYPTION), signature=signed_by(OLD, state))

    lines = report(after(replace(FARM, policy=settings), good(found, NOW)), NOW).splitlines()

    assert f"            {words}" in lines


def test_a_single_certificate_is_primary_and_has_no_successor_to_show() -> None:
    text = report(after(watched("idp", "https://idp.example/"), good(document(idp(STRANGE)), NOW)), NOW)

    assert "            because it is the only one (inferred)" in text.splitlines()
    assert not {"Successor", "Promotion"} & set(rows(text))


def test_an_entity_without_a_certificate_has_a_finding_and_no_primary() -> None:
    text = report(after(watched("idp", "https://idp.example/"), good(document(idp()), NOW)), NOW)

    assert rows(text)["State"] == "No signing key (critical)"
    assert rows(text)["Critical"].startswith("No signing key (no_signing_key)")
    assert "Primary" not in rows(text)
    assert rows(text)["Entity"].endswith("/saml no signing certificate is known")


def entities(text: str) -> list[str]:
    """The first label of the host of each entity that is named, in their order."""
    return re.findall(r"^Entity +https://(\w+)\.", text, re.MULTILINE)


def test_of_an_aggregate_the_entities_that_are_watched_are_shown_first_then_the_worst_and_the_others_counted() -> None:
    record = aggregate()

    text = report(record, NOW)

    assert re.findall(r"^Entity +https://(\w+)\.", text, re.MULTILINE) == [
        "watched",
        "none",
        "expired",
        "missing",
        "due",
    ]
    assert "Entities    and 1 more" in text.splitlines()
    ending = replace(record, target=replace(record.target, watch=("https://due.*",)))
    assert re.findall(r"^Entity +https://(\w+)\.", report(ending, NOW), re.MULTILINE)[:3] == ["due", "due", "none"]


def test_of_the_entity_that_is_meant_is_told_first() -> None:
    record = aggregate()
    meant = replace(record, target=replace(record.target, entity_id="https://watched.example/", watch=()))

    found = standing(meant, NOW)

    assert found.worst_first[0].entity_id == "https://watched.example/"
    assert re.findall(r"^Entity +https://(\w+)\.", report(meant, NOW), re.MULTILINE)[0] == "watched"
    (first, *_) = cast("list[Mapping[str, object]]", statement(found, NOW)["entities"])
    assert first["entity_id"] == "https://watched.example/"


def test_a_certificate_that_has_ended_says_since_when() -> None:
    text = report(after(FARM, good(ALONE, NOW)), NOW + 20 * DAY)

    assert "from 2025-06-19 12:00 UTC to 2026-06-19 12:00 UTC, ended 2.0 days ago" in text


def test_what_a_slot_holds_is_told_as_far_as_it_is_known() -> None:
    farm = after(FARM, good(BOTH, NOW))

    slots = rows(report(asked(farm, graph({Slot.NEXT: "3"}, unreadable=(Slot.SIGNING,))), NOW))

    assert slots["Signing"] == "holds something that is no certificate"
    assert slots["Next"] == f"{NEW.thumbprint}, until 2027-05-30 12:00 UTC, successor"


def test_without_a_document_a_slot_is_compared_with_nothing() -> None:
    slots = rows(report(asked(after(FARM, refused()), graph({Slot.SIGNING: "1"})), NOW))

    assert slots["Signing"] == f"{OLD.thumbprint}, until 2026-06-19 12:00 UTC, nothing to compare with"


def test_without_credentials_only_what_was_seen_is_shown() -> None:
    trust = DomainTrust(TrustSource.USER_REALM, federated=True, certificates={Slot.UNNAMED: OLD}, service=HOST)

    found = rows(report(asked(after(FARM, good(ALONE, NOW)), trust), NOW))

    assert found["Answer"] == "user_realm, 2026-06-01 12:00 UTC (less than a minute ago)"
    assert found["Unnamed"].endswith("primary")
    assert not {"Signing", "Next", "Entra ID"} & set(found)


def test_a_domain_that_is_not_federated_has_no_slots() -> None:
    found = rows(report(asked(after(FARM, good(ALONE, NOW)), graph(federated=False)), NOW))

    assert found["State"] == "Domain not federated here (warning)"
    assert found["Federated"] == "no"
    assert not {"Signing", "Next"} & set(found)


def test_a_reading_without_a_date_is_told_without_one() -> None:
    trust = replace(graph({Slot.SIGNING: "1"}, update=UpdateResult.SUCCESS), updated=None)

    found = rows(report(asked(after(FARM, good(ALONE, NOW)), trust), NOW))

    assert found["Entra ID"] == "last reading of the metadata: success"


def test_a_domain_that_was_not_asked_for_yet_has_no_answer() -> None:
    assert rows(report(asked(after(FARM, good(ALONE, NOW)), None), NOW))["Answer"] == "no answer yet"


def test_a_failed_inquiry_stands_beside_the_last_good_answer() -> None:
    farm = asked(after(FARM, good(ALONE, NOW)), graph({Slot.SIGNING: "1"}))
    later = Inquiry(NOW + HOUR, TrustReason.THROTTLED, "429 Too Many Requests", trust=None)
    farm = replace(farm, domains=tuple(after_inquiry(each, later) for each in farm.domains))

    assert rows(report(farm, NOW + timedelta(hours=3)))["Answer"] == (
        "graph, 2026-06-01 12:00 UTC (3.0 hours ago); the last inquiry failed (throttled): 429 Too Many Requests"
    )


def test_a_command_stays_on_its_line_as_it_is() -> None:
    name = "the  farm's " + "name " * 20
    farm = asked(after(replace(FARM, name=name), good(BOTH, NOW)), graph({Slot.SIGNING: "1"}))

    lines = report(farm, NOW).splitlines()

    (command,) = {line.strip() for line in lines if "--print-certificate" in line}
    assert shlex.split(command)[2] == name


def test_what_others_wrote_can_neither_break_a_line_nor_speak_to_a_terminal() -> None:
    hostile = "https://idp.example/\x1b[2J\x9b31m\r\nState       Steady (ok)\u2028\u202e"
    found = good(document(idp(STRANGE, entity_id=hostile)), NOW)
    record = looked(after(watched("idp", "https://idp.example/"), found), wap1=refused(hostile))

    text = report(asked(record, graph({Slot.SIGNING: "1"})), NOW)

    assert all(line.isprintable() for line in text.split("\n"))
    assert len([line for line in text.split("\n") if line.startswith("State")]) == 1


def test_a_hostile_name_in_a_command_speaks_to_no_terminal() -> None:
    target = replace(FARM, name="fs\x1b[2J\nState       Steady")
    text = report(asked(after(target, good(BOTH, NOW)), graph({Slot.SIGNING: "1"})), NOW)

    assert "--print-certificate" in text
    assert all(line.isprintable() for line in text.split("\n"))
    assert len([line for line in text.split("\n") if line.startswith("State")]) == 1


def test_an_entity_without_a_name_has_its_line() -> None:
    text = report(after(watched("idp", "https://idp.example/"), good(document(idp(entity_id=" ")), NOW)), NOW)

    assert "Entity" in rows(text)
