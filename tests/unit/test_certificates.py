"""What is read from a certificate, and what its oddities cost."""

import base64
import hashlib
import threading
import warnings
from datetime import UTC, datetime, timedelta

import pytest
from builders import DAY, NOW, authority, pair
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from odd import COMMON_NAME, UTF8, odd, value
from soak.der import SAID

from exporter import certificates
from exporter.model import Weakness

SHA256_WITH_RSA = bytes.fromhex("2a864886f70d01010b")
SHA1_WITH_RSA = bytes.fromhex("2a864886f70d010105")
MD5_WITH_RSA = bytes.fromhex("2a864886f70d010104")
ECDSA_WITH_SHA256 = bytes.fromhex("2a8648ce3d040302")
EC_PUBLIC_KEY = bytes.fromhex("2a8648ce3d0201")


def certified(public_key: CertificatePublicKeyTypes) -> bytes:
    """A certificate of any key, issued by somebody with an elliptic curve."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name.from_rfc4514_string("CN=subject"))
        .issuer_name(x509.Name.from_rfc4514_string("CN=issuer"))
        .public_key(public_key)
        .serial_number(7)
        .not_valid_before(NOW)
        .not_valid_after(NOW + DAY)
    )
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.DER)


def with_serial_number(der: bytes, serial: bytes) -> bytes:
    """The certificate with the seven that :func:`certified` gives it replaced, by as many bytes."""
    return der.replace(bytes.fromhex("a003020102020107"), bytes.fromhex("a0030201020201") + serial, 1)


def test_a_certificate_tells_who_it_is_and_until_when() -> None:
    made = pair(subject="CN=ADFS Signing - fs.contoso.com", not_before=NOW, not_after=NOW + DAY)

    certificate, unreadable = certificates.read(made.der)

    assert unreadable == ()
    assert certificate.subject == certificate.issuer == "CN=ADFS Signing - fs.contoso.com"
    assert (certificate.not_before, certificate.not_after) == (NOW, NOW + DAY)
    assert certificate.not_after.utcoffset() == timedelta(0)
    assert certificate.fingerprint == hashlib.sha256(made.der).hexdigest()
    assert certificate.thumbprint == hashlib.sha1(made.der, usedforsecurity=False).hexdigest().upper()
    assert certificate.serial_number == str(x509.load_der_x509_certificate(made.der).serial_number)
    assert (certificate.key_algorithm, certificate.key_size) == ("EC", 256)
    assert certificate.signature_algorithm == "ecdsa-with-SHA256"
    assert certificate.self_issued
    assert certificate.weaknesses == ()
    assert certificate.der == made.der


def test_a_subject_of_several_parts_is_written_last_part_first() -> None:
    made = pair(subject="CN=signer,O=Example\\, Inc.,C=US")
    assert certificates.read(made.der)[0].subject == "CN=signer,O=Example\\, Inc.,C=US"


def test_a_certificate_of_an_authority_is_not_self_issued() -> None:
    certificate, _ = certificates.read(pair(issuer=authority()).der)
    assert certificate.issuer == "CN=Example Enterprise CA"
    assert not certificate.self_issued


@pytest.mark.parametrize(
    ("key", "expected", "weak"),
    [
        (rsa.generate_private_key(65537, 1024), ("RSA", 1024), True),  # noqa: S505 -- the point of the row
        (rsa.generate_private_key(65537, 2048), ("RSA", 2048), False),
        (dsa.generate_private_key(1024), ("DSA", 1024), True),  # noqa: S505 -- the point of the row
        (ec.generate_private_key(ec.SECP192R1()), ("EC", 192), True),
        (ec.generate_private_key(ec.SECP224R1()), ("EC", 224), False),
        (ed25519.Ed25519PrivateKey.generate(), ("Ed25519", 256), False),
        (ed448.Ed448PrivateKey.generate(), ("Ed448", 456), False),
    ],
    ids=["rsa 1024", "rsa 2048", "dsa 1024", "p-192", "p-224", "ed25519", "ed448"],
)
def test_a_key_has_an_algorithm_and_a_size_and_may_be_too_short(
    key: rsa.RSAPrivateKey
    | dsa.DSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey,
    expected: tuple[str, int],
    weak: bool,  # noqa: FBT001 -- a column of the table
) -> None:
    certificate, unreadable = certificates.read(certified(key.public_key()))
    assert unreadable == ()
    assert (certificate.key_algorithm, certificate.key_size) == expected
    assert (Weakness.SHORT_KEY in certificate.weaknesses) is weak


def test_an_old_digest_is_a_weakness_where_an_issuer_used_it_and_only_there() -> None:
    issuer = pair(subject="CN=old CA", key="rsa")
    issued = pair(subject="CN=issued", issuer=issuer).der
    for digest, name, weakness in (
        (SHA256_WITH_RSA, "sha256WithRSAEncryption", ()),
        (SHA1_WITH_RSA, "sha1WithRSAEncryption", (Weakness.SHA1,)),
        (MD5_WITH_RSA, "md5WithRSAEncryption", (Weakness.MD5,)),
    ):
        certificate, _ = certificates.read(issued.replace(SHA256_WITH_RSA, digest))
        assert certificate.signature_algorithm == name
        assert certificate.weaknesses == weakness
        self_issued, _ = certificates.read(issuer.der.replace(SHA256_WITH_RSA, digest))
        assert self_issued.signature_algorithm == name
        assert self_issued.weaknesses == ()


@pytest.mark.parametrize(("serial", "expected"), [(b"\x00", "0"), (b"\xff", "-1"), (b"\x09", "9")])
def test_any_serial_number_will_do(serial: bytes, expected: str) -> None:
    der = with_serial_number(certified(ec.generate_private_key(ec.SECP256R1()).public_key()), serial)
    assert certificates.read(der)[0].serial_number == expected
    assert certificates.load(der).not_valid_after_utc == NOW + DAY


def test_bytes_after_the_certificate_are_left_out() -> None:
    der = pair().der
    assert certificates.read(der + b"\x00junk") == certificates.read(der)
    assert certificates.read(der + b"\x00junk")[0].der == der


@pytest.mark.parametrize(
    ("find", "put", "attribute", "value"),
    [
        (b"\x0c\x06issuer", b"\x0c\x06issu\xff\xff", "issuer", "unknown"),
        (b"\x0c\x07subject", b"\x0c\x07subjec\xff", "subject", "unknown"),
        (EC_PUBLIC_KEY, EC_PUBLIC_KEY[:-1] + b"\x7f", "key_size", 0),
        (EC_PUBLIC_KEY, EC_PUBLIC_KEY[:-1] + b"\x7f", "key_algorithm", "unknown"),
        (ECDSA_WITH_SHA256, ECDSA_WITH_SHA256[:-1] + b"\x7f", "signature_algorithm", "1.2.840.10045.4.3.127"),
    ],
)
def test_one_attribute_that_cannot_be_read_costs_only_itself(
    find: bytes, put: bytes, attribute: str, value: str | int
) -> None:
    der = certified(ec.generate_private_key(ec.SECP256R1()).public_key())
    assert find in der

    certificate, unreadable = certificates.read(der.replace(find, put))

    assert getattr(certificate, attribute) == value
    assert len(unreadable) == 1
    assert unreadable[0].startswith(attribute.partition("_")[0])
    assert certificate.not_after == NOW + DAY
    assert certificate.weaknesses == ()


def test_a_key_of_no_signing_algorithm_is_unknown() -> None:
    certificate, unreadable = certificates.read(certified(x25519.X25519PrivateKey.generate().public_key()))
    assert (certificate.key_algorithm, certificate.key_size) == ("unknown", 0)
    assert unreadable == ("key cannot be read: its algorithm, or its curve, is not known",)


def test_a_key_whose_point_is_on_no_curve_costs_only_itself() -> None:
    der = bytearray(certified(ec.generate_private_key(ec.SECP256R1()).public_key()))
    der[der.index(bytes.fromhex("03420004")) + 4] ^= 1
    certificate, unreadable = certificates.read(bytes(der))
    assert (certificate.key_algorithm, certificate.key_size) == ("unknown", 0)
    assert unreadable == ("key cannot be read",)


@pytest.mark.parametrize(
    "der",
    [
        b"",
        b"\x30",
        b"\x30\x80",
        b"\x30\x03\x02\x01\x01",
        b"no certificate",
        pair().der[:-1],
        pair().der.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020109"), 1),
    ],
    ids=["empty", "one byte", "indefinite length", "a number", "text", "truncated", "version 10"],
)
def test_what_is_no_certificate_is_refused(der: bytes) -> None:
    with pytest.raises(certificates.CertificateError, match="no certificate") as caught:
        certificates.read(der)
    assert SAID.fullmatch(str(caught.value))
    with pytest.raises(certificates.CertificateError):
        certificates.load(der)


@pytest.mark.parametrize(
    ("der", "why"),
    [
        (pair().der[:200], "its end is missing"),
        (pair().der.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020109"), 1), "its version is not known"),
        (b"no certificate", "its bytes are those of something else, or were changed"),
    ],
)
def test_why_it_is_none_is_said_in_words_for_a_person(der: bytes, why: str) -> None:
    with pytest.raises(certificates.CertificateError) as caught:
        certificates.read(der)
    assert str(caught.value) == f"no certificate: {why}"


def test_a_certificate_without_readable_dates_is_refused() -> None:
    der = pair(not_after=datetime(2060, 1, 1, tzinfo=UTC)).der
    assert b"20600101" in der
    with pytest.raises(certificates.CertificateError, match="dates"):
        certificates.read(der.replace(b"20600101", b"00000101"))


def test_base64_may_be_broken_into_lines_badly_padded_or_wrapped_as_pem() -> None:
    der = next(each for each in (pair(nth=nth).der for nth in range(1000)) if len(each) % 3)
    plain = base64.b64encode(der).decode()
    lines = "\r\n\t ".join(plain[start : start + 64] for start in range(0, len(plain), 64))
    assert certificates.decode(plain) == der
    assert certificates.decode(f"\n{lines}\n") == der
    assert certificates.decode(plain.rstrip("=")) == der
    assert certificates.decode(plain + "==") == der
    assert certificates.decode(f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n") == der
    assert certificates.decode(f"-----BEGIN ANYTHING-----\n{lines}\n") == der
    assert certificates.decode("bm8gY2VydGlmaWNhdGU=") == b"no certificate"


@pytest.mark.parametrize("text", ["A", "no base64!", "MIIä", "-----BEGIN X-----"[:-1]])
def test_what_is_no_base64_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- the standard library's words are its own
        certificates.decode(text)


def test_nothing_warns_while_somebody_reads_and_everything_does_afterwards() -> None:
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with certificates.quietly:
            inside.set()
            leave.wait(10)

    other = threading.Thread(target=stay)
    other.start()
    inside.wait(10)
    with certificates.quietly:
        warnings.warn("not heard", UserWarning, stacklevel=1)
    warnings.warn("not heard while the other thread is inside", UserWarning, stacklevel=1)
    leave.set()
    other.join()
    with pytest.raises(UserWarning, match="heard"):
        warnings.warn("heard", UserWarning, stacklevel=1)


def test_a_certificate_of_more_than_64_kb_is_refused_with_a_reason() -> None:
    part = value(0x31, value(0x30, COMMON_NAME, value(UTF8, b"x" * 64)))
    der = odd(value(0x30, part * 500)).der
    assert len(der) > 65_536
    for reads in (certificates.read, certificates.load):
        with pytest.raises(certificates.CertificateError, match="longer than 65536 bytes"):
            reads(der)
    assert certificates.read(odd(value(0x30, part * 400)).der)[1] == ()
    assert certificates.read(pair().der + bytes(2**20))[0] == pair().certificate, "what follows it does not count"
