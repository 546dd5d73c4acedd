"""Whether the XML signature of a document (W3C, XML Signature 1.1; SAML metadata 3) verifies, and by which certificate.

Only a signature that stands directly below the root and covers the very root counts: a valid signature over some
element inside says nothing about the rest ("signature wrapping"). Trust is a matter of keys: a certificate's dates,
names and issuer are not looked at, and neither is whoever signed it.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice, product

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree
from lxml.etree import _Element as Element
from signxml.algorithms import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
)
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from exporter import certificates, metadata
from exporter.model import Signature, SignatureState

_DS = {"ds": "http://www.w3.org/2000/09/xmldsig#"}
_TRANSFORMS = frozenset(
    {SignatureConstructionMethod.enveloped.value, *(method.value for method in CanonicalizationMethod)}
)
"""The only ones that metadata may use (SAML core 5.4.4), and those with the other canonical forms in use."""
_METHODS = frozenset(method for method in SignatureMethod if not method.name.startswith("HMAC"))
"""SHA-1 included: an old signature is still a signature, and what it is worth shows elsewhere."""
_OWNERS_OF_AN_ID = etree.XPath("//@*[. = $value][local-name() = 'ID' or local-name() = 'Id' or local-name() = 'id']/..")
_MOST_KEYS_TRIED = 8
_MOST_REFERENCES = 4
_LONGEST_DETAIL = 200
_ACCIDENTS = (
    InvalidSignature,
    UnsupportedAlgorithm,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What the library lets out besides its own exceptions."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A certificate whose key may have signed."""

    fingerprint: str
    certificate: x509.Certificate
    key: bytes
    """SubjectPublicKeyInfo: renewed certificates of one key are one signer."""


def verify(root: Element, signers: Sequence[bytes]) -> Signature:
    """The verdict on the signature of a document; the tree stays as it is.

    ``signers`` is the DER of the certificates whose keys make a document trusted; empty: there are none to trust.
    Tried are the certificates in KeyInfo, then the signers, and without certificates in KeyInfo also the signing
    certificates that the document publishes and the bare key in KeyInfo. Never raises.
    """
    signature = root.find("ds:Signature", _DS)
    if signature is None:
        return Signature(SignatureState.UNSIGNED, None, "")
    with certificates.quietly:
        return _verdict(root, signature, signers)


def _verdict(root: Element, signature: Element, signers: Sequence[bytes]) -> Signature:
    named = tuple(islice(_named(signature), _MOST_KEYS_TRIED))
    first = named[0].fingerprint if named else None
    if gap := _gap(root, signature):
        return Signature(SignatureState.INVALID, first, gap)
    trusted = tuple(_candidates(signers))
    failures = []
    for reading, candidate in product(
        _readings(root, signature),
        _unique((*named, *trusted) if named else (*trusted, *_published(root))),
    ):
        failure = _failure(reading, candidate.certificate)
        if failure is None:
            known = any(candidate.key == signer.key for signer in trusted)
            return Signature(SignatureState.TRUSTED if known else SignatureState.VALID, candidate.fingerprint, "")
        failures.append(failure)
    if not named:
        failure = _failure(root, None)
        if failure is None:
            return Signature(SignatureState.VALID, None, "by a bare key that belongs to no published certificate")
        failures.append(failure)
    return Signature(SignatureState.INVALID, first, failures[0])


def _gap(root: Element, signature: Element) -> str:
    """Why the signature cannot be one over the whole document; empty when it can."""
    if len(signature.findall("ds:SignedInfo", _DS)) != 1:
        return "not exactly one SignedInfo"
    references = signature.findall("ds:SignedInfo/ds:Reference", _DS)
    if len(references) > _MOST_REFERENCES:
        return "too many references"
    root_id = root.get("ID")
    names = {"", f"#{root_id}"} if root_id else {""}
    if [reference.get("URI") in names for reference in references].count(True) != 1:
        return "the signature does not cover the root element"
    if root_id and len(_OWNERS_OF_AN_ID(root, value=root_id)) != 1:
        return "the ID of the root element is not unique"
    for transform in signature.iterfind("ds:SignedInfo/ds:Reference/ds:Transforms/ds:Transform", _DS):
        if transform.get("Algorithm") not in _TRANSFORMS:
            return "a transform that metadata may not use"
    return ""


def _readings(root: Element, signature: Element) -> Iterator[Element]:
    """The document as a signature may have seen it.

    A reference to the root by "" or its ID leaves comments out, whatever the canonical form (XML Signature 4.4.3.3).
    There are signers that count them all the same under a form ``WithComments``. Comments say nothing to us, so
    that either reading will do.
    """
    forms = signature.iterfind("ds:SignedInfo/ds:Reference/ds:Transforms/ds:Transform", _DS)
    if any(form.get("Algorithm", "").endswith("#WithComments") for form in forms):
        parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True)
        with suppress(etree.XMLSyntaxError):
            yield etree.fromstring(etree.tostring(root), parser)
    yield root


def _failure(root: Element, certificate: x509.Certificate | None) -> str | None:
    """Why the key of a certificate, or the bare key of KeyInfo, does not verify the signature; None when it does."""
    config = SignatureConfiguration(
        require_x509=certificate is not None,
        location="./",
        expect_references=False,  # any number: what is signed besides the root must verify as well
        signature_methods=_METHODS,
        digest_algorithms=frozenset(DigestAlgorithm),
        ignore_ambiguous_key_info=True,
        verification_time=certificate.not_valid_before_utc if certificate else None,
    )
    try:
        # The schema would refuse signatures for what they do not cover, such as a broken certificate in KeyInfo.
        XMLVerifier().verify(root, x509_cert=certificate, validate_schema=False, expect_config=config)
    except (SignXMLException, etree.LxmlError) as error:
        return str(error)[:_LONGEST_DETAIL].rstrip(": ")
    except _ACCIDENTS as error:
        return f"malformed signature ({type(error).__name__})"
    return None


def _named(signature: Element) -> Iterator[_Candidate]:
    for element in signature.iterfind("ds:KeyInfo/ds:X509Data/ds:X509Certificate", _DS):
        with suppress(ValueError):
            yield from _candidates([certificates.decode(element.text or "")])


def _published(root: Element) -> Iterator[_Candidate]:
    """The signing certificates of a lone entity: no member of an aggregate signs the whole."""
    try:
        document = metadata.read(root)
    except metadata.DocumentError:
        return
    if not document.aggregate:
        keys = (key for role in document.entities[0].roles for key in role.keys if key.use.signs)
        yield from _candidates(certificate.der for key in keys for certificate in key.certificates)


def _candidates(ders: Iterable[bytes]) -> Iterator[_Candidate]:
    for der in ders:
        try:
            certificate = certificates.load(der)
            key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        except (certificates.CertificateError, UnsupportedAlgorithm, ValueError):
            continue
        yield _Candidate(certificate.fingerprint(SHA256()).hex(), certificate, key)


def _unique(candidates: Iterable[_Candidate]) -> Iterable[_Candidate]:
    by_key: dict[bytes, _Candidate] = {}
    for candidate in candidates:
        by_key.setdefault(candidate.key, candidate)
    return by_key.values()
