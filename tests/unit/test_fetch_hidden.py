"""Texts of the other side without what it was sent."""

from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from exporter.fetch import hidden
from exporter.fetch.credentials import secrets


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
