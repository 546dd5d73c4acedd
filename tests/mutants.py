"""Documents changed by somebody who has no key: small changes at every place that a signature might not cover."""

import base64
import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from random import Random

from builders import NOW, adfs, aggregate, pair, saml_metadata, web_service, with_doctype
from builders import entity as entity_of
from builders import key as key_of
from cryptography import x509
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, SignatureMethod
from signxml.signer import XMLSigner

from exporter import certificates, metadata, signature
from exporter.demo.documents import DS, MD, XSI
from exporter.model import Metadata, Reason, SignatureState

SIGNER = pair(nth=1)
STRANGER = pair(nth=2)

SIGNED = (SignatureState.TRUSTED, SignatureState.VALID)
"""What nobody gets for another document than the one that was signed."""


@dataclass(frozen=True, slots=True)
class Original:
    """A document as it was signed."""

    document: bytes
    signer: bytes
    """DER of the certificate whose key signed."""
    meant: Metadata
    """What it says."""


def _otherwise_signed(document: bytes, form: CanonicalizationMethod, *references: str) -> bytes:
    """Signed by SIGNER in another canonical form, and not only the whole."""
    root = etree.fromstring(document)
    root.insert(0, etree.Element(f"{{{DS}}}Signature", Id="placeholder", nsmap={"ds": DS}))
    signer = XMLSigner(signature_algorithm=SignatureMethod.ECDSA_SHA256, c14n_algorithm=form)
    certificate = x509.load_der_x509_certificate(SIGNER.der)
    return etree.tostring(signer.sign(root, key=SIGNER.key, cert=[certificate], reference_uri=list(references)))


def _without_key_info(document: bytes) -> bytes:
    root = etree.fromstring(document)
    for info in root.findall(f"{{{DS}}}Signature/{{{DS}}}KeyInfo"):
        root[0].remove(info)
    return etree.tostring(root)


_FORMS = CanonicalizationMethod

DOCUMENTS: Sequence[bytes] = (
    adfs(SIGNER, signer=SIGNER),
    saml_metadata(valid_until=NOW, signer=SIGNER),
    entity_of(web_service("SecurityTokenServiceType", key_of(SIGNER)), cache_duration="P1D", signer=SIGNER),
    aggregate([saml_metadata("urn:a"), saml_metadata("urn:b")], valid_until=NOW, signer=SIGNER),
    _without_key_info(adfs(STRANGER, SIGNER, signer=SIGNER)),
    _otherwise_signed(saml_metadata(valid_until=NOW), _FORMS.CANONICAL_XML_1_0, "#_entity"),
    _otherwise_signed(saml_metadata(), _FORMS.EXCLUSIVE_XML_CANONICALIZATION_1_0_WITH_COMMENTS, "#_entity"),
    _otherwise_signed(
        saml_metadata().replace(b"<IDPSSODescriptor", b'<IDPSSODescriptor ID="_part"'),
        _FORMS.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        "#_entity",
        "#_part",
    ),
)
"""Small documents, each signed by SIGNER."""

ORIGINALS = tuple(Original(document, SIGNER.der, metadata.parse(document)) for document in DOCUMENTS)


def real(corpus: Path) -> Sequence[Original]:
    """Those of the corpus of real documents whose signature verifies, the shortest first."""
    found = []
    for file in (corpus / "documents").iterdir():
        try:
            root = metadata.tree(document := file.read_bytes())
        except metadata.DocumentError:
            continue
        for text in root.iterfind(f"{{{DS}}}Signature//{{{DS}}}X509Certificate"):
            signer = certificates.decode(text.text or "")
            if signature.verify(root, [signer]).state is SignatureState.TRUSTED:
                found.append(Original(document, signer, metadata.read(root)))
                break
    return sorted(found, key=lambda original: (len(original.document), original.document))


_NAMESPACES = (MD, DS, XSI, "http://docs.oasis-open.org/wsfed/federation/200706", "urn:other", "")
_ATTRIBUTES = (
    ("validUntil", "2020-01-01T00:00:00Z"),
    ("cacheDuration", "PT1S"),
    ("entityID", "urn:evil"),
    ("use", "encryption"),
    ("ID", "_other"),
    ("Location", "https://evil.example/"),
    ("xsi:type", "fed:SecurityTokenServiceType"),
    ("xmlns", MD),
    ("xmlns:fed", "urn:other"),
)
_ELEMENTS = (
    "EntitiesDescriptor",
    "EntityDescriptor",
    "RoleDescriptor",
    "IDPSSODescriptor",
    "SPSSODescriptor",
    "KeyDescriptor",
    "ds:X509Certificate",
    "SingleSignOnService",
)
_READ = ("validUntil", "cacheDuration", "entityID", "use", "Location")
_INSERTS = (
    b"<!-- - -->",
    b"<!--<!DOCTYPE x>-->",
    b"<?pi data?>",
    b"<![CDATA[]]>",
    b"<![CDATA[A]]>",
    b"&#65;",
    b"&#32;",
    b"\n",
    b" ",
    b"\xc2\xa0",
)

Change = Callable[[bytes, Random], bytes]


def mutant(document: bytes, random: Random) -> bytes:
    """The document after one to three changes, most of which a reader survives."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        document = random.choice(_CHANGES)(document, random)
    return document


def read_otherwise(document: bytes, original: Original) -> SignatureState | Reason | None:
    """What the signature is worth where something else is read than what was meant, or why nothing is; None: the same.

    TRUSTED, to those who name the signer, and VALID, to those who name nobody, are what must never be.
    """
    try:
        root = metadata.tree(document)
        said = metadata.read(root)
    except metadata.DocumentError as error:
        return error.reason
    if said == original.meant:
        return None
    state = signature.verify(root, [original.signer]).state
    return state if state in SIGNED else signature.verify(root, []).state


def _declared(document: bytes, random: Random) -> bytes:
    """With a DOCTYPE that gives some elements attributes."""
    lists = []
    for _ in range(random.randint(0, 3)):
        name, value = random.choice(_ATTRIBUTES)
        kind = random.choice(("", "#FIXED "))
        lists.append(f'<!ATTLIST {random.choice(_ELEMENTS)} {name} CDATA {kind}"{value}">')
    subset = "".join(lists) + random.choice(("", '<!ENTITY e "A">', "<!ELEMENT EntityDescriptor ANY>"))
    before = random.choice((b"", b"<!-- c -->", b"<?pi?>", b"\n"))
    return before + with_doctype(document, subset)


def _surrounded(document: bytes, random: Random) -> bytes:
    """With something before and after the root."""
    return (
        random.choice((b"", b"<?xml version='1.0'?>", b"<!-- c -->", b"<?pi?>", b"\xef\xbb\xbf"))
        + document
        + random.choice((b"", b"\n", b"<!-- <EntityDescriptor/> -->", b"<?pi?>"))
    )


def _inserted(document: bytes, random: Random) -> bytes:
    """With markup that means little, at a place where markup may stand."""
    at = random.randrange(len(document) + 1)
    if document.rfind(b"<", 0, at) > document.rfind(b">", 0, at):
        at = document.find(b">", at) + 1
    return document[:at] + random.choice(_INSERTS) + document[at:]


def _spelt_otherwise(document: bytes, random: Random) -> bytes:
    """With a stretch of text as CDATA, or a character as a reference."""
    texts = list(re.finditer(rb">([A-Za-z0-9+/= ]+)<", document))
    if not texts:
        return document
    text = random.choice(texts)
    at = random.randrange(*text.span(1))
    stop = random.randint(at + 1, text.end(1))
    spelt = f"&#{document[at]};".encode() if random.random() < 0.5 else b"<![CDATA[%b]]>" % document[at:stop]
    return document[:at] + spelt + document[at + 1 if spelt.startswith(b"&") else stop :]


def _bound_otherwise(document: bytes, random: Random) -> bytes:
    """With another namespace for a prefix, or a declaration more or less."""
    declarations = list(re.finditer(rb' xmlns(:\w+)?="([^"]*)"', document))
    namespace = random.choice(_NAMESPACES).encode()
    if not declarations or random.random() < 0.3:
        tags = list(re.finditer(rb"<[\w:]+", document))
        if not tags:
            return document
        at = random.choice(tags).end()
        prefix = random.choice((b"", b":fed", b":xsi", b":ds", b":new"))
        return document[:at] + b' xmlns%b="%b"' % (prefix, namespace) + document[at:]
    found = random.choice(declarations)
    other = b"" if random.random() < 0.3 else b' xmlns%b="%b"' % (found[1] or b"", namespace)
    return document[: found.start()] + other + document[found.end() :]


def _bytes_changed(document: bytes, random: Random) -> bytes:
    """With a few bytes removed, repeated, replaced or moved."""
    start = random.randrange(len(document) + 1)
    stretch = document[start : start + random.randint(0, random.choice((2, 60, 600)))]
    rest = document[:start] + document[start + len(stretch) :]
    to = random.randrange(len(rest) + 1)
    match random.randrange(4):
        case 0:
            return rest
        case 1:
            return document[:to] + stretch + document[to:]
        case 2:
            return rest[:to] + stretch + rest[to:]
        case _:
            return document[:start] + random.randbytes(min(len(stretch), 3)) + document[start + len(stretch) :]


def _moved(document: bytes, random: Random) -> bytes:
    """With an element copied, moved, removed, emptied, renamed or wrapped, or an attribute set; in Signature or not."""
    root = _parsed(document)
    if root is None:
        return document
    elements = list(root.iter(etree.Element))
    one, other = random.choice(elements), random.choice(elements)
    match random.randrange(9):
        case 0:
            other.insert(random.randint(0, len(other)), deepcopy(one))
        case 1 if other not in set(one.iter()):
            other.insert(random.randint(0, len(other)), one)
        case 2 if one is not root:
            one.getparent().remove(one)  # type: ignore[union-attr] # only the root has none
        case 3:
            one.tag = random.choice([str(each.tag) for each in elements])
        case 4:
            one.text = random.choice(("", "A", base64.b64encode(STRANGER.der).decode()))
        case 5:
            name, value = random.choice([each for each in _ATTRIBUTES if ":" not in each[0] and each[0] != "xmlns"])
            one.set(name, value)
        case 6:
            held = [(each, name) for each in elements for name in _READ if each.get(name)]
            changed, name = random.choice(held or [(root, "entityID")])
            changed.set(name, f"{changed.get(name, '')[:-1]}0")
        case 7:
            keys = [each for each in elements if each.tag == f"{{{DS}}}X509Certificate"]
            random.choice(keys or [one]).text = base64.b64encode(STRANGER.der).decode()
        case _:
            wrapper = etree.Element(random.choice([str(each.tag) for each in elements]))
            wrapper.append(root)
            root = wrapper
    return etree.tostring(root)


def _signed_by_others(document: bytes, random: Random) -> bytes:
    """With a second signature, another key in KeyInfo, or as a part of another document that has its signature."""
    root = _parsed(document)
    signatures = [] if root is None else list(root.iter(f"{{{DS}}}Signature"))
    if root is None or not signatures:
        return document
    found = random.choice(signatures)
    match random.randrange(4):
        case 0:
            root.insert(random.randint(0, len(root)), deepcopy(found))
        case 1:
            for element in found.iter(f"{{{DS}}}X509Certificate"):
                element.text = base64.b64encode(random.choice((SIGNER, STRANGER)).der).decode()
        case 2:
            held = etree.SubElement(found, f"{{{DS}}}Object")
            held.append(etree.fromstring(random.choice(DOCUMENTS)))
        case _:
            evil = etree.fromstring(random.choice(DOCUMENTS))
            for own in evil.findall(f"{{{DS}}}Signature"):
                evil.remove(own)
            evil.set("entityID", "urn:evil")
            evil.set("ID", random.choice((evil.get("ID", ""), "_evil")))
            evil.insert(0, deepcopy(found))
            if found.getparent() is root:
                root.remove(found)
            place = random.choice((evil, evil[-1], etree.SubElement(evil[0], f"{{{DS}}}Object")))
            place.append(root)
            root = evil
    return etree.tostring(root)


def _parsed(document: bytes) -> etree._Element | None:
    try:
        return etree.fromstring(document, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError:
        return None


_CHANGES: Sequence[Change] = (
    _declared,
    _surrounded,
    _inserted,
    _inserted,
    _spelt_otherwise,
    _bound_otherwise,
    _bound_otherwise,
    _bytes_changed,
    _moved,
    _signed_by_others,
)
