"""What the other side says of a failure: its code and words, and never what it was sent."""

import base64
import html
import json
from collections.abc import Callable
from functools import partial
from urllib.parse import quote, quote_plus

import pytest
from cost import quickest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from exporter.entra.words import LONGEST, error_of, fit

SECRET = "8Q~aB3.Battery & Horse/staple+=Correct"  # noqa: S105 -- no real one


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"error": {"code": "No", "message": " Never. ", "innerError": {}}}, ("No", "Never.")),
        ({"error": {"code": "No"}}, ("No", "")),
        ({"error": {"message": "Never."}}, ("", "Never.")),
        ({"error": {"code": None, "message": 7}}, ("", "")),
        ({"error": "no", "error_description": "Never."}, ("no", "Never.")),
        ({"error": "no"}, ("no", "")),
        ({"error": None}, ("", "")),
        ({"error_description": "Never."}, ("", "")),
        ({}, ("", "")),
        ([], ("", "")),
        ("error", ("", "")),
        (None, ("", "")),
    ],
)
def test_both_ways_to_name_an_error_are_known(content: object, found: tuple[str, str]) -> None:
    assert error_of(content) == found


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Invalid client secret provided.", "Invalid client secret provided."),
        ("AADSTS7: No.\r\nTrace ID: 1\r\nCorrelation ID: 2\r\nTimestamp: 3", "AADSTS7: No."),
        ("AADSTS7: No. Trace ID: 1 Correlation ID: 2", "AADSTS7: No."),
        ("a\n\tb\x00\x1b[31m\u202ec", r"a b\x00\x1b[31m\u202ec"),
        ("x" * LONGEST, "x" * LONGEST),
        ("x" * (LONGEST + 1), "x" * (LONGEST - 1) + "…"),
        (f"{'':4090}{SECRET}", "…"),
        (f"secret={SECRET} of yours", "… … … of yours"),
        (f"secret={quote_plus(SECRET)}&more is wrong", "… is wrong"),
        ("it begins with 8q~ab3.b, does it", "it begins with … does it"),
        ("it begins with 8q~ab3, does it", "it begins with 8q~ab3, does it"),
    ],
)
def test_a_text_is_made_fit_to_be_shown(text: str, shown: str) -> None:
    assert fit(text, [SECRET]) == shown


def test_a_text_of_spaces_takes_no_longer_than_one_of_letters() -> None:
    letters, spaces = (quickest(partial(fit, text, [SECRET])) for text in ("x" * 4096, " " * 4095 + "x"))
    assert spaces < 10 * letters


def test_a_short_secret_is_hidden_as_a_whole_and_none_hides_nothing() -> None:
    assert fit("the key abc is xabcx, ab", ["abc"]) == "the key … is … ab"
    assert fit("the key", ["", "zzz"]) == "the key"


WAYS: list[Callable[[str], str]] = [
    str,
    str.upper,
    quote,
    quote_plus,
    html.escape,
    lambda text: json.dumps(text)[1:-1],
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: base64.b64encode(f"client:{text}".encode()).decode(),
    lambda text: base64.b64encode(f"a{text}b".encode()).decode(),
]


@example("hunter2 & co", 0, 20, 8, "", "")
@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=60),
    st.integers(0, 60),
    st.integers(8, 60),
    st.integers(0, len(WAYS) - 1),
    st.text(max_size=20),
    st.text(max_size=20),
)
def test_no_eight_characters_of_a_secret_are_shown_however_it_is_written(  # noqa: PLR0917 -- drawn
    secret: str, first: int, length: int, way: int, before: str, after: str
) -> None:
    part = secret[first : first + length]
    assume(len(part) >= 8)
    written = WAYS[way](secret if way > 5 else part)
    shown = fit(f"{before} {written} {after}", [secret]).lower()

    for hidden in (secret.lower(), written.lower()):
        inner = hidden[4:-4] if way > 5 else hidden
        pieces = {inner[at : at + 8] for at in range(len(inner) - 7)}
        assume(not any(piece in f"{before} {after}".lower() for piece in pieces))
        assert not [piece for piece in pieces if piece in shown]


@given(st.text(), st.lists(st.text()))
def test_whatever_is_said_is_one_printable_line_within_the_bound(text: str, secrets: list[str]) -> None:
    shown = fit(text, secrets)

    assert len(shown) <= LONGEST
    assert shown.isprintable()
