"""Which certificates of a KeyDescriptor are its keys', and which are their chain."""

import base64
import gc
import math
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from builders import (
    DAY,
    NOT_BASE64,
    NOT_DER,
    NOW,
    aggregate,
    authority,
    descriptor_of,
    entity,
    key,
    key_name,
    pair,
    saml_metadata,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x448
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree
from lxml.builder import ElementMaker
from odd import BIT_STRING, name, odd

from exporter import certificates, metadata
from exporter.certificates import Data, Kinship, Named
from exporter.demo.documents import DS, KeyPair, Published, mint
from exporter.metadata.keys import key_value
from exporter.model import Certificate, FaultKind, Key, Metadata, Role, Use

DS11 = "http://www.w3.org/2009/xmldsig11#"
CA = authority()
LEAF, STRANGER = pair(subject="CN=leaf", issuer=CA), pair(subject="CN=stranger")

Private = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | dsa.DSAPrivateKey


def read(der: bytes) -> Certificate:
    return certificates.read(der)[0]


def same_named(private: Private, *, by: Private | None = None, pss: bool = False) -> Certificate:
    """A certificate of a name that everybody has, so that only signatures tell who issued whom."""
    everybody = x509.Name.from_rfc4514_string("CN=everybody")
    signer = by or private
    minted = (
        x509.CertificateBuilder(everybody, everybody, private.public_key(), 1, NOW, NOW + DAY)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=False)
        .sign(
            signer,
            None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256(),
            rsa_padding=PSS(MGF1(hashes.SHA256()), 32) if pss else None,
        )
    )
    return read(minted.public_bytes(Encoding.DER))


def keys(*data: Sequence[Published | etree._Element], infos: bool = False) -> tuple[tuple[Key, ...], Metadata]:
    """What is read of one KeyDescriptor with these X509Data, or with a KeyInfo for each."""
    descriptor = key(use=Use.SIGNING)
    (info,) = descriptor
    info.remove(info[0])
    for contents in data:
        if infos and len(info):
            info = etree.SubElement(descriptor, f"{{{DS}}}KeyInfo")
        x509_data = key(*(each for each in contents if isinstance(each, KeyPair | bytes)))[0][0]
        if len(x509_data):
            info.append(x509_data)
        info.extend(each for each in contents if not isinstance(each, KeyPair | bytes))
    document = entity(descriptor_of(Role.IDP, descriptor))
    assert metadata.parse(document) == metadata.stream(document)
    (found,) = metadata.parse(document).entities
    return found.roles[0].keys, metadata.parse(document)


def rsa_value(numbers: rsa.RSAPublicNumbers) -> etree._Element:
    return value_of("RSAKeyValue", Modulus=packed(numbers.n), Exponent=packed(numbers.e))


def ec_value(private: ec.EllipticCurvePrivateKey, uri: str = "urn:oid:1.2.840.10045.3.1.7") -> etree._Element:
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    make = ElementMaker(namespace=DS11, nsmap={None: DS11})
    held = make.ECKeyValue(make.NamedCurve(URI=uri), make.PublicKey(base64.b64encode(point).decode()))
    return ElementMaker(namespace=DS).KeyValue(held)


def value_of(kind: str, **parts: str) -> etree._Element:
    make = ElementMaker(namespace=DS)
    return make.KeyValue(make(kind, *(make(part, text) for part, text in parts.items())))


def packed(number: int) -> str:
    return base64.b64encode(number.to_bytes((number.bit_length() + 7) // 8)).decode()


def signing(certificate: Certificate | None, *chain: Certificate) -> Key:
    return Key(Use.SIGNING, certificate, chain)


# --- chains


@pytest.mark.parametrize("turned", [False, True])
def test_a_certificate_that_issued_another_is_its_chain_in_any_order(turned: bool) -> None:  # noqa: FBT001 -- a column
    chain = (CA, LEAF) if turned else (LEAF, CA)
    found, document = keys(chain)
    assert found == (signing(LEAF.certificate, CA.certificate),)
    assert found[0].certificates == (LEAF.certificate,)
    assert document.faults == ()
    assert keys([chain[0]], [chain[1]])[0] == found, "in one X509Data each"
    assert keys([chain[0]], [chain[1]], infos=True)[0] == found, "in one KeyInfo each"


def test_names_are_compared_without_case_and_further_spaces() -> None:
    above = pair(subject="CN=Some  Authority")
    issued = replace(LEAF.certificate, issuer="CN=some authority")
    assert certificates.named([Data((above.certificate, issued))])[0].certificate == issued


def test_unrelated_certificates_are_several_keys_wherever_they_stand() -> None:
    expected = (signing(LEAF.certificate), signing(STRANGER.certificate))
    assert keys([LEAF], [STRANGER])[0] == expected
    assert keys([LEAF], [STRANGER], infos=True)[0] == expected
    assert keys([LEAF, STRANGER])[0] == expected
    assert keys([LEAF, CA], [STRANGER])[0] == tuple(
        signing(each.certificate, CA.certificate) for each in (LEAF, STRANGER)
    )


def test_certificates_of_one_key_are_one_key_and_the_one_that_ends_last_counts() -> None:
    key_ = ec.generate_private_key(ec.SECP256R1())
    short = same_named(key_)
    long = replace(same_named(key_), not_after=NOW + 2 * DAY)
    other = same_named(ec.generate_private_key(ec.SECP256R1()))
    assert certificates.named([Data((short, long, other))]) == (Named(long, (short,)), Named(other, (short,)))
    assert certificates.named([Data((short,)), Data((long,))]) == (Named(long, (short,)),)


@pytest.mark.parametrize(
    ("private", "pss"),
    [
        (rsa.generate_private_key(65537, 2048), False),
        (rsa.generate_private_key(65537, 2048), True),
        (ec.generate_private_key(ec.SECP256R1()), False),
        (ed25519.Ed25519PrivateKey.generate(), False),
    ],
    ids=["rsa", "rsa-pss", "ec", "ed25519"],
)
def test_signatures_decide_where_names_say_that_each_issued_the_other(
    private: Private,
    pss: bool,  # noqa: FBT001 -- a column of the table
) -> None:
    above = same_named(private, pss=pss)
    leaf = same_named(ec.generate_private_key(ec.SECP256R1()), by=private, pss=pss)
    for order in ((above, leaf), (leaf, above)):
        assert certificates.named([Data(order)]) == (Named(leaf, (above,)),)


def test_signatures_that_cannot_be_checked_part_nobody() -> None:
    private = dsa.generate_private_key(2048)
    above = same_named(private)
    leaf = same_named(ec.generate_private_key(ec.SECP256R1()), by=private)
    assert {each.certificate for each in certificates.named([Data((above, leaf))])} == {above, leaf}
    broken = leaf.der.replace(bytes.fromhex("608648016503040302"), bytes.fromhex("60864801650304037f"))
    assert broken != leaf.der
    assert len(certificates.named([Data((above, read(broken)))])) == 2


def test_certificates_whose_names_break_a_rule_are_parted_by_what_their_issuer_signed() -> None:
    above = odd(name(b"R&D"))
    leaf = odd(name(b"R&D"), issuer=above)
    assert keys([key_text(above.der), key_text(leaf.der)])[0] == (signing(read(leaf.der), read(above.der)),)


def test_names_that_cannot_be_read_are_compared_as_they_stand() -> None:
    above = odd(name(b"\0x", BIT_STRING))
    leaf = odd(name(b"leaf"), issuer=above)
    assert keys([key_text(above.der), key_text(leaf.der)])[0] == (signing(read(leaf.der), read(above.der)),)


def test_authorities_that_certified_each_other_are_both_keys() -> None:
    first, second = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    both = (same_named(first, by=second), same_named(second, by=first))
    assert {each.certificate for each in certificates.named([Data(both)])} == set(both)


def test_a_key_of_the_same_name_as_a_self_signed_one_did_not_issue_it() -> None:
    alone = pair(subject="CN=leaf")
    assert {each.certificate for each in keys([LEAF, alone, CA])[0]} == {LEAF.certificate, alone.certificate}


def test_many_certificates_of_one_name_are_not_compared_and_are_all_keys() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    few = [same_named(ec.generate_private_key(ec.SECP256R1()), by=private) for _ in range(8)]
    above = same_named(private)
    assert above in {each.certificate for each in certificates.named([Data((*few, above))])}
    assert above not in {each.certificate for each in certificates.named([Data((*few[1:], above))])}
    many = tuple(replace(above, fingerprint=f"{nth:064x}") for nth in range(1000))
    began = time.process_time()
    assert len(certificates.named([Data(many)])) == 1, "they are of one key"
    assert time.process_time() - began < 10


# --- the key's bare value


@pytest.mark.parametrize("kind", ["rsa", "ec", "dsa"])
def test_a_key_value_says_whose_key_it_is(kind: str) -> None:
    private: Private
    if kind == "rsa":
        private = rsa.generate_private_key(65537, 2048)
        value = rsa_value(private.public_key().public_numbers())
    elif kind == "ec":
        private = ec.generate_private_key(ec.SECP256R1())
        value = ec_value(private)
    else:
        private = dsa.generate_private_key(2048)
        numbers = private.public_key().public_numbers()
        of_all = numbers.parameter_numbers
        value = value_of("DSAKeyValue", P=packed(of_all.p), Q=packed(of_all.q), G=packed(of_all.g), Y=packed(numbers.y))
    own = same_named(private)
    (found,), document = keys([LEAF, key_text(own.der), value])
    assert (found.certificate, set(found.chain)) == (own, {LEAF.certificate})
    assert document.faults == ()


def test_a_key_value_that_no_certificate_holds_is_a_key_without_certificate() -> None:
    value = ec_value(ec.generate_private_key(ec.SECP256R1()))
    found, document = keys([LEAF, value])
    assert found == (signing(LEAF.certificate), signing(None))
    assert [fault.kind for fault in document.faults] == [FaultKind.KEY_WITHOUT_CERTIFICATE]
    assert keys([value])[0] == (signing(None),)
    other = ec_value(ec.generate_private_key(ec.SECP256R1()))
    assert keys([value], [other], infos=True)[0] == (signing(None), signing(None))
    assert keys([value], [value], infos=True)[0] == (signing(None),)


@pytest.mark.parametrize(
    "value",
    [
        value_of("RSAKeyValue", Modulus="no base64!", Exponent="AQAB"),
        value_of("RSAKeyValue", Exponent="AQAB"),
        value_of("PGPKeyValue", Modulus="AQAB"),
        ec_value(ec.generate_private_key(ec.SECP256R1()), uri="urn:oid:1.2.3"),
        ec_value(ec.generate_private_key(ec.SECP256R1()), uri="P-256"),
        ec_value(ec.generate_private_key(ec.SECP384R1())),
        ElementMaker(namespace=DS).KeyValue(ElementMaker(namespace=DS11).ECKeyValue()),
    ],
    ids=["no base64", "no modulus", "unknown", "unknown curve", "no OID", "another curve", "empty"],
)
def test_a_key_value_that_cannot_be_read_says_nothing(value: etree._Element) -> None:
    assert key_value(value) is None
    assert keys([LEAF, CA, value])[0] == (signing(LEAF.certificate, CA.certificate),)


# --- beside one that cannot be read


@pytest.mark.parametrize("broken", [NOT_BASE64, NOT_DER])
def test_an_authority_beside_a_certificate_that_cannot_be_read_is_no_key(broken: bytes) -> None:
    found, document = keys([broken, CA])
    assert found == (replace(signing(None, CA.certificate), unread=document.faults[0].detail),)
    assert FaultKind.KEY_WITHOUT_CERTIFICATE not in {fault.kind for fault in document.faults}
    assert keys([LEAF, broken])[0] == (signing(LEAF.certificate),)
    assert keys([LEAF, CA, broken])[0] == (signing(LEAF.certificate, CA.certificate),)
    without_extensions = odd(name(b"plain"))
    assert keys([key_text(without_extensions.der), broken])[0] == (signing(read(without_extensions.der)),)


def test_where_a_key_value_names_the_one_that_cannot_be_read_the_others_are_its_chain() -> None:
    value = ec_value(ec.generate_private_key(ec.SECP256R1()))
    found, document = keys([NOT_DER, LEAF, value])
    assert found == (replace(signing(None, LEAF.certificate), unread=document.faults[0].detail),)


def test_one_odd_certificate_of_500_entities_costs_itself_and_the_others_are_read() -> None:
    odd_one = saml_metadata(
        "urn:odd", keys=[(Use.SIGNING, key_text(odd(name(b"\0x", BIT_STRING)).der)), (Use.SIGNING, LEAF)]
    )
    broken = saml_metadata("urn:broken", keys=[(Use.SIGNING, NOT_DER), (Use.SIGNING, LEAF)])
    document = metadata.parse(aggregate([*(saml_metadata(f"urn:{nth}") for nth in range(498)), odd_one, broken]))
    assert len(document.entities) == 500
    assert all(each.roles[0].keys == (signing(pair().certificate),) for each in document.entities[:498])
    assert [len(each.published(Role.IDP, signs=True)) for each in document.entities[498:]] == [2, 1]
    assert {fault.entity_id for fault in document.faults} == {"urn:odd", "urn:broken"}


def test_a_key_that_only_names_itself_is_one_key() -> None:
    (found,) = metadata.parse(entity(descriptor_of(Role.IDP, key_name()))).entities[0].roles[0].keys
    assert found == signing(None)
    assert found.certificates == ()


def test_a_public_key_of_no_signing_algorithm_is_a_key_of_its_own() -> None:
    unsigned = x448.X448PrivateKey.generate().public_key()
    minted = x509.CertificateBuilder(
        x509.Name.from_rfc4514_string("CN=x"), x509.Name.from_rfc4514_string("CN=y"), unsigned, 1, NOW, NOW + DAY
    ).sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    own = read(minted.public_bytes(Encoding.DER))
    unknown = read(own.der.replace(bytes.fromhex("2b656f"), bytes.fromhex("2b657f")))
    both = certificates.named([Data((own, unknown))])
    assert len(both) == 2
    assert certificates.named([Data((own, unknown))], [b"another key"]) == (*both, Named(None))


# --- several in one text


def key_text(der: bytes) -> bytes:
    return base64.b64encode(der)


def pem(*pairs: KeyPair) -> str:
    return "".join(each.certificate_pem().decode() for each in pairs)


def of_length(remainder: int) -> KeyPair:
    """A leaf whose DER leaves this remainder when divided by three: its base64 has 0, 2 or 1 signs of padding."""
    minted = (
        mint(f"CN=leaf{'x' * nth}", not_before=NOW, not_after=NOW + DAY, issuer=CA) for nth in range(40) for _ in "ab"
    )
    return next(each for each in minted if len(each.der) % 3 == remainder)


@pytest.mark.parametrize("remainder", [0, 1, 2])
def test_a_chain_in_one_text_is_its_leaf_and_a_fault(remainder: int) -> None:
    leaf = of_length(remainder)
    first, second = key_text(leaf.der).decode(), key_text(CA.der).decode()
    texts = [
        first + second,
        first.rstrip("=") + second.rstrip("="),
        first + "\n" + second,
        key_text(leaf.der + CA.der).decode(),
        second + first,
        pem(leaf, CA),
        pem(CA, leaf),
        "Bag Attributes\n    localKeyID: 01\nsubject=/CN=leaf\n"
        + pem(leaf)
        + "Bag Attributes: <No Attributes>\n"
        + pem(CA),
    ]
    for text in texts:
        (found,), document = keys([text.encode()])
        assert found == signing(leaf.certificate, CA.certificate), text
        assert [fault.kind for fault in document.faults] == [FaultKind.CERTIFICATE_TEXT], text
        assert document.faults[0].detail.endswith(": 2 certificates in one element"), text


def test_what_follows_a_certificate_in_its_text_is_no_key_though_it_issued_nothing() -> None:
    (found,), _ = keys([key_text(LEAF.der) + key_text(STRANGER.der)])
    assert found == signing(LEAF.certificate, STRANGER.certificate)


def test_text_around_a_pem_block_is_left_out_and_is_a_fault() -> None:
    (found,), document = keys([b"Bag Attributes\n  friendlyName: x\n" + pem(LEAF).encode()])
    assert found == signing(LEAF.certificate)
    assert [fault.kind for fault in document.faults] == [FaultKind.CERTIFICATE_TEXT]
    assert keys([pem(LEAF).encode()])[1].faults == (), "PEM alone is none"


@pytest.mark.parametrize(
    "rest",
    [
        b"junk",
        b"=junk",
        key_text(CA.der)[:100],
        key_text(CA.der)[:5],
        key_text(b"\x30\x81\x80" + bytes(128)),
        b"\n-----BEGIN CERTIFICATE-----\nno base64!\n",
    ],
    ids=["no base64", "padding first", "cut off", "five letters", "zeros", "a PEM block of no base64"],
)
def test_a_text_that_goes_on_with_no_certificate_is_its_first(rest: bytes) -> None:
    whole = pem(LEAF).encode() if b"BEGIN" in rest else key_text(LEAF.der)
    (found,), _ = keys([whole + rest])
    assert found == signing(LEAF.certificate)


def test_a_text_of_megabytes_is_split_in_little_time() -> None:
    began = time.process_time()
    for text in ("MAAA" * 1_000_000, "-----BEGIN CERTIFICATE-----" * 100_000, "MIGAAAAA" * 500_000, "=" * 4_000_000):
        certificates_or_nothing(text)
    assert time.process_time() - began < 20


def test_who_signed_whom_is_asked_so_many_times_of_a_document_and_then_all_are_keys() -> None:
    kinship = Kinship()
    private = ec.generate_private_key(ec.SECP256R1())
    above = same_named(private)
    leaves = [same_named(ec.generate_private_key(ec.SECP256R1()), by=private) for _ in range(100)]
    # Each is asked of the other.
    answers = [len(certificates.named([Data((above, each))], (), kinship)) for each in leaves]
    asked = answers.count(1)
    assert answers == [1] * asked + [2] * (100 - asked)
    assert 128 / 2 <= asked < 128
    assert len(certificates.named([Data((above, leaves[0]))], (), kinship)) == 1, "what was asked is known"
    # Whether one is an authority's is such a question too.
    beside = Data((CA.certificate,), "not base64")
    assert certificates.named([beside]) == (Named(None, (CA.certificate,)),)
    assert certificates.named([beside], (), kinship) == (Named(CA.certificate),)


def test_what_is_known_of_a_document_ends_with_it() -> None:
    kinship = Kinship()
    data = Data((LEAF.certificate, STRANGER.certificate, CA.certificate), "not base64")
    assert certificates.named([data], (), kinship) == certificates.named([data], (), kinship)
    gone = weakref.ref(kinship)
    gc.disable()
    try:
        del kinship
        assert gone() is None, "without the collector"
    finally:
        gc.enable()


def test_a_key_that_is_dear_to_verify_with_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = rsa.generate_private_key(65537, 2048)
    p, q = usual.private_numbers().p, usual.private_numbers().q
    exponent = next(e for e in range(2**32 + 1, 2**33, 2) if math.gcd(e, (p - 1) * (q - 1)) == 1)
    d = pow(exponent, -1, (p - 1) * (q - 1))
    dear = rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(exponent, p * q)
    ).private_key()
    assert keys_of_a_chain_by(usual) == 1
    assert keys_of_a_chain_by(dear) == 2
    monkeypatch.setattr("exporter.certificates.keys._LONGEST_MODULUS", 2047)
    assert keys_of_a_chain_by(usual) == 2


def keys_of_a_chain_by(private: Private) -> int:
    above, leaf = same_named(private), same_named(ec.generate_private_key(ec.SECP256R1()), by=private)
    return len(certificates.named([Data((above, leaf))]))


def test_a_certificate_that_is_long_is_not_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    above = same_named(private)
    leaf = same_named(ec.generate_private_key(ec.SECP256R1()), by=private)
    assert len(certificates.named([Data((above, leaf))])) == 1
    monkeypatch.setattr("exporter.certificates.keys._LONGEST_ASKED", len(leaf.der) - 1)
    assert len(certificates.named([Data((above, leaf))])) == 2


def certificates_or_nothing(text: str) -> None:
    try:
        assert certificates.ders(text)[0]
    except ValueError as error:
        assert str(error) == "not base64"  # noqa: PT017 -- either is right, and the words are ours


@pytest.mark.parametrize("read", [metadata.parse, metadata.stream])
def test_certificates_after_the_first_10000_are_not_read_and_each_counts(
    read: Callable[[bytes], Metadata], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.metadata.entities._MOST_CERTIFICATES", 5)
    broken = odd(name(b"R&D"))  # weighs as much as four
    texts = [key_text(LEAF.der), key_text(broken.der), key_text(STRANGER.der), b"not base64", key_text(LEAF.der)]
    found = read(entity(descriptor_of(Role.IDP, *(key(each, use=Use.SIGNING) for each in texts))))
    keys_ = found.entities[0].roles[0].keys
    assert [each.certificate for each in keys_] == [
        LEAF.certificate,
        certificates.read(broken.der)[0],
        None,
        None,
        LEAF.certificate,
    ]
    left_out = [each for each in found.faults if each.kind is FaultKind.CERTIFICATE_LEFT_OUT]
    assert len(left_out) == 2
    assert keys_[2].unread == left_out[0].detail
    assert left_out[0].detail.endswith(": not read, after what counts for 5 others")


def test_the_larger_a_document_the_more_certificates_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.metadata.entities._MOST_CERTIFICATES", 1)
    root = etree.fromstring(entity(descriptor_of(Role.IDP, key(LEAF), key(STRANGER))))
    for size, read_ in ((3_199, 1), (3_200, 2)):
        (role,) = metadata.read(root, size=size).entities[0].roles
        assert sum(each.certificate is not None for each in role.keys) == read_


def test_of_a_text_32_certificates_are_read() -> None:
    chain = [pair(nth=nth).der for nth in range(1, 41)]
    (found,), document = keys([key_text(b"".join(chain))])
    assert {each.fingerprint for each in found.chain} | {found.certificate and found.certificate.fingerprint} == {
        read(der).fingerprint for der in chain[:32]
    }
    assert document.faults[0].detail.endswith(": 40 certificates in one element, of which 32 are read")
