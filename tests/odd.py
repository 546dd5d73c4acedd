"""Certificates written byte by byte, which break the rules of DER as real ones do; and bytes changed at random."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PRINTABLE, UTF8, IA5, BIT_STRING, UTC_TIME, GENERALIZED_TIME = 0x13, 0x0C, 0x16, 0x03, 0x17, 0x18
COMMON_NAME = bytes.fromhex("0603550403")
_ECDSA_WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
_VERSION_3 = bytes.fromhex("a003020102")


@dataclass(frozen=True)
class Odd:
    """A certificate and its key."""

    der: bytes
    key: ec.EllipticCurvePrivateKey
    name: bytes


def value(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    size = len(content)
    length = bytes([size]) if size < 0x80 else size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag]) + (b"" if size < 0x80 else bytes([0x80 + len(length)])) + length + content


def name(text: bytes, tag: int = PRINTABLE) -> bytes:
    return value(0x30, value(0x31, value(0x30, COMMON_NAME, value(tag, text))))


def odd(
    subject: bytes,
    *,
    not_before: bytes = value(UTC_TIME, b"260101000000Z"),
    not_after: bytes = value(UTC_TIME, b"270101000000Z"),
    issuer: Odd | None = None,
) -> Odd:
    """A certificate with this name; its dates are written as they are given."""
    key = ec.generate_private_key(ec.SECP256R1())
    signed = value(
        0x30,
        _VERSION_3,
        value(0x02, b"\7"),
        _ECDSA_WITH_SHA256,
        issuer.name if issuer else subject,
        value(0x30, not_before, not_after),
        subject,
        key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    )
    signature = (issuer.key if issuer else key).sign(signed, ec.ECDSA(hashes.SHA256()))
    return Odd(value(0x30, signed, _ECDSA_WITH_SHA256, value(BIT_STRING, b"\0", signature)), key, subject)


def changed(ders: Sequence[bytes], random: Random) -> bytes:
    """One of these certificates with a few bytes changed, put in, left out or repeated."""
    der = bytearray(random.choice(ders))
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(der))
        match random.randrange(5):
            case 0:
                der[at] = random.randrange(256)
            case 1:
                der[at] ^= 1 << random.randrange(8)
            case 2:
                der[at:at] = random.randbytes(random.randint(1, 3))
            case 3:
                del der[at : at + random.randint(1, 3)]
            case _:
                der[at:at] = der[at : at + random.randint(1, 40)]
    return bytes(der)
