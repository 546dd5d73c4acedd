"""Every state of a trust, its boundaries, its precedence, and what stands around it.

``T`` is the moment at which the primary ends. Who signs the document is primary, unless a test says otherwise.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from builders import DAY, HOUR, NOW, SECOND, certificate, entity_of, farm, metadata_of, policy, role_of, verdict

from exporter.config.settings import TrustSource
from exporter.inquiry import DomainRecord, DomainTrust, Inquiry, Slot, TrustReason, UpdateResult, advance, clamped
from exporter.model import Certificate, Metadata, Role
from exporter.policy import Policy, Profile
from exporter.rollover import FOREVER
from exporter.trust import TOLD_ON, Accepted, Known, TrustState, Verdict, accepts_none, host_of, judge

DOMAIN = "contoso.com"
URL = "https://fs.example/federationmetadata/2007-06/federationmetadata.xml"
T = NOW + 19 * DAY

PRIMARY = certificate(not_before=T - 365 * DAY, not_after=T)
SUCCESSOR = certificate(not_before=T - 20 * DAY, not_after=T + 345 * DAY)
PROMOTION = SUCCESSOR.not_before + 5 * DAY
EARLY = certificate(not_before=T - 100 * DAY, not_after=T + 265 * DAY)
"""A successor that somebody generated long before AD FS would."""
FOREIGN = certificate(not_before=T - 400 * DAY, not_after=T + 3000 * DAY, subject="CN=planted")
LEFTOVER = certificate(not_before=T - 730 * DAY, not_after=T - 365 * DAY)
"""The primary before this one; it ended long ago."""

ADFS, MANUAL = policy(), policy(Profile.ADFS_MANUAL)

NOT_FEDERATED = TrustState.NOT_FEDERATED
BROKEN = TrustState.BROKEN
UNKNOWN = TrustState.UNKNOWN
AT_RISK = TrustState.AT_RISK
PENDING = TrustState.PENDING
IN_SYNC = TrustState.IN_SYNC


def graph(
    signing: Certificate | None = None, following: Certificate | None = None, *, service: str | None = None
) -> DomainTrust:
    """What Graph says of a domain with these two slots."""
    slots = {Slot.SIGNING: signing, Slot.NEXT: following}
    kept = {slot: each for slot, each in slots.items() if each is not None}
    return DomainTrust(TrustSource.GRAPH, federated=True, certificates=kept, service=service)


def realm(shown: Certificate | None = None, *, service: str | None = None) -> DomainTrust:
    """What user realm discovery says of a federated domain."""
    kept = {} if shown is None else {Slot.UNNAMED: shown}
    return DomainTrust(TrustSource.USER_REALM, federated=True, certificates=kept, service=service)


def unreadable(trust: DomainTrust, *slots: Slot) -> DomainTrust:
    """The answer with something that is no certificate in these slots."""
    return replace(trust, unreadable=slots)


def judged(
    trust: DomainTrust | None,
    published: Metadata,
    *,
    policy: Policy = ADFS,
    signer: Certificate | None = PRIMARY,
    first_seen: Mapping[Certificate, datetime] | None = None,
    promoted: datetime | None = None,
    at: datetime | None = None,
    url: str = URL,
    now: datetime = NOW,
) -> Verdict:
    """The verdict on an answer that was given ``at``."""
    seen = {each.fingerprint: moment for each, moment in (first_seen or {}).items()}
    rollover = verdict(published, policy, signer=signer, first_seen=seen, now=now)
    return judge(
        DOMAIN,
        replace(trust.accepted, at=at) if trust else None,
        entity=published.entities[0],
        rollover=rollover,
        policy=policy,
        url=url,
        now=now,
        known=Known(seen, promoted),
    )


def state(verdict: Verdict) -> TrustState:
    return verdict.state


def before_at_after(moment: datetime) -> tuple[datetime, datetime, datetime]:
    return moment - SECOND, moment, moment + SECOND


ALONE, BOTH = farm(PRIMARY), farm(PRIMARY, SUCCESSOR)


# Nothing to compare


def test_a_domain_that_entra_id_never_told_of_is_unknown() -> None:
    found = judged(None, ALONE)

    assert state(found) == UNKNOWN
    assert (found.primary_trusted, found.successor_trusted, found.foreign) == (None, None, None)
    assert found.until == FOREVER


@pytest.mark.parametrize(
    ("trust", "said"),
    [(graph(PRIMARY), UNKNOWN), (DomainTrust(TrustSource.GRAPH, federated=False), NOT_FEDERATED)],
    ids=["federated", "not federated"],
)
def test_without_a_document_only_a_domain_that_is_not_federated_is_known_to_be_so(
    trust: DomainTrust, said: TrustState
) -> None:
    rollover = verdict(ALONE, ADFS, signer=PRIMARY)
    ask = partial(judge, DOMAIN, trust.accepted, policy=ADFS, url=URL, now=NOW)

    assert state(ask(entity=None, rollover=rollover)) == said
    assert state(ask(entity=ALONE.entities[0], rollover=None)) == said


@pytest.mark.parametrize("role", [Role.SP, Role.AA, Role.OTHER])
@pytest.mark.parametrize("trust", [graph(), graph(PRIMARY), graph(FOREIGN)], ids=["nothing", "primary", "foreign"])
def test_nobody_signs_in_at_an_entity_that_is_no_identity_provider(role: Role, trust: DomainTrust) -> None:
    found = judged(trust, metadata_of(entity_of(role_of(role, PRIMARY))))

    assert found == Verdict(DOMAIN, UNKNOWN)


def test_a_farm_without_a_certificate_leaves_the_trust_unknown() -> None:
    found = judged(graph(FOREIGN), farm(), signer=None)

    assert found.state is TrustState.UNKNOWN
    assert (found.primary_trusted, found.successor_trusted, found.foreign) == (None, None, (FOREIGN,))


# Not federated


@pytest.mark.parametrize("source", TrustSource)
def test_a_domain_that_is_not_federated_is_said_to_be_so_and_nothing_else(source: TrustSource) -> None:
    found = judged(DomainTrust(source, federated=False), BOTH)

    assert state(found) == NOT_FEDERATED
    assert (found.primary_trusted, found.successor_trusted, found.foreign) == (None, None, None)


@pytest.mark.parametrize("trust", [graph(FOREIGN, service="sts.other.example"), realm(service="sts.other.example")])
def test_people_who_are_sent_elsewhere_do_not_sign_in_here(trust: DomainTrust) -> None:
    found = judged(trust, BOTH)

    assert state(found) == NOT_FEDERATED
    assert (found.primary_trusted, found.successor_trusted, found.foreign) == (None, None, None)
    assert found.domain == DOMAIN


@pytest.mark.parametrize(
    ("service", "entity_id", "locations", "url"),
    [
        ("wap.example", "urn:x", (), "https://WAP.example:8443/metadata.xml"),
        ("fs.example", "http://fs.example/adfs/services/trust", (), "file:///srv/metadata.xml"),
        ("login.example", "urn:x", ("https://x.example/", "https://login.example/adfs/ls/"), "file:///srv/m.xml"),
    ],
    ids=["where the metadata is", "the entityID", "where people sign in"],
)
def test_the_service_is_known_by_any_of_its_names(
    service: str, entity_id: str, locations: tuple[str, ...], url: str
) -> None:
    entity = replace(entity_of(role_of(Role.IDP, PRIMARY), entity_id=entity_id), sign_in_locations=locations)

    assert state(judged(graph(PRIMARY, service=service), metadata_of(entity), url=url)) == IN_SYNC
    assert state(judged(graph(PRIMARY, service="other.example"), metadata_of(entity), url=url)) == NOT_FEDERATED


def test_where_either_side_names_no_host_nobody_is_said_to_be_sent_elsewhere() -> None:
    nameless = metadata_of(entity_of(role_of(Role.IDP, PRIMARY), entity_id="urn:x"))

    for found in (
        judged(graph(PRIMARY), ALONE),
        judged(graph(PRIMARY, service="fs.example"), nameless, url="file:///srv/metadata.xml"),
    ):
        assert state(found) == IN_SYNC


# Graph: all that is trusted


@pytest.mark.parametrize(
    ("trust", "published", "expected", "primary", "successor"),
    [
        (graph(PRIMARY), ALONE, IN_SYNC, True, None),
        (graph(None, PRIMARY), ALONE, IN_SYNC, True, None),
        (graph(PRIMARY, SUCCESSOR), BOTH, IN_SYNC, True, True),
        # Neither slot is the primary's.
        (graph(SUCCESSOR, PRIMARY), BOTH, IN_SYNC, True, True),
        (graph(PRIMARY), BOTH, PENDING, True, False),
        (graph(PRIMARY, PRIMARY), BOTH, PENDING, True, False),
        (graph(PRIMARY, LEFTOVER), BOTH, PENDING, True, False),
        (graph(SUCCESSOR), BOTH, BROKEN, False, True),
        (graph(SUCCESSOR, SUCCESSOR), BOTH, BROKEN, False, True),
        (graph(), BOTH, BROKEN, False, False),
        (graph(), ALONE, BROKEN, False, None),
        (graph(FOREIGN, LEFTOVER), ALONE, BROKEN, False, None),
    ],
)
def test_what_graph_shows_is_compared_as_a_set(
    trust: DomainTrust,
    published: Metadata,
    expected: TrustState,
    primary: bool,  # noqa: FBT001 -- a row of the table
    successor: bool | None,  # noqa: FBT001 -- a row of the table
) -> None:
    found = judged(trust, published)

    assert state(found) == expected
    assert (found.primary_trusted, found.successor_trusted) == (primary, successor)


@pytest.mark.parametrize(
    ("published", "policy", "moment", "before", "from_then_on"),
    [
        (BOTH, ADFS, PROMOTION - 2 * DAY, PENDING, AT_RISK),
        (BOTH, ADFS, PROMOTION, AT_RISK, AT_RISK),
        (BOTH, ADFS, T, AT_RISK, AT_RISK),
        (BOTH, policy(notice=0), PROMOTION, PENDING, AT_RISK),
        (BOTH, policy(notice=4.5), PROMOTION - 4.5 * DAY, PENDING, AT_RISK),
        (farm(PRIMARY, EARLY), ADFS, EARLY.not_before + 3 * DAY, PENDING, AT_RISK),
        (farm(PRIMARY, EARLY), ADFS, T - 15 * DAY, AT_RISK, AT_RISK),
        # Nobody knows when people promote: only the end of the primary counts.
        (BOTH, MANUAL, PROMOTION - 2 * DAY, PENDING, PENDING),
        (BOTH, MANUAL, T - 15 * DAY, PENDING, AT_RISK),
        (BOTH, policy(Profile.SAML, primary=PRIMARY, trust=3), T - 3 * DAY, PENDING, AT_RISK),
        (BOTH, policy(Profile.ADFS_MANUAL, expiry=False), T - 15 * DAY, PENDING, PENDING),
        (BOTH, policy(expiry=False), PROMOTION - 2 * DAY, PENDING, AT_RISK),
    ],
)
def test_a_successor_that_is_not_trusted_becomes_a_risk_at_the_second(
    published: Metadata,
    policy: Policy,
    moment: datetime,
    before: TrustState,
    from_then_on: TrustState,
) -> None:
    turned = [state(judged(graph(PRIMARY), published, policy=policy, now=now)) for now in before_at_after(moment)]

    assert turned == [before, from_then_on, from_then_on]


@pytest.mark.parametrize("now", [NOW, PROMOTION - 2 * DAY, T - SECOND])
def test_a_successor_that_is_trusted_is_no_risk_at_any_time(now: datetime) -> None:
    assert state(judged(graph(PRIMARY, SUCCESSOR), BOTH, now=now)) == IN_SYNC


def test_after_a_promotion_that_nobody_followed_the_trust_is_broken() -> None:
    found = judged(graph(PRIMARY), BOTH, signer=SUCCESSOR, now=PROMOTION)

    assert state(found) == BROKEN
    assert (found.primary_trusted, found.successor_trusted, found.foreign) == (False, None, ())


def test_after_a_promotion_the_key_before_it_need_not_be_trusted() -> None:
    assert state(judged(graph(SUCCESSOR), BOTH, signer=SUCCESSOR, now=PROMOTION)) == IN_SYNC


# Which key is primary is told by dates alone


def test_by_dates_alone_a_trust_is_broken_only_when_no_valid_key_is_trusted() -> None:
    by_dates = [state(judged(graph(*kept), BOTH, signer=None)) for kept in ((SUCCESSOR,), (FOREIGN,), ())]

    assert by_dates == [UNKNOWN, BROKEN, BROKEN]
    assert judged(graph(SUCCESSOR), BOTH, signer=None).primary_trusted is False


def test_by_dates_alone_the_trust_breaks_when_the_key_that_is_trusted_ends() -> None:
    older = certificate(not_before=PRIMARY.not_before + DAY, not_after=T - 10 * DAY)
    turned = [
        state(judged(graph(older), farm(PRIMARY, older), signer=None, now=now))
        for now in before_at_after(older.not_after)
    ]

    assert turned == [UNKNOWN, BROKEN, BROKEN]


def test_a_key_alone_needs_no_other_evidence() -> None:
    assert state(judged(graph(FOREIGN), ALONE, signer=None)) == BROKEN


@pytest.mark.parametrize("shape", ["AD FS's own", "issued"])
def test_by_dates_alone_the_risk_does_not_end_with_the_promotion_that_was_due(shape: str) -> None:
    successor = EARLY if shape == "AD FS's own" else replace(EARLY, self_issued=False)
    promotion = EARLY.not_before + 5 * DAY
    seen = {successor: EARLY.not_before}

    for moment, before in ((promotion - 2 * DAY, PENDING), (promotion, AT_RISK), (T - 15 * DAY, AT_RISK)):
        turned = [
            state(judged(graph(PRIMARY), farm(PRIMARY, successor), signer=None, first_seen=seen, now=now))
            for now in before_at_after(moment)
        ]
        assert turned == [before, AT_RISK, AT_RISK]


# Every successor, and every key that may be in use

MORE = certificate(not_before=T - 18 * DAY, not_after=T + 347 * DAY)
"""A second successor."""


@pytest.mark.parametrize(
    ("trust", "lacking", "successor"),
    [
        (graph(PRIMARY, SUCCESSOR), (MORE,), False),
        (graph(PRIMARY, MORE), (SUCCESSOR,), False),
        (graph(PRIMARY), (SUCCESSOR, MORE), False),
    ],
    ids=["the second", "the first", "both"],
)
def test_every_successor_is_compared(
    trust: DomainTrust,
    lacking: tuple[Certificate, ...],
    successor: bool,  # noqa: FBT001 -- a row of the table
) -> None:
    found = judged(trust, farm(PRIMARY, SUCCESSOR, MORE), first_seen={SUCCESSOR: NOW - HOUR, MORE: NOW - HOUR})

    assert (found.state, found.lacking) == (PENDING, lacking)
    assert (found.primary_trusted, found.successor_trusted) == (True, successor)


@pytest.mark.parametrize(
    ("trust", "moment"),
    [
        (graph(PRIMARY, SUCCESSOR), MORE.not_before + 3 * DAY),
        (graph(PRIMARY, MORE), SUCCESSOR.not_before + 3 * DAY),
        (graph(PRIMARY), SUCCESSOR.not_before + 3 * DAY),
    ],
    ids=["the second", "the first", "the first of both"],
)
def test_each_successor_becomes_a_risk_by_its_own_promotion(trust: DomainTrust, moment: datetime) -> None:
    turned = [judged(trust, farm(PRIMARY, SUCCESSOR, MORE), now=now) for now in before_at_after(moment)]

    assert [each.state for each in turned] == [PENDING, AT_RISK, AT_RISK]
    assert turned[0].until == moment


def test_a_certificate_that_is_newer_without_a_margin_may_sign_next_and_is_compared() -> None:
    short = certificate(not_before=NOW - DAY, not_after=T + DAY)

    assert judged(graph(PRIMARY), farm(PRIMARY, short)).lacking == (short,)


FIRST, MIDDLE, LAST = (
    certificate(not_before=NOW - days * DAY, not_after=NOW + (365 - days) * DAY) for days in (200, 150, 100)
)
THREE = farm(FIRST, MIDDLE, LAST)


@pytest.mark.parametrize(
    ("kept", "expected", "lacking"),
    [
        ((FIRST, MIDDLE, LAST), IN_SYNC, ()),
        ((FIRST, MIDDLE), PENDING, (LAST,)),
        ((FIRST,), PENDING, (MIDDLE, LAST)),
        # The party may have gone on: what is older than the newest that it accepts may be in use no longer.
        ((FIRST, LAST), UNKNOWN, ()),
        ((MIDDLE, LAST), UNKNOWN, ()),
        ((LAST,), UNKNOWN, ()),
        ((MIDDLE,), UNKNOWN, (LAST,)),
        ((), BROKEN, (MIDDLE, LAST)),
        ((FOREIGN,), BROKEN, (MIDDLE, LAST)),
    ],
    ids=[
        "all",
        "not the newest",
        "the oldest",
        "a gap",
        "not the oldest",
        "the newest",
        "the middle",
        "none",
        "foreign",
    ],
)
def test_of_several_that_may_sign_those_newer_than_what_is_accepted_are_lacking(
    kept: tuple[Certificate, ...], expected: TrustState, lacking: tuple[Certificate, ...]
) -> None:
    far = policy(Profile.SAML, trust=1)
    rollover = verdict(THREE, far)
    found = judge(DOMAIN, Accepted(kept), entity=THREE.entities[0], rollover=rollover, policy=far, url=URL, now=NOW)

    assert rollover.may_sign == (FIRST, MIDDLE, LAST)
    assert (found.state, found.lacking) == (expected, lacking)


def test_what_is_older_than_a_disputed_primary_is_none_of_its_successors() -> None:
    disputed = policy(Profile.SAML, primary=SUCCESSOR)

    found = judged(graph(SUCCESSOR), BOTH, policy=disputed, signer=PRIMARY)

    assert (found.state, found.primary_trusted, found.successor_trusted) == (UNKNOWN, True, None)


def test_one_of_several_that_may_sign_is_a_risk_before_those_that_are_trusted_end() -> None:
    turned = [
        judged(graph(FIRST), THREE, policy=policy(Profile.SAML), signer=None, now=now)
        for now in before_at_after(FIRST.not_after - 15 * DAY)
    ]

    assert [each.state for each in turned] == [PENDING, AT_RISK, AT_RISK]
    assert turned[0].until == FIRST.not_after - 15 * DAY


# An answer that is older than what it is compared with


SEEN = {PRIMARY: NOW - 300 * DAY, SUCCESSOR: NOW - HOUR}


def test_an_answer_says_nothing_against_what_was_seen_later() -> None:
    told = [judged(graph(PRIMARY), BOTH, first_seen=SEEN, at=at) for at in before_at_after(NOW - HOUR)]

    assert [(each.state, each.too_old) for each in told] == [(UNKNOWN, True), (PENDING, False), (PENDING, False)]
    assert [each.lacking for each in told] == [(), (SUCCESSOR,), (SUCCESSOR,)]
    assert [each.successor_trusted for each in told] == [None, False, False]


def test_what_an_answer_accepts_it_accepts_however_old_it_is() -> None:
    found = judged(graph(PRIMARY, SUCCESSOR), BOTH, first_seen=SEEN, at=NOW - 2 * HOUR)

    assert (found.state, found.successor_trusted, found.too_old) == (IN_SYNC, True, False)


def test_an_answer_older_than_the_only_key_locks_nobody_out() -> None:
    told = [
        judged(graph(FOREIGN), ALONE, first_seen={PRIMARY: NOW - HOUR}, at=at) for at in before_at_after(NOW - HOUR)
    ]

    assert [(each.state, each.too_old) for each in told] == [(UNKNOWN, True), (BROKEN, False), (BROKEN, False)]
    assert {each.foreign for each in told} == {(FOREIGN,)}


def test_an_answer_that_does_not_show_all_is_not_too_old_but_never_enough() -> None:
    found = judged(realm(FOREIGN), ALONE, first_seen={PRIMARY: NOW - HOUR}, at=NOW - 2 * HOUR)

    assert (found.state, found.too_old) == (UNKNOWN, False)


def test_an_answer_that_is_newer_than_the_promotion_tells_that_nobody_followed() -> None:
    told = [
        judged(graph(PRIMARY), BOTH, signer=SUCCESSOR, promoted=PROMOTION, at=at, now=PROMOTION + HOUR)
        for at in before_at_after(PROMOTION)
    ]

    assert [each.state for each in told] == [AT_RISK, BROKEN, BROKEN]
    assert [each.primary_trusted for each in told] == [None, False, False]


@pytest.mark.parametrize(
    ("policy", "moment"),
    [
        (ADFS, PROMOTION - 2 * DAY),
        (policy(notice=0), PROMOTION),
        # Nobody knows when people promote: only the end of the key that was replaced counts.
        (MANUAL, T - 15 * DAY),
        (policy(Profile.SAML, trust=3), T - 3 * DAY),
    ],
    ids=["predicted", "predicted without notice", "the end", "the end, with another threshold"],
)
def test_by_an_answer_that_is_older_than_the_promotion_the_risk_that_was_goes_on(
    policy: Policy, moment: datetime
) -> None:
    told = [
        judged(
            graph(PRIMARY),
            BOTH,
            policy=policy,
            signer=SUCCESSOR,
            promoted=promoted,
            at=promoted - SECOND,
            now=promoted + TOLD_ON - SECOND,
        )
        for promoted in before_at_after(moment)
    ]

    assert [(each.state, each.lacking) for each in told] == [
        (UNKNOWN, ()),
        (AT_RISK, (SUCCESSOR,)),
        (AT_RISK, (SUCCESSOR,)),
    ]
    assert {(each.primary_trusted, each.too_old) for each in told} == {(None, True)}


def test_a_risk_that_no_answer_confirms_is_told_for_a_day_and_a_half() -> None:
    old = {"policy": ADFS, "signer": SUCCESSOR, "promoted": PROMOTION, "at": PROMOTION - SECOND}
    told = [
        judged(graph(PRIMARY), BOTH, now=now, **old)  # type: ignore[arg-type]  # any argument
        for now in before_at_after(PROMOTION + TOLD_ON)
    ]

    assert [each.state for each in told] == [AT_RISK, UNKNOWN, UNKNOWN]
    assert told[0].until == PROMOTION + TOLD_ON


def test_what_is_newer_than_the_primary_was_not_replaced_by_it() -> None:
    promoted = SUCCESSOR.not_after - DAY

    found = judged(
        graph(SUCCESSOR), BOTH, policy=MANUAL, signer=PRIMARY, promoted=promoted, at=promoted - SECOND, now=promoted
    )

    assert (found.state, found.lacking, found.too_old) == (UNKNOWN, (), True)


def test_by_an_answer_that_is_older_than_the_promotion_a_key_that_was_trusted_is_trusted() -> None:
    found = judged(
        graph(PRIMARY, SUCCESSOR), BOTH, signer=SUCCESSOR, promoted=PROMOTION, at=PROMOTION - HOUR, now=PROMOTION
    )

    assert (found.state, found.too_old) == (IN_SYNC, False)


@pytest.mark.parametrize(
    ("accepted", "certificates", "none"),
    [
        (Accepted(()), [PRIMARY], True),
        (Accepted((FOREIGN,)), [PRIMARY, SUCCESSOR], True),
        (Accepted((SUCCESSOR,)), [PRIMARY, SUCCESSOR], False),
        (Accepted((), complete=False), [PRIMARY], False),
        (Accepted(()), [], False),
    ],
    ids=["nothing is accepted", "another is", "one of them is", "not all that is shown", "of nothing"],
)
def test_none_is_accepted_where_that_is_certain(
    accepted: Accepted,
    certificates: list[Certificate],
    none: bool,  # noqa: FBT001 -- a row of the table
) -> None:
    assert accepts_none(accepted, certificates, Known()) is none


# User realm discovery: one certificate at most


@pytest.mark.parametrize(
    ("shown", "published", "expected", "primary", "successor"),
    [
        (PRIMARY, ALONE, IN_SYNC, True, None),
        (PRIMARY, BOTH, UNKNOWN, True, None),
        (SUCCESSOR, BOTH, UNKNOWN, None, True),
        (FOREIGN, ALONE, UNKNOWN, None, None),
        (LEFTOVER, BOTH, UNKNOWN, None, None),
        (None, ALONE, UNKNOWN, None, None),
    ],
)
def test_the_user_realm_proves_that_a_key_is_trusted_and_never_that_one_is_not(
    shown: Certificate | None,
    published: Metadata,
    expected: TrustState,
    primary: bool | None,  # noqa: FBT001 -- a row of the table
    successor: bool | None,  # noqa: FBT001 -- a row of the table
) -> None:
    for now in (NOW, PROMOTION, T - SECOND):
        found = judged(realm(shown), published, now=now)

        assert state(found) == expected
        assert (found.primary_trusted, found.successor_trusted, found.foreign) == (primary, successor, None)


# A slot with something in it that is no certificate


@pytest.mark.parametrize(
    ("trust", "published", "expected", "primary", "successor"),
    [
        (graph(PRIMARY), ALONE, IN_SYNC, True, None),
        (graph(PRIMARY), BOTH, UNKNOWN, True, None),
        (graph(SUCCESSOR), BOTH, UNKNOWN, None, True),
        (graph(), ALONE, UNKNOWN, None, None),
    ],
)
def test_a_slot_that_cannot_be_read_may_hold_any_key(
    trust: DomainTrust,
    published: Metadata,
    expected: TrustState,
    primary: bool | None,  # noqa: FBT001 -- a row of the table
    successor: bool | None,  # noqa: FBT001 -- a row of the table
) -> None:
    found = judged(unreadable(trust, Slot.NEXT), published, now=T - SECOND)

    assert state(found) == expected
    assert (found.primary_trusted, found.successor_trusted, found.foreign) == (primary, successor, None)


def test_a_slot_that_cannot_be_read_hides_no_foreign_certificate_in_the_other() -> None:
    assert judged(unreadable(graph(FOREIGN), Slot.NEXT), ALONE).foreign == (FOREIGN,)


# Foreign certificates


@pytest.mark.parametrize(
    ("trust", "foreign"),
    [
        (graph(PRIMARY), ()),
        (graph(PRIMARY, PRIMARY), ()),
        (graph(PRIMARY, FOREIGN), (FOREIGN,)),
        (graph(FOREIGN, PRIMARY), (FOREIGN,)),
        (graph(FOREIGN, FOREIGN), (FOREIGN,)),
        (graph(FOREIGN, EARLY), (FOREIGN, EARLY)),
        (graph(EARLY, FOREIGN), (EARLY, FOREIGN)),
        (graph(PRIMARY, LEFTOVER), ()),
    ],
)
def test_foreign_is_what_is_trusted_and_valid_and_not_published(
    trust: DomainTrust, foreign: tuple[Certificate, ...]
) -> None:
    assert judged(trust, ALONE).foreign == foreign


def test_a_foreign_certificate_does_not_change_the_state_and_is_a_warning_at_least() -> None:
    assert state(judged(graph(PRIMARY, FOREIGN), ALONE)) == IN_SYNC
    assert state(judged(graph(FOREIGN), ALONE)) == BROKEN


REPLACED = certificate(not_before=T - 400 * DAY, not_after=T - 10 * DAY)
"""The primary before this one; it is valid for some days more."""


def test_what_nobody_remembers_is_foreign_until_the_second_at_which_it_ends() -> None:
    turned = [judged(graph(PRIMARY, REPLACED), ALONE, now=now) for now in before_at_after(REPLACED.not_after)]

    assert [found.foreign for found in turned] == [(REPLACED,), (), ()]
    assert {found.leftover for found in turned} == {()}
    assert turned[0].until == REPLACED.not_after


def test_what_the_farm_published_before_is_left_over_and_not_foreign_until_it_ends() -> None:
    turned = [
        judged(graph(PRIMARY, REPLACED), ALONE, first_seen={REPLACED: NOW - 300 * DAY}, now=now)
        for now in before_at_after(REPLACED.not_after)
    ]

    assert [found.leftover for found in turned] == [(REPLACED,), (), ()]
    assert {(found.state, found.foreign) for found in turned} == {(IN_SYNC, ())}
    assert turned[0].until == REPLACED.not_after


def test_a_leftover_beside_a_foreign_certificate_hushes_nothing() -> None:
    found = judged(graph(FOREIGN, REPLACED), ALONE, first_seen={REPLACED: NOW - 300 * DAY})

    assert (found.state, found.foreign, found.leftover) == (BROKEN, (FOREIGN,), (REPLACED,))


def test_a_slot_that_cannot_be_read_leaves_open_whether_something_foreign_is_beside_a_leftover() -> None:
    found = judged(unreadable(graph(REPLACED), Slot.NEXT), ALONE, first_seen={REPLACED: NOW - 300 * DAY})

    assert (found.foreign, found.leftover) == (None, (REPLACED,))


@pytest.mark.parametrize("seen", [{}, {PRIMARY: NOW - DAY, SUCCESSOR: NOW - DAY}], ids=["new", "remembered"])
def test_what_is_published_is_never_left_over(seen: Mapping[Certificate, datetime]) -> None:
    found = judged(graph(PRIMARY, SUCCESSOR), BOTH, first_seen=seen)

    assert (found.foreign, found.leftover) == ((), ())


def test_a_certificate_that_the_farm_publishes_for_encryption_alone_is_foreign() -> None:
    encryption = certificate(subject="CN=ADFS Encryption - fs.example")

    assert judged(graph(PRIMARY, encryption), farm(PRIMARY, encryption=[encryption])).foreign == (encryption,)


# How long a verdict holds


def test_a_verdict_holds_until_the_successor_becomes_a_risk() -> None:
    found = judged(graph(PRIMARY), BOTH, now=NOW + DAY)

    assert (found.state, found.until) == (TrustState.PENDING, PROMOTION - 2 * DAY)


def test_a_verdict_holds_no_longer_than_that_on_the_rollover() -> None:
    found = judged(graph(PRIMARY), ALONE, now=T - 21 * DAY)

    assert found.until == verdict(ALONE, ADFS, signer=PRIMARY, now=T - 21 * DAY).until == T - 19 * DAY


def test_when_all_has_ended_the_verdict_holds_for_ever() -> None:
    # The rollover's own verdict turns once more: what ended 14 days ago is in doubt no longer.
    held = [judged(graph(PRIMARY), ALONE, now=now).until for now in (T, T + 14 * DAY)]

    assert held == [T + 14 * DAY, FOREVER]


# One more inquiry

ANSWER = Inquiry(NOW, reason=None, detail="", trust=graph(PRIMARY))
FAILURE = Inquiry(NOW + DAY, TrustReason.THROTTLED, "asked too often", trust=None, retry_after=30.0)


def test_an_answer_is_kept_with_its_moment() -> None:
    assert advance(DomainRecord(DOMAIN), ANSWER) == DomainRecord(
        DOMAIN, inquiry=ANSWER, trust=ANSWER.trust, last_success=NOW, inquiries=1
    )


def test_a_failure_replaces_nothing_but_the_inquiry_itself() -> None:
    assert advance(advance(DomainRecord(DOMAIN), ANSWER), FAILURE) == DomainRecord(
        DOMAIN, inquiry=FAILURE, trust=ANSWER.trust, last_success=NOW, inquiries=2, failures=1
    )


YEAR = 365 * DAY


def test_an_inquiry_puts_right_what_was_told_while_the_clock_was_ahead() -> None:
    answer = Inquiry(NOW + YEAR, None, "", graph(PRIMARY))
    refusal = Inquiry(NOW, TrustReason.PERMISSION, "", None)
    told = advance(DomainRecord(DOMAIN), answer)
    assert told.last_success == NOW + YEAR
    assert advance(told, refusal).last_success == NOW
    right = clamped(told, NOW)
    assert (right.last_success, right.inquiry) == (NOW, replace(answer, at=NOW))
    assert right.trust is answer.trust
    assert clamped(right, NOW) is right


@pytest.mark.parametrize(
    ("ago", "left"),
    [(-YEAR, 60.0), (-SECOND, 60.0), (0 * SECOND, 60.0), (59 * SECOND, 1.0), (60 * SECOND, 0.0), (YEAR, 0.0)],
    ids=str,
)
def test_whatever_the_clock_shows_nobody_waits_for_longer_than_was_asked_for(ago: timedelta, left: float) -> None:
    inquiry = Inquiry(NOW - ago, TrustReason.THROTTLED, "", None, retry_after=60.0)
    assert inquiry.held_back(NOW) == left
    assert replace(inquiry, retry_after=None).held_back(NOW) == 0.0


def test_the_latest_answer_counts() -> None:
    later = Inquiry(NOW + 2 * DAY, reason=None, detail="", trust=graph(PRIMARY, SUCCESSOR))
    record = DomainRecord(DOMAIN)
    for inquiry in (FAILURE, ANSWER, later):
        record = advance(record, inquiry)

    assert record == DomainRecord(
        DOMAIN, inquiry=later, trust=later.trust, last_success=NOW + 2 * DAY, inquiries=3, failures=1
    )


# Entra ID's own account, and hosts

READABLE = {
    UpdateResult.SUCCESS: True,
    UpdateResult.UNKNOWN_ERROR: None,
    UpdateResult.INTERNAL_SERVER_ERROR: None,
    UpdateResult.NO_VALID_EXISTING_CERT_FOUND: None,
    UpdateResult.NO_STS_AUTH_URL_FOUND: None,
    UpdateResult.NO_FEDERATION_PROTOCOL_FOUND: None,
    # It was read, and normal until AD FS generates a successor.
    UpdateResult.NO_NEW_CERTIFICATE_FOUND: True,
    UpdateResult.COULD_NOT_ACCESS_REMOTE_HOST: False,
    UpdateResult.CONNECTION_ERROR: False,
    UpdateResult.XML_PARSING_ERROR: False,
    UpdateResult.BAD_REQUEST: False,
    UpdateResult.UNAUTHORIZED: False,
    UpdateResult.FORBIDDEN: False,
    UpdateResult.NOT_FOUND: False,
    UpdateResult.PROVIDER_ERROR: False,
    UpdateResult.OTHER: None,
}


def test_each_result_of_an_update_says_whether_the_metadata_could_be_read() -> None:
    assert {result: result.readable for result in UpdateResult} == READABLE


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://FS.Example:8443/adfs/ls/", "fs.example"),
        ("http://kim:secret@fs.example/", "fs.example"),
        ("https://[2001:db8::1]/", "2001:db8::1"),
        ("urn:federation:fs.example", None),
        ("fs.example", None),
        ("file:///srv/metadata.xml", None),
        ("http://[fs.example/", None),
        ("", None),
    ],
)
def test_the_host_of_an_address(address: str, host: str | None) -> None:
    assert host_of(address) == host
