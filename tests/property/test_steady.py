"""What may be called steady: what holds for any small world, whatever is published and by whom (tests/steady.py)."""

import steady
from steady import Check, first_wrong

SEED = 2026


def none_is_wrong(worlds: int, check: Check) -> None:
    wrong = first_wrong(worlds, SEED, check)
    assert not wrong, wrong


def test_of_thousands_of_worlds_none_is_judged_wrongly() -> None:
    none_is_wrong(5000, steady.at_once)


def test_of_worlds_that_stay_as_they_are_none_is_judged_wrongly_at_any_moment() -> None:
    none_is_wrong(800, steady.in_time)


def test_of_documents_that_grow_old_nothing_is_claimed_that_only_a_new_one_can_tell() -> None:
    none_is_wrong(500, steady.grown_old)


def test_of_an_address_that_answers_for_somebody_else_nothing_new_is_said_but_that() -> None:
    none_is_wrong(200, steady.mistaken)


def test_of_answers_that_take_turns_the_worse_stands_until_it_has_gone_for_a_day() -> None:
    none_is_wrong(80, steady.taking_turns)


def test_of_a_trust_all_that_may_sign_or_will_is_asked() -> None:
    none_is_wrong(6000, steady.trusting)


def test_a_key_that_was_published_before_is_neither_unexpected_nor_foreign() -> None:
    none_is_wrong(150, steady.returning)
