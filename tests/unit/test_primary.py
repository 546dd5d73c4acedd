"""What says which signing certificate is primary, in which rank, and what happens when it disagrees."""

from collections.abc import Sequence
from datetime import datetime

import pytest
from builders import DAY, ENTITY_ID, NOW, SECOND, certificate, dated, entity_of, policy, role_of, signed_by

from exporter.model import Certificate, FaultKind, Role, Signature, SignatureState
from exporter.policy import Policy, Profile
from exporter.primary import Claim, Evidence, by_dates, claims_of

OLD = certificate(not_before=NOW - 350 * DAY, not_after=NOW + 15 * DAY)
NEW = certificate(not_before=NOW - 5 * DAY, not_after=NOW + 360 * DAY)
FOREIGN = certificate(not_before=NOW - 100 * DAY)


def made_with(signing: Certificate, *, apart: float = 4) -> Certificate:
    """An encryption certificate that started so many seconds later."""
    return certificate(not_before=signing.not_before + apart * SECOND, not_after=signing.not_after, nth=1)


def claims(
    *signing: Certificate,
    encryption: Sequence[Certificate] = (),
    policy: Policy = policy(),  # noqa: B008 - frozen
    signature: Signature | None = None,
) -> tuple[list[tuple[Evidence, Certificate]], list[FaultKind]]:
    entity = entity_of(role_of(Role.IDP, *signing, encryption=encryption), entity_id=ENTITY_ID)
    found, faults = claims_of(entity, signing, policy, signature, NOW)
    return [(claim.evidence, claim.primary) for claim in found], list(faults)


def test_evidence_has_the_rank_of_the_design() -> None:
    assert [*Evidence] == [
        Evidence.CONFIGURED,
        Evidence.SIGNATURE,
        Evidence.ENCRYPTION_PAIR,
        Evidence.UNVERIFIED_SIGNATURE,
        Evidence.SINGLE,
        Evidence.DATES,
    ]


def test_only_the_first_four_kinds_are_strong() -> None:
    assert [evidence for evidence in Evidence if evidence.is_strong] == [*Evidence][:4]


def test_the_operators_word_comes_first() -> None:
    found = claims(OLD, NEW, policy=policy(primary=NEW), signature=signed_by(OLD), encryption=[made_with(OLD)])

    assert found == (
        [(Evidence.CONFIGURED, NEW), (Evidence.SIGNATURE, OLD), (Evidence.ENCRYPTION_PAIR, OLD)],
        [FaultKind.PRIMARY_DISPUTED],
    )


def test_the_documents_signature_comes_before_the_encryption_pair() -> None:
    found = claims(OLD, NEW, signature=signed_by(NEW), encryption=[made_with(OLD)])

    assert found == (
        [(Evidence.SIGNATURE, NEW), (Evidence.ENCRYPTION_PAIR, OLD)],
        [FaultKind.PRIMARY_DISPUTED],
    )


def test_the_encryption_pair_comes_before_a_signature_that_does_not_verify() -> None:
    found = claims(OLD, NEW, signature=signed_by(NEW, SignatureState.INVALID), encryption=[made_with(OLD)])

    assert found == (
        [(Evidence.ENCRYPTION_PAIR, OLD), (Evidence.UNVERIFIED_SIGNATURE, NEW)],
        [FaultKind.PRIMARY_DISPUTED],
    )


def test_a_signature_that_does_not_verify_comes_before_the_dates() -> None:
    found = claims(OLD, NEW, signature=signed_by(NEW, SignatureState.INVALID))

    assert found == ([(Evidence.UNVERIFIED_SIGNATURE, NEW)], [])


def test_evidence_that_agrees_is_no_dispute() -> None:
    found = claims(OLD, NEW, policy=policy(primary=NEW), signature=signed_by(NEW), encryption=[made_with(NEW)])

    assert found == (
        [(Evidence.CONFIGURED, NEW), (Evidence.SIGNATURE, NEW), (Evidence.ENCRYPTION_PAIR, NEW)],
        [],
    )


@pytest.mark.parametrize("state", [SignatureState.VALID, SignatureState.TRUSTED])
def test_a_signature_that_verifies_counts_whoever_vouches_for_it(state: SignatureState) -> None:
    assert claims(OLD, NEW, signature=signed_by(NEW, state)) == ([(Evidence.SIGNATURE, NEW)], [])


def test_a_signer_that_expired_still_signs() -> None:
    expired = certificate(not_before=NOW - 365 * DAY, not_after=NOW)

    assert claims(expired, NEW, signature=signed_by(expired)) == ([(Evidence.SIGNATURE, expired)], [])


@pytest.mark.parametrize(
    "signature",
    [
        None,
        Signature(SignatureState.UNSIGNED, None, ""),
        Signature(SignatureState.UNCHECKED, None, ""),
        Signature(SignatureState.INVALID, None, "no certificate in KeyInfo"),
        signed_by(FOREIGN),
        signed_by(FOREIGN, SignatureState.TRUSTED),
        signed_by(FOREIGN, SignatureState.INVALID),
    ],
    ids=["no answer", "unsigned", "unchecked", "invalid", "foreign", "trusted and foreign", "invalid and foreign"],
)
def test_a_signature_without_a_published_signing_certificate_says_nothing(signature: Signature | None) -> None:
    assert claims(OLD, NEW, signature=signature) == ([(Evidence.DATES, OLD)], [])


@pytest.mark.parametrize("profile", [Profile.SAML, Profile.ENTRA])
def test_only_adfs_signs_its_documents_with_the_primary(profile: Profile) -> None:
    found = claims(OLD, NEW, policy=policy(profile), signature=signed_by(NEW), encryption=[made_with(NEW)])

    assert found == ([(Evidence.DATES, OLD)], [])


def test_people_who_renew_a_farm_by_hand_do_not_change_what_adfs_signs_with() -> None:
    found = claims(OLD, NEW, policy=policy(Profile.ADFS_MANUAL), signature=signed_by(NEW))

    assert found == ([(Evidence.SIGNATURE, NEW)], [])


@pytest.mark.parametrize("profile", Profile)
def test_the_operators_word_counts_for_every_publisher(profile: Profile) -> None:
    assert claims(OLD, NEW, policy=policy(profile, primary=NEW)) == ([(Evidence.CONFIGURED, NEW)], [])


@pytest.mark.parametrize(
    "configured",
    [FOREIGN, certificate(not_before=NOW - 365 * DAY, not_after=NOW)],
    ids=["no longer published", "expired this second"],
)
def test_a_configured_primary_that_cannot_be_it_is_ignored_and_a_fault(configured: Certificate) -> None:
    published = [OLD, NEW] if configured is FOREIGN else [configured, OLD, NEW]

    found = claims(*published, policy=policy(primary=configured), signature=signed_by(NEW))

    assert found == ([(Evidence.SIGNATURE, NEW)], [FaultKind.PRIMARY_IGNORED])


def test_a_configured_primary_counts_until_the_second_it_expires() -> None:
    last_second = certificate(not_before=NOW - 365 * DAY, not_after=NOW + SECOND)

    assert claims(last_second, NEW, policy=policy(primary=last_second)) == ([(Evidence.CONFIGURED, last_second)], [])


def test_an_ignored_configured_primary_is_a_fault_where_nothing_is_published_too() -> None:
    assert claims(policy=policy(primary=OLD)) == ([], [FaultKind.PRIMARY_IGNORED])


@pytest.mark.parametrize("apart", [-60, -21, 0, 60])
def test_certificates_made_within_a_minute_are_a_pair(apart: float) -> None:
    assert claims(OLD, NEW, encryption=[made_with(NEW, apart=apart)]) == ([(Evidence.ENCRYPTION_PAIR, NEW)], [])


@pytest.mark.parametrize("apart", [-61, 61])
def test_certificates_made_further_apart_are_no_pair(apart: float) -> None:
    assert claims(OLD, NEW, encryption=[made_with(NEW, apart=apart)]) == ([(Evidence.DATES, OLD)], [])


def test_an_encryption_certificate_that_fits_two_signing_certificates_says_nothing() -> None:
    twin = certificate(not_before=NEW.not_before + 30 * SECOND)

    assert claims(OLD, NEW, twin, encryption=[made_with(NEW)]) == ([(Evidence.DATES, OLD)], [])


def test_two_encryption_certificates_say_nothing() -> None:
    assert claims(OLD, NEW, encryption=[made_with(OLD), made_with(NEW)]) == ([(Evidence.DATES, OLD)], [])


def test_the_same_encryption_certificate_in_every_role_is_one() -> None:
    encryption = made_with(NEW)
    entity = entity_of(
        role_of(Role.SP, OLD, NEW, encryption=[encryption]),
        role_of(Role.IDP, OLD, NEW, encryption=[encryption, encryption]),
    )

    assert claims_of(entity, [OLD, NEW], policy(), None, NOW) == ((Claim(Evidence.ENCRYPTION_PAIR, NEW),), ())


def test_the_sp_roles_encryption_certificate_counts_where_the_idp_role_has_none() -> None:
    entity = entity_of(role_of(Role.SP, encryption=[made_with(NEW)]), role_of(Role.IDP, OLD, NEW))

    assert claims_of(entity, [OLD, NEW], policy(), None, NOW) == ((Claim(Evidence.ENCRYPTION_PAIR, NEW),), ())


def test_the_only_certificate_is_primary() -> None:
    assert claims(OLD) == ([(Evidence.SINGLE, OLD)], [])


def test_the_only_certificate_with_stronger_evidence_is_primary_by_that() -> None:
    assert claims(OLD, signature=signed_by(OLD)) == ([(Evidence.SIGNATURE, OLD)], [])


def test_without_certificates_nothing_is_primary() -> None:
    assert claims() == ([], [])


PAST = dated(NOW - 400 * DAY, NOW, nth=1)
LONGER_PAST = dated(NOW - 500 * DAY, NOW - SECOND, nth=2)
FUTURE = dated(NOW + SECOND, NOW + 700 * DAY, nth=3)
LATER_FUTURE = dated(NOW + 2 * SECOND, NOW + 365 * DAY, nth=4)
STARTING = dated(NOW, NOW + 365 * DAY, nth=5)
STARTED = dated(NOW - SECOND, NOW + SECOND, nth=6)


@pytest.mark.parametrize(
    ("certificates", "primary"),
    [
        ([STARTING, STARTED], STARTED),
        ([STARTING, FUTURE], STARTING),
        ([STARTED, PAST, FUTURE], STARTED),
        ([STARTING, PAST], STARTING),
        ([PAST, LONGER_PAST], PAST),
        ([PAST, FUTURE], PAST),
        ([FUTURE, LATER_FUTURE], FUTURE),
        ([FUTURE, LATER_FUTURE, LONGER_PAST], LONGER_PAST),
    ],
    ids=[
        "the earlier of two valid ones",
        "a second before it starts a certificate is not valid",
        "valid until its last second",
        "valid from its first second",
        "none is valid: the one that ended last",
        "none is valid: one that has not started does not count",
        "none has started: the one that starts first",
        "one ended, the others have not started",
    ],
)
def test_dates_alone_choose(certificates: list[Certificate], primary: Certificate) -> None:
    assert by_dates(certificates, NOW) == primary
    assert by_dates(certificates[::-1], NOW) == primary


@pytest.mark.parametrize("dates", [(STARTED.not_before, STARTED.not_after), (NOW - 9 * DAY, NOW), (NOW + DAY,) * 2])
def test_equal_dates_choose_alike_in_any_order(dates: tuple[datetime, datetime]) -> None:
    one, other = dated(*dates, nth=1), dated(*dates, nth=2)

    assert by_dates([one, other], NOW) == by_dates([other, one], NOW)
