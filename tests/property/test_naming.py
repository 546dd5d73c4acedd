"""Which entities of an aggregate are watched, beside Python's own reading of patterns."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import partial

from cost import quickest
from hypothesis import given
from hypothesis import strategies as st

from exporter.findings.case import naming

LETTERS = st.text(alphabet="ab/.*?[]!-\n", max_size=6)


@given(st.lists(LETTERS, max_size=6), st.lists(LETTERS, max_size=6))
def test_an_entity_is_watched_if_any_pattern_matches_it_or_is_its_name(patterns: list[str], named: list[str]) -> None:
    is_named = naming(patterns)
    for entity_id in (*named, *patterns):
        assert is_named(entity_id) == any(fnmatchcase(entity_id, each) for each in patterns)


def test_thousands_of_names_take_hardly_longer_than_a_few() -> None:
    entities = [f"https://idp{number}.example.edu/idp/shibboleth" for number in range(8000)]

    few, many = (quickest(partial(watched, entities[:count], entities)) for count in (5, 5000))

    assert many < 10 * few


def watched(names: Sequence[str], entities: Sequence[str]) -> list[bool]:
    return list(map(naming(names), entities))
