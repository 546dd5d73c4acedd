"""Signatures that xmlsec1 makes verify here, whatever surrounds them, and what it refuses is refused."""

import base64
import re
from random import Random

import pytest
from builders import DAY, NOW, pair, policy, tampered
from mutants import mutant
from peer import XmlSec
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureConstructionMethod, SignatureMethod

from exporter import metadata, signature
from exporter.demo.documents import DS, MD
from exporter.model import Certificate, SignatureState
from exporter.policy import Profile
from exporter.probe import read_document
from exporter.rollover import judge

SIGNER, OTHER = pair(key="rsa"), pair(nth=1, not_before=NOW - 300 * DAY)
FORMS = tuple(CanonicalizationMethod)
STRICTER = {
    "the signature does not cover the root element",
    "the ID of the root element is not unique",
    "not exactly one SignedInfo",
    "a transform that metadata may not use",
}
"""Where xmlsec1 verifies something that is no signature over the document, or none that metadata may have."""
INTERRUPTED = re.compile(rb"(Signature|Digest)Value>[^<]*<[!?]")
"""A value with a comment or an instruction in it, which xmlsec1 reads over and nobody writes, is refused."""


def template(random: Random) -> bytes:
    """A document whose signature is still to be made: any canonical forms, prefixes, declarations and comments."""

    def some(*choices: str) -> str:
        return random.choice(choices)

    prefix, md = some("", "ds:"), some("", "md:")
    declared = f'xmlns="{DS}"' if not prefix else f'xmlns:ds="{DS}"'
    around = " ".join(some("", *each) for each in AROUND)
    own = " ".join(some("", *each) for each in AROUND)
    form, inner = random.choice(FORMS), random.choice(FORMS)
    only = ""
    if "EXCLUSIVE" in inner.name:
        only = some("", f'<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE}" PrefixList="{some("a", "a b", "b xs")}"/>')
    certificate = base64.b64encode(SIGNER.der).decode()
    comment = some("", "<!-- a comment -->")
    # One entity in a group is signed with it.
    root, opened, closed = random.choice(
        (
            (f'{md}EntityDescriptor entityID="urn:e"', "", f"</{md}EntityDescriptor>"),
            (
                f"{md}EntitiesDescriptor",
                f'{comment}<{md}EntityDescriptor entityID="urn:e">',
                f"</{md}EntityDescriptor></{md}EntitiesDescriptor>",
            ),
        )
    )
    keys = "".join(
        f'<{md}KeyDescriptor use="signing"><KeyInfo xmlns="{DS}"><X509Data><X509Certificate>'
        f"{base64.b64encode(each.der).decode()}</X509Certificate></X509Data></KeyInfo></{md}KeyDescriptor>"
        for each in random.sample((SIGNER, OTHER), 2)
    )
    return f"""<{root} xmlns{":md" if md else ""}="{MD}" {around} ID="_a">{comment}
<{prefix}Signature {declared} {own}>{comment}<{prefix}SignedInfo{some("", ' xmlns:c="urn:c"')}>
<{prefix}CanonicalizationMethod Algorithm="{form.value}"/>{comment}
<{prefix}SignatureMethod Algorithm="{SignatureMethod.RSA_SHA256.value}"/>
<{prefix}Reference URI="{some("#_a", "")}"><{prefix}Transforms>
<{prefix}Transform Algorithm="{SignatureConstructionMethod.enveloped.value}"/>
<{prefix}Transform Algorithm="{inner.value}">{only}</{prefix}Transform></{prefix}Transforms>
<{prefix}DigestMethod Algorithm="{DigestAlgorithm.SHA256.value}"/><{prefix}DigestValue/>
</{prefix}Reference></{prefix}SignedInfo><{prefix}SignatureValue/>
<{prefix}KeyInfo><{prefix}X509Data><{prefix}X509Certificate>{certificate}</{prefix}X509Certificate></{prefix}X509Data>
</{prefix}KeyInfo></{prefix}Signature>{opened}<{md}IDPSSODescriptor {some("", 'xml:lang="fr"')}>{comment}
{keys}<{md}SingleSignOnService Location="https://e.example/"/></{md}IDPSSODescriptor>{closed}""".encode()


AROUND = (
    ('xmlns:a="urn:a"', 'xmlns:a="urn:other"'),
    ('xmlns:b="urn:b"',),
    ('xmlns:xs="http://www.w3.org/2001/XMLSchema"',),
    ('xml:lang="en"', 'xml:lang="de"'),
    ('xml:space="preserve"',),
)
EXCLUSIVE = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0.value


@pytest.mark.parametrize("seed", range(60))
def test_a_signature_by_xmlsec1_verifies_and_no_longer_where_the_document_is_changed(
    seed: int, xmlsec1: XmlSec
) -> None:
    document = xmlsec1.signed(template(Random(seed)), SIGNER)  # noqa: S311 -- a seed brings the case back
    assert xmlsec1.verifies(document, SIGNER.der)
    verdict = signature.verify(metadata.tree(document), [])
    assert (verdict.state, verdict.detail) == (SignatureState.VALID, "")
    assert signature.verify(metadata.tree(tampered(document)), []).state is SignatureState.INVALID
    assert in_use(document) == {SIGNER.certificate}
    assert in_use(tampered(document)) == {SIGNER.certificate, OTHER.certificate}


def in_use(document: bytes) -> set[Certificate]:
    """The keys that may be in use, of somebody who is no AD FS."""
    found = read_document(document, [])
    (rollover,) = judge(found.metadata, policy(Profile.SAML), signature=found.signature, first_seen={}, now=NOW)
    return {*rollover.may_sign}


@pytest.mark.parametrize("seed", range(4))
def test_what_only_one_of_both_verifies_is_read_as_it_was_signed_or_refused_for_a_reason(
    seed: int, xmlsec1: XmlSec
) -> None:
    random = Random(seed)  # noqa: S311 -- a seed brings the case back
    document = xmlsec1.signed(template(random), SIGNER)
    meant = metadata.parse(document)
    differences = []
    for _ in range(50):
        changed = mutant(document, random)
        try:
            root = metadata.tree(changed)
        except metadata.DocumentError:
            continue
        verdict = signature.verify(root, [SIGNER.der])
        if verdict.state is SignatureState.TRUSTED:
            # It refuses a KeyInfo that it cannot read, which nobody signed, and under "" counts what stands beside the
            # root, which nobody reads.
            explained = xmlsec1.verifies(changed, SIGNER.der) or metadata.read(root) == meant
        else:
            refused = verdict.detail in STRICTER or INTERRUPTED.search(changed) is not None
            explained = refused or not xmlsec1.verifies(changed, SIGNER.der)
        if not explained:
            differences.append((verdict, changed))
    assert differences == []
