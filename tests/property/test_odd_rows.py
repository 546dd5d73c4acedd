"""Whatever stands in a row of the state file costs at most that row: scrapes and pages stay small, looks go on."""

import zlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_rows import LIMIT, PACKED, Endpoint, Odd, Part, assert_it_costs_that_row_at_most, farm

from exporter.state.rows import TABLES


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Endpoint:
    return farm(tmp_path_factory.mktemp("state"))


moments = st.sampled_from(
    (
        "0001-01-01T00:00:00+23:59",
        "0001-01-01T00:00:00+00:00",
        "9999-12-31T23:59:59-23:59",
        "9999-12-31T23:59:59+00:00",
        "1969-12-31T23:59:59.999999+00:00",
        "2026-06-01T12:00:00",
        "2026-06-01",
        (datetime.now(UTC) - timedelta(days=1)).isoformat(),
    )
)
texts = st.one_of(
    moments,
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    st.sampled_from(('"x"\r\nX-Evil: 1', "\u0141\u20ac", "<script>", "[" * 100_000, '{"first_seen":{}}', "[]", "{}")),
    st.builds(
        lambda part, size: part * (size // len(part)), st.sampled_from(("N", 'N\n"', "€")), st.integers(3, 3 * 2**20)
    ),
)
numbers = st.sampled_from((0, 1, 7, -1, 2**31, 2**62, 2**63 - 1, -(2**63))) | st.floats(allow_nan=False)
blobs = st.one_of(
    st.binary(max_size=20),
    st.integers(0, len(PACKED)).map(lambda size: PACKED[:size]),
    st.integers(0, 3 * 2**20).map(bytes),
    st.integers(LIMIT, 2**24).map(lambda size: zlib.compress(bytes(size), 9)),
)
plain = st.one_of(
    st.none(),
    st.booleans(),
    numbers,
    texts,
    st.integers(0, 20_000).map(lambda count: {f"{nth:064x}": "2026-06-01T12:00:00+00:00" for nth in range(count)}),
    st.integers(0, 20_000).map(lambda count: [f"{nth:064x}" for nth in range(count)]),
    st.integers(0, 20_000).map(
        lambda count: [[[f"{nth:064x}"], *["2026-06-01T12:00:00+00:00"] * 2] for nth in range(count)]
    ),
    st.sampled_from(
        ([], {}, [[]], [[[], *["2026-06-01T12:00:00+00:00"] * 2]], [[["aa", "bb"], *["2026-06-01T12:00:00+00:00"] * 2]])
    ),
)


def odd_rows_of(table: str) -> st.SearchStrategy[Odd]:
    """Rows with one column of any type and size; JSON is also changed in one of its parts."""
    anything = st.one_of(numbers, texts, blobs)
    parts = st.builds(Part, st.integers(0, 60), plain)
    columns = dict.fromkeys(TABLES[table], st.none() | anything)
    columns |= dict.fromkeys(columns.keys() & {"history", "trust"}, st.none() | anything | parts)
    # SQLite itself refuses a row without a serial.
    columns["serial"] = anything
    return st.one_of(*(st.builds(Odd, st.just(table), st.just(column), each) for column, each in columns.items()))


@settings(max_examples=60)
@given(odd=st.one_of(*map(odd_rows_of, sorted(TABLES))))
def test_whatever_stands_in_a_row_of_the_state_file_costs_at_most_that_row(endpoint: Endpoint, odd: Odd) -> None:
    assert_it_costs_that_row_at_most(endpoint, odd)
