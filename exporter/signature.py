"""Whether the XML signature of a document (W3C, XML Signature 1.1; SAML metadata 3) verifies, and by which certificate.

Only a signature that stands directly below the root and covers the very root counts: a valid signature over some
element inside says nothing about the rest ("signature wrapping"). Trust is a matter of keys: a certificate's dates,
names and issuer are not looked at, and neither is whoever signed it. No signature covers its own KeyInfo, so what
stands there only proposes keys. Where no key is known that could have signed, nothing is said.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from typing import Any

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

from exporter import canonical, certificates, metadata
from exporter.model import Certificate, Metadata, Signature, SignatureState

_DS = {"ds": "http://www.w3.org/2000/09/xmldsig#", "ec": "http://www.w3.org/2001/10/xml-exc-c14n#"}
_XML = "{http://www.w3.org/XML/1998/namespace}"
_TRANSFORMS = frozenset(
    {SignatureConstructionMethod.enveloped.value, *(method.value for method in CanonicalizationMethod)}
)
"""The only ones that metadata may use (SAML core 5.4.4), and those with the other canonical forms in use."""
_FORMS = frozenset(method.value for method in CanonicalizationMethod)
_EXCLUSIVE = frozenset(method.value for method in CanonicalizationMethod if method.name.startswith("EXCLUSIVE"))
_METHODS = frozenset(method for method in SignatureMethod if not method.name.startswith("HMAC"))
"""SHA-1 included: an old signature is still a signature, and what it is worth shows elsewhere."""
_INHERITED: Mapping[CanonicalizationMethod, frozenset[str]] = {
    CanonicalizationMethod.CANONICAL_XML_1_0: frozenset(_XML + name for name in ("lang", "space", "base", "id")),
    CanonicalizationMethod.CANONICAL_XML_1_1: frozenset(_XML + name for name in ("lang", "space", "base")),
}
"""The attributes of XML's own namespace that the canonical form of a part takes over from what surrounds it (Canonical
XML 1.0 section 2.4, 1.1 section 2.4); the exclusive forms take none."""
_OWNERS_OF_AN_ID = etree.XPath("//@*[. = $value][local-name() = 'ID' or local-name() = 'Id' or local-name() = 'id']/..")
_PARTS = etree.XPath("count(.//node()) + count(.//@*)")
_MOST_KEYS_TRIED = 8
_MOST_READ = 64
"""Certificates that are read to find those keys: chains have fewer, and each costs some time where none can be read."""
_MOST_PARTS = 256
"""Elements, texts and attributes of a SignedInfo: those of real documents have fewer than 50."""
_MOST_REFERENCES = 2
"""The document, and what a signature of the XAdES kind says about itself (ETSI EN 319 132-1 4.3)."""
_LONGEST_DETAIL = 200
_NO_KEY = "no certificate in KeyInfo can be read, no signer is configured, and no published key signed it"
_MORE_KEYS = f"none of the first {_MOST_KEYS_TRIED} keys that may have signed it did, and no more are tried"
_TOO_DEAR = "not looked at: the canonical form that is signed would cost too much"
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
    not_after: datetime


def verify(
    root: Element,
    signers: Sequence[bytes],
    *,
    content: Metadata | None = None,
    size: int = 0,
    last: str | None = None,
) -> Signature:
    """The verdict on the signature of a document; the tree stays as it is.

    ``signers`` is the DER of the certificates whose keys make a document trusted; empty: there are none to trust.
    Tried are the signers, then the certificates in KeyInfo or, where it has none, the signing certificates that the
    document publishes, first the one with the fingerprint ``last``, which signed before: 8 keys at most, more only
    where more signers are given. Where none of them made the signature and others may have, it is unchecked; so it is
    without a certificate in KeyInfo and without signers where no published key made it, and where the canonical form
    of the document is too dear for its ``size`` in bytes (that of 16 MiB at least). Never raises.

    ``content`` is what the document says, where that has been read.

    The certificate is found by the key that signed. Of several published with it, it is the one that ends last: KeyInfo
    is not signed and may name any of them, and tokens of that key are good for as long as one of them is.
    """
    signature = root.find("ds:Signature", _DS)
    if signature is None:
        return Signature(SignatureState.UNSIGNED, None, "")
    if _is_too_dear(root, signature, size):
        return Signature(SignatureState.UNCHECKED, None, _TOO_DEAR)
    gap = _gap(root, signature)
    with certificates.quietly:
        published = _published(root, content)
        return _verdict(root, signature, gap, signers, sorted(published, key=lambda each: each.fingerprint != last))


def _verdict(
    root: Element, signature: Element, gap: str | None, signers: Sequence[bytes], published: Sequence[Certificate]
) -> Signature:
    trusted = tuple(_unique(_candidates(signers)))
    texts = _texts(signature)
    named = tuple(_candidates(_decoded(islice(texts, _MOST_READ))))
    ders = (each.der for each in published)
    candidates = _unique(chain(trusted, named or _candidates(islice(ders, _MOST_READ))))
    tried = tuple(islice(candidates, max(_MOST_KEYS_TRIED, len(trusted))))
    verifier = _Verifier(tried, _surroundings(signature))
    failure = gap or _failure(root, verifier)
    signer = verifier.signer
    if signer is None and gap is None:
        untried = (candidates, texts) if named else (candidates, texts, ders)
        if any(next(each, None) is not None for each in untried):
            return Signature(SignatureState.UNCHECKED, None, _MORE_KEYS)
    if signer is not None and failure is None:
        known = any(signer.key == each.key for each in trusted)
        return Signature(SignatureState.TRUSTED if known else SignatureState.VALID, _fingerprint(signer, published), "")
    if signer is None and not named and not trusted:
        return Signature(SignatureState.UNCHECKED, None, _NO_KEY)
    blamed = signer or next(iter(named), None)
    return Signature(SignatureState.INVALID, _fingerprint(blamed, published) if blamed else None, failure or "")


def _gap(root: Element, signature: Element) -> str | None:
    """Why the signature cannot be one over the whole document; None when it can."""
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
    return None


def _is_too_dear(root: Element, signature: Element, size: int) -> bool:
    """Whether to canonicalise what is signed would take more time and memory than a document of that size may take."""
    if any(_PARTS(info) > _MOST_PARTS for info in signature.iterfind("ds:SignedInfo", _DS)):
        return True
    references = signature.findall("ds:SignedInfo/ds:Reference", _DS)
    forms = [
        {transform.get("Algorithm") for transform in reference.iterfind("ds:Transforms/ds:Transform", _DS)} & _FORMS
        for reference in references
    ]
    forms.append({each.get("Algorithm") for each in signature.iterfind("ds:SignedInfo/ds:CanonicalizationMethod", _DS)})
    inclusive = any(not form or form - _EXCLUSIVE for form in forms)
    lists = signature.iterfind("ds:SignedInfo//ec:InclusiveNamespaces", _DS)
    prefixes = sum(len(each.get("PrefixList", "").split(" ")) for each in lists)
    most = canonical.DEAREST * max(1.0, size / canonical.SIZE) / max(1, len(references))
    return canonical.cost(root, inclusive=inclusive, prefixes=prefixes, most=int(most)) > most


class _Verifier(XMLVerifier):
    """The library's verifier, but several keys are tried on one canonical form, and SignedInfo keeps its context.

    The library copies a document four times by writing it out and reading it again. Here it does once for each
    reference, because it takes the signature out of it then.
    """

    signer: _Candidate | None = None
    """Whose key made the signature, whether or not the document is still the one that was signed."""

    def __init__(self, tried: Sequence[_Candidate], surroundings: Mapping[str, str]) -> None:
        super().__init__()
        self.tried = tried
        self._surroundings = surroundings
        self._copied = False
        self._digested: object = None

    def get_root(self, data: Element) -> Element:
        """The very tree: nothing in it is changed."""
        return data

    def _apply_transforms(self, payload: Element, **named: Any) -> Any:  # noqa: ANN401 -- the library's own
        self._copied = True
        try:
            self._digested = super()._apply_transforms(payload, **named)
        finally:
            self._copied = False
        return self._digested

    def _tostring(self, xml_node: Element, **named: Any) -> Any:  # noqa: ANN401 -- the library's own
        if self._copied and isinstance(xml_node, Element) and xml_node.getparent() is None:
            return xml_node
        return super()._tostring(xml_node, **named)  # type: ignore[no-untyped-call] # the library has no types here

    def _fromstring(self, xml_string: Any, **named: Any) -> Any:  # noqa: ANN401 -- the library's own
        if xml_string is self._digested:
            return None  # what was signed, as one more tree that nobody wants
        if isinstance(xml_string, Element):
            return xml_string
        return super()._fromstring(xml_string, **named)  # type: ignore[no-untyped-call] # the library has no types here

    def _verify_signature_with_pubkey(self, **named: Any) -> Any:  # noqa: ANN401 -- the library's own
        failures: list[Exception] = []
        for candidate in self.tried:
            named["signing_certificate"] = candidate.certificate
            try:
                verified = super()._verify_signature_with_pubkey(**named)
            except (SignXMLException, *_ACCIDENTS) as error:
                failures.append(error)
            else:
                self.signer = candidate
                return verified
        raise failures[0]

    def _check_cert_validity(self, *_: object) -> None:
        pass  # a certificate brings a key here, and an expired one makes no signature invalid

    def _c14n(
        self, nodes: Element, algorithm: CanonicalizationMethod, inclusive_ns_prefixes: list[str] | None = None
    ) -> Any:  # noqa: ANN401 -- the library's own
        plain = CanonicalizationMethod[algorithm.name.removesuffix("_WITH_COMMENTS")]
        if nodes.getparent() is None:
            # A reference to a part of its own document leaves comments out under any form (XML Signature 4.4.3.3).
            algorithm = plain
        else:
            # lxml declares namespaces once more inside of what it takes out of its tree. A document of its own has
            # those of SignedInfo and of all around it on its root, as an inclusive form wants them.
            nodes = etree.fromstring(etree.tostring(nodes, with_tail=False), self.parser)
            for name in _INHERITED.get(plain, frozenset()) & self._surroundings.keys():
                nodes.set(name, nodes.get(name, self._surroundings[name]))
        return super()._c14n(nodes, algorithm, inclusive_ns_prefixes)


def _failure(root: Element, verifier: _Verifier) -> str | None:
    """Why none of the keys verifies the signature; None when one does."""
    if not verifier.tried:
        return _NO_KEY
    config = SignatureConfiguration(
        location="./",
        expect_references=False,  # any number: what is signed besides the root must verify as well
        signature_methods=_METHODS,
        digest_algorithms=frozenset(DigestAlgorithm),
        ignore_ambiguous_key_info=True,
    )
    try:
        # The schema would refuse signatures for what they do not cover, such as a broken certificate in KeyInfo.
        verifier.verify(root, x509_cert=verifier.tried[0].certificate, validate_schema=False, expect_config=config)
    except (SignXMLException, etree.LxmlError) as error:
        return str(error)[:_LONGEST_DETAIL].rstrip(": ")
    except _ACCIDENTS as error:
        return f"malformed signature ({type(error).__name__})"
    return None


def _surroundings(signature: Element) -> Mapping[str, str]:
    """The attributes that stand on a signature and around it, the nearest of each name."""
    found: dict[str, str] = {}
    for element in (signature, *signature.iterancestors()):
        found = {**{str(name): str(value) for name, value in element.attrib.items()}, **found}
    return found


def _texts(signature: Element) -> Iterator[str]:
    """The certificates in KeyInfo."""
    for element in signature.iterfind("ds:KeyInfo/ds:X509Data/ds:X509Certificate", _DS):
        yield element.text or ""


def _decoded(texts: Iterable[str]) -> Iterator[bytes]:
    for text in texts:
        with suppress(ValueError):
            yield certificates.decode(text)


def _published(root: Element, content: Metadata | None) -> Iterable[Certificate]:
    """The signing certificates of a document's only entity: no member of an aggregate signs the whole."""
    if content is None:
        try:
            content = metadata.read(root)
        except metadata.DocumentError:
            return ()
    if content.aggregate:
        return ()
    keys = (key for role in content.entities[0].roles for key in role.keys if key.use.signs)
    return dict.fromkeys(certificate for key in keys for certificate in key.certificates)


def _candidates(ders: Iterable[bytes]) -> Iterator[_Candidate]:
    for der in ders:
        try:
            certificate = certificates.load(der)
            key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            not_after = certificate.not_valid_after_utc
        except (certificates.CertificateError, UnsupportedAlgorithm, ValueError):
            continue
        yield _Candidate(certificate.fingerprint(SHA256()).hex(), certificate, key, not_after)


def _unique(candidates: Iterable[_Candidate]) -> Iterator[_Candidate]:
    """The first of those with the same key."""
    seen: set[bytes] = set()
    for candidate in candidates:
        if candidate.key not in seen:
            seen.add(candidate.key)
            yield candidate


def _fingerprint(signer: _Candidate, published: Iterable[Certificate]) -> str:
    """Of the published certificate with a signer's key that ends last; of the signer's own when none is published."""
    same = (each for each in _candidates(each.der for each in published) if each.key == signer.key)
    return max(same, key=lambda each: (each.not_after, each.fingerprint), default=signer).fingerprint
