"""What holds for the trust of any domain, whatever is published and whatever is trusted, at any moment."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from builders import DAY, NOW, authority, dated, farm, policy, verdict
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from exporter.config.settings import TrustSource
from exporter.findings import Finding, Kind, step
from exporter.findings.facts import Trusting
from exporter.findings.steps import UPDATE
from exporter.inquiry import DomainTrust, Slot
from exporter.model import Certificate
from exporter.policy import Policy, Profile
from exporter.rollover import FOREVER, Rollover
from exporter.trust import TOLD_ON, Accepted, Known, TrustState, Verdict, judge

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no mistake."""

URL = "https://fs.example/metadata.xml"
MOMENT = st.builds(lambda days: NOW + days * DAY, st.integers(-60, 60))
"""Near enough to each other to cross every threshold, and often to meet one exactly."""


SEVERITY = {
    TrustState.NOT_FEDERATED: 2,
    TrustState.BROKEN: 3,
    TrustState.UNKNOWN: 1,
    TrustState.AT_RISK: 3,
    TrustState.PENDING: 1,
    TrustState.IN_SYNC: 0,
}
"""How bad each state is."""


@dataclass(frozen=True)
class Question:
    """An answer of Entra ID, a farm, and all that the verdict depends on but for the moment."""

    trust: DomainTrust
    published: tuple[Certificate, ...]
    policy: Policy
    signer: Certificate | None
    first_seen: dict[str, datetime]
    at: datetime | None = None
    """When the answer was given."""
    promoted: datetime | None = None

    @property
    def accepted(self) -> Accepted:
        return replace(self.trust.accepted, at=self.at)

    def asked(self, now: datetime, accepted: Accepted | None = None) -> tuple[Rollover, Verdict]:
        document = farm(*self.published)
        rollover = verdict(document, self.policy, signer=self.signer, first_seen=self.first_seen, now=now)
        (entity,) = document.entities
        return rollover, judge(
            "contoso.com",
            accepted or self.accepted,
            entity=entity,
            rollover=rollover,
            policy=self.policy,
            url=URL,
            now=now,
            known=Known(self.first_seen, self.promoted),
        )

    def history(self, start: datetime) -> Iterator[tuple[datetime, Rollover, Verdict]]:
        """Every verdict from a moment to the end of time, and when it begins."""
        while start < FOREVER:
            rollover, found = self.asked(start)
            yield start, rollover, found
            start = found.until

    def accepts(self, certificate: Certificate) -> bool | None:
        """Whether the answer says that a certificate is trusted; None where it leaves that open."""
        if certificate in self.trust.certificates.values():
            return True
        seen = self.first_seen.get(certificate.fingerprint)
        later = self.at is not None and seen is not None and self.at < seen
        return None if later or not self.accepted.complete else False


TOLD = {
    TrustState.BROKEN: Kind.TRUST_BROKEN,
    TrustState.AT_RISK: Kind.TRUST_AT_RISK,
    TrustState.PENDING: Kind.TRUST_PENDING,
}
"""The findings whose step is to write a certificate."""


def any_dates(most: int) -> st.SearchStrategy[list[tuple[datetime, datetime]]]:
    """Begins and ends of up to so many certificates."""
    begin, days = st.integers(-200, 20), st.integers(100, 365)
    dates = st.builds(lambda begin, days: (NOW + begin * DAY, NOW + (begin + days) * DAY), begin, days)
    return st.lists(dates, max_size=most)


def succession() -> st.SearchStrategy[list[tuple[datetime, datetime]]]:
    """A primary and its successor, generated early or late."""
    return st.builds(
        lambda end, before: [
            (NOW + (end - 365) * DAY, NOW + end * DAY),
            (NOW + (end - before) * DAY, NOW + (end - before + 365) * DAY),
        ],
        st.integers(0, 100),
        st.integers(0, 200),
    )


@st.composite
def certificates(
    draw: st.DrawFn, dates: st.SearchStrategy[list[tuple[datetime, datetime]]], *, first: int = 0
) -> list[Certificate]:
    """One of each dates, with its own fingerprint; some as AD FS makes them, some issued."""
    issuers = st.sampled_from([None, None, authority()])
    return [dated(*valid, nth=nth, issuer=draw(issuers)) for nth, valid in enumerate(draw(dates), first)]


@st.composite
def answers(draw: st.DrawFn, known: Sequence[Certificate], *, sources: st.SearchStrategy[TrustSource]) -> DomainTrust:
    """What Entra ID may say of a domain that is federated here, given the certificates that there are."""
    source = draw(sources)
    slots = [Slot.SIGNING, Slot.NEXT] if source is TrustSource.GRAPH else [Slot.UNNAMED]
    held = {slot: draw(st.sampled_from([*known, None])) for slot in slots}
    return DomainTrust(
        source,
        federated=True,
        certificates={slot: each for slot, each in held.items() if each is not None},
        unreadable=tuple(slot for slot in slots if held[slot] is None and draw(st.booleans())),
    )


@st.composite
def questions(
    draw: st.DrawFn,
    *,
    sources: st.SearchStrategy[TrustSource] = st.sampled_from([TrustSource.GRAPH, *TrustSource]),  # noqa: B008 -- a strategy is a value
) -> Question:
    published = draw(certificates(succession() | any_dates(4)))
    foreign = draw(certificates(any_dates(1), first=50))
    days = st.integers(0, 40).map(float)
    thresholds = draw(st.dictionaries(st.sampled_from(["notice", "trust", "promotion", "successor_margin"]), days))
    return Question(
        trust=draw(answers([*published, *foreign], sources=sources)),
        published=tuple(published),
        policy=draw(
            st.builds(
                lambda profile, expiry, primary: policy(profile, expiry=expiry, primary=primary, **thresholds),
                st.sampled_from([Profile.ADFS, Profile.ADFS, *Profile]),
                st.booleans(),
                st.sampled_from([None, None, *published]),
            )
        ),
        signer=draw(st.sampled_from([None, *published])),
        # The exporter has seen whatever it judges, and perhaps what is published no longer.
        first_seen={
            each.fingerprint: max(each.not_before, draw(MOMENT))
            for each in (*published, *(foreign if draw(st.booleans()) else ()))
        },
        at=draw(st.none() | MOMENT),
        promoted=draw(st.none() | MOMENT),
    )


@unhurried
@given(questions())
def test_a_verdict_holds_until_it_says_and_then_the_next_does(question: Question) -> None:
    start = NOW - 800 * DAY
    for _, _, found in question.history(start):
        last = found.until - datetime.resolution
        for later in (start + (last - start) / 2, last):
            assert replace(question.asked(later)[1], until=found.until) == found
        start = found.until

    assert start == FOREVER


@unhurried
@given(questions())
def test_severity_never_falls_while_some_key_is_valid_and_nothing_changes_but_the_time(question: Question) -> None:
    all_started = max((each.not_before for each in question.published), default=NOW)

    story = question.history(all_started)
    for (_, rollover, before), (moment, next_rollover, after) in pairwise(story):
        if not any(moment < each.not_after for each in rollover.may_sign):
            break
        # By dates another one may be primary next; one that ended, may not be in use any longer.
        same = [(each.primary, each.successors, each.may_sign) for each in (rollover, next_rollover)]
        ended = any(each.not_after <= moment for each in (*rollover.may_sign, *rollover.successors))
        # What was a risk at its promotion is told for a day and a half where no answer comes.
        over = question.promoted is not None and moment == question.promoted + TOLD_ON
        if same[0] == same[1] and not ended and not over:
            assert SEVERITY[after.state] >= SEVERITY[before.state]


@unhurried
@given(questions(), MOMENT)
def test_a_verdict_agrees_with_itself(question: Question, now: datetime) -> None:
    rollover, found = question.asked(now)

    assert found.until > now
    assert bool(found.lacking) or found.state not in {TrustState.AT_RISK, TrustState.PENDING}
    assert found.primary_trusted is not True or question.accepts(rollover.primary) is True  # type: ignore[arg-type]  # what is trusted is there
    foreign, leftover = found.foreign or (), found.leftover
    for each in (*foreign, *leftover, *found.lacking):
        assert now < each.not_after or each in question.published
    assert len({*foreign, *leftover}) == len(foreign) + len(leftover)
    assert {*question.published}.isdisjoint({*foreign, *leftover})
    assert {*found.lacking} <= {*question.published}
    assert {each.fingerprint for each in leftover} <= {*question.first_seen}
    assert {each.fingerprint for each in foreign}.isdisjoint(question.first_seen)


@unhurried
@given(questions(), MOMENT)
def test_a_verdict_agrees_with_what_the_answer_says_of_each_key(question: Question, now: datetime) -> None:
    rollover, found = question.asked(now)
    valid = [each for each in rollover.may_sign if now < each.not_after]
    in_use = {each: question.accepts(each) for each in valid or rollover.may_sign}
    successors = [question.accepts(each) for each in rollover.successors]

    rejected = bool(in_use) and set(in_use.values()) == {False}
    if found.state is TrustState.BROKEN:
        assert rejected
    elif rejected:
        assert question.at is not None
        assert question.promoted is not None
        assert question.at < question.promoted, "an answer that is older than the promotion locks nobody out"
    if found.state is TrustState.IN_SYNC:
        assert True in in_use.values()
        assert set(successors) <= {True}
        newest = max(each.not_before for each, trusted in in_use.items() if trusted)
        assert all(trusted for each, trusted in in_use.items() if each.not_before > newest)
    if found.state is TrustState.PENDING:
        assert True in in_use.values()
    if False in successors:
        assert found.state is not TrustState.IN_SYNC
        assert found.successor_trusted is False
    if not rejected and None not in {*in_use.values(), *successors}:
        assert not found.too_old


@unhurried
@given(questions(sources=st.just(TrustSource.USER_REALM)), MOMENT)
def test_the_user_realm_never_says_what_it_cannot_know(question: Question, now: datetime) -> None:
    _, found = question.asked(now)

    assert found.state in {TrustState.NOT_FEDERATED, TrustState.IN_SYNC, TrustState.UNKNOWN}
    assert False not in {found.primary_trusted, found.successor_trusted}
    assert found.foreign is None


@unhurried
@given(questions(sources=st.just(TrustSource.GRAPH)), MOMENT)
def test_the_order_of_slots_says_nothing(question: Question, now: datetime) -> None:
    kept = question.trust.certificates
    other = {Slot.SIGNING: Slot.NEXT, Slot.NEXT: Slot.SIGNING}
    swapped = replace(question.trust, certificates={other[slot]: each for slot, each in kept.items()})

    (_, found), (_, after) = question.asked(now), replace(question, trust=swapped).asked(now)

    assert replace(after, foreign=found.foreign) == found
    assert set(after.foreign or ()) == set(found.foreign or ())


@unhurried
@given(questions(sources=st.just(TrustSource.GRAPH)), MOMENT)
def test_the_slot_that_is_named_for_writing_holds_no_key_that_may_be_in_use(question: Question, now: datetime) -> None:
    rollover, found = question.asked(now)
    held, facts = question.trust.certificates, Trusting("fs", found, question.trust, rollover, question.policy)
    assume(found.state in TOLD)

    commands = step(Finding(TOLD[found.state], facts, domain="contoso.com"), now).commands
    if not commands:
        assert rollover.primary is not None
        assert rollover.primary.not_after <= now, "what has ended is written nowhere"
        return
    (command,) = (each for each in commands if each.startswith(UPDATE))
    named = re.search(r" -(Next)?SigningCertificate ", command)

    if named:
        slot, other = (Slot.NEXT, Slot.SIGNING) if named[1] else (Slot.SIGNING, Slot.NEXT)
        lost = {held.get(slot)} - {held.get(other), None}
        assert lost.isdisjoint({each for each in rollover.may_sign if now < each.not_after})
        # Where nothing in use is trusted, one that will sign later must give way if both slots are full of them.
        if found.state is not TrustState.BROKEN:
            assert lost.isdisjoint(rollover.successors)
    else:
        assert " <slot> " in command
        assert found.state is not TrustState.BROKEN


@unhurried
@given(questions(), MOMENT)
def test_who_trusts_all_that_may_sign_now_or_next_is_in_sync(question: Question, now: datetime) -> None:
    rollover, _ = question.asked(now)
    assume(rollover.primary is not None)
    # A primary that evidence names and contradicts, and that has not begun, is compared too.
    every = tuple(each for each in (rollover.primary, *rollover.may_sign, *rollover.successors) if each)

    _, found = question.asked(now, Accepted(every, at=question.at))

    assert (found.state, found.foreign, found.leftover, found.lacking) == (TrustState.IN_SYNC, (), (), ())


@unhurried
@given(questions(), MOMENT)
def test_one_certificate_more_that_is_accepted_is_never_worse(question: Question, now: datetime) -> None:
    rollover, _ = question.asked(now)
    every = (*rollover.may_sign, *rollover.successors)

    story = [question.asked(now, Accepted(every[:count]))[1] for count in range(len(every) + 1)]

    severities = [SEVERITY[found.state] for found in story if found.state is not TrustState.UNKNOWN]
    assert severities == sorted(severities, reverse=True)
