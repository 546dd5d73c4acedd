"""What documents cost that are made to be dear, each looked at in a process of its own; the rest is a run of soak."""

import math

import pytest
from soak import dear


@pytest.mark.parametrize(
    "kind",
    [
        "an element of 10,000 attributes, exclusive",
        "a namespace of 100 characters, exclusive",
        "14,000 published",
        "14,000 published, signer named",
        "alike, of a dear curve",
        "alike, of long exponents",
        "64 kB of NULLs",
        "names of 8 odd parts",
    ],
)
def test_a_look_at_a_signature_costs_sixteen_yardsticks_at_most(kind: str) -> None:
    assert dear.in_process(kind, most=math.inf).startswith(kind)


@pytest.mark.parametrize("kind", ["other names at every look", "not finished"])
def test_the_memory_of_a_streamed_document_is_given_back_at_once(kind: str) -> None:
    assert dear.in_process(kind, looks=5, at_once=2).startswith(kind)


def test_what_costs_too_much_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match=r" s$"):
        dear.main("comments, exclusive", 1, 1, most=0.0)
    monkeypatch.setattr(dear, "MOST_TIMES", 0)
    with pytest.raises(AssertionError, match=r"yardsticks$"):
        dear.main("comments, exclusive", 1, 1, most=math.inf)
    monkeypatch.setattr(dear, "TOLERANCE", -(2**40))
    with pytest.raises(AssertionError):
        dear.main("not finished", 1, 1, most=0.0)
