"""What a person reads of each kind of finding: facts, commands that are whole, and nothing about what is not there."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from builders import DAY, HOUR, NOW, SECOND, beside, probed
from found import (
    ALONE,
    BOTH,
    EXAMPLES,
    FOUR_DAYS_OLD,
    IDP,
    LONG,
    LONG_ENCRYPTION,
    NEW,
    OLD,
    SP,
    STEADY,
    STRANGE,
    Example,
    ending,
    farm,
    mismatched,
    no_longer_readable,
    provider,
    records,
    refused,
    seen,
    trusting,
    under,
)
from scrapes import FARM, UNSIGNED, after, certificate, document, failed, federated, good, idp, pair

from exporter.config.settings import INTERNET
from exporter.findings import Finding, Kind, headline, outlook, sentence, span, standing, step, title
from exporter.findings.facts import Changed, RolledBack, Rolling, Trusting
from exporter.flags import parsed
from exporter.inquiry import DomainTrust, Slot, TrustReason, UpdateResult
from exporter.model import Certificate, Document, Entity, Fault, FaultKind, Key, Reason, Role, RoleDescriptor, Use
from exporter.policy import PolicySettings, Profile
from exporter.primary import Claim, Evidence
from exporter.record import Record, bare

OWN = "Get-AdfsCertificate -CertificateType Token-Signing"
ASK = "Get-AdfsProperties | Format-List AutoCertificateRollover"
GENERATE = "Update-AdfsCertificate -CertificateType Token-Signing"
ADD = "Add-AdfsCertificate -CertificateType Token-Signing -Thumbprint '<thumbprint of the new one>'"
OFF, ON = (f"Set-AdfsProperties -AutoCertificateRollover {each}" for each in ("$false", "$true"))
ASK_THRESHOLDS = "Get-AdfsProperties | Format-List CertificateGenerationThreshold, CertificatePromotionThreshold"
STOP = "# Stop here until Entra ID trusts this one for every domain and every other partner knows it; then promote it:"
BEFORE_ON = "# First see that AD FS lists no further successor, which it would promote by itself:"
RENEW = (OWN, ASK, f"{GENERATE}  # if it was on", f"{ADD}  # if it was off")
PRINT = "fedmeta-exporter check fs.example --config.file='<configuration file>' --print-certificate"


def promote(thumbprint: str) -> Sequence[str]:
    command = f"Set-AdfsCertificate -CertificateType Token-Signing -IsPrimary -Thumbprint {thumbprint}"
    return ASK, STOP, OFF, command, BEFORE_ON, f"{ON}  # if it was on"


def write(slot: str = "Next", position: str = "") -> Sequence[str]:
    update = "Update-MgDomainFederationConfiguration -DomainId contoso.com -InternalDomainFederationId $trust.Id"
    return (
        f"{PRINT}{position}",
        "$trust = Get-MgDomainFederationConfiguration -DomainId contoso.com",
        f"{update} -{slot}SigningCertificate '<printed above>'",
    )


NEW_ONE = promote("'<thumbprint of the new one>'")[1:]
"""After how to renew, which asks first."""
SUCCESSOR = promote(NEW.thumbprint)
REFUSED = "refused, connection refused"

LIST = "Get-AdfsCertificate -CertificateType Token-Decrypting"
IF_NONE = "# If no other one is listed:"
LIST_AGAIN = "# List them again, and take the thumbprint of the new one; then make it primary:"
MAKE = (LIST, IF_NONE, "Update-AdfsCertificate -CertificateType Token-Decrypting")

TOLD: Mapping[Kind, tuple[Sequence[str], Sequence[str]]] = {
    Kind.SIGNING_CERTIFICATE_EXPIRED: ((OLD.thumbprint, "2026-05-29 12:00 UTC", "3.0 days ago"), (*RENEW, *NEW_ONE)),
    Kind.TRUST_BROKEN: ((OLD.thumbprint, "contoso.com", "locked out"), (OWN, *write(position="=primary"))),
    Kind.KEY_SET_REPLACED: ((LONG.thumbprint, "less than a minute ago"), (OWN,)),
    Kind.METADATA_OUTDATED: (("2026-05-31 12:00 UTC", "24.0 hours ago"), ()),
    Kind.NO_SIGNING_KEY: (("no signing key",), ()),
    Kind.SIGNING_KEYS_UNREADABLE: (("the first signing certificate ends early", "none ever could be"), ()),
    Kind.TRUST_BROKEN_AT_NODE: (("Node wap1 (from default)", STRANGE.thumbprint, "contoso.com"), ()),
    Kind.TRUST_AT_RISK: (
        (FOUR_DAYS_OLD.thumbprint, "contoso.com", "about 2026-06-02 12:00 UTC", "Entra ID said so 2.0 hours ago"),
        (*write(), ASK_THRESHOLDS),
    ),
    Kind.ROLLOVER_MISSING: ((OLD.thumbprint, "2026-06-04 12:00 UTC", "in 3.0 days"), (*RENEW, *NEW_ONE)),
    Kind.PROMOTION_STALLED_LATE: ((OLD.thumbprint, NEW.thumbprint, "2026-06-05 12:00 UTC", "4.0 days"), SUCCESSOR),
    Kind.METADATA_UNREACHABLE_IN_POLL_WINDOW: (
        ("(from default)", "for 2.0 days", REFUSED, OLD.thumbprint, "2026-06-19 12:00 UTC"),
        (),
    ),
    Kind.UNEXPECTED_SIGNING_CERTIFICATE: ((NEW.thumbprint, "less than a minute ago"), (OWN, ASK_THRESHOLDS)),
    Kind.TRUST_FOREIGN_CERTIFICATE: ((STRANGE.thumbprint, "contoso.com"), ()),
    Kind.TRUST_NOT_FEDERATED: (("contoso.com is not federated",), ()),
    Kind.SIGNATURE_INVALID: (("the digest does not match",), ()),
    Kind.PROMOTION_STALLED: ((OLD.thumbprint, NEW.thumbprint, "2026-05-26", "in 9.0 days"), SUCCESSOR),
    Kind.PROMOTION_ROLLED_BACK: (
        (OLD.thumbprint, f"SHA-256 {NEW.fingerprint}", "promotion of 2026-05-30 20:00 UTC", "is still published"),
        (OWN,),
    ),
    Kind.PRIMARY_DISPUTED: (
        (f"its signature names {NEW.thumbprint}", f"which was made with it, names {OLD.thumbprint}"),
        (OWN,),
    ),
    Kind.POSSIBLE_PRIMARY_ENDING: (
        ("One of 2 keys", f", {OLD.thumbprint}, ends on 2026-06-04 12:00 UTC, in 3.0 days;"),
        (),
    ),
    Kind.ROLLOVER_OVERDUE: ((OLD.thumbprint, "on 2026-05-24 12:00 UTC", "in 12.0 days"), RENEW),
    Kind.RENEWAL_DUE: ((OLD.thumbprint, "2026-06-21 12:00 UTC", "in 20.0 days"), (OWN, ADD)),
    Kind.SP_CERTIFICATE_EXPIRED: ((OLD.thumbprint, "3.0 days ago", "this service provider"), ()),
    Kind.SP_CERTIFICATE_ENDING: ((OLD.thumbprint, "in 3.0 days", "could take over", "this service provider"), ()),
    Kind.SP_KEY_SET_REPLACED: ((NEW.thumbprint, "less than a minute ago", "no identity provider"), ()),
    Kind.SP_METADATA_OUTDATED: (("2026-05-31 12:00 UTC", "24.0 hours ago", "no identity provider"), ()),
    Kind.ENTRA_CANNOT_READ_METADATA: (
        ("contoso.com", NEW.thumbprint, "couldNotAccessRemoteHost", "on 2026-06-01 06:00 UTC", "2026-06-04"),
        write(),
    ),
    Kind.TRUST_PENDING_TOO_LONG: (("contoso.com", NEW.thumbprint, "about 2026-06-04 12:00 UTC"), write()),
    Kind.TRUST_HALF_UPDATED: ((NEW.thumbprint, "for fabrikam.com, and not for contoso.com"), (PRINT,)),
    Kind.METADATA_NEVER_READ: ((REFUSED,), ()),
    Kind.METADATA_UNREACHABLE_FROM_INTERNET: (("not from the internet", REFUSED), ()),
    Kind.METADATA_UNREACHABLE: (
        ("The service (from default)", "for 3.0 hours", REFUSED),
        (),
    ),
    Kind.METADATA_OF_ANOTHER_ENTITY: (
        ("for 3.0 hours", "https://other.example/", "http://fs.example/", "as of 2026-06-01 09:00 UTC"),
        (),
    ),
    Kind.ANSWERS_TAKE_TURNS: (("For 3.0 hours", OLD.thumbprint, NEW.thumbprint, "(last 1.0 hours ago)"), ()),
    Kind.NODES_DIFFER: (("For 3.0 hours", "node wap1 (from default)", OLD.thumbprint, NEW.thumbprint, "signed by"), ()),
    Kind.TRUST_STALE: (("contoso.com", "has not said what it trusts", "permission, 403 Forbidden"), ()),
    Kind.TRUST_UNKNOWN: (
        ("contoso.com", "signing holds no certificate"),
        (OWN, "Get-MgDomainFederationConfiguration -DomainId contoso.com"),
    ),
    Kind.CLOCK_WRONG: (("2.0 days ahead of that of the service (from default)",), ()),
    Kind.ENTITY_VANISHED: (("https://watched.example/", "for 1.0 hours"), ()),
    Kind.METADATA_OUTDATED_SOON: (("24.0 hours", "2026-06-02 12:00 UTC"), ()),
    Kind.ENCRYPTION_CERTIFICATE_EXPIRING: (
        ("2" * 40, "ends in 10.0 days", "2026-06-11 12:00 UTC"),
        MAKE,
    ),
    Kind.TLS_CERTIFICATE_EXPIRING: (("the service (from default)", "ends in 3.0 days", "2026-06-04 12:00 UTC"), ()),
    Kind.CERTIFICATE_UNREADABLE: (("the second signing certificate ends early",), ()),
    Kind.CERTIFICATE_NO_LONGER_READABLE: (
        (LONG.thumbprint, "2026-12-18 12:00 UTC", "the base64 is cut off"),
        (),
    ),
    Kind.CERTIFICATE_WEAK: ((LONG.thumbprint, "sha1"), ()),
    Kind.PRIMARY_CHANGED: ((NEW.thumbprint, "2026-06-01 12:00 UTC"), ()),
    Kind.SIGNING_KEYS_CHANGED: ((LONG.thumbprint, NEW.thumbprint), ()),
    Kind.SUCCESSOR_PUBLISHED: (
        (OLD.thumbprint, NEW.thumbprint, "AD FS promotes it about 2026-06-04 12:00 UTC", "in 18.0 days"),
        (ASK, STOP, f"{SUCCESSOR[3]}  # if it was off"),
    ),
    Kind.TRUST_PENDING: (("contoso.com", NEW.thumbprint, "about 2026-06-04 12:00 UTC"), write()),
    Kind.TRUST_LEFTOVER: (
        ("contoso.com", STRANGE.thumbprint),
        ("Get-MgDomainFederationConfiguration -DomainId contoso.com",),
    ),
    Kind.OLD_KEY_LISTED: ((OLD.thumbprint, "2026-05-12 12:00 UTC, 20.0 days ago"), ()),
    Kind.PRIMARY_IGNORED: (("f" * 64, LONG.thumbprint), ()),
    Kind.DOCUMENT_FAULTY: (("validUntil is no date: tomorrow",), ()),
    Kind.ENTITIES_IN_TROUBLE: (("Of 6 entities, 3", "1 expired", "1 no signing key", "https://none.example/"), ()),
}
"""By kind, what its sentence names, and its commands."""


def found(kind: Kind, example: Example | None = None) -> tuple[Finding, Example]:
    """The finding of this kind, by default of its example."""
    example = example or EXAMPLES[kind]
    (finding,) = (each for each in standing(*example).findings if each.kind is kind and each.domain != "fabrikam.com")
    return finding, example


def told(kind: Kind, example: Example | None = None) -> str:
    """What a person reads of it, without the commands."""
    finding, (_, at) = found(kind, example)
    return f"{sentence(finding, at)} {step(finding, at).text}"


each_kind = pytest.mark.parametrize("kind", Kind)


def test_every_kind_has_its_example_and_what_it_must_say() -> None:
    assert list(EXAMPLES) == list(TOLD) == list(Kind)


@each_kind
def test_a_sentence_names_the_facts_and_a_step_has_whole_commands(kind: Kind) -> None:
    finding, (_, at) = found(kind)
    facts, commands = TOLD[kind]
    text = sentence(finding, at)

    assert [each for each in facts if each not in text] == []
    assert step(finding, at).commands == tuple(commands)


def everything() -> Sequence[tuple[Finding, Example]]:
    return [(finding, each) for each in records() for finding in standing(*each).findings]


def test_what_can_be_pasted_at_once_holds_no_look_before_an_act_no_condition_and_no_promotion_behind_a_stop() -> None:
    for finding, (_, at) in everything():
        blocks, commands = step(finding, at).blocks, step(finding, at).commands
        pasted = [each for block in blocks for each in block.commands]
        assert pasted == [each.split("  # ")[0] for each in commands if not each.startswith("#")]
        for block in blocks:
            assert block.commands
            assert block.before == "" or block.before[-1] in ".:"
            assert not any("#" in each for each in block.commands)
            looks = {each.partition("-")[0] for each in block.commands} & {"Get", "fedmeta"}
            assert not looks or len({each.partition("-")[0] for each in block.commands}) == 1
            promotes = any("-IsPrimary" in each and "Token-Signing" in each for each in block.commands)
            assert not promotes or block.before.startswith("Stop here until Entra ID trusts this one")


def test_what_would_lock_out_a_domain_that_is_known_to_wait_is_not_there_to_be_pasted() -> None:
    waiting = [
        (finding, at)
        for finding, (_, at) in everything()
        if finding.kind is Kind.SUCCESSOR_PUBLISHED
        and isinstance(finding.facts, Rolling)
        and False in finding.facts.trusted.values()
    ]
    assert waiting
    assert not any("-IsPrimary" in each for finding, at in waiting for each in step(finding, at).commands)


def test_all_that_is_said_can_be_read_aloud() -> None:
    for finding, (_, at) in everything():
        for text in (sentence(finding, at), step(finding, at).text):
            assert text == " ".join(text.split())
            assert text[0].isupper()
            assert text.endswith((".", "?"))
            assert not re.search(r"\.\.|None|unknown date|no date,|\(no certificate\)|  ", text), text
        assert all(each.isprintable() for each in step(finding, at).commands)


def test_no_two_kinds_share_a_title_a_sentence_or_a_place() -> None:
    said = [sentence(found(kind)[0], EXAMPLES[kind].at) for kind in Kind]

    assert len({title(kind) for kind in Kind}) == len(set(said)) == len(Kind)


@pytest.mark.parametrize("profile", [each for each in Profile if not each.is_adfs])
@each_kind
def test_of_a_publisher_that_is_not_ad_fs_nothing_speaks_of_ad_fs(kind: Kind, profile: Profile) -> None:
    at = EXAMPLES[kind].at
    there = standing(under(EXAMPLES[kind].record, PolicySettings(profile=profile)), at)
    said = [headline(there), outlook(there)]
    for each in there.findings:
        said += [title(each.kind), sentence(each, at), step(each, at).text, *step(each, at).commands]

    assert [each for each in said if "AD FS" in each or "Adfs" in each] == []


def test_a_command_of_ours_is_one_that_the_program_takes() -> None:
    ours = {
        command
        for finding, (_, at) in everything()
        for command in step(finding, at).commands
        if command.startswith("fedmeta-exporter")
    }

    assert ours
    for each in ours:
        flags = parsed(shlex.split(each)[1:])
        said = (flags.command, flags.addresses, flags.config_file)
        # Which one is in force nobody knows here.
        assert said == ("check", ["fs.example"], "<configuration file>")


def test_a_name_is_quoted_for_the_shell() -> None:
    record, at = EXAMPLES[Kind.TRUST_BROKEN]
    name = "the farm's $(name)"
    named = Example(replace(record, target=replace(record.target, name=name)), at)
    finding, _ = found(Kind.TRUST_BROKEN, named)

    assert shlex.split(step(finding, at).commands[1])[2] == name


@pytest.mark.parametrize("kind", [Kind.TRUST_BROKEN, Kind.TRUST_AT_RISK])
@pytest.mark.parametrize("name", ["-x", "-hotel", "--all", "fs.example"])
def test_a_name_is_no_flag_in_a_command(name: str, kind: Kind) -> None:
    record, at = EXAMPLES[kind]
    finding, _ = found(kind, Example(replace(record, target=replace(record.target, name=name)), at))
    command = next(each for each in step(finding, at).commands if each.startswith("fedmeta-exporter"))

    flags = parsed(shlex.split(command)[1:])

    assert (flags.addresses, flags.config_file) == ([name], "<configuration file>")
    assert flags.certificate == ("primary" if kind is Kind.TRUST_BROKEN else "successor")


# What depends on more than the kind


ON_RECORD, OFF_RECORD = (PolicySettings(auto_certificate_rollover=each) for each in (True, False))


def test_what_is_known_of_auto_certificate_rollover_decides_how_to_renew() -> None:
    def commands(settings: PolicySettings) -> Sequence[str]:
        finding, _ = found(Kind.ROLLOVER_MISSING, Example(seen(ending(3), settings=settings)))
        return step(finding, NOW).commands

    assert commands(ON_RECORD) == (OWN, GENERATE, STOP, OFF, NEW_ONE[2], BEFORE_ON, ON)
    assert commands(OFF_RECORD) == (OWN, ADD, STOP, NEW_ONE[2])
    assert commands(PolicySettings(profile=Profile.SAML)) == ()


def test_what_is_known_of_auto_certificate_rollover_decides_who_promotes() -> None:
    def said(settings: PolicySettings) -> tuple[str, Sequence[str]]:
        finding, _ = found(Kind.SUCCESSOR_PUBLISHED, Example(seen(BOTH, settings=settings)))
        found_step = step(finding, NOW)
        return found_step.text, found_step.commands

    text, commands = said(ON_RECORD)
    assert (text.endswith("AD FS promotes it by itself."), commands) == (True, ())
    text, commands = said(OFF_RECORD)
    assert text.endswith("then promote it on the primary federation server before the primary ends.")
    assert commands == (STOP, SUCCESSOR[3])
    text, commands = said(PolicySettings(profile=Profile.SAML))
    assert (text, commands) == ("Make sure that every partner knows it before it signs.", ())


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ((), "See what Entra ID trusts for each domain, and write the successor where it is missing"),
        ((federated(signing=OLD, following=NEW),), "Entra ID trusts it. Make sure that every other partner knows it"),
        ((federated(signing=OLD),), "Make sure that Entra ID (for contoso.com) and every other partner know it"),
        ((replace(federated(signing=OLD), unreadable=(Slot.NEXT,)),), "See what Entra ID trusts for contoso.com, and"),
        ((DomainTrust(federated(signing=OLD).source, federated=False),), "See what Entra ID trusts for each domain"),
        (
            (federated(signing=OLD), replace(federated(signing=OLD), unreadable=(Slot.NEXT,))),
            "for fabrikam.com, and write the successor where it is missing; make sure that Entra ID (for contoso.com)",
        ),
    ],
    ids=["never asked", "trusts it", "lacks it", "not known", "not federated", "lacks it, and not known"],
)
def test_who_must_know_the_successor_depends_on_what_entra_id_trusts(said: Sequence[DomainTrust], words: str) -> None:
    record = trusting(seen(BOTH), *said) if said else seen(BOTH)

    assert words in told(Kind.SUCCESSOR_PUBLISHED, Example(record))


def from_internet(record: Record, *, readable: bool) -> Record:
    """The target with a look from the internet."""
    look = replace(record.target.look, vantage=INTERNET)
    found = beside(record, look)
    return probed(found, good(BOTH, NOW) if readable else refused(), look=look)


FAR, _ = pair("1", "2", not_before=NOW - 300 * DAY, not_after=NOW + 40 * DAY)
NOT_READ = EXAMPLES[Kind.ENTRA_CANNOT_READ_METADATA].record
UNSAID = federated(signing=OLD, update=None)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (trusting(seen(BOTH), federated(signing=OLD)), "Entra ID reads the metadata daily"),
        (from_internet(trusting(seen(BOTH), UNSAID), readable=True), "Entra ID reads the metadata daily"),
        (trusting(seen(BOTH), UNSAID), "See from the internet whether the metadata can be read"),
        (from_internet(trusting(seen(BOTH), UNSAID), readable=False), "Entra ID cannot read the metadata"),
        (from_internet(NOT_READ, readable=True), "Entra ID cannot read the metadata"),
        (trusting(seen(farm(FAR, NEW)), federated(signing=FAR)), "by itself only in the last 35 days"),
    ],
    ids=["by its own account", "by a look", "not known", "not by a look", "not by its own account", "too early"],
)
def test_whether_entra_id_takes_the_successor_by_itself_depends_on_what_it_can_read(record: Record, words: str) -> None:
    text = told(Kind.TRUST_PENDING, Example(record))

    assert words in text
    assert "rite it before it signs" in text


def test_a_look_from_the_internet_that_failed_on_our_side_says_nothing() -> None:
    record = trusting(seen(BOTH), federated(signing=OLD))
    look = replace(record.target.look, vantage=INTERNET)
    ours = next(each for each in Reason if each.is_ours)
    record = probed(beside(record, look), replace(refused(), reason=ours), look=look)

    assert standing(record, NOW).readable is True, "Entra ID's own account counts"


@pytest.mark.parametrize(
    ("readable", "words"), [(True, "see a day later that Entra ID"), (False, "write it into Entra")]
)
def test_who_is_late_is_told_what_follows_a_successor(*, readable: bool, words: str) -> None:
    record = from_internet(seen(ending(12), settings=ON_RECORD), readable=readable)

    assert words in told(Kind.ROLLOVER_OVERDUE, Example(record))


def test_a_primary_that_has_not_begun_is_another_trouble_than_one_that_ended() -> None:
    early = replace(LONG, not_before=NOW + DAY)
    text = told(Kind.SIGNING_CERTIFICATE_EXPIRED, Example(seen(farm(early, encryption=STRANGE))))

    assert "not valid before 2026-06-02 12:00 UTC" in text
    assert "clock" in text
    assert title(Kind.SIGNING_CERTIFICATE_EXPIRED) == "Certificate not valid now"


def test_beside_a_successor_an_expired_primary_needs_no_other() -> None:
    finding, _ = found(Kind.SIGNING_CERTIFICATE_EXPIRED, Example(seen(BOTH), NOW + 19 * DAY))

    assert step(finding, NOW).commands == SUCCESSOR
    other = replace(IDP, policy=PolicySettings(primary=OLD.fingerprint, profile=Profile.SAML))
    record = after(other, good(document(idp(OLD, NEW)), NOW + 15 * DAY))
    late, _ = found(Kind.PROMOTION_STALLED_LATE, Example(record, NOW + 15 * DAY))
    assert step(late, NOW).text == "Make sure that every partner knows it; then have it sign."


@pytest.mark.parametrize(
    ("at", "settings", "words"),
    [
        (NOW + 3 * DAY, PolicySettings(), "AD FS may promote it at any moment, since 2026-06-04 12:00 UTC"),
        (NOW, OFF_RECORD, "nothing says when it signs"),
    ],
)
def test_when_a_successor_signs_is_told_as_far_as_it_is_known(
    at: datetime, settings: PolicySettings, words: str
) -> None:
    assert words in told(Kind.SUCCESSOR_PUBLISHED, Example(seen(BOTH, settings=settings), at))


@pytest.mark.parametrize(
    ("slots", "slot"),
    [
        ({Slot.SIGNING: STRANGE}, "Next"),
        ({Slot.SIGNING: NEW}, "Next"),
        ({Slot.NEXT: NEW}, ""),
        ({Slot.SIGNING: NEW, Slot.NEXT: STRANGE}, "Next"),
        ({Slot.SIGNING: LONG, Slot.NEXT: STRANGE}, ""),
        ({}, ""),
    ],
    ids=[
        "one is empty",
        "the successor is in the first",
        "the successor is in the second",
        "rather another than the successor's",
        "the one that ends first",
        "nothing is trusted",
    ],
)
def test_what_is_locked_out_is_let_in_again_at_the_least_cost(slots: Mapping[Slot, Certificate], slot: str) -> None:
    record = trusting(seen(BOTH), replace(federated(signing=OLD), certificates=slots))
    finding, _ = found(Kind.TRUST_BROKEN, Example(record))

    assert step(finding, NOW).commands == (OWN, *write(slot, "=primary"))


def test_where_either_slot_may_hold_the_key_in_use_none_is_named() -> None:
    other = replace(OLD, fingerprint="7" * 64, not_before=OLD.not_before + DAY, not_after=OLD.not_after + DAY)
    document = farm(OLD, other, NEW, encryption=STRANGE, signature=UNSIGNED)
    record = trusting(seen(document), federated(signing=OLD, following=other))
    finding, _ = found(Kind.TRUST_PENDING, Example(record))
    pending = step(finding, NOW)

    assert pending.text.endswith("the publisher's own list says which that is.")
    assert " <slot> '<printed above>'" in pending.commands[-1]


def primary(*settings: str) -> Sequence[str]:
    """The commands that make an encryption certificate the primary one, among those that switch rollover."""
    of_new = (
        "Set-AdfsCertificate -CertificateType Token-Decrypting -IsPrimary -Thumbprint '<thumbprint of the new one>'"
    )
    return tuple(each or of_new for each in settings)


AGAIN = f"{ON}  # if it was on"
ADD_OTHER = (
    LIST,
    IF_NONE,
    "Add-AdfsCertificate -CertificateType Token-Decrypting -Thumbprint '<thumbprint of the new one>'",
)


@pytest.mark.parametrize(
    ("settings", "left", "commands"),
    [
        (PolicySettings(), 6, MAKE),
        (PolicySettings(), 5, (*MAKE, *primary(ASK, LIST_AGAIN, OFF, "", BEFORE_ON, AGAIN))),
        (ON_RECORD, -1, (*MAKE, *primary(LIST_AGAIN, OFF, "", BEFORE_ON, ON))),
        (OFF_RECORD, 10, (*ADD_OTHER, *primary(LIST_AGAIN, ""))),
        (
            PolicySettings(profile=Profile.ADFS_MANUAL),
            10,
            (*ADD_OTHER, *primary(ASK, LIST_AGAIN, OFF, "", BEFORE_ON, AGAIN)),
        ),
        (PolicySettings(profile=Profile.SAML), 10, ()),
    ],
)
def test_an_encryption_certificate_is_renewed_as_the_publisher_does_it_and_before_it_ends(
    settings: PolicySettings, left: int, commands: Sequence[str]
) -> None:
    record = under(EXAMPLES[Kind.ENCRYPTION_CERTIFICATE_EXPIRING].record, settings)
    finding, _ = found(Kind.ENCRYPTION_CERTIFICATE_EXPIRING, Example(record))

    assert step(finding, NOW + (10 - left) * DAY).commands == commands


def test_what_makes_another_one_is_never_pasted_with_what_takes_its_thumbprint() -> None:
    acts = ("Update-AdfsCertificate", "Add-AdfsCertificate"), ("Set-AdfsCertificate",)
    met = [0, 0]
    for record, at in records():
        for finding in standing(record, at).findings:
            for block in step(finding, at).blocks:
                made, taken = (any(each.startswith(act) for each in block.commands) for act in acts)
                assert not (made and taken), block
                met[0] += made
                met[1] += taken
    assert min(met) > 10


def test_what_has_ended_is_told_so() -> None:
    for kind, words in (
        (Kind.ENCRYPTION_CERTIFICATE_EXPIRING, "has ended (2026-06-11 12:00 UTC)"),
        (Kind.TLS_CERTIFICATE_EXPIRING, "ended 9.0 days ago"),
    ):
        record, _ = EXAMPLES[kind]
        settings = replace(record.target.policy, profile=Profile.SAML)
        assert words in told(kind, Example(under(record, settings), NOW + 12 * DAY))


def test_a_node_that_cannot_be_read_is_named_and_to_be_taken_out_of_service() -> None:
    record, _ = EXAMPLES[Kind.NODES_DIFFER]
    record = probed(record, refused(), look=record.target.looks[1])
    text = told(Kind.METADATA_UNREACHABLE, Example(record))

    assert "Node wap1 (from default) gives no usable document" in text
    assert "Take the node out of service" in text


@pytest.mark.parametrize("detail", ["none of its 2 entities is x", "none of its 2 entities is x; did you mean y?"])
@pytest.mark.parametrize(("later", "remembers"), [(0 * DAY, False), (2 * DAY, True)])
def test_an_aggregate_without_the_entity_that_is_meant_is_told_as_one(
    detail: str, later: timedelta, *, remembers: bool
) -> None:
    missed = replace(failed(Reason.ENTITY_MISMATCH, NOW + later, phases={}), detail=detail, others=2)
    record = probed(EXAMPLES[Kind.NODES_DIFFER].record, missed)
    (found,) = (
        each
        for each in standing(record, NOW + later, remembers=remembers).findings
        if each.kind is Kind.METADATA_OF_ANOTHER_ENTITY
    )
    text = sentence(found, NOW + later)
    assert f"does not hold the entity that is meant: {detail}{'' if detail.endswith('?') else '.'} " in text
    assert text.endswith("Nothing watches its certificates.")
    assert ("is as of" in text) is bool(later)
    assert "Correct the entityID" in step(found, NOW).text


def test_a_domain_that_signs_in_elsewhere_is_told_where() -> None:
    record = trusting(seen(STEADY), replace(federated(signing=LONG), service="sts.fabrikam.example"))

    assert "sends the people of contoso.com to sts.fabrikam.example" in told(Kind.TRUST_NOT_FEDERATED, Example(record))


def test_entra_id_that_fell_silent_is_told_since_when() -> None:
    record = trusting(seen(STEADY), federated(signing=LONG))

    text = told(Kind.TRUST_STALE, Example(record, NOW + DAY))

    assert "has not said for 24.0 hours what it trusts for contoso.com" in text
    assert text.count("24.0 hours") == 1, "said once"


def test_who_cannot_ask_entra_id_is_told_by_the_reason_what_to_do() -> None:
    steps = {
        reason: told(Kind.TRUST_STALE, Example(trusting(seen(STEADY), reason))).partition("403 Forbidden. ")[2]
        for reason in TrustReason
    }

    assert "consent" in steps[TrustReason.PERMISSION]
    assert "ended" in steps[TrustReason.REFUSED]
    assert "reaches Microsoft's hosts" in steps[TrustReason.CONNECTION]
    assert [reason for reason, each in steps.items() if "secret" in each] == ["credentials", "refused"]
    assert len(set(steps.values())) == len(TrustReason)


def test_of_many_only_some_are_named() -> None:
    faults = tuple(Fault(FaultKind.VALID_UNTIL, f"urn:{number}", "no date") for number in range(7))
    document = replace(STEADY, metadata=replace(STEADY.metadata, faults=faults))

    assert "no date (of urn:4); and 2 more." in told(Kind.DOCUMENT_FAULTY, Example(seen(document)))


UNPAIRED = certificate("b", not_before=NOW - 50 * DAY)
"""An encryption certificate that was made with no other."""

# What is less than proof, or is no identity provider's


def changed(kind: Kind, **said: object) -> str:
    """The sentence of a kind's example, with other facts of its rollover."""
    finding, (_, at) = found(kind)
    assert isinstance(finding.facts, Rolling | Trusting)
    assert finding.facts.rollover is not None
    facts = replace(finding.facts, rollover=replace(finding.facts.rollover, **said))  # type: ignore[arg-type]  # any field
    return sentence(replace(finding, facts=facts), at)


def test_every_kind_of_evidence_is_told_in_words() -> None:
    said = [changed(Kind.PRIMARY_DISPUTED, claims=(Claim(each, LONG),)) for each in Evidence]

    assert len(set(said)) == len(Evidence)
    assert not [text for text in said if "_" in text]


def test_of_several_keys_that_may_be_signing_each_that_ends_is_named() -> None:
    ended = certificate("a", not_before=NOW - 400 * DAY, not_after=NOW - DAY)
    text = told(
        Kind.POSSIBLE_PRIMARY_ENDING, Example(after(IDP, good(document(idp(ending_primary(3), ended, LONG)), NOW)))
    )

    assert f"2 of 3 keys that may be signing: {ended.thumbprint} ended on 2026-05-31 12:00 UTC, 24.0 hours ago;" in text
    assert "in 3.0 days; nothing proves which one signs. If one of these does" in text
    assert f"{LONG.fingerprint} is that of {LONG.thumbprint}" in text


def test_what_an_ad_fs_may_be_signing_with_its_own_list_tells() -> None:
    unsigned = farm(ending_primary(3), LONG, encryption=UNPAIRED, signature=UNSIGNED)
    finding, (_, at) = found(Kind.POSSIBLE_PRIMARY_ENDING, Example(seen(unsigned)))

    assert step(finding, at).commands == (OWN,)


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        ({"published": False}, ("is no longer published", "restored from a backup")),
        ({"primary": None}, ("what signed before does again",)),
    ],
)
def test_what_is_known_of_a_promotion_that_was_taken_back_is_told(
    gone: Mapping[str, object], words: Sequence[str]
) -> None:
    known = RolledBack(NOW, OLD, NEW.fingerprint, NOW - 2 * DAY, published=True, policy=bare(FARM).policy)
    facts = replace(known, **gone)  # type: ignore[arg-type]  # any field
    finding = Finding(Kind.PROMOTION_ROLLED_BACK, facts, NOW)
    text = f"{sentence(finding, NOW)} {step(finding, NOW).text}"

    assert [each for each in words if each not in text] == []


def of_provider(*found_then: Document) -> Record:
    times = [NOW - number * HOUR for number in reversed(range(len(found_then)))]
    return after(SP, *map(good, found_then, times))


def test_a_service_providers_certificate_that_has_not_begun_is_another_trouble_than_one_that_ended() -> None:
    early = replace(LONG, not_before=NOW + DAY)
    text = told(Kind.SP_CERTIFICATE_EXPIRED, Example(of_provider(provider(early))))

    assert "not valid before 2026-06-02 12:00 UTC: until then identity providers" in text
    assert "clock" in text


def test_a_service_provider_whose_successor_is_published_is_to_sign_with_it() -> None:
    unborn = replace(NEW, not_before=NOW + DAY)
    text = told(Kind.SP_CERTIFICATE_ENDING, Example(of_provider(provider(ending_primary(3), unborn))))

    assert f"the successor {NEW.thumbprint} is published" in text
    assert "knows the successor; then have it sign" in text


def test_what_is_neither_identity_nor_service_provider_is_told_of_by_its_role() -> None:
    text = told(Kind.SP_CERTIFICATE_ENDING, Example(of_provider(provider(ending_primary(3), role=Role.AA))))

    assert "what it signs in its role aa" in text
    assert "service provider" not in text


def test_a_service_providers_keys_that_came_back_are_not_told_of_as_new() -> None:
    finding, _ = found(Kind.SP_KEY_SET_REPLACED)
    assert isinstance(finding.facts, Changed)
    back = replace(finding, facts=replace(finding.facts, certificates=()))

    assert "those from before are published again" in sentence(back, NOW)
    assert "Ask the publisher's administrators" in step(back, NOW).text


def test_a_farm_that_begins_to_renew_by_itself_does_not_fit_its_policy_any_more() -> None:
    by_hand = replace(LONG, issuer="CN=Contoso CA", self_issued=False)
    record = seen(farm(by_hand), farm(NEW), settings=OFF_RECORD)
    finding, (_, at) = found(Kind.KEY_SET_REPLACED, Example(record))

    assert "It is thought to be off here: ask AD FS, and correct the policy if it is on" in step(finding, at).text
    assert step(finding, at).commands == (OWN, ASK)
    enrolled = replace(NEW, self_issued=False)
    finding, _ = found(Kind.KEY_SET_REPLACED, Example(seen(farm(by_hand), farm(enrolled), settings=OFF_RECORD)))
    assert step(finding, at).commands == (OWN,)


# What Entra ID lacks, and when


NEXT = certificate("8", not_before=NOW - DAY, not_after=NOW + 364 * DAY)


def test_every_successor_that_entra_id_lacks_is_named() -> None:
    text = told(Kind.TRUST_PENDING, Example(trusting(seen(farm(OLD, NEW, NEXT)), federated(signing=OLD))))

    assert f"the successors ({NEW.thumbprint}, {NEXT.thumbprint})" in text
    assert "One of them signs about 2026-06-04" in text


def test_a_certificate_that_may_be_signing_is_not_told_of_as_one_that_will() -> None:
    pending = after(IDP, good(document(idp(LONG, NEW)), NOW - 40 * HOUR), good(document(idp(LONG, NEW)), NOW))
    service = replace(federated(signing=LONG), service="idp.example")
    text = told(Kind.TRUST_PENDING_TOO_LONG, Example(trusting(pending, service)))

    assert f"what it needs for contoso.com: {NEW.thumbprint}, which may be signing already." in text
    assert "reads the metadata only in the last 35 days" in text
    assert "It signs at any moment: nothing proves which one signs" in text


def test_what_is_neither_primary_nor_successor_is_written_by_its_own_base64() -> None:
    finding, (_, at) = found(Kind.TRUST_PENDING)
    assert isinstance(finding.facts, Trusting)
    other = replace(finding, facts=replace(finding.facts, verdict=replace(finding.facts.verdict, lacking=(NEXT,))))
    commands = step(other, at).commands

    assert commands[0].startswith("$trust = ")
    assert commands[-1].endswith(f"-NextSigningCertificate '<base64 of {NEXT.thumbprint}>'")


def test_what_became_primary_after_entra_id_last_answered_is_told_as_that() -> None:
    unread = replace(federated(signing=OLD), update=UpdateResult.COULD_NOT_ACCESS_REMOTE_HOST)
    before = trusting(seen(farm(OLD, FOUR_DAYS_OLD)), unread, at=NOW)
    record = probed(before, good(farm(OLD, FOUR_DAYS_OLD, signer=FOUR_DAYS_OLD, encryption=STRANGE), NOW + HOUR))
    example = Example(record, NOW + HOUR)
    risk = told(Kind.TRUST_AT_RISK, example)

    assert f"it did not trust {FOUR_DAYS_OLD.thumbprint}, which has become primary since" in risk
    assert "locked out of Microsoft 365 now, unless it has taken it" in risk
    assert "which has become primary since. It signs now." in told(Kind.ENTRA_CANNOT_READ_METADATA, example)


def test_where_nothing_proves_which_one_signs_the_one_to_write_is_to_be_found_first() -> None:
    unsigned = farm(OLD, LONG, encryption=UNPAIRED, signature=UNSIGNED)
    text = told(Kind.TRUST_BROKEN, Example(trusting(seen(unsigned), federated(signing=STRANGE))))

    assert "trusts none of the certificates that may be signing" in text
    assert "Nothing that is published proves which one is in use." in text


@pytest.mark.parametrize("kind", [Kind.TRUST_AT_RISK, Kind.UNEXPECTED_SIGNING_CERTIFICATE])
def test_what_rests_on_thresholds_of_ad_fs_says_how_to_read_them(kind: Kind) -> None:
    finding, (record, at) = found(kind)
    assert "20 days" in step(finding, at).text
    assert "5 days" in step(finding, at).text
    assert "enter them under thresholds in the policy" in step(finding, at).text

    by_hand, _ = found(kind, Example(under(late(record), OFF_RECORD), at))
    assert "thresholds" not in step(by_hand, at).text
    assert ASK_THRESHOLDS not in step(by_hand, at).commands


def late(record: Record) -> Record:
    """The same farm, if the certificate it signs with ended within two weeks, where it would end within three."""
    assert record.document is not None
    if record.entity is None or OLD not in record.entity.published(Role.IDP, signs=True):
        return record
    soon = farm(replace(OLD, not_after=NOW + 14 * DAY), FOUR_DAYS_OLD)
    return trusting(seen(soon), federated(signing=replace(OLD, not_after=NOW + 14 * DAY)))


# How often


def test_where_probes_succeed_now_and_then_it_is_told_how_many() -> None:
    looks = [refused(NOW - number * HOUR) for number in range(20, 0, -1)]
    record = after(
        FARM, good(ALONE, NOW - 30 * HOUR), *looks[:10], good(ALONE, NOW - 10 * HOUR), *looks[11:], refused()
    )
    text = told(Kind.METADATA_UNREACHABLE, Example(record))

    assert "has given few usable documents, or none, for" in text
    assert "1 of 21 probes within the last day got a document" in text


def test_a_probe_that_fails_once_in_a_while_is_told_as_it_is() -> None:
    record = after(FARM, *[good(STEADY, NOW - number * HOUR) for number in range(5, 0, -1)], refused())
    text = told(Kind.METADATA_UNREACHABLE, Example(record))

    assert "has given no usable document for 1.0 hours: refused" in text
    assert "5 of 6 probes within the last day got a document" in text


def test_a_single_look_that_finds_another_entity_knows_of_no_time_before() -> None:
    (finding,) = standing(after(FARM, mismatched()), NOW, remembers=False).findings

    assert sentence(finding, NOW) == (
        "The service (from default) can be read, and gives the document of https://other.example/, not of"
        " http://fs.example/adfs/services/trust: nothing watches the certificates of the one meant."
    )


def test_a_clock_that_is_behind_is_another_danger_than_one_that_is_ahead() -> None:
    record = after(FARM, replace(good(STEADY, NOW), clock=NOW + 3 * HOUR))

    assert "is 3.0 hours behind that of the service" in told(Kind.CLOCK_WRONG, Example(record))
    assert "that much too late" in told(Kind.CLOCK_WRONG, Example(record))


def test_many_certificates_that_can_no_longer_be_read_are_counted() -> None:
    record = seen(no_longer_readable(farm(OLD, NEW)))

    assert "2 certificates that could be read before cannot" in told(
        Kind.CERTIFICATE_NO_LONGER_READABLE, Example(record)
    )


# What must not be done


def test_a_successor_that_has_not_begun_is_promoted_by_no_command() -> None:
    soon, unborn = ending_primary(4), replace(NEW, not_before=NOW + 2 * DAY)
    finding, (_, at) = found(Kind.PROMOTION_STALLED_LATE, Example(seen(farm(soon, unborn, encryption=STRANGE))))

    assert "begins on 2026-06-03 12:00 UTC" in sentence(finding, at)
    assert step(finding, at).commands == ()
    assert "not before it begins, on 2026-06-03 12:00 UTC" in step(finding, at).text


def test_a_certificate_that_has_ended_is_written_nowhere() -> None:
    ended = farm(ending_primary(-3), encryption=STRANGE)
    finding, (_, at) = found(Kind.TRUST_BROKEN, Example(trusting(seen(ended), federated(signing=NEW))))

    assert step(finding, at).commands == ()
    assert "has ended" in step(finding, at).text


def test_a_step_that_names_a_slot_says_that_this_holds_for_now() -> None:
    """Whoever pastes it after somebody else has promoted writes over the certificate in use."""
    naming = 0
    for record, at in records():
        for finding in standing(record, at).findings:
            done = step(finding, at)
            names = any(re.search(r" -(Next)?SigningCertificate '", each) for each in done.commands)
            assert ("look here again first: then it may be the other slot" in done.text) is names, finding.kind
            naming += names

    assert naming


def test_a_foreign_certificate_is_overwritten_rather_than_one_that_is_published_and_valid() -> None:
    # Where the slots are full, the other one ends first.
    record = trusting(seen(farm(LONG, NEW, encryption=STRANGE)), federated(signing=certificate("9"), following=NEW))
    finding, (_, at) = found(Kind.TRUST_BROKEN, Example(record))

    assert any(" -SigningCertificate " in each for each in step(finding, at).commands)


def test_where_the_primary_ended_the_valid_one_beside_it_is_promoted() -> None:
    fresh = certificate("7", not_before=NOW - DAY, not_after=NOW + 364 * DAY)
    finding, (_, at) = found(Kind.SIGNING_CERTIFICATE_EXPIRED, Example(seen(farm(ending_primary(-3), fresh))))

    assert step(finding, at).commands == promote(fresh.thumbprint)


def test_what_is_gone_again_is_not_told_of_what_is_there() -> None:
    other = certificate("7", not_before=NOW - HOUR, not_after=NOW + 364 * DAY)
    came, replaced = (
        # Not within a day: what comes back sooner takes turns.
        [good(farm(LONG), NOW - 30 * HOUR), good(farm(*keys), NOW - 8 * HOUR), good(farm(LONG), NOW - HOUR)]
        for keys in ((LONG, other), (other,))
    )

    text = told(Kind.UNEXPECTED_SIGNING_CERTIFICATE, Example(after(FARM, *came)))
    assert "is gone again" in text
    assert LONG.thumbprint not in text
    text = told(Kind.KEY_SET_REPLACED, Example(after(FARM, *replaced)))
    assert "those from before are published again" in text
    assert "Ask the publisher's administrators what they changed" in text


def test_a_successor_long_before_its_time_is_to_be_asked_about_first() -> None:
    early = certificate("7", not_before=NOW - HOUR, not_after=NOW + 364 * DAY)
    text = told(Kind.SUCCESSOR_PUBLISHED, Example(seen(farm(LONG, early))))

    assert "see first that the publisher's administrators made it" in text
    assert "Set-AdfsCertificate" not in text


def test_where_only_dates_name_the_primary_entra_id_is_not_blamed() -> None:
    unsigned = farm(OLD, NEW, encryption=STRANGE, signature=UNSIGNED)
    text = told(Kind.TRUST_UNKNOWN, Example(trusting(seen(unsigned), federated(signing=NEW))))

    assert "Only dates say which certificate signs" in text


def ending_primary(days: float) -> Certificate:
    return certificate("8", not_before=NOW - 347 * DAY, not_after=NOW + days * DAY)


# Where nothing was found


SAML, ENTRA = PolicySettings(profile=Profile.SAML), PolicySettings(profile=Profile.ENTRA)
KEY = "AutoCertificateRollover is on"
NAMELESS = document(
    Entity("urn:x", (RoleDescriptor(Role.IDP, "IDPSSODescriptor", (Key(Use.SIGNING, None),)),), None, ())
)
"""Its key has no certificate."""


@pytest.mark.parametrize(
    ("record", "state", "words"),
    [
        (bare(FARM), "Not looked at yet", "Nothing is known of it yet."),
        (
            after(IDP, good(document(Entity("urn:x", (), None, ())), NOW)),
            "Nothing to judge",
            "No entity in the document",
        ),
        (seen(STEADY), "Steady", "AD FS makes a successor about 2026-11-28 12:00 UTC; the primary ends on"),
        (seen(STEADY), "Steady", KEY),
        (seen(STEADY, settings=OFF_RECORD), "Steady", "renewal is due from 2026-11-13 12:00 UTC; the primary ends on"),
        (seen(STEADY, settings=SAML), "Steady", "renewal is due from 2026-11-18 12:00 UTC; the primary ends on"),
        (seen(ending(3), settings=ENTRA), "Steady", "follow its metadata, not its dates"),
        (seen(ending(-3), settings=PolicySettings(expiry=False)), "Steady", "by policy the dates"),
        (seen(farm(NEW, OLD, encryption=LONG_ENCRYPTION)), "Promoted", "the old certificate is still published"),
        (after(IDP, good(NAMELESS, NOW)), "Steady", "No signing certificate is known, so there is no date to watch"),
        (after(IDP, good(document(idp(LONG), aggregate=True), NOW)), "Steady", "none of 1 entities is in trouble"),
    ],
)
def test_where_nothing_was_found_it_is_told_what_comes_next(record: Record, state: str, words: str) -> None:
    there = standing(record, NOW)

    assert (there.findings, headline(there)) == ((), state)
    assert words in outlook(there)


def test_of_a_farm_that_renews_by_itself_it_is_told_what_to_see_before_the_next_time() -> None:
    farm_on = seen(STEADY, settings=ON_RECORD)
    trusts, internet = "See once what Entra ID trusts", "See from the internet whether"

    def asked(record: Record) -> tuple[bool, bool, bool]:
        text = outlook(standing(record, NOW))
        return KEY in text, trusts in text, internet in text

    assert asked(farm_on) == (False, True, True)
    assert asked(trusting(farm_on, federated(signing=LONG, update=None))) == (False, False, True)
    assert asked(trusting(farm_on, federated(signing=LONG))) == (False, False, False)
    assert asked(seen(STEADY, settings=OFF_RECORD)) == (False, False, False)


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (59 * SECOND, "less than a minute"),
        (60 * SECOND, "1 minute"),
        (HOUR - SECOND, "59 minutes"),
        (HOUR, "1.0 hours"),
        (2 * DAY - HOUR, "47.0 hours"),
        (2 * DAY, "2.0 days"),
        (-2 * DAY, "2.0 days"),
    ],
)
def test_a_length_of_time_has_the_unit_that_a_person_would_use(length: timedelta, words: str) -> None:
    assert span(length) == words


def test_where_another_one_may_be_signing_a_primary_that_ended_is_told_of_as_ended() -> None:
    finding, _ = found(Kind.ROLLOVER_MISSING)

    assert "ended on 2026-06-04 12:00 UTC, 24.0 hours ago, and no certificate" in sentence(finding, NOW + 4 * DAY)


def test_a_primary_that_is_ignored_may_leave_none() -> None:
    assert "which is not published; none is taken for it" in changed(Kind.PRIMARY_IGNORED, primary=None)


def test_what_is_not_known_has_words_all_the_same() -> None:
    finding, _ = found(Kind.ROLLOVER_MISSING)
    assert isinstance(finding.facts, Rolling)
    nothing = replace(finding.facts, rollover=replace(finding.facts.rollover, primary=None, successor=None))

    for kind in (
        Kind.SIGNING_CERTIFICATE_EXPIRED,
        Kind.ROLLOVER_MISSING,
        Kind.ROLLOVER_OVERDUE,
        Kind.PROMOTION_STALLED,
    ):
        assert sentence(replace(finding, kind=kind, facts=nothing), NOW).endswith(".")
