"""What the canonical form of a document is said to cost: more wherever it may, and no more than that for a real one."""

from itertools import pairwise

import pytest
from builders import adfs, aggregate, saml_metadata
from lxml import etree

from exporter.canonical import DEAREST, SIZE, cost

PLAIN = f"<a>{'x' * 60}</a>"
MANY_ATTRIBUTES = "<a " + " ".join(f"b{number}='{number}'" for number in range(99)) + "/>"


def costs(unit: str = PLAIN, attributes: str = "", *, inclusive: bool = False, prefixes: int = 0) -> int:
    """Of a thousand of something."""
    root = etree.fromstring(f'<r xmlns="urn:m" {attributes}>{unit * 1000}</r>')
    return cost(root, inclusive=inclusive, prefixes=prefixes)


def namespaces(count: int, *, prefix: str = "n", uri: str = "urn:") -> str:
    return " ".join(f'xmlns:{prefix}{number}="{uri}{number}"' for number in range(count))


@pytest.mark.parametrize("document", [adfs(), aggregate([saml_metadata(f"urn:{number}") for number in range(50)])])
@pytest.mark.parametrize("inclusive", [True, False])
def test_a_document_of_a_real_kind_costs_less_than_its_size_may(document: bytes, *, inclusive: bool) -> None:
    assert cost(etree.fromstring(document), inclusive=inclusive, prefixes=2) < DEAREST / SIZE * len(document)


def test_every_namespace_around_costs_under_an_inclusive_form() -> None:
    found = [costs(attributes=namespaces(count), inclusive=True) for count in (1, 10, 100)]
    assert all(10 * one < other for one, other in pairwise(found[1:]))
    assert found[-1] > 10 * costs(attributes=namespaces(100))


@pytest.mark.parametrize(
    ("dear", "less"),
    [
        (costs("<a/>" * 15), costs()),
        (costs('<a b="" c=""/>'), costs("<a/>")),
        (costs(MANY_ATTRIBUTES), 90 * costs("<a/>")),
        (costs(prefixes=100), costs()),
        (costs(attributes=namespaces(1, uri="urn:" + "x" * 9000)), 90 * costs(attributes=namespaces(1))),
        (costs(attributes=namespaces(9, prefix="p" * 900)), 2 * costs(attributes=namespaces(9))),
        (costs("<b>" * 90 + "</b>" * 90), costs("<b></b>" * 90)),
        (costs(f"<a {namespaces(99)}/>"), 4 * costs()),
    ],
    ids=["elements", "attributes", "attributes of one", "a list", "a long name", "long prefixes", "depth", "declared"],
)
def test_it_costs_more_with_more(dear: int, less: int) -> None:
    assert dear > less


def test_what_an_element_declares_costs_nothing_after_it() -> None:
    apart = costs(f"<a {namespaces(9)}/>{PLAIN}", inclusive=True)
    assert apart < costs(f"<a {namespaces(9)}>{PLAIN}</a>", inclusive=True)


def test_counting_ends_where_it_is_too_much() -> None:
    root = etree.fromstring("<r>" + "<a/>" * 1000 + "</r>")
    assert cost(root, inclusive=False, prefixes=0, most=10) > 10
    assert cost(root, inclusive=False, prefixes=0, most=10) < cost(root, inclusive=False, prefixes=0)
