"""Odd rows of a state file, each by itself: half of them once took scrapes, pages, looks or saves."""

import zlib

import pytest
from odd_rows import LIMIT, PACKED, Endpoint, Odd, Part, assert_it_costs_that_row_at_most, farm

AT = "2026-06-01T12:00:00+00:00"

FIRST_SEEN, SIGHTINGS = ("first_seen",), ("key_sets", 0, "sightings")

ODD: dict[str, Odd] = {
    "a removed target whose name is a number": Odd("watch", "target", 7),
    "one without a name": Odd("watch", "target", None),
    "one whose name is bytes": Odd("watch", "target", b"zz"),
    "one with a name of 2 MB": Odd("watch", "target", "N" * 2**21),
    "one whose name is 5 MB in a scrape": Odd("watch", "target", 'N\n"' * 2**20),
    "a moment that UTC has no year for": Odd("watch", "since", "0001-01-01T00:00:00+23:59"),
    "a validator that would end its header": Odd("target", "etag", '"x"\r\nX-Evil: 1'),
    "a validator that is a number": Odd("target", "etag", 7),
    "a validator of 1 MB": Odd("target", "last_modified", "e" * 2**20),
    "a document that is text": Odd("document", "packed", "hello"),
    "a document that is a number": Odd("document", "packed", 7),
    "a document without its end": Odd("document", "packed", PACKED[:100]),
    "a document that is larger than it may be": Odd("document", "packed", zlib.compress(bytes(LIMIT + 1))),
    "a serial that is text": Odd("target", "serial", "one"),
    "the highest serial": Odd("target", "serial", 2**63 - 1),
    "the highest serial that is read": Odd("document", "serial", 2**62),
    "a fingerprint that is a number": Odd("entity", "history", Part(SIGHTINGS, [[[1, None], AT, AT]])),
    "a fingerprint of 1 MB": Odd("entity", "history", Part(FIRST_SEEN, {'"\n' + "x" * 2**20: AT})),
    "a set of keys without any": Odd("entity", "history", Part(SIGHTINGS, [])),
    "primaries that are two": Odd("entity", "history", Part(("primaries",), [[["aa", "bb"], AT, AT]])),
    "a set in force of 10,000 certificates": Odd(
        "entity", "history", Part(SIGHTINGS, [[[f"{nth:064x}" for nth in range(10_000)], AT, AT]])
    ),
    "20,000 sets": Odd("entity", "history", Part(SIGHTINGS, [[[f"{nth:064x}"], AT, AT] for nth in range(20_000)])),
    "300,000 certificates": Odd("entity", "history", Part(FIRST_SEEN, {f"{nth:064x}": AT for nth in range(300_000)})),
    "a place of a number": Odd("entity", "history", Part(("kept",), [["idp", "IDPSSODescriptor", "signing", "1", ""]])),
    "a domain that is federated by a word": Odd("domain", "trust", Part(("federated",), "yes")),
}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Endpoint:
    return farm(tmp_path_factory.mktemp("state"))


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_an_odd_row_costs_that_row_at_most(endpoint: Endpoint, odd: Odd) -> None:
    assert_it_costs_that_row_at_most(endpoint, odd)
