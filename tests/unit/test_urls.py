"""What of a configured URL is shown, and whom its host is in DNS."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import exporter
from exporter.config.urls import MASK, dns_name, secrets, shown, told_apart

SECRET = "correct.horse-battery"  # noqa: S105 -- of these tests
READ_IT = {
    *("allowed", "config", "demo", "entra", "fetch", "findings", "policy", "probe", "record", "rounds", "trust"),
    *("state", "watch/__init__.py"),
}
"""Who needs a URL itself: to look there, for its host, or to compare it."""


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://idp.example.org/a/b.xml", "https://idp.example.org/a/b.xml"),
        ("https://idp.example.org/?", "https://idp.example.org/"),
        ("https://idp.example.org/?appid=SECRET", "https://idp.example.org/?appid=***"),
        ("https://idp.example.org/?a=1&key=SECRET&b=", "https://idp.example.org/?a=***&key=***&***"),
        ("https://idp.example.org/?SECRET", "https://idp.example.org/?***"),
        ("https://idp.example.org/?SECRET==", "https://idp.example.org/?***"),
        ("https://idp.example.org/?a=b=SECRET?&&a;SECRET", "https://idp.example.org/?a=***&&***"),
        ("https://idp.example.org/#SECRET", "https://idp.example.org/#***"),
        ("https://idp.example.org/?a=SECRET#?SECRET", "https://idp.example.org/?a=***#***"),
        ("https://idp.example.org?a=SECRET", "https://idp.example.org?a=***"),
        ("https://SECRET:SECRET@idp.example.org/a@b", "https://***@idp.example.org/a@b"),
        ("file:///srv/metadata.xml?SECRET", "file:///srv/metadata.xml?***"),
    ],
)
def test_the_values_of_a_query_the_user_and_the_fragment_are_not_shown(url: str, told: str) -> None:
    assert shown(url.replace("SECRET", SECRET)) == told


@given(st.lists(st.tuples(st.text("abc", max_size=3), st.text("xyz=", min_size=1)), max_size=4), st.text("xyz"))
def test_nothing_of_a_value_is_ever_shown_and_every_value_is_known(parts: list[tuple[str, str]], end: str) -> None:
    """The names are of other characters than the values."""
    query = "&".join(f"{name}={value}" for name, value in parts)
    url = f"https://idp.test/?{query}" + (f"#{end}" if end else "")

    told = shown(url)

    assert set("xyz").isdisjoint(told.partition("?")[2])
    assert shown(told) == told
    known = "".join(secrets(url))
    assert all(character in known for _, value in parts for character in value.strip("="))


def test_what_is_not_shown_is_decoded_for_those_who_look_for_it() -> None:
    assert secrets("https://idp.test/?a=x%2Fy+z&b&c=&d=%FF") == ("x/y z", "b", "c=", "\ufffd")


def test_what_is_kept_tells_urls_apart_that_are_shown_alike() -> None:
    one, other = (told_apart(f"https://idp.test/?id={each}") for each in (SECRET, "2"))
    assert one != other
    assert one.startswith(f"https://idp.test/?id={MASK} ")
    assert SECRET not in one
    assert told_apart("https://idp.test/") == "https://idp.test/"


def test_whoever_does_not_need_a_url_itself_takes_what_may_be_shown() -> None:
    """Elsewhere ``.url`` of a look or a target is nothing but the argument of the function that masks it."""
    folder = Path(exporter.__file__).parent
    shown_raw = []
    for file in folder.rglob("*.py"):
        place = file.relative_to(folder)
        if {place.parts[0].removesuffix(".py"), str(place)} & READ_IT:
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        masked = {
            argument
            for call in ast.walk(tree)
            if isinstance(call, ast.Call) and ast.unparse(call.func) == shown.__name__
            for argument in call.args
        }
        urls = {node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "url"}
        shown_raw += [f"{place}:{node.lineno}" for node in urls - masked]

    assert shown_raw == []


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("IdP.example.org", "idp.example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("2001:db8::1", "2001:db8::1"),
        ("fe80::1%]", "fe80::1%]"),
    ],
)
def test_a_host_has_the_name_under_which_it_is_looked_up(host: str, name: str) -> None:
    assert dns_name(host) == name
