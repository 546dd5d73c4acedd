"""Random documents of 16 MB made of the certificates that are dearest to read: what a look costs, in yardsticks."""

import random

import pytest
from builders import pair
from soak import dear

from exporter.model import Document, SignatureState
from exporter.probe import read_document


@pytest.mark.parametrize("nth", range(3))
def test_a_look_at_any_mixture_of_dear_certificates_costs_sixteen_yardsticks_at_most(nth: int) -> None:
    seed = random.SystemRandom().randrange(2**32) + nth
    chance = random.Random(seed)  # noqa: S311 -- a seed brings the case back
    kinds = chance.choices(list(dear.CERTIFIED), k=chance.randint(1, 20))
    body = dear.certified(*map(dear.CERTIFIED.__getitem__, kinds), size=chance.randrange(2**22, dear.SIZE - 2**21))
    signers = chance.choice(([], [pair(subject="CN=stranger").der]))
    found: list[Document] = []
    seconds, times, _ = dear.in_yardsticks(lambda: found.append(read_document(body, signers)))
    assert times <= dear.MOST_TIMES, (seconds, times, seed, kinds)
    assert found[0].signature.state is not SignatureState.TRUSTED
