"""One line for the person on call: what it must name, for every state and profile that can occur together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from builders import DAY, HOUR, NOW, certificate, entity_of, farm, metadata_of, policy, role_of, verdict

from exporter.advice import advice
from exporter.model import Certificate, Metadata, Role
from exporter.policy import Policy, Profile
from exporter.rollover import State

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
    line = case.line

    assert line.isprintable()
    assert line == " ".join(line.split())
    assert line[0].isupper()
    assert line.endswith(".")
    assert ".." not in line
    assert "None" not in line
    assert "unknown date" not in line
    assert 40 < len(line) < 400


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
