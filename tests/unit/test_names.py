"""Names that others chose are shown in few characters, and two of them never become one."""

from pathlib import Path

import pytest

from exporter.names import (
    LONGEST,
    LONGEST_NEAR,
    LONGEST_SHORTENED,
    MOST_NEAR,
    counted,
    nearest,
    printable,
    shortened,
)

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["", "CN=x", "x" * LONGEST])
def test_a_name_of_ordinary_length_stays_as_it_is(name: str) -> None:
    assert shortened(name) == name


def test_a_long_name_is_its_beginning_and_a_digest_of_the_whole() -> None:
    assert shortened("a" * 513) == "a" * 512 + "…02425c0f"
    assert len(shortened("a" * 513)) == LONGEST_SHORTENED == 521


def test_two_long_names_that_begin_alike_stay_two() -> None:
    assert shortened("x" * 600 + "1") != shortened("x" * 600 + "2")


def test_a_name_that_no_text_can_hold_is_shortened_too() -> None:
    assert shortened("\ud800" * 600).endswith("…" + shortened("\ud800" * 600)[-8:])


@pytest.mark.parametrize(("count", "words"), [(0, "0 targets"), (1, "1 target"), (2, "2 targets")])
def test_a_noun_is_in_the_number_of_its_number(count: int, words: str) -> None:
    assert counted(count, "target") == words


def test_no_text_leaves_the_number_of_a_noun_to_its_reader() -> None:
    texts = [*(ROOT / "exporter").rglob("*.py"), *(ROOT / "docs").glob("*.md"), ROOT / "README.md"]
    assert [str(each) for each in texts if "(s)" in each.read_text("utf-8")] == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://idp.example/", "https://idp.example/"),
        ("CN=Müller, O=אוניברסיטה", "CN=Müller, O=אוניברסיטה"),
        ("elpmaxe\u202e\u200b", r"elpmaxe\u202e\u200b"),
        ("a\tb\nc\x1b[2J", r"a\tb\nc\x1b[2J"),
        ("a\u00a0b\u2028c", r"a\xa0b\u2028c"),
        ("\ud800\U000e0001", r"\ud800\U000e0001"),
    ],
)
def test_what_cannot_be_printed_is_shown_by_its_number(text: str, shown: str) -> None:
    assert printable(text) == shown


IDPS = [f"https://idp-{number}.example/" for number in range(100)]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("https://idp-7.example/", "https://idp-7.example/"),
        ("http://IDP-7.Example", "https://idp-7.example/"),
        ("https://idp-77.exmple/", "https://idp-77.example/"),
        ("https://ipd-77.example/", "https://idp-77.example/"),
        ("https://nope.example.org/", ""),
        ("https://x", ""),
        ("https://something.else/", ""),
        ("", ""),
        ("a" * 10_000, ""),
    ],
)
def test_the_nearest_name_is_the_one_that_differs_by_a_slip(name: str, meant: str) -> None:
    assert nearest(name, IDPS) == meant


def test_a_near_name_is_looked_for_among_thousands_of_moderate_length() -> None:
    assert nearest("urn:a", ["urn:b" * MOST_NEAR, *["urn:other"] * (MOST_NEAR - 2), "urn:A"]) == "urn:A"
    assert nearest("urn:a", [*["urn:other"] * MOST_NEAR, "urn:A"]) == ""
    assert nearest("u" * LONGEST_NEAR, ["U" * (LONGEST_NEAR + 1)]) == ""
