"""One line for the person on call: what it must name, for every state and profile that can occur together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from builders import DAY, HOST, HOUR, NOW, certificate, entity_of, farm, metadata_of, policy, role_of, verdict

from exporter.advice import TRUST_WORDS, advice, trust_advice
from exporter.config.settings import TrustSource
from exporter.model import Certificate, Metadata, Role
from exporter.policy import Policy, Profile
from exporter.rollover import State
from exporter.trust import DomainTrust, Slot, TrustState, UpdateResult, judge

T = NOW + 20 * DAY
PRIMARY = certificate(not_before=T - 365 * DAY, not_after=T)
SUCCESSOR = certificate(not_before=T - 20 * DAY, not_after=T + 345 * DAY)
LATE_SUCCESSOR = certificate(not_before=T - 4 * DAY, not_after=T + 361 * DAY)
OLDER = certificate(not_before=PRIMARY.not_before - 345 * DAY, not_after=T + 3650 * DAY)

ADFS, MANUAL, ENTRA = policy(), policy(Profile.ADFS_MANUAL), policy(Profile.ENTRA)
SAML = policy(Profile.SAML, primary=PRIMARY)

END = "2026-06-21 12:00 UTC"
PARTNERS = "Entra ID and every other partner"
PROMOTE = "Set-AdfsCertificate -CertificateType Token-Signing -IsPrimary -Thumbprint"
GENERATE = "Update-AdfsCertificate -CertificateType Token-Signing"
ENROL = "Add-AdfsCertificate -CertificateType Token-Signing"


@dataclass(frozen=True)
class Case:
    """A moment in the life of a farm, and what its advice must and must not name."""

    state: State
    policy: Policy
    left: timedelta
    named: Sequence[str]
    signing: Sequence[Certificate] = (PRIMARY,)
    signer: Certificate | None = PRIMARY
    not_named: Sequence[str] = ()

    @property
    def now(self) -> datetime:
        return T - self.left

    @property
    def line(self) -> str:
        rollover = verdict(farm(*self.signing), self.policy, signer=self.signer, now=self.now)
        assert rollover.state is self.state
        return advice(rollover, self.policy, self.now)


BOTH = (PRIMARY, SUCCESSOR)
CASES = {
    "none": Case(State.NONE, ADFS, 20 * DAY, ["no signing key", "repair"], signing=()),
    "expired, adfs": Case(State.EXPIRED, ADFS, -DAY, [f"expired on {END}", GENERATE, "update every partner by hand"]),
    "expired this second": Case(State.EXPIRED, ADFS, timedelta(), [f"expired on {END}", GENERATE]),
    "expired, manual": Case(State.EXPIRED, MANUAL, -DAY, [f"expired on {END}", ENROL, "every federation server"]),
    "expired, saml": Case(
        State.EXPIRED, policy(Profile.SAML), -DAY, [f"expired on {END}", "Ask the publisher"], not_named=["AD FS"]
    ),
    "expired beside its successor": Case(
        State.EXPIRED,
        ADFS,
        -DAY,
        [f"expired on {END}", "promote it", "update every partner by hand"],
        signing=BOTH,
        not_named=[GENERATE],
    ),
    "not started": Case(
        State.EXPIRED, ADFS, 366 * DAY, ["not valid before 2025-06-21 12:00 UTC", "clock"], not_named=["expired on"]
    ),
    "missing, adfs": Case(State.MISSING, ADFS, 3 * DAY, [f"ends on {END}", "act now", GENERATE, PARTNERS]),
    "missing, manual": Case(State.MISSING, MANUAL, 3 * DAY, [f"ends on {END}", "act now", ENROL, PARTNERS]),
    "missing, saml": Case(
        State.MISSING, SAML, 3 * DAY, [f"ends on {END}", "act now", "Ask the publisher"], not_named=["Adfs"]
    ),
    "missing, an old key lingers": Case(
        State.MISSING, ADFS, 3 * DAY, ["no successor is published", GENERATE], signing=(PRIMARY, OLDER)
    ),
    "stalled, adfs": Case(
        State.STALLED,
        ADFS,
        10 * DAY,
        ["should have become primary", f"ends on {END}", PARTNERS, "AutoCertificateRollover off", PROMOTE],
        signing=BOTH,
    ),
    "stalled because the successor came late, adfs": Case(
        State.STALLED,
        ADFS,
        3 * DAY,
        ["about 2026-06-22 12:00 UTC", f"ends on {END}", PARTNERS, "AutoCertificateRollover off", PROMOTE],
        signing=(PRIMARY, LATE_SUCCESSOR),
        not_named=["should have become primary"],
    ),
    "stalled, manual": Case(
        State.STALLED, MANUAL, 3 * DAY, [f"ends on {END} still signs", PARTNERS, "make it primary"], signing=BOTH
    ),
    "stalled, saml": Case(
        State.STALLED,
        SAML,
        3 * DAY,
        [f"ends on {END} still signs", PARTNERS],
        signing=BOTH,
        signer=None,
        not_named=["AD FS", "Adfs"],
    ),
    "overdue": Case(
        State.OVERDUE,
        ADFS,
        12 * DAY,
        ["successor on 2026-06-01 12:00 UTC", f"ends on {END}", "AutoCertificateRollover", GENERATE],
    ),
    "due, manual": Case(State.DUE, MANUAL, 30 * DAY, [f"before {END}: enrol", ENROL, PARTNERS]),
    "due, saml": Case(State.DUE, SAML, 30 * DAY, [f"before {END}: ask the publisher", PARTNERS], not_named=["AD FS"]),
    "published, adfs": Case(
        State.PUBLISHED, ADFS, 16 * DAY, [PARTNERS, "AD FS promotes it, about 2026-06-06 12:00 UTC"], signing=BOTH
    ),
    "published and due to be promoted, adfs": Case(
        State.PUBLISHED, ADFS, 14 * DAY, [PARTNERS, "may promote it at any moment"], signing=BOTH
    ),
    "published, without evidence when, adfs": Case(
        State.PUBLISHED, ADFS, 10 * DAY, [PARTNERS, "may promote it at any moment"], signing=BOTH, signer=None
    ),
    "published, manual": Case(
        State.PUBLISHED, MANUAL, 16 * DAY, [PARTNERS, "before somebody makes it primary", END], signing=BOTH
    ),
    "published, saml": Case(
        State.PUBLISHED, SAML, 16 * DAY, [PARTNERS, "before somebody makes it primary", END], signing=BOTH, signer=None
    ),
    "promoted, adfs": Case(
        State.PROMOTED,
        ADFS,
        12 * DAY,
        ["old certificate is still published", "valid until 2027-06-01 12:00 UTC"],
        signing=BOTH,
        signer=SUCCESSOR,
    ),
    "promoted, manual": Case(
        State.PROMOTED, MANUAL, 12 * DAY, ["valid until 2027-06-01 12:00 UTC"], signing=BOTH, signer=SUCCESSOR
    ),
    "promoted, saml": Case(
        State.PROMOTED,
        policy(Profile.SAML, primary=SUCCESSOR),
        12 * DAY,
        ["valid until 2027-06-01 12:00 UTC"],
        signing=BOTH,
    ),
    "steady, adfs": Case(
        State.STEADY, ADFS, 200 * DAY, ["Nothing to do", "successor about 2026-06-01 12:00 UTC", f"ends on {END}"]
    ),
    "steady, manual": Case(
        State.STEADY, MANUAL, 200 * DAY, ["Nothing to do", "due from 2026-05-17 12:00 UTC", f"ends on {END}"]
    ),
    "steady, saml": Case(
        State.STEADY, SAML, 200 * DAY, ["Nothing to do", "due from 2026-05-22 12:00 UTC", f"ends on {END}"]
    ),
    "steady, entra": Case(State.STEADY, ENTRA, 3 * DAY, ["Nothing to do", "Entra ID"], not_named=["2026"]),
    "steady, dates do not count": Case(
        State.STEADY, policy(Profile.SAML, expiry=False), -9 * DAY, ["Nothing to do", "by policy"], not_named=["2026"]
    ),
}

each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


@each_case
def test_it_names_the_date_and_the_command(case: Case) -> None:
    line = case.line

    assert [words for words in case.named if words not in line] == []
    assert [words for words in case.not_named if words in line] == []


@each_case
def test_it_is_one_line_that_can_be_read_aloud(case: Case) -> None:
    can_be_read_aloud(case.line)


def can_be_read_aloud(line: str, longest: int = 400) -> None:
    assert line.isprintable()
    assert line == " ".join(line.split())
    assert line[0].isupper()
    assert line.endswith(".")
    assert ".." not in line
    assert "None" not in line
    assert "unknown date" not in line
    assert 40 < len(line) < longest


def test_every_state_is_covered() -> None:
    assert {case.state for case in CASES.values()} == set(State)


def test_only_steady_and_promoted_say_that_there_is_nothing_to_do() -> None:
    idle = {name for name, case in CASES.items() if "othing" in case.line}

    assert idle == {name for name in CASES if name.startswith(("steady", "promoted"))}


@pytest.mark.parametrize(
    "metadata",
    [metadata_of(entity_of(role_of(Role.SP))), metadata_of(entity_of(role_of(Role.OTHER)))],
    ids=["a service provider", "something else"],
)
def test_without_a_readable_certificate_it_points_at_the_document(metadata: Metadata) -> None:
    saml = policy(Profile.SAML)

    line = advice(verdict(metadata, saml), saml, NOW)

    assert "no date to watch" in line
    assert "look at the document" in line


def test_the_policys_own_thresholds_move_the_dates() -> None:
    early = policy(generation=50)
    rollover = verdict(farm(PRIMARY), early, now=T - 100 * DAY)

    assert "successor about 2026-05-02 12:00 UTC" in advice(rollover, early, T - 100 * DAY)


def test_a_promotion_ahead_is_named_until_it_has_passed() -> None:
    promotion = SUCCESSOR.not_before + 5 * DAY
    rollover = verdict(farm(*BOTH), ADFS, signer=PRIMARY, now=promotion - HOUR)

    assert ["about 2026-06-06" in advice(rollover, ADFS, now) for now in (promotion - HOUR, promotion)] == [True, False]


# --- trusts

FOREIGN = certificate(not_after=NOW + 300 * DAY, nth=7)
SECOND = certificate(not_before=PRIMARY.not_before + DAY, not_after=T + DAY, nth=8)
ENDED = certificate(not_before=T - 700 * DAY, not_after=T - 300 * DAY, nth=9)
WRITE = "Update-MgDomainFederationConfiguration"
SUCCESSOR_PRINTED, PRIMARY_PRINTED = "--print-certificate.", "--print-certificate=primary."
PROMOTION = "2026-06-06 12:00 UTC"


@dataclass(frozen=True)
class Trusted:
    """A moment in the life of a trust, and what its advice must and must not name."""

    state: TrustState
    slots: Mapping[Slot, Certificate]
    named: Sequence[str]
    not_named: Sequence[str] = ()
    left: timedelta = 17 * DAY
    signing: Sequence[Certificate] = BOTH
    signer: Certificate | None = PRIMARY
    policy: Policy = ADFS
    federated: bool = True
    service: str = HOST
    update: UpdateResult | None = None
    source: TrustSource = TrustSource.GRAPH

    @property
    def line(self) -> str:
        now, metadata = T - self.left, farm(*self.signing)
        rollover = verdict(metadata, self.policy, signer=self.signer, now=now)
        trust = DomainTrust(self.source, self.federated, self.slots, service=self.service, update=self.update)
        found = judge(
            "contoso.com",
            trust,
            entity=metadata.entities[0],
            rollover=rollover,
            policy=self.policy,
            url=f"https://{HOST}/",
            now=now,
        )
        assert found.state is self.state
        return trust_advice(found, trust, rollover, now)


TRUSTS = {
    "broken": Trusted(
        TrustState.BROKEN,
        {Slot.SIGNING: OLDER},
        [
            f"does not trust the certificate in use ({PRIMARY.thumbprint})",
            "everybody of contoso.com is locked out of Microsoft 365 now",
            f"{WRITE} -NextSigningCertificate.",
            PRIMARY_PRINTED,
        ],
    ),
    "broken, and the successor is in the first slot": Trusted(
        TrustState.BROKEN, {Slot.SIGNING: SUCCESSOR}, [f"{WRITE} -NextSigningCertificate."], ["Trusted and not"]
    ),
    "broken, and the successor is in the next slot": Trusted(
        TrustState.BROKEN, {Slot.NEXT: SUCCESSOR}, [f"{WRITE} -SigningCertificate."]
    ),
    "broken, and the successor ends before the other": Trusted(
        TrustState.BROKEN, {Slot.SIGNING: SUCCESSOR, Slot.NEXT: OLDER}, [f"{WRITE} -NextSigningCertificate."]
    ),
    "broken, and one ends before the other": Trusted(
        TrustState.BROKEN, {Slot.SIGNING: FOREIGN, Slot.NEXT: OLDER}, [f"{WRITE} -SigningCertificate."]
    ),
    "broken, and nothing is trusted": Trusted(
        TrustState.BROKEN, {}, [f"{WRITE} -SigningCertificate."], signing=(PRIMARY,)
    ),
    "at risk": Trusted(
        TrustState.AT_RISK,
        {Slot.SIGNING: PRIMARY},
        [
            f"does not know the successor ({SUCCESSOR.thumbprint})",
            f"everybody of contoso.com is locked out of Microsoft 365 once it signs, about {PROMOTION}",
            f"{WRITE} -NextSigningCertificate.",
            SUCCESSOR_PRINTED,
        ],
    ),
    "at risk, and the primary is in the next slot": Trusted(
        TrustState.AT_RISK, {Slot.NEXT: PRIMARY}, [f"{WRITE} -SigningCertificate."]
    ),
    "at risk, and the primary is in both slots": Trusted(
        TrustState.AT_RISK, {Slot.SIGNING: PRIMARY, Slot.NEXT: PRIMARY}, [f"{WRITE} -NextSigningCertificate."]
    ),
    "at risk, and only dates say which of two that are trusted is in use": Trusted(
        TrustState.AT_RISK,
        {Slot.SIGNING: PRIMARY, Slot.NEXT: SECOND},
        [f"{WRITE}, into the slot whose certificate Get-AdfsCertificate does not show as primary."],
        signing=(PRIMARY, SECOND, SUCCESSOR),
        signer=None,
    ),
    "at risk, and of two that are trusted one has ended": Trusted(
        TrustState.AT_RISK,
        {Slot.SIGNING: PRIMARY, Slot.NEXT: ENDED},
        [f"{WRITE} -NextSigningCertificate."],
        signing=(PRIMARY, ENDED, SUCCESSOR),
        signer=None,
    ),
    "at risk, and the promotion is due": Trusted(
        TrustState.AT_RISK, {Slot.SIGNING: PRIMARY}, ["once it signs, at any moment."], [PROMOTION], left=14 * DAY
    ),
    "at risk, manual": Trusted(
        TrustState.AT_RISK, {Slot.SIGNING: PRIMARY}, [f"by {END} at the latest"], left=14 * DAY, policy=MANUAL
    ),
    "pending": Trusted(
        TrustState.PENDING,
        {Slot.SIGNING: PRIMARY},
        ["does not take it from the metadata before", f"about {PROMOTION}", f"{WRITE} -NextSigningCertificate"],
        ["cannot"],
        left=19 * DAY,
        update=UpdateResult.NO_NEW_CERTIFICATE_FOUND,
    ),
    "pending, and Entra ID cannot read the metadata": Trusted(
        TrustState.PENDING,
        {Slot.SIGNING: PRIMARY},
        [
            "cannot read the metadata",
            f"about {PROMOTION}",
            f"before that, write it with {WRITE} -NextSigningCertificate.",
        ],
        ["daily"],
        left=19 * DAY,
        update=UpdateResult.COULD_NOT_ACCESS_REMOTE_HOST,
    ),
    "in sync": Trusted(
        TrustState.IN_SYNC, {Slot.SIGNING: PRIMARY}, ["Nothing to do", "the primary for"], signing=(PRIMARY,)
    ),
    "in sync with the successor": Trusted(
        TrustState.IN_SYNC,
        {Slot.SIGNING: PRIMARY, Slot.NEXT: SUCCESSOR},
        ["Nothing to do", "the primary and the successor for contoso.com"],
    ),
    "in sync, and a foreign certificate": Trusted(
        TrustState.IN_SYNC,
        {Slot.SIGNING: PRIMARY, Slot.NEXT: FOREIGN},
        ["trusts the primary for", f"not published: {FOREIGN.thumbprint}. Left over, or planted"],
        ["othing to do"],
        signing=(PRIMARY,),
    ),
    "broken, and two foreign certificates": Trusted(
        TrustState.BROKEN,
        {Slot.SIGNING: FOREIGN, Slot.NEXT: OLDER},
        ["locked out", FOREIGN.thumbprint, OLDER.thumbprint],
    ),
    "not federated": Trusted(
        TrustState.NOT_FEDERATED, {}, ["contoso.com is not federated", "security"], [HOST], federated=False
    ),
    "elsewhere": Trusted(
        TrustState.NOT_FEDERATED,
        {Slot.SIGNING: PRIMARY},
        ["sends the people of contoso.com to sts.fabrikam.example", "security"],
        service="sts.fabrikam.example",
    ),
    "the source tells too little": Trusted(
        TrustState.UNKNOWN,
        {Slot.UNNAMED: FOREIGN},
        ["cannot be told", "Get-AdfsCertificate", "Get-MgDomainFederationConfiguration -DomainId contoso.com"],
        ["Trusted and not"],
        source=TrustSource.USER_REALM,
    ),
}

each_trust = pytest.mark.parametrize("trusted", TRUSTS.values(), ids=TRUSTS.keys())


@each_trust
def test_the_advice_about_a_trust_names_whom_it_hits_until_when_and_the_command(trusted: Trusted) -> None:
    line = trusted.line

    assert [words for words in trusted.named if words not in line] == []
    assert [words for words in trusted.not_named if words in line] == []


@each_trust
def test_the_advice_about_a_trust_is_one_line_too(trusted: Trusted) -> None:
    can_be_read_aloud(trusted.line, longest=480)


def test_every_state_of_a_trust_is_covered_and_has_a_word() -> None:
    assert {trusted.state for trusted in TRUSTS.values()} == set(TrustState) == set(TRUST_WORDS)
    assert len(set(TRUST_WORDS.values())) == len(TrustState)


def test_only_a_trust_in_sync_has_nothing_to_do() -> None:
    idle = {name for name, trusted in TRUSTS.items() if "othing to do" in trusted.line}

    assert idle == {"in sync", "in sync with the successor"}


def test_a_domain_without_an_answer_or_a_document_says_which_is_missing() -> None:
    trust = DomainTrust(TrustSource.GRAPH, federated=True, certificates={Slot.SIGNING: PRIMARY})
    found = judge("contoso.com", None, entity=None, rollover=None, policy=ADFS, url="", now=NOW)

    unanswered, unread = trust_advice(found, None, None, NOW), trust_advice(found, trust, None, NOW)

    assert "never answered" in unanswered
    assert "No signing key was read" in unread
    can_be_read_aloud(unanswered)
    can_be_read_aloud(unread)
