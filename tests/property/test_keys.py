"""Random KeyDescriptors: whatever the chain, the order, the wrapper and the encoding, the key is the leaf's."""

import base64
import ssl
import subprocess
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from builders import DAY, ENTITY_ID, NOW, aggregate, descriptor_of, entity, in_utf16, watched, with_bom
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from lxml.builder import ElementMaker
from odd import UTC_TIME, Odd, name, odd, value
from scrapes import after, document, good
from soak import der

from exporter import certificates, metadata
from exporter.demo.documents import DS, MD, KeyKind, KeyPair, mint
from exporter.findings import Kind, standing
from exporter.metadata.keys import key_value
from exporter.model import Certificate, FaultKind, Role, Use
from exporter.rollover import Severity

DS11 = "http://www.w3.org/2009/xmldsig11#"
_ds, _ds11 = ElementMaker(namespace=DS, nsmap={"ds": DS}), ElementMaker(namespace=DS11, nsmap={None: DS11})
UNREADABLE = "sp.crt"


@dataclass(frozen=True)
class Chain:
    """A leaf and those who certify it, one above the other."""

    ders: tuple[bytes, ...]
    value: etree._Element
    """The leaf's key as a KeyValue."""

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        return tuple(certificates.read(each)[0] for each in self.ders)


def minted(length: int, kind: KeyKind, *names: str, ends: int = 30) -> Chain:
    """The names repeat from the leaf up."""
    above: KeyPair | None = None
    made = []
    for level in reversed(range(length)):
        subject = f"CN={names[level % len(names)]}"
        above = mint(
            subject, not_before=NOW, not_after=NOW + (ends + level) * DAY, issuer=above, key=kind, authority=level > 0
        )
        made.append(above)
    return Chain(tuple(each.der for each in reversed(made)), value_of(made[-1].key))


def written(length: int, *names: bytes) -> Chain:
    """Likewise, of certificates that break rules of DER."""
    above: Odd | None = None
    made = []
    for level in reversed(range(length)):
        above = odd(name(names[level % len(names)]), issuer=above, not_after=value(UTC_TIME, b"2701010000Z"))
        made.append(above)
    return Chain(tuple(each.der for each in reversed(made)), value_of(made[-1].key))


def value_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> etree._Element:
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        return _ds.KeyValue(
            _ds.RSAKeyValue(
                _ds.Modulus(base64.b64encode(numbers.n.to_bytes(256)).decode()),
                _ds.Exponent(base64.b64encode(numbers.e.to_bytes(3)).decode()),
            )
        )
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    held = _ds11.ECKeyValue(
        _ds11.NamedCurve(URI="urn:oid:1.2.840.10045.3.1.7"), _ds11.PublicKey(base64.b64encode(point).decode())
    )
    return _ds.KeyValue(held)


MINTED: Sequence[Chain] = (
    *(minted(length, "ec", "leaf", "issuing", "root") for length in (1, 2, 3)),
    *(minted(length, "ec", "everybody") for length in (1, 1, 2)),
    minted(2, "rsa", "everybody"),
    minted(3, "rsa", "idp", "R\\, D", "root", ends=3000),
    minted(3, "ec", "a", "b", "b"),
)
CHAINS: Sequence[Chain] = (
    *MINTED,
    *(written(length, b"R&D", b"test_CA") for length in (2, 3)),
    *(written(length, b"*.example") for length in (1, 2)),
)
"""No two of one key, and no self-signed key with the name of an authority: that counts as one."""


LINKS = [
    link
    for chain in CHAINS
    for link in zip(chain.certificates, chain.certificates[1:], strict=False)
    if link[0].subject != link[1].subject
]
"""Each certificate and its issuer's; of one name, OpenSSL would take them for self-signed."""


@pytest.mark.parametrize(("issued", "issuer"), LINKS)
def test_openssl_says_that_each_of_a_chain_issued_the_one_before_it(
    issued: Certificate, issuer: Certificate, tmp_path: Path
) -> None:
    for certificate in (issued, issuer):
        (tmp_path / f"{certificate.fingerprint}.pem").write_text(ssl.DER_cert_to_PEM_cert(certificate.der), "ascii")
    files = [f"{certificate.fingerprint}.pem" for certificate in (issuer, issued)]
    done = subprocess.run(  # noqa: S603 -- written here
        ["openssl", "verify", "-no_check_time", "-partial_chain", "-trusted", *files],  # noqa: S607 -- whichever there is
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    # What is written byte by byte has no extensions, by which OpenSSL would know an authority.
    assert done.stdout.endswith(": OK\n") or "invalid CA certificate" in done.stderr, done.stderr


@st.composite
def texts(draw: st.DrawFn, ders: Sequence[bytes]) -> list[str]:
    """The certificates as texts of X509Certificate elements: each in its own, or all in one."""
    plain = [base64.b64encode(each).decode() for each in ders]
    blocks = [f"-----BEGIN CERTIFICATE-----\n{each}\n-----END CERTIFICATE-----\n" for each in plain]
    ways = (
        plain,
        [each.rstrip("=") for each in plain],
        [f"\n{each[:64]}\r\n{each[64:]} " for each in plain],
        blocks,
        ["".join(plain)],
        ["".join(each.rstrip("=") for each in plain)],
        [base64.b64encode(b"".join(ders)).decode()],
        ["".join(blocks)],
        ["".join(f"Bag Attributes\n    localKeyID: 01\nsubject=CN = x\n\n{each}" for each in blocks)],
    )
    return draw(st.sampled_from(ways))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=200)
@given(st.data())
def test_the_keys_of_a_descriptor_are_its_leaves_and_nothing_else(data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(CHAINS), min_size=1, max_size=3, unique=True))
    infos = []
    for chain in chosen:
        of_one = [
            _ds.X509Data(*map(_ds.X509Certificate, data.draw(texts(data.draw(st.permutations(chain.ders)))))),
        ]
        if data.draw(st.booleans()):
            of_one.append(deepcopy(chain.value))
        infos.append(data.draw(st.permutations(of_one)))
    if data.draw(st.booleans()):
        infos = [[each for info in infos for each in info]]
    use = data.draw(st.sampled_from([Use.SIGNING, Use.ENCRYPTION]))
    descriptor = ElementMaker(namespace=MD).KeyDescriptor({"use": use.value}, *(_ds.KeyInfo(*each) for each in infos))

    document = metadata.parse(entity(descriptor_of(Role.IDP, descriptor)))

    found = document.entities[0].roles[0].keys
    assert {each.use for each in found} == {use}
    assert len(found) == len(chosen)
    assert {each.certificate for each in found} == {each.certificates[0] for each in chosen}
    others = {one for each in chosen for one in each.certificates[1:]}
    assert all(set(each.chain) == others for each in found)
    assert {fault.kind for fault in document.faults} <= {FaultKind.CERTIFICATE_TEXT, FaultKind.CERTIFICATE_ATTRIBUTE}


Wrapper = Callable[[bytes], bytes]
GROUPS: Sequence[Wrapper] = (
    bytes,
    lambda alone: aggregate([alone]),
    lambda alone: aggregate([aggregate([alone])], valid_until=NOW + 9999 * DAY),
)
"""What a publisher may put around its entity."""
ENCODINGS: Sequence[Wrapper] = (bytes, with_bom, in_utf16)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=150)
@given(st.data())
def test_whatever_is_above_a_leaf_and_around_its_document_it_is_judged_by_the_leaf(data: st.DataObject) -> None:
    chain = data.draw(st.sampled_from(CHAINS))
    leaf = chain.certificates[0]
    held = _ds.X509Data(*map(_ds.X509Certificate, data.draw(texts(data.draw(st.permutations(chain.ders))))))
    use = data.draw(st.sampled_from([{"use": "signing"}, {}]))
    descriptor = ElementMaker(namespace=MD).KeyDescriptor(use, _ds.KeyInfo(held))
    body = entity(descriptor_of(Role.IDP, descriptor))
    for wrap in (data.draw(st.sampled_from(GROUPS)), data.draw(st.sampled_from(ENCODINGS))):
        body = wrap(body)
    assert metadata.stream(body) == metadata.parse(body)
    found = replace(document(), metadata=metadata.parse(body))
    moments = [leaf.not_after - 6 * DAY, leaf.not_after - DAY, leaf.not_after, leaf.not_after + DAY]
    at = data.draw(st.sampled_from(moments))
    stands = standing(after(watched("any", "https://any.example/"), good(found, at)), at)
    assert stands.rollover is not None
    assert (stands.rollover.primary, stands.rollover.may_sign) == (leaf, (leaf,))
    assert (stands.rollover.successor, stands.rollover.secondary_present) == (None, False)
    assert stands.watched == {ENTITY_ID}
    critical = {each.kind for each in stands.findings if each.severity is Severity.CRITICAL}
    left = leaf.not_after - at
    missing, expired = Kind.ROLLOVER_MISSING, Kind.SIGNING_CERTIFICATE_EXPIRED
    assert critical == ({expired} if left <= timedelta() else {missing} if left <= 5 * DAY else set())


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_beside_one_that_cannot_be_read_nobody_who_may_have_issued_it_is_a_key(data: st.DataObject) -> None:
    chain = data.draw(st.sampled_from(MINTED))
    lost = data.draw(st.integers(0, len(chain.ders) - 1))
    shown = [UNREADABLE if nth == lost else base64.b64encode(each).decode() for nth, each in enumerate(chain.ders)]
    held = [_ds.X509Data(*map(_ds.X509Certificate, data.draw(st.permutations(shown))))]
    if data.draw(st.booleans()):
        held.append(deepcopy(chain.value))
    descriptor = ElementMaker(namespace=MD).KeyDescriptor({"use": "signing"}, _ds.KeyInfo(*held))
    document = metadata.parse(entity(descriptor_of(Role.IDP, descriptor)))
    (key,) = document.entities[0].roles[0].keys
    assert key.certificate == (None if lost == 0 else chain.certificates[0])
    assert [fault.kind for fault in document.faults] == [FaultKind.CERTIFICATE_BASE64]


def test_thousands_of_changed_certificates_are_read_or_refused() -> None:
    told = der.main(3000, seed=20261127)
    assert all(outcome in told for outcome in ("refused", "read in part", "read"))


@given(st.binary(max_size=200))
def test_a_key_value_is_read_or_says_nothing(content: bytes) -> None:
    text = base64.b64encode(content).decode()
    for held in (
        _ds.RSAKeyValue(_ds.Modulus(text), _ds.Exponent(text[:8])),
        _ds11.ECKeyValue(_ds11.NamedCurve(URI="urn:oid:1.3.132.0.34"), _ds11.PublicKey(text)),
        _ds.DSAKeyValue(*(_ds(part, text) for part in "PQGY")),
    ):
        assert isinstance(key_value(_ds.KeyValue(held)), bytes | None)
