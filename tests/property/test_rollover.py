"""What holds for the verdict on any document, under any policy, at any moment."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

from builders import DAY, NOW, authority, dated, metadata_of, policy, role_of
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from exporter.model import Certificate, Entity, Key, Role, RoleDescriptor, Signature, SignatureState, Use
from exporter.policy import THRESHOLD_NAMES, Policy, Profile
from exporter.rollover import FOREVER, Rollover, Severity, judge

ENTITY_ID = "urn:any"

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no mistake."""

ANY_MOMENT = st.datetimes(timezones=st.just(UTC))
ROUND = st.builds(lambda days: NOW + days * DAY, st.integers(-60, 60))
"""Near enough to each other to cross every threshold, and often to meet one exactly."""
ODD = st.builds(lambda seconds: NOW + timedelta(seconds=seconds), st.integers(-400 * 86400, 400 * 86400))
MOMENT = ROUND | ODD


@dataclass(frozen=True)
class Question:
    """A document and all that its verdict depends on but for the moment."""

    roles: tuple[RoleDescriptor, ...]
    policy: Policy
    signature: Signature | None
    first_seen: dict[str, datetime]
    aggregate: bool = False

    def asked(self, now: datetime) -> Rollover:
        entity = Entity(ENTITY_ID, self.roles, valid_until=None, sign_in_locations=())
        (rollover,) = judge(
            metadata_of(entity, aggregate=self.aggregate),
            self.policy,
            signature=self.signature,
            first_seen={ENTITY_ID: self.first_seen},
            now=now,
        )
        return rollover

    def history(self, start: datetime) -> Iterator[Rollover]:
        """Every verdict from a moment to the end of time."""
        while start < FOREVER:
            verdict = self.asked(start)
            yield verdict
            start = verdict.until

    def signing(self, side: Role) -> Sequence[Certificate]:
        """What one side publishes for signing."""
        keys = [key for role in self.roles if role.role is side for key in role.keys if key.use.signs]
        return [each for key in keys for each in key.certificates]

    @property
    def certificates(self) -> Sequence[Certificate]:
        return [each for role in self.roles for key in role.keys for each in key.certificates]


def lifelike() -> st.SearchStrategy[tuple[datetime, datetime]]:
    """Dates such that one certificate may well succeed another."""
    begin, days = st.integers(-200, 20), st.integers(100, 365)
    return st.builds(lambda begin, days: (NOW + begin * DAY, NOW + (begin + days) * DAY), begin, days)


@st.composite
def certificates(draw: st.DrawFn, dates: st.SearchStrategy[tuple[datetime, datetime]]) -> list[Certificate]:
    """Up to four, each with its own fingerprint; some as AD FS makes them, some issued."""
    drawn = draw(st.lists(st.tuples(dates, st.booleans()), max_size=4))
    return [dated(*valid, nth=nth, issuer=authority() if issued else None) for nth, (valid, issued) in enumerate(drawn)]


def policies(published: Sequence[Certificate], *, expiry: st.SearchStrategy[bool]) -> st.SearchStrategy[Policy]:
    days = st.integers(0, 40).map(float) | st.sampled_from([0.5, 365.0, 106751.0])
    thresholds = st.dictionaries(st.sampled_from(THRESHOLD_NAMES), days, max_size=2)
    primary = st.none() | st.sampled_from([*published, dated(NOW, NOW, nth=99)])
    return st.builds(
        lambda profile, expiry, primary, thresholds: policy(profile, expiry=expiry, primary=primary, **thresholds),
        st.sampled_from([Profile.ADFS, Profile.ADFS, *Profile]),
        expiry,
        primary,
        thresholds,
    )


def ordinary(published: Sequence[Certificate]) -> tuple[RoleDescriptor, ...]:
    return (role_of(Role.IDP, *published),)


def wild(published: Sequence[Certificate]) -> st.SearchStrategy[tuple[RoleDescriptor, ...]]:
    """Any roles with any keys that hold any number of the certificates."""
    some = st.none() | st.sampled_from(published) if published else st.none()
    keys = st.lists(st.builds(Key, st.sampled_from(Use), some), max_size=6)
    sides = st.sampled_from([Role.IDP, Role.SP, Role.AA])
    role = st.builds(lambda side, keys: RoleDescriptor(side, "Descriptor", tuple(keys)), sides, keys)
    return st.lists(role, min_size=1, max_size=3).map(tuple)


@st.composite
def questions(
    draw: st.DrawFn,
    moments: st.SearchStrategy[datetime] = MOMENT,
    *,
    expiry: st.SearchStrategy[bool] = st.booleans(),  # noqa: B008 -- a strategy is a value
) -> Question:
    published = draw(certificates(lifelike() | st.tuples(moments, moments)))
    names = [each.fingerprint for each in published]
    signer = st.sampled_from([*names, None, "ab" * 32])
    return Question(
        roles=draw(st.just(ordinary(published)) | wild(published)),
        policy=draw(policies(published, expiry=expiry)),
        signature=draw(st.none() | st.builds(Signature, st.sampled_from(SignatureState), signer, st.just(""))),
        first_seen=draw(st.dictionaries(st.sampled_from(names), moments)) if names else {},
        aggregate=draw(st.booleans()),
    )


@unhurried
@given(questions(ANY_MOMENT | MOMENT), ANY_MOMENT | st.just(NOW))
@example(
    Question(
        roles=(
            RoleDescriptor(
                Role.IDP,
                "IDPSSODescriptor",
                tuple(
                    Key(Use.SIGNING, each)
                    for each in (dated(datetime.min.replace(tzinfo=UTC), FOREVER), dated(NOW, FOREVER, nth=1))
                ),
            ),
        ),
        policy=policy(promotion=106751, missing=106751, generation=106751, due=106751, successor_margin=0),
        signature=None,
        first_seen={},
    ),
    datetime.min.replace(tzinfo=UTC),
)
def test_any_dates_have_a_verdict(question: Question, now: datetime) -> None:
    rollover = question.asked(now)

    assert rollover.severity in Severity
    assert rollover.until > now or now == FOREVER
    assert {fingerprint for _, _, fingerprint in rollover.positions} == {
        each.fingerprint for each in question.certificates
    }


@unhurried
@given(questions())
def test_a_verdict_holds_until_it_says_and_then_the_next_does(question: Question) -> None:
    start = NOW - 800 * DAY
    for verdict in question.history(start):
        last = verdict.until - datetime.resolution
        for later in (start + (last - start) / 2, last):
            assert replace(question.asked(later), until=verdict.until) == verdict
        start = verdict.until

    assert start == FOREVER


@unhurried
@given(questions(expiry=st.just(True)))  # noqa: FBT003 -- the policy's expiry
def test_severity_never_falls_whatever_happens_to_the_evidence_until_a_key_is_old(question: Question) -> None:
    assume(not list(question.policy.thresholds.contradictions(question.policy.profile)))
    all_started = max((each.not_before for each in question.certificates), default=NOW)

    for before, after in pairwise(question.history(all_started)):
        # That a successor is published is no trouble, and ends when dates alone make it primary.
        if before.severity >= Severity.WARNING and after.old == before.old:
            assert after.severity >= before.severity


@unhurried
@given(questions(), MOMENT)
def test_something_critical_holds_where_all_that_may_sign_end(question: Question, now: datetime) -> None:
    rollover = question.asked(now)
    assume(question.policy.counts_dates and rollover.role is Role.IDP)
    missing = timedelta(days=question.policy.thresholds.missing)

    near = [each for each in rollover.may_sign if each.not_after - now <= missing]

    urgent = bool(rollover.may_sign) and near == [*rollover.may_sign]
    assert rollover.urgent is urgent
    assert rollover.ending == (() if urgent else tuple(near))
    assert rollover.severity is Severity.CRITICAL or not urgent
    assert rollover.severity >= Severity.WARNING or not near


@unhurried
@given(questions(), MOMENT)
def test_every_key_that_signs_has_its_place(question: Question, now: datetime) -> None:
    rollover = question.asked(now)
    signing = {*question.signing(rollover.role)}
    may_sign, successors, old = {*rollover.may_sign}, {*rollover.successors}, {*rollover.old}

    assert bool(may_sign) is bool(signing)
    assert may_sign | successors | old <= signing
    assert may_sign.isdisjoint(successors | old)
    assert {*rollover.ending} < may_sign or not rollover.ending
    assert successors.isdisjoint(each for each in signing if each.not_after <= now)
    if rollover.primary in may_sign and len(may_sign) == 1:
        assert successors == {
            each for each in signing if each.not_before > rollover.primary.not_before and now < each.not_after
        }
    if question.policy.profile.is_adfs:
        assert all(each.not_after <= each.not_before for each in old), "only what never was valid"


@unhurried
@given(questions(), MOMENT)
def test_nobody_is_paged_for_whom_nobody_signs_in_at(question: Question, now: datetime) -> None:
    rollover = question.asked(now)

    assert rollover.role is Role.IDP or rollover.severity < Severity.CRITICAL


@unhurried
@given(questions(), MOMENT)
def test_a_verdict_agrees_with_itself(question: Question, now: datetime) -> None:
    rollover = question.asked(now)
    signing = question.signing(rollover.role)

    assert rollover.primary in {*signing} if signing else rollover.primary is None
    assert rollover.successor is None or rollover.successor in {*signing} - {rollover.primary}
    assert rollover.promotion is None or rollover.successor is not None
    assert rollover.secondary_present or rollover.successor is None
    assert (rollover.evidence is None) is (rollover.primary is None)
    assert bool(rollover.claims) is bool(signing)


@unhurried
@given(questions(), MOMENT, st.randoms())
def test_the_order_of_keys_says_nothing(question: Question, now: datetime, random: Random) -> None:
    def shuffled(role: RoleDescriptor) -> RoleDescriptor:
        return replace(role, keys=tuple(random.sample(role.keys, len(role.keys))))

    assert replace(question, roles=tuple(map(shuffled, question.roles))).asked(now) == question.asked(now)
