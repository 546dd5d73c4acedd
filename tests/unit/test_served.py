"""What an address serves, and when its answers take turns: at the second, and whatever the clock shows."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import pytest
from builders import DAY, HOUR, NOW, SECOND
from moments import moments
from scrapes import UNSIGNED, certificate, document, idp, role, signed_by

from exporter.clock import EARLIEST
from exporter.model import Document, Entity, Key, Role, RoleDescriptor, Signature, SignatureState, Use
from exporter.served import ENOUGH, MOST, NO_TURNS, Earlier, Served, Turns

ONE, TWO, CHAIN = certificate("1"), certificate("2"), certificate("c")

A, B, C, D, E, F = (document(idp(certificate(digit))) for digit in "abcdef")
MINUTE = timedelta(minutes=1)


# What is served


def test_the_signing_keys_of_every_role_and_entity_are_served_and_nothing_else() -> None:
    provider = role(Role.IDP, "IDPSSODescriptor", (Use.SIGNING, ONE), (Use.ENCRYPTION, certificate("3")))
    consumer = role(Role.SP, "SPSSODescriptor", (Use.UNSPECIFIED, TWO))
    chained = RoleDescriptor(Role.AA, "AttributeAuthorityDescriptor", (Key(Use.SIGNING, ONE, chain=(CHAIN,)),))
    nameless = RoleDescriptor(Role.PDP, "PDPDescriptor", (Key(Use.SIGNING, None),))
    entity = Entity("urn:one", (provider, consumer, chained, nameless), valid_until=None, sign_in_locations=())

    found = Served.by(document(entity, idp(certificate("4"), entity_id="urn:two"), aggregate=True))

    assert found == Served(frozenset({"1" * 64, "2" * 64, "4" * 64}), None)


@pytest.mark.parametrize(
    ("signature", "signer"),
    [
        (signed_by(ONE), ONE.fingerprint),
        (signed_by(ONE, SignatureState.TRUSTED), ONE.fingerprint),
        (signed_by(ONE, SignatureState.INVALID), None),
        (signed_by(ONE, SignatureState.UNCHECKED), None),
        (signed_by(certificate("9")), None),
        (signed_by(certificate("9"), SignatureState.TRUSTED), None),
        (UNSIGNED, None),
    ],
    ids=["valid", "trusted", "invalid", "unchecked", "by another key", "by another key, trusted", "unsigned"],
)
def test_the_signer_is_a_published_key_that_is_known_to_have_signed(signature: Signature, signer: str | None) -> None:
    assert Served.by(document(idp(ONE, TWO), signature=signature)).signer == signer


# Answers that take turns


def after(answers: Iterable[tuple[Document, datetime]]) -> Turns:
    """The turns after probes that got these documents, one after another."""
    steps = list(answers)
    turns, (before, seen) = NO_TURNS, steps[0]
    for got, at in steps[1:]:
        turns = turns.after(before, got, seen=seen, at=at)
        before, seen = got, at
    return turns


def every(step: timedelta, documents: Sequence[Document], *, start: datetime = NOW) -> list[tuple[Document, datetime]]:
    return [(each, start + nth * step) for nth, each in enumerate(documents)]


def last(turns: Turns) -> list[tuple[Document, datetime, int]]:
    return [(each.document, each.last, each.since) for each in turns.earlier]


def test_one_answer_takes_no_turns() -> None:
    assert after(every(HOUR, [A, A, A])) == NO_TURNS


def test_another_document_that_serves_the_same_is_the_same_answer() -> None:
    again = document(*A.metadata.entities, valid_until=NOW)

    assert again != A
    assert after(every(HOUR, [A, again, A, again])) == NO_TURNS


def test_an_answer_that_another_replaces_is_kept_and_does_not_count() -> None:
    turns = after(every(HOUR, [A, B]))

    assert turns == Turns((Earlier(A, NOW, since=1),))
    assert turns.documents == ()
    assert last(after(every(HOUR, [A, B, B, B]))) == [(A, NOW, 3)]


def test_another_signer_of_the_same_keys_is_another_answer() -> None:
    by_one, by_two = (document(idp(ONE, TWO), signature=signed_by(each)) for each in (ONE, TWO))

    turns = after(every(HOUR, [by_one, by_two, by_one]))

    assert (turns.began, turns.documents) == (NOW + 2 * HOUR, (by_two,))


@pytest.mark.parametrize(
    ("at", "began", "documents"),
    [
        (NOW + DAY - SECOND, NOW + DAY - SECOND, (B,)),
        (NOW + DAY, NOW + DAY, (B,)),
        (NOW + DAY + SECOND, None, ()),
    ],
    ids=["a second before", "at", "a second after"],
)
def test_an_answer_that_comes_back_within_a_day_takes_turns(
    at: datetime, began: datetime | None, documents: tuple[Document, ...]
) -> None:
    turns = after([(A, NOW), (B, NOW + HOUR), (A, at)])

    assert turns == Turns((Earlier(B, NOW + HOUR, since=1),), began=began, last=began)
    assert turns.documents == documents


def test_what_took_turns_first_is_remembered_and_the_last_return_moves_on() -> None:
    steps = every(HOUR, [A, B, A, A, B, B])

    assert [(after(steps[:nth]).began, after(steps[:nth]).last) for nth in range(2, 7)] == [
        (None, None),
        (NOW + 2 * HOUR, NOW + 2 * HOUR),
        (NOW + 2 * HOUR, NOW + 2 * HOUR),
        (NOW + 2 * HOUR, NOW + 4 * HOUR),
        (NOW + 2 * HOUR, NOW + 4 * HOUR),
    ]
    assert last(after(steps)) == [(A, NOW + 3 * HOUR, 2)]


@pytest.mark.parametrize("beside", [-SECOND, timedelta(), SECOND], ids=["a second before", "at", "a second after"])
def test_an_answer_that_did_not_come_back_is_forgotten_after_a_day(beside: timedelta) -> None:
    turns = after([(A, NOW), (B, NOW + HOUR), (B, NOW + DAY + beside)])

    assert turns == (NO_TURNS if beside >= timedelta() else Turns((Earlier(A, NOW, since=2),)))


@pytest.mark.parametrize("beside", [-SECOND, timedelta(), SECOND], ids=["a second before", "at", "a second after"])
def test_an_answer_that_took_turns_is_gone_after_a_day_and_twelve_others(beside: timedelta) -> None:
    began = NOW + 2 * MINUTE
    took_turns = [(B, NOW), (A, NOW + MINUTE), (B, began)]
    day = [*every(MINUTE, [B] * ENOUGH, start=began + MINUTE), (B, NOW + MINUTE + DAY + beside)]

    turns = after([*took_turns, *day])

    assert (turns == NO_TURNS) is (beside >= timedelta())
    assert turns.documents == (() if beside >= timedelta() else (A,))


@pytest.mark.parametrize(("others", "gone"), [(11, False), (12, True), (13, True)])
def test_an_answer_that_took_turns_stays_until_twelve_probes_got_others(others: int, *, gone: bool) -> None:
    took_turns = every(HOUR, [A, B, A])

    turns = after([*took_turns, *every(DAY, [A] * (others - 1), start=NOW + 3 * DAY)])

    assert (turns == NO_TURNS) is gone


def test_while_one_answer_still_takes_turns_another_may_be_gone() -> None:
    both = [*every(HOUR, [A, B, C, A, B, C]), *every(HOUR, [C, B] * 20, start=NOW + 6 * HOUR)]

    turns = after(both)

    assert turns.began == NOW + 3 * HOUR
    assert turns.documents == (C,)
    assert turns.last == both[-1][1]


def test_the_latest_four_answers_are_kept_and_no_more() -> None:
    turns = after(every(HOUR, [A, B, C, D, E, F]))

    assert MOST == 4
    assert [each.document for each in turns.earlier] == [E, D, C, B]


def test_what_is_kept_does_not_grow_whatever_takes_turns() -> None:
    turns = after(every(MINUTE, [A, B, C, D, E, F] * 30))

    assert [each.document for each in turns.earlier] == [E, D, C, B]


# A clock that was wrong

YEAR = 365 * DAY


@pytest.mark.parametrize("wrong", [NOW + SECOND, NOW + YEAR, EARLIEST - SECOND], ids=["ahead", "a year", "behind"])
def test_a_time_that_cannot_be_true_is_now(wrong: datetime) -> None:
    turns = Turns((Earlier(A, wrong, since=3), Earlier(B, NOW - HOUR, since=5)), began=wrong, last=wrong)

    right = turns.clamped(NOW)

    assert right == Turns((Earlier(A, NOW, since=3), Earlier(B, NOW - HOUR, since=5)), began=NOW, last=NOW)
    assert right.clamped(NOW) == right


def test_what_can_be_true_stays_as_it_is() -> None:
    turns = Turns((Earlier(A, NOW - HOUR, since=1),), began=NOW - 2 * HOUR, last=NOW)

    assert turns.clamped(NOW) == turns
    assert Turns((Earlier(A, NOW),)).clamped(NOW) == Turns((Earlier(A, NOW),))
    assert NO_TURNS.clamped(NOW) == NO_TURNS


def test_all_its_times_are_told() -> None:
    full = after(every(HOUR, [A, B, C, A, B]))

    for turns in (full, after(every(HOUR, [A, B])), NO_TURNS):
        assert sorted(turns.moments()) == sorted(moment for _, moment in moments(turns))
    assert len([*full.moments()]) == 4
