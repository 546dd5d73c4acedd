"""Every row of the table of states, its boundaries, its precedence, and what stands around it.

``T`` is the moment at which the primary ends. Who signs the document is primary, unless a test says otherwise.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from builders import (
    DAY,
    ENTITY_ID,
    HOUR,
    NOW,
    SECOND,
    authority,
    certificate,
    dated,
    entity_of,
    farm,
    metadata_of,
    policy,
    role_of,
    signed_by,
    verdict,
)

from exporter.model import Certificate, FaultKind, Key, Metadata, Role, RoleDescriptor, Use
from exporter.policy import Policy, Profile
from exporter.primary import Evidence
from exporter.rollover import FOREVER, Position, Severity, State, expects_new_key, judge

T = NOW + 20 * DAY
MARGIN = 30 * DAY
SOON = timedelta(minutes=10)
"""How long before its first second a certificate counts as begun."""
IN_DOUBT = 14 * DAY
"""How long past its end a certificate may be in use, where nothing proves another one."""

PRIMARY = certificate(not_before=T - 365 * DAY, not_after=T)
SUCCESSOR = certificate(not_before=T - 20 * DAY, not_after=T + 345 * DAY)
PROMOTION = SUCCESSOR.not_before + 5 * DAY
LATE = PROMOTION + 36 * HOUR
OLDER = certificate(not_before=PRIMARY.not_before - 345 * DAY, not_after=NOW - 200 * DAY)
"""Signed before the primary did; it ended long ago."""
OLDER_AND_VALID = certificate(not_before=OLDER.not_before, not_after=T + 3650 * DAY)

ADFS, MANUAL, SAML, ENTRA = policy(), policy(Profile.ADFS_MANUAL), policy(Profile.SAML), policy(Profile.ENTRA)
BY_PROFILE = {each.profile: each for each in (ADFS, MANUAL, SAML, ENTRA)}


def state(
    *signing: Certificate, policy: Policy = ADFS, signer: Certificate | None = PRIMARY, now: datetime = NOW
) -> tuple[State, Severity]:
    rollover = verdict(farm(*signing), policy, signer=signer, now=now)
    return rollover.state, rollover.severity


def spelled(value: Policy | datetime | tuple[State, Severity]) -> str:
    """What a test's id calls it."""
    if isinstance(value, tuple):
        return f"{value[0]} {value[1].name.lower()}"
    return value.profile if isinstance(value, Policy) else str(value)


def before_at_after(moment: datetime) -> tuple[datetime, datetime, datetime]:
    return moment - SECOND, moment, moment + SECOND


OK, INFO, WARNING, CRITICAL = Severity
STEADY, PROMOTED = (State.STEADY, OK), (State.PROMOTED, OK)
PUBLISHED, UNPROVEN = (State.PUBLISHED, INFO), (State.UNPROVEN, WARNING)
OVERDUE, DUE = (State.OVERDUE, WARNING), (State.DUE, WARNING)
STALLED, STALLED_AND_URGENT = (State.STALLED, WARNING), (State.STALLED, CRITICAL)
MISSING, EXPIRED, NONE = (State.MISSING, CRITICAL), (State.EXPIRED, CRITICAL), (State.NONE, CRITICAL)


@pytest.mark.parametrize(
    ("policy", "moment", "before", "from_then_on"),
    [
        (ADFS, PRIMARY.not_before - SOON, EXPIRED, STEADY),
        (ADFS, T - 35 * DAY, STEADY, STEADY),
        (ADFS, T - 20 * DAY, STEADY, STEADY),
        (ADFS, T - 19 * DAY, STEADY, OVERDUE),
        (ADFS, T - 5 * DAY, OVERDUE, MISSING),
        (ADFS, T, MISSING, EXPIRED),
        (MANUAL, PRIMARY.not_before - SOON, EXPIRED, STEADY),
        (MANUAL, T - 35 * DAY, STEADY, DUE),
        (MANUAL, T - 19 * DAY, DUE, DUE),
        (MANUAL, T - 5 * DAY, DUE, MISSING),
        (MANUAL, T, MISSING, EXPIRED),
        (SAML, PRIMARY.not_before - SOON, EXPIRED, STEADY),
        (SAML, T - 35 * DAY, STEADY, STEADY),
        (SAML, T - 30 * DAY, STEADY, DUE),
        (SAML, T - 5 * DAY, DUE, MISSING),
        (SAML, T, MISSING, EXPIRED),
        (ENTRA, PRIMARY.not_before, STEADY, STEADY),
        (ENTRA, T - 5 * DAY, STEADY, STEADY),
        (ENTRA, T, STEADY, STEADY),
    ],
    ids=spelled,
)
def test_a_primary_alone_turns_at_the_second(
    policy: Policy, moment: datetime, before: tuple[State, Severity], from_then_on: tuple[State, Severity]
) -> None:
    turned = [state(PRIMARY, policy=policy, now=now) for now in before_at_after(moment)]

    assert turned == [before, from_then_on, from_then_on]


@pytest.mark.parametrize(
    ("policy", "moment", "before", "from_then_on"),
    [
        # Published before it starts: a successor all the same, and nobody is surprised when it does.
        (ADFS, SUCCESSOR.not_before, PUBLISHED, PUBLISHED),
        (ADFS, PROMOTION, PUBLISHED, PUBLISHED),
        (ADFS, LATE, PUBLISHED, STALLED),
        (ADFS, T - 5 * DAY, STALLED, STALLED_AND_URGENT),
        (ADFS, T, STALLED_AND_URGENT, EXPIRED),
        (MANUAL, LATE, PUBLISHED, PUBLISHED),
        (MANUAL, T - 5 * DAY, PUBLISHED, STALLED_AND_URGENT),
        (MANUAL, T, STALLED_AND_URGENT, EXPIRED),
        (policy(Profile.SAML, primary=PRIMARY), LATE, PUBLISHED, PUBLISHED),
        (policy(Profile.SAML, primary=PRIMARY), T - 5 * DAY, PUBLISHED, STALLED_AND_URGENT),
        (ENTRA, LATE, STEADY, STEADY),
        (ENTRA, T - 5 * DAY, STEADY, STEADY),
    ],
    ids=spelled,
)
def test_a_primary_with_a_successor_turns_at_the_second(
    policy: Policy, moment: datetime, before: tuple[State, Severity], from_then_on: tuple[State, Severity]
) -> None:
    turned = [state(PRIMARY, SUCCESSOR, policy=policy, now=now) for now in before_at_after(moment)]

    assert turned == [before, from_then_on, from_then_on]


@pytest.mark.parametrize("policy", [ADFS, MANUAL, SAML], ids=lambda policy: policy.profile)
def test_dates_alone_never_say_that_a_promotion_failed(policy: Policy) -> None:
    late = [state(PRIMARY, SUCCESSOR, policy=policy, signer=None, now=now) for now in before_at_after(LATE)]

    assert late == [PUBLISHED, PUBLISHED, PUBLISHED]


@pytest.mark.parametrize(
    ("policy", "moment", "before", "from_then_on"),
    [
        (ADFS, T - 5 * DAY, PUBLISHED, UNPROVEN),
        (ADFS, T, UNPROVEN, UNPROVEN),
        # AD FS may go on with a certificate that has ended.
        (ADFS, T + IN_DOUBT, UNPROVEN, UNPROVEN),
        (ADFS, T + 200 * DAY, UNPROVEN, UNPROVEN),
        (MANUAL, T - 5 * DAY, PUBLISHED, UNPROVEN),
        (MANUAL, T + IN_DOUBT, UNPROVEN, UNPROVEN),
        (SAML, T - 5 * DAY, PUBLISHED, UNPROVEN),
        (SAML, T, UNPROVEN, UNPROVEN),
        (SAML, T + IN_DOUBT, UNPROVEN, STEADY),
        (ENTRA, T - 5 * DAY, STEADY, STEADY),
        (policy(Profile.SAML, expiry=False), T - 5 * DAY, PUBLISHED, PUBLISHED),
        (policy(Profile.SAML, missing=0), T, PUBLISHED, UNPROVEN),
    ],
    ids=spelled,
)
def test_one_of_several_that_ends_is_unproven_where_nothing_proves_another_one(
    policy: Policy, moment: datetime, before: tuple[State, Severity], from_then_on: tuple[State, Severity]
) -> None:
    turned = [state(PRIMARY, SUCCESSOR, policy=policy, signer=None, now=now) for now in before_at_after(moment)]

    assert turned == [before, from_then_on, from_then_on]


def test_promoted_lasts_until_the_older_key_ends() -> None:
    turned = [state(PRIMARY, SUCCESSOR, signer=SUCCESSOR, now=now) for now in before_at_after(T)]

    assert turned == [PROMOTED, STEADY, STEADY]


NEVER_STARTED = certificate(not_before=NOW + SOON + SECOND, not_after=NOW + 365 * DAY)


@pytest.mark.parametrize(
    ("signing", "policy", "now", "expected"),
    [
        ([PRIMARY], ADFS, T, EXPIRED),
        ([NEVER_STARTED], ADFS, NOW, EXPIRED),
        ([PRIMARY, SUCCESSOR], ADFS, T, EXPIRED),
        ([PRIMARY], ADFS, T - 5 * DAY, MISSING),
        ([PRIMARY], MANUAL, T - 5 * DAY, MISSING),
        ([PRIMARY, OLDER_AND_VALID], ADFS, T - 5 * DAY, MISSING),
        ([PRIMARY, SUCCESSOR, OLDER_AND_VALID], ADFS, LATE, STALLED),
        ([PRIMARY, OLDER_AND_VALID], ADFS, T - 19 * DAY, OVERDUE),
        ([PRIMARY, OLDER_AND_VALID], MANUAL, T - 35 * DAY, DUE),
        ([PRIMARY, SUCCESSOR, OLDER_AND_VALID], ADFS, T - 19 * DAY, PUBLISHED),
        ([PRIMARY, SUCCESSOR], MANUAL, T - 35 * DAY, PUBLISHED),
        ([PRIMARY, OLDER_AND_VALID], ADFS, T - 100 * DAY, PROMOTED),
        ([PRIMARY, OLDER], ADFS, T - 100 * DAY, STEADY),
        ([PRIMARY, SUCCESSOR], ENTRA, T, STEADY),
    ],
    ids=[
        "expired before missing",
        "not started before everything",
        "expired before stalled",
        "missing before overdue",
        "missing before due",
        "missing before promoted: an old key that lingers hushes nothing",
        "stalled before published",
        "overdue before promoted",
        "due before promoted",
        "published before promoted",
        "published before due",
        "promoted before steady",
        "an old key that ended is nothing",
        "entra before expired",
    ],
)
def test_the_first_row_that_holds_wins(
    signing: Sequence[Certificate], policy: Policy, now: datetime, expected: tuple[State, Severity]
) -> None:
    assert state(*signing, policy=policy, signer=signing[0], now=now) == expected


@pytest.mark.parametrize("profile", Profile)
def test_an_identity_provider_without_any_key_has_none(profile: Profile) -> None:
    rollover = verdict(farm(), BY_PROFILE[profile])

    assert (rollover.state, rollover.severity) == NONE
    assert (rollover.primary, rollover.evidence, rollover.successor) == (None, None, None)
    assert rollover.until == FOREVER


def test_a_key_for_encryption_alone_is_no_signing_key() -> None:
    assert state_of(role_of(Role.IDP, encryption=[PRIMARY])) == NONE


def test_the_sp_roles_keys_do_not_make_up_for_an_idp_role_without_any() -> None:
    assert state_of(role_of(Role.SP, PRIMARY), role_of(Role.IDP)) == NONE


def test_a_service_provider_may_do_without_keys() -> None:
    assert state_of(role_of(Role.SP)) == STEADY


@pytest.mark.parametrize("use", [Use.SIGNING, Use.UNSPECIFIED])
def test_a_key_without_a_certificate_is_a_key(use: Use) -> None:
    descriptor = RoleDescriptor(Role.IDP, "IDPSSODescriptor", (Key(use, None),))

    assert state_of(descriptor) == STEADY


def test_a_key_of_unspecified_use_signs() -> None:
    assert state_of(role_of(Role.IDP, PRIMARY, use=Use.UNSPECIFIED), now=T - 5 * DAY) == MISSING


def state_of(*roles: RoleDescriptor, now: datetime = NOW) -> tuple[State, Severity]:
    rollover = verdict(metadata_of(entity_of(*roles)), ADFS, now=now)
    return rollover.state, rollover.severity


@pytest.mark.parametrize(
    ("policy", "moment", "before", "from_then_on"),
    [
        (policy(generation=40), T - 39 * DAY, STEADY, OVERDUE),
        (policy(missing=7), T - 7 * DAY, OVERDUE, MISSING),
        (policy(missing=0), T, OVERDUE, EXPIRED),
        (policy(missing=0.5), T - 12 * HOUR, OVERDUE, MISSING),
        (policy(generation=1, missing=0), T, STEADY, EXPIRED),
        (policy(Profile.ADFS_MANUAL, due=90), T - 90 * DAY, STEADY, DUE),
        (policy(Profile.SAML, due=10.5), T - 252 * HOUR, STEADY, DUE),
    ],
)
def test_the_policys_own_thresholds_count(
    policy: Policy, moment: datetime, before: tuple[State, Severity], from_then_on: tuple[State, Severity]
) -> None:
    turned = [state(PRIMARY, policy=policy, now=now) for now in before_at_after(moment)]

    assert turned == [before, from_then_on, from_then_on]


def test_the_policys_promotion_threshold_moves_the_prediction() -> None:
    metadata, later = farm(PRIMARY, SUCCESSOR), SUCCESSOR.not_before + 9 * DAY + 36 * HOUR

    rollovers = [verdict(metadata, policy(promotion=9), signer=PRIMARY, now=now) for now in before_at_after(later)]

    assert [each.state for each in rollovers] == [State.PUBLISHED, State.STALLED, State.STALLED]
    assert {each.promotion for each in rollovers} == {SUCCESSOR.not_before + 9 * DAY}


@pytest.mark.parametrize(
    ("signing", "expected"),
    [
        ([PRIMARY], STEADY),
        ([NEVER_STARTED], STEADY),
        ([PRIMARY, SUCCESSOR], PUBLISHED),
        ([], NONE),
    ],
)
@pytest.mark.parametrize("now", [NOW, T - SECOND])
def test_where_consumers_ignore_dates_only_keys_count(
    signing: Sequence[Certificate], now: datetime, expected: tuple[State, Severity]
) -> None:
    assert state(*signing, policy=policy(Profile.SAML, expiry=False), signer=None, now=now) == expected


def test_where_consumers_ignore_dates_an_older_key_is_still_one_too_many() -> None:
    pinned = policy(Profile.SAML, expiry=False, primary=PRIMARY)

    assert state(PRIMARY, OLDER_AND_VALID, policy=pinned, now=T - SECOND) == PROMOTED


def test_where_consumers_ignore_dates_an_expired_key_is_steady() -> None:
    assert state(PRIMARY, policy=policy(Profile.SAML, expiry=False), now=T + 3650 * DAY) == STEADY


def test_where_consumers_ignore_dates_a_promotion_can_be_late_all_the_same() -> None:
    dateless = policy(expiry=False)

    assert [state(PRIMARY, SUCCESSOR, policy=dateless, now=now) for now in (LATE - SECOND, LATE, T)] == [
        PUBLISHED,
        STALLED,
        STALLED,
    ]


def successor_of(primary: Certificate, *others: Certificate, now: datetime = NOW) -> Certificate | None:
    return verdict(farm(*others, primary), ADFS, signer=primary, now=now).successor


@pytest.mark.parametrize(
    ("not_before", "not_after", "succeeds"),
    [
        (NOW, T + MARGIN, True),
        (NOW, T + MARGIN - SECOND, False),
        (T - SECOND, T + 365 * DAY, True),
        (T, T + 365 * DAY, False),
        (PRIMARY.not_before + SECOND, T + 365 * DAY, True),
        (PRIMARY.not_before, T + 365 * DAY, False),
        (PRIMARY.not_before - SECOND, T + 365 * DAY, False),
        (NOW, datetime.max.replace(tzinfo=NOW.tzinfo), True),
    ],
    ids=[
        "outlives it by the margin",
        "a second less than the margin",
        "starts a second before the primary ends",
        "starts when the primary ends",
        "started a second later than the primary",
        "started together with the primary",
        "started before the primary",
        "ends when time does",
    ],
)
def test_a_successor_starts_later_overlaps_and_outlives(
    not_before: datetime,
    not_after: datetime,
    succeeds: bool,  # noqa: FBT001 -- a column of the table
) -> None:
    other = dated(not_before, not_after)

    assert successor_of(PRIMARY, other) == (other if succeeds else None)


def test_the_margin_is_the_policys() -> None:
    other = dated(NOW, T + 2 * DAY)

    succeeding = [verdict(farm(PRIMARY, other), policy(successor_margin=days)).successor for days in (2, 2.1)]

    assert succeeding == [other, None]


def test_an_expired_certificate_succeeds_nobody() -> None:
    primary, other = dated(NOW - 400 * DAY, NOW - 100 * DAY, nth=1), dated(NOW - 200 * DAY, NOW, nth=2)

    assert successor_of(primary, other, now=NOW - SECOND) == other
    assert successor_of(primary, other, now=NOW) is None


FIRST, SECOND_ONE, THIRD = (dated(NOW - (3 - nth) * DAY, T + 365 * DAY, nth=nth) for nth in range(3))


@pytest.mark.parametrize(
    ("first_seen", "expected"),
    [
        ({FIRST: 2, SECOND_ONE: 1, THIRD: 3}, SECOND_ONE),
        ({FIRST: 2, SECOND_ONE: 1, THIRD: 1}, SECOND_ONE),
        ({THIRD: 1}, THIRD),
        ({THIRD: 10**6}, THIRD),
        ({}, FIRST),
    ],
    ids=[
        "the one first seen",
        "seen together: the one that starts first",
        "what is not recorded was seen last",
        "whatever our clock said when it was recorded",
        "nothing recorded: the one that starts first",
    ],
)
def test_of_several_successors_the_one_seen_first_counts(
    first_seen: dict[Certificate, int], expected: Certificate
) -> None:
    seen = {each.fingerprint: NOW - 10 * DAY + hours * HOUR for each, hours in first_seen.items()}

    for signing in ([PRIMARY, FIRST, SECOND_ONE, THIRD], [THIRD, SECOND_ONE, FIRST, PRIMARY]):
        assert verdict(farm(*signing), ADFS, signer=PRIMARY, first_seen=seen).successor == expected


def test_of_twin_successors_the_lower_fingerprint_counts_in_any_order() -> None:
    twins = [dated(NOW, T + 365 * DAY, nth=nth) for nth in (1, 2)]

    assert successor_of(PRIMARY, *twins) == successor_of(PRIMARY, *twins[::-1]) == twins[0]


@pytest.mark.parametrize(
    ("others", "secondary_and_successor"),
    [
        ([], (False, False)),
        ([SUCCESSOR], (True, True)),
        ([OLDER_AND_VALID], (True, False)),
        ([OLDER], (False, False)),
        ([OLDER, SUCCESSOR], (True, True)),
        ([dated(T, T + 365 * DAY)], (True, False)),
    ],
    ids=["alone", "successor", "lingers valid", "lingers expired", "lingers beside a successor", "starts too late"],
)
def test_a_secondary_is_not_yet_a_successor(
    others: Sequence[Certificate], secondary_and_successor: tuple[bool, bool]
) -> None:
    rollover = verdict(farm(PRIMARY, *others), ADFS, signer=PRIMARY)

    assert (rollover.secondary_present, rollover.successor is not None) == secondary_and_successor


def test_a_secondary_is_present_until_the_second_it_expires() -> None:
    lingering = certificate(not_before=OLDER.not_before, not_after=NOW)

    present = [
        verdict(farm(PRIMARY, lingering), ADFS, signer=PRIMARY, now=now).secondary_present
        for now in before_at_after(NOW)
    ]

    assert present == [True, False, False]


OTHER_SHAPE = certificate(not_before=NOW - 2 * DAY, not_after=T + 365 * DAY, issuer=authority())


def promotion(
    successor: Certificate,
    *,
    policy: Policy = ADFS,
    signer: Certificate | None = PRIMARY,
    first_seen: datetime | None = None,
    now: datetime = NOW,
) -> datetime | None:
    seen = {PRIMARY.fingerprint: NOW - 90 * DAY, successor.fingerprint: first_seen} if first_seen else {}
    return verdict(farm(PRIMARY, successor), policy, signer=signer, first_seen=seen, now=now).promotion


def test_what_adfs_generated_is_promoted_five_days_after_it_began_whenever_we_came_to_look() -> None:
    assert promotion(SUCCESSOR) == PROMOTION
    assert promotion(SUCCESSOR, first_seen=NOW - HOUR) == PROMOTION


def test_another_shape_is_promoted_five_days_after_it_was_first_seen() -> None:
    assert promotion(OTHER_SHAPE, first_seen=NOW - HOUR) == NOW - HOUR + 5 * DAY


def test_another_shape_that_nobody_remembers_has_no_predicted_promotion() -> None:
    assert promotion(OTHER_SHAPE) is None


def test_another_shape_that_was_there_at_the_first_look_has_no_predicted_promotion() -> None:
    # Else check, which always looks for the first time, would say at each look that it is five days off.
    seen = dict.fromkeys((PRIMARY.fingerprint, OTHER_SHAPE.fingerprint), NOW)
    assert verdict(farm(PRIMARY, OTHER_SHAPE), ADFS, signer=PRIMARY, first_seen=seen).promotion is None


@pytest.mark.parametrize("profile", [Profile.ADFS_MANUAL, Profile.SAML, Profile.ENTRA])
def test_only_a_farm_that_manages_itself_is_predictable(profile: Profile) -> None:
    assert promotion(SUCCESSOR, policy=BY_PROFILE[profile], first_seen=NOW) is None


def test_another_shape_is_late_by_when_it_was_first_seen() -> None:
    seen, metadata = NOW - HOUR, farm(PRIMARY, OTHER_SHAPE)
    late = seen + 5 * DAY + 36 * HOUR

    states = [
        verdict(metadata, ADFS, signer=PRIMARY, first_seen={OTHER_SHAPE.fingerprint: seen}, now=now).state
        for now in before_at_after(late)
    ]

    assert states == [State.PUBLISHED, State.STALLED, State.STALLED]


def test_a_prediction_that_has_passed_is_shown_only_with_strong_evidence() -> None:
    weak = [promotion(SUCCESSOR, signer=None, now=now) for now in before_at_after(PROMOTION)]
    strong = [promotion(SUCCESSOR, now=now) for now in before_at_after(PROMOTION)]

    assert weak == [PROMOTION, None, None]
    assert strong == [PROMOTION, PROMOTION, PROMOTION]


def test_a_prediction_beyond_the_end_of_time_is_the_end_of_time() -> None:
    end = datetime.max.replace(tzinfo=NOW.tzinfo)
    primary = dated(end - 10 * DAY, end - 2 * DAY, nth=1)
    successor = dated(end - 3 * DAY, end, nth=2)

    rollover = verdict(farm(primary, successor), policy(successor_margin=1), signer=primary, now=NOW)

    assert (rollover.successor, rollover.promotion) == (successor, FOREVER)


def test_a_primary_that_ended_when_time_began_is_expired() -> None:
    beginning = datetime.min.replace(tzinfo=NOW.tzinfo)

    assert state(dated(beginning, beginning + SECOND), signer=None) == EXPIRED


def positions(metadata: Metadata, *, signer: Certificate) -> dict[tuple[Role, Use, str], Position]:
    return dict(verdict(metadata, ADFS, signer=signer).positions)


def placed(role: Role, use: Use, **certificates: Certificate) -> dict[tuple[Role, Use, str], Position]:
    return {(role, use, each.fingerprint): Position(position) for position, each in certificates.items()}


def test_every_published_certificate_has_its_position_in_every_role() -> None:
    encryption = certificate(not_before=PRIMARY.not_before + SECOND, not_after=T, nth=7)

    found = positions(farm(OLDER_AND_VALID, SUCCESSOR, PRIMARY, encryption=[encryption]), signer=PRIMARY)

    signing = {"primary": PRIMARY, "successor": SUCCESSOR, "secondary": OLDER_AND_VALID}
    assert found == (
        placed(Role.SP, Use.SIGNING, **signing)
        | placed(Role.IDP, Use.SIGNING, **signing)
        | placed(Role.SP, Use.ENCRYPTION, primary=encryption)
        | placed(Role.IDP, Use.ENCRYPTION, primary=encryption)
    )


def test_encryption_certificates_are_placed_by_their_dates() -> None:
    ended = dated(NOW - 400 * DAY, NOW, nth=1)
    running = dated(NOW - 300 * DAY, NOW + 65 * DAY, nth=2)
    following = dated(NOW - DAY, NOW + 364 * DAY, nth=3)

    found = positions(farm(PRIMARY, encryption=[following, ended, running]), signer=PRIMARY)

    assert found == (
        placed(Role.IDP, Use.SIGNING, primary=PRIMARY)
        | placed(Role.SP, Use.SIGNING, primary=PRIMARY)
        | placed(Role.IDP, Use.ENCRYPTION, primary=running, successor=following, secondary=ended)
        | placed(Role.SP, Use.ENCRYPTION, primary=running, successor=following, secondary=ended)
    )


def test_the_same_certificates_may_be_placed_otherwise_for_encryption() -> None:
    # Who signs says nothing about who decrypts.
    metadata = metadata_of(entity_of(role_of(Role.IDP, PRIMARY, SUCCESSOR, encryption=[PRIMARY, SUCCESSOR])))

    assert positions(metadata, signer=SUCCESSOR) == (
        placed(Role.IDP, Use.SIGNING, primary=SUCCESSOR, secondary=PRIMARY)
        | placed(Role.IDP, Use.ENCRYPTION, primary=PRIMARY, successor=SUCCESSOR)
    )


def test_another_roles_own_keys_are_placed_by_their_dates() -> None:
    running, following = dated(NOW - 300 * DAY, NOW + 65 * DAY, nth=2), dated(NOW - DAY, NOW + 364 * DAY, nth=3)
    metadata = metadata_of(entity_of(role_of(Role.SP, following, running), role_of(Role.IDP, PRIMARY, SUCCESSOR)))

    assert positions(metadata, signer=SUCCESSOR) == (
        placed(Role.IDP, Use.SIGNING, primary=SUCCESSOR, secondary=PRIMARY)
        | placed(Role.SP, Use.SIGNING, primary=running, successor=following)
    )


def test_a_role_that_shares_the_primary_shares_its_successor() -> None:
    own = certificate(not_before=NOW - 19 * DAY, not_after=T + 365 * DAY)
    metadata = metadata_of(entity_of(role_of(Role.SP, PRIMARY, own), role_of(Role.IDP, PRIMARY, SUCCESSOR)))

    assert positions(metadata, signer=PRIMARY) == (
        placed(Role.IDP, Use.SIGNING, primary=PRIMARY, successor=SUCCESSOR)
        | placed(Role.SP, Use.SIGNING, primary=PRIMARY, secondary=own)
    )


def test_a_certificate_that_stands_under_two_uses_has_a_position_under_each() -> None:
    metadata = metadata_of(entity_of(role_of(Role.IDP, PRIMARY), role_of(Role.IDP, PRIMARY, use=Use.UNSPECIFIED)))

    assert positions(metadata, signer=PRIMARY) == (
        placed(Role.IDP, Use.SIGNING, primary=PRIMARY) | placed(Role.IDP, Use.UNSPECIFIED, primary=PRIMARY)
    )


@pytest.mark.parametrize(
    ("roles", "judged"),
    [
        ([Role.SP, Role.IDP], Role.IDP),
        ([Role.AA, Role.SP], Role.SP),
        ([Role.OTHER, Role.PDP, Role.AUTHN, Role.AA], Role.AA),
        ([Role.OTHER], Role.OTHER),
    ],
)
def test_the_identity_providers_side_is_judged_first(roles: Sequence[Role], judged: Role) -> None:
    theirs = {role: dated(NOW - DAY, NOW + 100 * DAY, nth=nth) for nth, role in enumerate(roles)}
    metadata = metadata_of(entity_of(*(role_of(role, theirs[role]) for role in roles)))

    rollover = verdict(metadata, SAML)

    assert (rollover.role, rollover.primary) == (judged, theirs[judged])


def test_an_entity_without_a_role_has_no_rollover() -> None:
    assert judge(metadata_of(entity_of()), SAML, signature=None, first_seen={}, now=NOW) == ()


def test_every_entity_of_an_aggregate_has_a_verdict_of_its_own() -> None:
    members = [
        entity_of(role_of(Role.IDP, PRIMARY), entity_id="urn:one"),
        entity_of(entity_id="urn:nobody"),
        entity_of(role_of(Role.SP, SUCCESSOR), entity_id="urn:two"),
    ]

    rollovers = judge(metadata_of(*members, aggregate=True), SAML, signature=None, first_seen={}, now=T - 5 * DAY)

    assert [(each.entity_id, each.role, each.state) for each in rollovers] == [
        ("urn:one", Role.IDP, State.MISSING),
        ("urn:two", Role.SP, State.STEADY),
    ]


def test_who_signed_an_aggregate_says_nothing_about_its_entities() -> None:
    members = metadata_of(entity_of(role_of(Role.IDP, PRIMARY, SUCCESSOR)), aggregate=True)

    (rollover,) = judge(
        members, policy(primary=SUCCESSOR), signature=signed_by(SUCCESSOR), first_seen={}, now=NOW + DAY
    )

    assert (rollover.primary, rollover.evidence, rollover.faults) == (PRIMARY, Evidence.DATES, ())


def test_first_seen_times_are_each_entitys_own() -> None:
    members = metadata_of(
        *(entity_of(role_of(Role.IDP, PRIMARY, FIRST, THIRD), entity_id=name) for name in ("urn:one", "urn:two")),
        aggregate=True,
    )

    rollovers = judge(
        members, SAML, signature=None, first_seen={"urn:two": {THIRD.fingerprint: NOW - 9 * DAY}}, now=NOW
    )

    assert [each.successor for each in rollovers] == [FIRST, THIRD]


def test_the_configured_primary_of_an_aggregate_is_that_of_the_entity_it_was_written_for() -> None:
    members = metadata_of(
        *(entity_of(role_of(Role.IDP, PRIMARY, SUCCESSOR), entity_id=name) for name in ("urn:one", "urn:two")),
        aggregate=True,
    )

    rollovers = judge(
        members,
        policy(Profile.SAML, primary=SUCCESSOR),
        signature=signed_by(PRIMARY),
        first_seen={},
        now=NOW,
        subject="urn:two",
    )

    assert [(each.primary, each.evidence) for each in rollovers] == [
        (PRIMARY, Evidence.DATES),
        (SUCCESSOR, Evidence.CONFIGURED),
    ]


# What may be in use

DATELESS = policy(Profile.SAML, expiry=False)


@pytest.mark.parametrize("now", [PRIMARY.not_before - DAY, NOW, T, T + 100 * DAY], ids=str)
@pytest.mark.parametrize("policy", [ADFS, SAML], ids=lambda policy: policy.profile)
def test_strong_evidence_names_the_one_that_is_in_use(policy: Policy, now: datetime) -> None:
    rollover = verdict(farm(OLDER_AND_VALID, PRIMARY, SUCCESSOR), policy, signer=PRIMARY, now=now)

    assert rollover.may_sign == (PRIMARY,)
    assert (rollover.successors, rollover.ending, rollover.old) == ((SUCCESSOR,), (), ())


def test_by_dates_alone_a_certificate_may_sign_ten_minutes_before_its_first_second() -> None:
    told = [verdict(farm(SUCCESSOR, PRIMARY), SAML, now=now) for now in before_at_after(SUCCESSOR.not_before - SOON)]

    both = (PRIMARY, SUCCESSOR)
    assert [each.may_sign for each in told] == [(PRIMARY,), both, both]
    assert [each.successors for each in told] == [(SUCCESSOR,), (), ()]
    assert {each.successor for each in told} == {SUCCESSOR}


def test_by_dates_alone_a_certificate_may_sign_for_fourteen_days_after_its_end() -> None:
    told = [verdict(farm(PRIMARY, SUCCESSOR), SAML, now=now) for now in before_at_after(T + IN_DOUBT)]

    assert [each.may_sign for each in told] == [(PRIMARY, SUCCESSOR), (SUCCESSOR,), (SUCCESSOR,)]
    assert [each.ending for each in told] == [(PRIMARY,), (), ()]
    assert [each.old for each in told] == [(), (PRIMARY,), (PRIMARY,)]


@pytest.mark.parametrize("policy", [ADFS, MANUAL], ids=lambda policy: policy.profile)
def test_a_farm_may_go_on_with_what_has_ended_for_as_long_as_it_is_published(policy: Policy) -> None:
    rollover = verdict(farm(PRIMARY, SUCCESSOR), policy, now=T + 300 * DAY)

    assert (rollover.may_sign, rollover.ending, rollover.old) == ((PRIMARY, SUCCESSOR), (PRIMARY,), ())


def test_where_all_have_ended_long_ago_any_that_began_may_sign() -> None:
    rollover = verdict(farm(OLDER, PRIMARY, NEVER_STARTED), SAML, now=NOW)
    ended = verdict(farm(OLDER, PRIMARY), SAML, now=T + 15 * DAY)
    following = verdict(farm(OLDER, NEVER_STARTED), SAML, now=NOW)

    assert (rollover.may_sign, rollover.old, rollover.successors) == ((PRIMARY,), (OLDER,), (NEVER_STARTED,))
    assert (ended.may_sign, ended.old, ended.state) == ((OLDER, PRIMARY), (), State.EXPIRED)
    assert (following.may_sign, following.successors, following.state) == ((OLDER,), (NEVER_STARTED,), State.EXPIRED)


def test_where_none_has_begun_any_may_sign() -> None:
    later = certificate(not_before=NEVER_STARTED.not_before + DAY, not_after=NEVER_STARTED.not_after)

    rollover = verdict(farm(later, NEVER_STARTED), SAML)

    assert (rollover.may_sign, rollover.successors) == ((NEVER_STARTED, later), ())
    assert (rollover.state, rollover.severity) == EXPIRED


@pytest.mark.parametrize(
    ("signer", "moment", "urgent", "ending"),
    [
        (PRIMARY, T - 5 * DAY, [False, True, True], [(), (), ()]),
        (None, T - 5 * DAY, [False, False, False], [(), (PRIMARY,), (PRIMARY,)]),
        (None, T - 4 * DAY, [False, True, True], [(PRIMARY,), (), ()]),
    ],
    ids=["proven", "by dates, the first", "by dates, the last"],
)
def test_it_is_urgent_when_all_that_may_sign_end(
    signer: Certificate | None, moment: datetime, urgent: list[bool], ending: list[tuple[Certificate, ...]]
) -> None:
    twin = certificate(not_before=PRIMARY.not_before, not_after=T + DAY)

    told = [verdict(farm(PRIMARY, twin), SAML, signer=signer, now=now) for now in before_at_after(moment)]

    assert [each.urgent for each in told] == urgent
    assert [each.ending for each in told] == ending


def test_what_may_sign_and_is_about_to_end_takes_nothing_over() -> None:
    # By its dates the second would be a successor, and AD FS has no other.
    second = certificate(not_before=T - 60 * DAY, not_after=T + 2 * DAY)
    close = policy(successor_margin=1)

    told = [verdict(farm(PRIMARY, second), close, now=now) for now in before_at_after(T - 3 * DAY)]

    assert [each.successor for each in told] == [second, second, second]
    assert [(each.state, each.severity) for each in told] == [UNPROVEN, MISSING, MISSING]


def test_what_has_not_begun_takes_over_where_all_that_may_sign_end() -> None:
    following = certificate(not_before=T - DAY, not_after=T + 364 * DAY)

    told = [state(PRIMARY, following, policy=SAML, signer=None, now=now) for now in before_at_after(T - 5 * DAY)]
    begun = [
        state(PRIMARY, following, policy=SAML, signer=None, now=now)
        for now in before_at_after(following.not_before - SOON)
    ]

    assert told == [PUBLISHED, STALLED_AND_URGENT, STALLED_AND_URGENT]
    assert begun == [STALLED_AND_URGENT, UNPROVEN, UNPROVEN]


def test_where_dates_do_not_count_nothing_is_ending_urgent_or_old() -> None:
    for dateless in (DATELESS, ENTRA):
        for now in (T - 5 * DAY, T, T + IN_DOUBT):
            rollover = verdict(farm(PRIMARY, SUCCESSOR), dateless, now=now)
            assert (rollover.ending, rollover.old) == ((), ())
            assert not rollover.urgent


def test_evidence_that_is_disputed_leaves_all_that_are_valid_in_doubt() -> None:
    disputed = policy(Profile.SAML, primary=SUCCESSOR)

    told = [
        verdict(farm(PRIMARY, SUCCESSOR), disputed, signer=PRIMARY, now=now) for now in before_at_after(T - 5 * DAY)
    ]

    assert {(each.primary, each.may_sign) for each in told} == {(SUCCESSOR, (PRIMARY, SUCCESSOR))}
    assert [(each.state, each.severity) for each in told] == [PROMOTED, UNPROVEN, UNPROVEN]


def test_a_contradiction_that_is_outvoted_leaves_nothing_in_doubt() -> None:
    encryption = certificate(not_before=PRIMARY.not_before, not_after=T, nth=7)

    rollover = verdict(
        farm(PRIMARY, SUCCESSOR, encryption=[encryption]),
        policy(primary=SUCCESSOR),
        signer=SUCCESSOR,
        now=T - 5 * DAY,
    )

    assert [each.primary for each in rollover.claims] == [SUCCESSOR, SUCCESSOR, PRIMARY]
    assert (rollover.state, rollover.may_sign, rollover.faults) == (State.PROMOTED, (SUCCESSOR,), ())


def test_a_dispute_does_not_say_that_a_promotion_failed() -> None:
    encryption = certificate(not_before=SUCCESSOR.not_before, not_after=T, nth=7)

    rollover = verdict(farm(PRIMARY, SUCCESSOR, encryption=[encryption]), ADFS, signer=PRIMARY, now=LATE)

    assert (rollover.primary, rollover.state, rollover.promotion) == (PRIMARY, State.PUBLISHED, None)


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([dated(T + DAY, T + 2 * DAY, nth=1)], 1),
        ([dated(PRIMARY.not_before + SECOND, T, nth=1)], 1),
        ([dated(PRIMARY.not_before, T + 365 * DAY, nth=1)], 0),
        ([OLDER_AND_VALID], 0),
        ([dated(NOW - 2 * DAY, NOW + SECOND, nth=1)], 1),
        ([dated(NOW - 2 * DAY, NOW, nth=1)], 0),
        ([SUCCESSOR, dated(T + DAY, T + 2 * DAY, nth=1)], 2),
    ],
    ids=["begins too late to succeed", "without a margin", "as old", "older", "not ended", "ended", "two"],
)
def test_every_newer_certificate_that_has_not_ended_may_sign_next(others: Sequence[Certificate], expected: int) -> None:
    rollover = verdict(farm(PRIMARY, *others), ADFS, signer=PRIMARY)

    assert rollover.successors == (tuple(others) if expected else ())
    assert len(rollover.successors) == expected


def test_those_that_may_sign_next_stand_in_the_order_in_which_they_were_seen() -> None:
    seen = {THIRD.fingerprint: NOW - 2 * HOUR, FIRST.fingerprint: NOW - HOUR}

    rollover = verdict(farm(FIRST, SECOND_ONE, PRIMARY, THIRD), ADFS, signer=PRIMARY, first_seen=seen)

    assert rollover.successors == (THIRD, FIRST, SECOND_ONE)
    assert rollover.successor == THIRD


# Keys that cannot be read

UNREADABLE = (State.UNREADABLE, CRITICAL)
UNREAD, NAMED = Key(Use.SIGNING, None, unread="no base64"), Key(Use.SIGNING, None)


@pytest.mark.parametrize(
    ("keys", "policy", "expected"),
    [
        ([UNREAD], ADFS, UNREADABLE),
        ([UNREAD, UNREAD], SAML, UNREADABLE),
        ([replace(UNREAD, use=Use.UNSPECIFIED)], SAML, UNREADABLE),
        ([UNREAD], DATELESS, STEADY),
        ([UNREAD], ENTRA, STEADY),
        ([NAMED], ADFS, STEADY),
        # The key with a name alone may be the one in use.
        ([UNREAD, NAMED], ADFS, STEADY),
        ([replace(UNREAD, use=Use.ENCRYPTION)], SAML, NONE),
        # What was read before is known.
        ([replace(UNREAD, certificate=PRIMARY)], SAML, DUE),
    ],
    ids=[
        "one",
        "all of several",
        "of unspecified use",
        "dates do not count",
        "entra",
        "without a certificate",
        "beside one without a certificate",
        "for encryption",
        "read before",
    ],
)
def test_signing_keys_of_which_none_can_be_read_are_told(
    keys: Sequence[Key], policy: Policy, expected: tuple[State, Severity]
) -> None:
    metadata = metadata_of(entity_of(RoleDescriptor(Role.IDP, "IDPSSODescriptor", tuple(keys))))
    rollover = verdict(metadata, policy)

    assert (rollover.state, rollover.severity) == expected


def test_a_key_that_cannot_be_read_hushes_nothing_of_those_that_can() -> None:
    descriptor = RoleDescriptor(Role.IDP, "IDPSSODescriptor", (UNREAD, Key(Use.SIGNING, PRIMARY)))

    ending = [state_of(descriptor, now=now) for now in before_at_after(T - 5 * DAY)]
    ended = [state_of(descriptor, now=now) for now in before_at_after(T)]

    assert ending == [OVERDUE, MISSING, MISSING]
    assert ended == [MISSING, EXPIRED, EXPIRED]


# Nobody signs in at a service provider


@pytest.mark.parametrize("role", [Role.SP, Role.AA, Role.OTHER])
@pytest.mark.parametrize(
    ("keys", "policy", "now", "expected"),
    [
        ([Key(Use.SIGNING, PRIMARY)], SAML, T - 5 * DAY, State.MISSING),
        ([Key(Use.SIGNING, PRIMARY)], SAML, T, State.EXPIRED),
        ([Key(Use.SIGNING, NEVER_STARTED)], SAML, NOW, State.EXPIRED),
        (
            [Key(Use.SIGNING, PRIMARY), Key(Use.SIGNING, SUCCESSOR)],
            policy(Profile.SAML, primary=PRIMARY),
            T - 5 * DAY,
            State.STALLED,
        ),
        ([UNREAD], SAML, NOW, State.UNREADABLE),
        ([Key(Use.SIGNING, PRIMARY)], SAML, T - 30 * DAY, State.DUE),
    ],
    ids=["missing", "expired", "not begun", "stalled late", "unreadable", "due"],
)
def test_nothing_is_worse_than_a_warning_where_nobody_signs_in(
    role: Role, keys: Sequence[Key], policy: Policy, now: datetime, expected: State
) -> None:
    rollover = verdict(metadata_of(entity_of(RoleDescriptor(role, "Descriptor", tuple(keys)))), policy, now=now)

    assert (rollover.role, rollover.state, rollover.severity) == (role, expected, WARNING)


def test_less_than_a_warning_is_no_more_where_nobody_signs_in() -> None:
    assert state_of(role_of(Role.SP, PRIMARY, SUCCESSOR)) == PUBLISHED
    assert state_of(role_of(Role.SP, PRIMARY), now=T - 100 * DAY) == STEADY


def test_the_verdict_carries_what_is_wrong_with_its_evidence() -> None:
    disputed = verdict(farm(PRIMARY, SUCCESSOR), policy(primary=SUCCESSOR), signer=PRIMARY)
    ignored = verdict(farm(PRIMARY), policy(primary=SUCCESSOR), signer=PRIMARY)

    assert (disputed.primary, disputed.faults) == (SUCCESSOR, (FaultKind.PRIMARY_DISPUTED,))
    assert (ignored.primary, ignored.faults) == (PRIMARY, (FaultKind.PRIMARY_IGNORED,))


@pytest.mark.parametrize("profile", [Profile.ADFS, Profile.ADFS_MANUAL, Profile.SAML])
def test_a_configured_primary_is_believed_through_its_end(profile: Profile) -> None:
    pinned = policy(profile, primary=PRIMARY)

    told = [verdict(farm(PRIMARY, SUCCESSOR), pinned, now=now) for now in (T - SECOND, T, T + 100 * DAY)]

    assert {(each.primary, each.evidence, each.faults) for each in told} == {(PRIMARY, Evidence.CONFIGURED, ())}
    assert [(each.state, each.severity) for each in told] == [STALLED_AND_URGENT, EXPIRED, EXPIRED]


@pytest.mark.parametrize(
    ("policy", "now", "until"),
    [
        (ADFS, PRIMARY.not_before - DAY, PRIMARY.not_before - SOON),
        (MANUAL, PRIMARY.not_before, T - 35 * DAY),
        (ADFS, T - 19 * DAY, T - 5 * DAY),
        (ADFS, T - 5 * DAY, T),
        (ADFS, T, T + IN_DOUBT),
        (ADFS, T + IN_DOUBT, FOREVER),
    ],
)
def test_a_verdict_holds_until_the_next_row_of_the_table(policy: Policy, now: datetime, until: datetime) -> None:
    assert verdict(farm(PRIMARY), policy, signer=PRIMARY, now=now).until == until


@pytest.mark.parametrize(
    ("now", "until"),
    [(PROMOTION - SECOND, PROMOTION), (LATE - SECOND, LATE), (T, T + IN_DOUBT)],
)
def test_a_verdict_holds_until_the_promotion_and_until_it_is_late(now: datetime, until: datetime) -> None:
    assert verdict(farm(PRIMARY, SUCCESSOR), ADFS, signer=PRIMARY, now=now).until == until


@pytest.mark.parametrize(
    ("policy", "days"),
    [(ADFS, 22), (MANUAL, 60), (SAML, 60), (policy(unexpected=100), 100)],
    ids=lambda value: str(value) if isinstance(value, int) else value.profile,
)
def test_a_new_key_is_expected_near_the_primarys_end(policy: Policy, days: int) -> None:
    rollover = verdict(farm(PRIMARY), policy)

    expected = [expects_new_key(rollover, policy, now) for now in before_at_after(T - timedelta(days=days))]

    assert expected == [False, True, True]


@pytest.mark.parametrize(
    ("metadata", "policy"),
    [(farm(PRIMARY), ENTRA), (farm(PRIMARY), policy(Profile.SAML, expiry=False)), (farm(), ADFS)],
    ids=["entra", "dates do not count", "no primary"],
)
def test_a_new_key_is_always_expected_where_dates_say_nothing(metadata: Metadata, policy: Policy) -> None:
    assert expects_new_key(verdict(metadata, policy), policy, PRIMARY.not_before)


def test_the_first_key_ever_is_expected() -> None:
    assert expects_new_key(None, ADFS, NOW)


def test_the_entity_is_named() -> None:
    assert verdict(metadata_of(entity_of(role_of(Role.IDP, PRIMARY))), SAML).entity_id == ENTITY_ID
