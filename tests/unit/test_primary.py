"""What says which signing certificate is primary, in which rank, and what happens when it disagrees."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from builders import DAY, ENTITY_ID, NOW, SECOND, certificate, dated, entity_of, policy, role_of, signed_by

from exporter.model import Certificate, FaultKind, Role, Signature, SignatureState
from exporter.policy import Policy, Profile
from exporter.primary import Claim, Evidence, by_dates, claims_of, has_begun, proves

OLD = certificate(not_before=NOW - 350 * DAY, not_after=NOW + 15 * DAY)
NEW = certificate(not_before=NOW - 5 * DAY, not_after=NOW + 360 * DAY)
FOREIGN = certificate(not_before=NOW - 100 * DAY)


def made_with(signing: Certificate, *, apart: float = 4) -> Certificate:
    """An encryption certificate that started so many seconds later."""
    return certificate(not_before=signing.not_before + apart * SECOND, not_after=signing.not_after, nth=1)


def claims(
    *signing: Certificate,
    encryption: Sequence[Certificate] = (),
    policy: Policy = policy(),  # noqa: B008 -- frozen
    signature: Signature | None = None,
) -> tuple[list[tuple[Evidence, Certificate]], list[FaultKind]]:
    found, faults = whole(*signing, encryption=encryption, policy=policy, signature=signature)
    return [(claim.evidence, claim.primary) for claim in found], list(faults)


def whole(
    *signing: Certificate,
    encryption: Sequence[Certificate] = (),
    policy: Policy = policy(),  # noqa: B008 -- frozen
    signature: Signature | None = None,
) -> tuple[tuple[Claim, ...], tuple[FaultKind, ...]]:
    entity = entity_of(role_of(Role.IDP, *signing, encryption=encryption), entity_id=ENTITY_ID)
    return claims_of(entity, signing, policy, signature, NOW)


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
def test_whoever_signs_a_document_about_itself_signs_it_with_the_primary(profile: Profile) -> None:
    found = claims(OLD, NEW, policy=policy(profile), signature=signed_by(NEW))

    assert found == ([(Evidence.SIGNATURE, NEW)], [])


@pytest.mark.parametrize("profile", [Profile.SAML, Profile.ENTRA])
@pytest.mark.parametrize("state", [SignatureState.INVALID, SignatureState.UNCHECKED])
def test_only_of_adfs_do_other_kinds_of_evidence_say_anything(profile: Profile, state: SignatureState) -> None:
    found = claims(OLD, NEW, policy=policy(profile), signature=signed_by(NEW, state), encryption=[made_with(NEW)])

    assert found == ([(Evidence.DATES, OLD)], [])


def test_people_who_renew_a_farm_by_hand_do_not_change_what_adfs_signs_with() -> None:
    found = claims(OLD, NEW, policy=policy(Profile.ADFS_MANUAL), signature=signed_by(NEW))

    assert found == ([(Evidence.SIGNATURE, NEW)], [])


@pytest.mark.parametrize("profile", Profile)
def test_the_operators_word_counts_for_every_publisher(profile: Profile) -> None:
    assert claims(OLD, NEW, policy=policy(profile, primary=NEW)) == ([(Evidence.CONFIGURED, NEW)], [])


def test_a_configured_primary_that_is_published_no_longer_is_ignored_and_a_fault() -> None:
    found = claims(OLD, NEW, policy=policy(primary=FOREIGN), signature=signed_by(NEW))

    assert found == ([(Evidence.SIGNATURE, NEW)], [FaultKind.PRIMARY_IGNORED])


@pytest.mark.parametrize("end", [NOW + SECOND, NOW, NOW - SECOND, NOW - 300 * DAY], ids=str)
def test_a_configured_primary_counts_through_its_end(end: datetime) -> None:
    configured = certificate(not_before=NOW - 365 * DAY, not_after=end)

    assert claims(configured, NEW, policy=policy(primary=configured)) == ([(Evidence.CONFIGURED, configured)], [])


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
SOON = timedelta(minutes=10)
"""How far a clock that made a certificate may be ahead of ours."""
FUTURE = dated(NOW + SOON + SECOND, NOW + 700 * DAY, nth=3)
LATER_FUTURE = dated(NOW + SOON + 2 * SECOND, NOW + 365 * DAY, nth=4)
STARTING = dated(NOW + SOON, NOW + 365 * DAY, nth=5)
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
        "a second before it counts as started a certificate is not valid",
        "valid until its last second",
        "valid from ten minutes before its first second",
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


def test_a_certificate_has_begun_ten_minutes_before_its_first_second() -> None:
    begun = [has_begun(NEW, NEW.not_before - SOON + each * SECOND) for each in (-1, 0, 1)]

    assert begun == [False, True, True]


@pytest.mark.parametrize(
    ("configured", "signature", "encryption", "evidence"),
    [
        (NEW, signed_by(NEW), made_with(OLD), [NEW, NEW, OLD]),
        (OLD, signed_by(NEW), made_with(OLD), [OLD, NEW, OLD]),
        (NEW, signed_by(OLD, SignatureState.INVALID), made_with(NEW), [NEW, NEW, OLD]),
    ],
    ids=["of the pair", "of the signature", "of a signature that does not verify"],
)
def test_a_contradiction_that_is_outvoted_is_shown_and_changes_nothing(
    configured: Certificate, signature: Signature, encryption: Certificate, evidence: list[Certificate]
) -> None:
    found, faults = whole(OLD, NEW, encryption=[encryption], policy=policy(primary=configured), signature=signature)

    assert [each.primary for each in found] == evidence
    assert faults == ()
    assert proves(found)


@pytest.mark.parametrize(
    ("configured", "signature", "encryption", "evidence"),
    [
        (NEW, signed_by(OLD), None, [NEW, OLD]),
        (NEW, None, made_with(OLD), [NEW, OLD]),
        (None, signed_by(NEW), made_with(OLD), [NEW, OLD]),
        (NEW, signed_by(OLD), made_with(OLD), [NEW, OLD, OLD]),
        (NEW, signed_by(OLD), made_with(FOREIGN), [NEW, OLD, FOREIGN]),
    ],
    ids=[
        "operator and signature",
        "operator and pair",
        "signature and pair",
        "one against two",
        "three that all disagree",
    ],
)
def test_evidence_proves_nothing_where_no_more_agrees_with_the_first_than_contradicts_it(
    configured: Certificate | None,
    signature: Signature | None,
    encryption: Certificate | None,
    evidence: list[Certificate],
) -> None:
    found, faults = whole(
        OLD,
        NEW,
        FOREIGN,
        encryption=[encryption] if encryption else [],
        policy=policy(primary=configured),
        signature=signature,
    )

    assert [each.primary for each in found] == evidence
    assert faults == (FaultKind.PRIMARY_DISPUTED,)
    assert not proves(found)


def test_what_agrees_with_itself_proves_a_primary_and_dates_or_nothing_do_not() -> None:
    one, _ = whole(OLD, NEW, signature=signed_by(NEW))
    dates, _ = whole(OLD, NEW)
    single, _ = whole(OLD)

    assert [proves(each) for each in (one, dates, single, ())] == [True, False, False, False]
