"""Texts of the other side without what it was sent."""

import re
import string
from collections.abc import Iterable
from functools import partial
from random import Random

from cost import quickest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from exporter.fetch import hidden
from exporter.fetch.credentials import secrets
from exporter.fetch.hidden import _folded, _forms


def test_a_word_with_eight_characters_in_a_row_of_a_secret_is_hidden() -> None:
    assert hidden("the root is  {urn:x}CORRECT-horse\nhere", ["a-correct-horse"]) == "the root is … here"
    assert hidden("the root is {urn:x}correct-", ["a-correct-horse"]) == "the root is …"
    assert hidden("the root is {urn:x}horse", ["a-correct-horse"]) == "the root is {urn:x}horse"
    assert hidden("it", []) == "it"


@given(st.text(), st.text())
def test_a_secret_is_hidden_whatever_stands_around_it(before: str, after: str) -> None:
    # A few characters are two in small letters.
    for each in (before, "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}" * 30 + before):
        assert "correct-horse" not in hidden(f"{each}Correct-Horse{after}", ["correct-horse"]).lower()


def by_all_pieces(text: str, secrets: Iterable[str]) -> str:
    """The same by every piece of every form, however many there are."""
    forms = {_folded(form) for secret in secrets for form in _forms(secret)}
    pieces = {form[at : at + 8] for form in forms for at in range(max(1, len(form) - 7))} - {""}
    places = {
        place
        for piece in pieces
        for at in range(len(text))
        if _folded(text).startswith(piece, at)
        for place in range(at, at + len(piece))
    }
    return " ".join("…" if places & {*range(*each.span())} else each.group() for each in re.finditer(r"\S+", text))


LETTERS = st.text("ab=/é ", max_size=40)


@given(st.lists(LETTERS, max_size=3), st.data())
def test_the_words_that_are_hidden_are_those_with_any_piece_of_any_form(
    secrets: list[str], data: st.DataObject
) -> None:
    forms = [form for secret in secrets for form in _forms(secret)]
    parts = st.sampled_from(forms).flatmap(lambda form: st.integers(0, len(form)).map(lambda at: form[at : at + 9]))
    text = "".join(data.draw(st.lists(parts | LETTERS if forms else LETTERS, max_size=5)))

    assert hidden(text, secrets) == by_all_pieces(text, secrets)


def test_of_a_long_text_the_beginning_is_there_and_the_word_in_which_it_ends_may_be_a_secret() -> None:
    assert hidden("word " * 819 + "x hunter", ["hunter2"]) == "word " * 819 + "…"
    assert hidden("word " * 818 + "words 2345 hunter2", ["hunter2"]) == "word " * 818 + "words"
    assert hidden("word " * 819 + "x", ["hunter2"]) == "word " * 819 + "x"


def test_a_text_of_megabytes_takes_no_longer_than_one_that_is_shown() -> None:
    token = "".join(Random(1).choices(string.ascii_letters, k=2**13))  # noqa: S311 -- repeatable, nothing secret
    short, long = (quickest(partial(hidden, text, [token])) for text in ("word " * 800, "word " * 800_000))
    # By all pieces it is a hundred times as long.
    assert long < 10 * short


def test_what_a_request_says_that_is_secret_is_known_with_and_without_its_wrapping() -> None:
    sent = {"Authorization": "Basic am86aHVudGVyMg==", "X-Key": "a key", "X-Short": "on"}
    assert secrets("https://idp.test/?a=b&key=a%20query", sent, URL("http://jo:proxied@proxy.test")) == (
        "a query",
        "am86aHVudGVyMg==",
        "hunter2",
        "a key",
        "proxied",
    )
    assert secrets("https://idp.test/", {"Authorization": "Bearer token"}, None) == ("token",)
