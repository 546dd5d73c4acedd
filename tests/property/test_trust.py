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
from exporter.primary import Evidence
from exporter.rollover import FOREVER, Rollover
from exporter.trust import TrustState, Verdict, judge

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

    def asked(self, now: datetime) -> tuple[Rollover, Verdict]:
        document = farm(*self.published)
        rollover = verdict(document, self.policy, signer=self.signer, first_seen=self.first_seen, now=now)
        (entity,) = document.entities
        return rollover, judge(
            "contoso.com", self.trust.accepted, entity=entity, rollover=rollover, policy=self.policy, url=URL, now=now
        )

    def history(self, start: datetime) -> Iterator[tuple[Rollover, Verdict]]:
        """Every verdict from a moment to the end of time."""
        while start < FOREVER:
            rollover, found = self.asked(start)
            yield rollover, found
            start = found.until


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
    sources: st.SearchStrategy[TrustSource] = st.sampled_from([TrustSource.GRAPH, *TrustSource]),  # noqa: B008 - a strategy is a value
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
        # The exporter has seen whatever it judges.
        first_seen={each.fingerprint: max(each.not_before, draw(MOMENT)) for each in published},
    )


@unhurried
@given(questions())
def test_a_verdict_holds_until_it_says_and_then_the_next_does(question: Question) -> None:
    start = NOW - 800 * DAY
    for _, found in question.history(start):
        last = found.until - datetime.resolution
        for later in (start + (last - start) / 2, last):
            assert replace(question.asked(later)[1], until=found.until) == found
        start = found.until

    assert start == FOREVER


@unhurried
@given(questions())
def test_severity_never_falls_while_primary_successor_and_what_is_foreign_stay_the_same(question: Question) -> None:
    all_started = max((each.not_before for each in question.published), default=NOW)

    for (rollover, before), (next_rollover, after) in pairwise(question.history(all_started)):
        # A configured primary that ends may be primary by dates next: evidence counts too.
        same = [(each.primary, each.successor, each.evidence) for each in (rollover, next_rollover)]
        if same[0] == same[1] and before.foreign == after.foreign:
            assert SEVERITY[after.state] >= SEVERITY[before.state]


@unhurried
@given(questions(), MOMENT)
def test_a_verdict_agrees_with_itself(question: Question, now: datetime) -> None:
    rollover, found = question.asked(now)

    assert found.until > now
    if found.state is TrustState.BROKEN:
        assert found.primary_trusted is False
    if found.state in {TrustState.AT_RISK, TrustState.PENDING}:
        assert (found.primary_trusted, found.successor_trusted) == (True, False)
    if found.state is TrustState.IN_SYNC:
        assert found.primary_trusted is True
        assert (found.successor_trusted is True) is (rollover.successor is not None)
    assert rollover.successor is not None or found.successor_trusted is None
    foreign = found.foreign or ()
    assert len(set(foreign)) == len(foreign)
    assert set(question.published).isdisjoint(foreign)
    assert all(now < each.not_after for each in foreign)


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
        valid = {each for each in question.published if now < each.not_after}
        assert lost.isdisjoint(valid if rollover.evidence is Evidence.DATES else {rollover.primary})
        assert rollover.successor not in lost
    else:
        assert " <slot> " in command
        assert found.state is not TrustState.BROKEN


@unhurried
@given(questions(), MOMENT)
def test_who_trusts_primary_and_successor_is_in_sync(question: Question, now: datetime) -> None:
    rollover, _ = question.asked(now)
    slots = {Slot.SIGNING: rollover.primary, Slot.NEXT: rollover.successor}
    assume(rollover.primary is not None)
    followed = DomainTrust(
        TrustSource.GRAPH, federated=True, certificates={slot: each for slot, each in slots.items() if each}
    )

    _, found = replace(question, trust=followed).asked(now)

    assert found.state is TrustState.IN_SYNC
    assert found.foreign == ()
