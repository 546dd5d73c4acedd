"""What a signature vouches for: whoever changes what is read of a document has no signature of its signer any more."""

import re
from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutants import ORIGINALS, SIGNED, mutant, read_otherwise
from soak import trusted

from exporter import metadata, signature
from exporter.model import Reason, SignatureState


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=2000)
@given(st.sampled_from(range(len(ORIGINALS))), st.integers(0, 2**64))
def test_what_is_read_otherwise_is_not_trusted(nth: int, seed: int) -> None:
    changed = mutant(ORIGINALS[nth].document, Random(seed))  # noqa: S311 -- a seed brings the case back
    assert read_otherwise(changed, ORIGINALS[nth]) not in SIGNED


def test_the_documents_are_trusted_before_they_are_changed() -> None:
    for original in ORIGINALS:
        root = metadata.tree(original.document)
        assert signature.verify(root, [original.signer]).state is SignatureState.TRUSTED
        assert signature.verify(root, []).state is SignatureState.VALID


def test_the_changes_lead_to_every_outcome_but_that_one() -> None:
    random = Random(1)  # noqa: S311 -- the same on every run
    originals = [random.choice(ORIGINALS) for _ in range(2000)]
    outcomes = Counter(read_otherwise(mutant(each.document, random), each) for each in originals)
    assert outcomes.keys() <= {
        None,
        Reason.DOCTYPE,
        Reason.NOT_XML,
        Reason.NOT_METADATA,
        Reason.NO_ENTITY,
        SignatureState.INVALID,
        SignatureState.UNSIGNED,
        SignatureState.UNCHECKED,
    }
    assert min(outcomes[None], outcomes[Reason.DOCTYPE], outcomes[SignatureState.INVALID]) > 100


def test_the_long_run_says_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    trusted.main(20, 7)
    said = capsys.readouterr().out
    assert re.fullmatch(r"seed 7: 20 documents out of \d+ changed, none signed and read otherwise; .+\n", said)


def test_the_long_run_names_the_document_that_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trusted, "read_otherwise", lambda *_: SignatureState.TRUSTED)
    with pytest.raises(AssertionError, match=r"seed 7, document 1: trusted, and read otherwise: b'"):
        trusted.main(1, 7)
