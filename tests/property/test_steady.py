"""What may be called steady: what must hold for any small world, whatever is published and by whom; see tests/steady.py."""

import steady
from steady import first_wrong

SEED = 20261127


def test_of_thousands_of_worlds_none_is_judged_wrongly() -> None:
    assert first_wrong(4000, SEED, steady.at_once) == ""


def test_of_worlds_that_stay_as_they_are_none_is_judged_wrongly_at_any_moment() -> None:
    assert first_wrong(1000, SEED, steady.in_time) == ""


def test_of_documents_that_grow_old_nothing_is_claimed_that_only_a_new_one_can_tell() -> None:
    assert first_wrong(500, SEED, steady.grown_old) == ""


def test_of_an_address_that_answers_for_somebody_else_now_nothing_new_is_said_but_that() -> None:
    assert first_wrong(500, SEED, steady.mistaken) == ""


def test_of_answers_that_take_turns_the_worse_stands_until_it_has_gone_for_a_day() -> None:
    assert first_wrong(150, SEED, steady.taking_turns) == ""


def test_a_key_that_was_published_before_is_neither_unexpected_nor_foreign() -> None:
    assert first_wrong(150, SEED, steady.returning) == ""
