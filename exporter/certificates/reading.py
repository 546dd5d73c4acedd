"""DER to :class:`~exporter.model.Certificate`: lenient about everything but the dates.

A certificate in metadata carries a key (SAML metadata interoperability profile, 2.6.1): what counts here is
which one it is and until when its owner means to use it. No extension is read here.
"""

import hashlib
import threading
import warnings
from contextlib import ExitStack

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import SignatureAlgorithmOID

from exporter.certificates.der import by_the_rules
from exporter.certificates.text import first_value, is_whole
from exporter.model import Certificate, Weakness
from exporter.names import shortened

UNKNOWN = "unknown"
"""Stands for a name or algorithm that cannot be read."""

_OIW_RSA_WITH_SHA1 = x509.ObjectIdentifier("1.3.14.3.2.29")
"""An older name of RSA_WITH_SHA1 (OIW Stable Implementation Agreements)."""
_SIGNATURE_ALGORITHMS = {
    SignatureAlgorithmOID.RSA_WITH_MD5: "md5WithRSAEncryption",
    SignatureAlgorithmOID.RSA_WITH_SHA1: "sha1WithRSAEncryption",
    _OIW_RSA_WITH_SHA1: "sha1WithRSAEncryption",
    SignatureAlgorithmOID.RSA_WITH_SHA224: "sha224WithRSAEncryption",
    SignatureAlgorithmOID.RSA_WITH_SHA256: "sha256WithRSAEncryption",
    SignatureAlgorithmOID.RSA_WITH_SHA384: "sha384WithRSAEncryption",
    SignatureAlgorithmOID.RSA_WITH_SHA512: "sha512WithRSAEncryption",
    SignatureAlgorithmOID.RSASSA_PSS: "rsassaPss",
    SignatureAlgorithmOID.ECDSA_WITH_SHA1: "ecdsa-with-SHA1",
    SignatureAlgorithmOID.ECDSA_WITH_SHA224: "ecdsa-with-SHA224",
    SignatureAlgorithmOID.ECDSA_WITH_SHA256: "ecdsa-with-SHA256",
    SignatureAlgorithmOID.ECDSA_WITH_SHA384: "ecdsa-with-SHA384",
    SignatureAlgorithmOID.ECDSA_WITH_SHA512: "ecdsa-with-SHA512",
    SignatureAlgorithmOID.DSA_WITH_SHA1: "dsa-with-sha1",
    SignatureAlgorithmOID.DSA_WITH_SHA224: "dsa-with-sha224",
    SignatureAlgorithmOID.DSA_WITH_SHA256: "dsa-with-sha256",
    SignatureAlgorithmOID.ED25519: "ed25519",
    SignatureAlgorithmOID.ED448: "ed448",
}
_WEAK_DIGESTS = {
    SignatureAlgorithmOID.RSA_WITH_MD5: Weakness.MD5,
    SignatureAlgorithmOID.RSA_WITH_SHA1: Weakness.SHA1,
    _OIW_RSA_WITH_SHA1: Weakness.SHA1,
    SignatureAlgorithmOID.ECDSA_WITH_SHA1: Weakness.SHA1,
    SignatureAlgorithmOID.DSA_WITH_SHA1: Weakness.SHA1,
}
_SHORTEST_KEY = {"RSA": 2048, "DSA": 2048, "EC": 224}
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm)
"""What ``cryptography`` raises for a name or key; TypeError for a BIT STRING in a name."""
_LONGEST = 64 * 2**10
"""Bytes of a certificate that is read: real ones have a few thousand."""
_USUAL_PARTS = 16
"""Most certificates in 7 MB of real documents have fewer, and none more than 53."""
_PARTS_PER_WEIGHT = 4
_WEIGHT_OF_AN_ODD_ONE = 4


class CertificateError(Exception):
    """The bytes are no X.509 certificate, or one without readable dates."""


class _Quietly:
    """A context in which ``cryptography`` does not warn; several threads may be inside.

    Serial numbers below 1, countries of three letters, old algorithms: a key is watched all the same.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._filters = ExitStack()

    def __enter__(self) -> None:
        # Filters belong to the whole process: the first in changes them, the last out restores them.
        with self._lock:
            if not self._inside:
                self._filters.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore", UserWarning)
            self._inside += 1

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._filters.close()


quietly = _Quietly()


def read(der: bytes) -> tuple[Certificate, tuple[str, ...]]:
    """The certificate in some DER, and a sentence for each of its attributes that cannot be read or breaks a rule.

    Bytes after the certificate are left out. A long name is shortened, one that cannot be read is ``unknown``; a key
    that cannot be read has size 0, and a signature algorithm that has no name here is its dotted OID. Names and dates
    may break the rules of DER as far as OpenSSL reads them.

    Raises :class:`CertificateError`. What it and the sentences say is written here: a library's words are for those who
    wrote it.
    """
    der = _first(der)
    with quietly:
        return _read(der, *_opened(der))


def weight(der: bytes, *, odd: bool) -> int:
    """How dear it is to read a certificate, as a multiple of a usual one, which takes 0.1 ms or less.

    Dear are the parts of its names, of which each begins with a tag, and to write one anew that is ``odd``: that breaks
    a rule, or cannot be read.
    """
    # The byte stands elsewhere too: four times in a usual certificate.
    parts = der[:_LONGEST].count(b"\x06")
    return (1 + max(0, parts - _USUAL_PARTS) // _PARTS_PER_WEIGHT) * (_WEIGHT_OF_AN_ODD_ONE if odd else 1)


def load(der: bytes) -> x509.Certificate:
    """The same certificate as ``cryptography`` sees it, for those who need its key; one that breaks no rule of DER.

    Raises :class:`CertificateError`.
    """
    with quietly:
        return _load(_first(der))


def mended(der: bytes) -> x509.Certificate:
    """The same certificate as ``cryptography`` sees it, or a copy that breaks no rule, which nobody signed.

    Raises :class:`CertificateError`.
    """
    with quietly:
        return _opened(_first(der))[0]


def _first(der: bytes) -> bytes:
    first = first_value(der)
    if len(first) > _LONGEST:
        raise CertificateError(f"longer than {_LONGEST} bytes")
    return first


def _opened(der: bytes) -> tuple[x509.Certificate, tuple[str, ...]]:
    """The certificate, or a copy that breaks no rule, and a sentence for each that it breaks."""
    try:
        return _load(der), ()
    except CertificateError:
        try:
            copy, broken = by_the_rules(der)
            return _load(copy), broken
        except (ValueError, OverflowError, CertificateError):
            pass
        raise


def _load(der: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(der)
    except x509.InvalidVersion as error:
        raise CertificateError("no certificate: its version is not known") from error
    except ValueError as error:
        why = "its bytes are those of something else, or were changed" if is_whole(der) else "its end is missing"
        raise CertificateError(f"no certificate: {why}") from error


def _read(der: bytes, loaded: x509.Certificate, broken: tuple[str, ...]) -> tuple[Certificate, tuple[str, ...]]:
    try:
        not_before, not_after = loaded.not_valid_before_utc, loaded.not_valid_after_utc
        serial_number = str(loaded.serial_number)
    except ValueError as error:
        raise CertificateError("its dates or its serial number cannot be read") from error
    unreadable = list(broken)
    subject = issuer = key_algorithm = UNKNOWN
    self_issued, key_size = False, 0
    try:
        subject = loaded.subject.rfc4514_string()
    except _UNREADABLE:
        unreadable.append("subject cannot be read")
    try:
        self_issued = subject is not UNKNOWN and loaded.subject == loaded.issuer
        issuer = subject if self_issued else loaded.issuer.rfc4514_string()
    except _UNREADABLE:
        unreadable.append("issuer cannot be read")
    try:
        key_algorithm, key_size = _key(loaded)
    except UnsupportedAlgorithm:
        unreadable.append("key cannot be read: its algorithm, or its curve, is not known")
    except (ValueError, TypeError):
        unreadable.append("key cannot be read")
    oid = loaded.signature_algorithm_oid
    signature_algorithm = _SIGNATURE_ALGORITHMS.get(oid)
    if signature_algorithm is None:
        unreadable.append(f"signature algorithm {oid.dotted_string} is not known")
    weaknesses = []
    if key_size and key_size < _SHORTEST_KEY.get(key_algorithm, 0):
        weaknesses.append(Weakness.SHORT_KEY)
    # Nobody relies on the digest where subject and issuer are one; where a name is unknown they may well be.
    if not self_issued and UNKNOWN not in (subject, issuer) and oid in _WEAK_DIGESTS:
        weaknesses.append(_WEAK_DIGESTS[oid])
    certificate = Certificate(
        fingerprint=hashlib.sha256(der).hexdigest(),
        thumbprint=hashlib.sha1(der, usedforsecurity=False).hexdigest().upper(),
        subject=shortened(subject),
        issuer=shortened(issuer),
        serial_number=shortened(serial_number),
        not_before=not_before,
        not_after=not_after,
        key_algorithm=key_algorithm,
        key_size=key_size,
        signature_algorithm=signature_algorithm or shortened(oid.dotted_string),
        self_issued=self_issued,
        weaknesses=tuple(weaknesses),
        der=der,
    )
    return certificate, tuple(unreadable)


def _key(loaded: x509.Certificate) -> tuple[str, int]:
    key = loaded.public_key()
    match key:
        case rsa.RSAPublicKey():
            return "RSA", key.key_size
        case ec.EllipticCurvePublicKey():
            return "EC", key.key_size
        case dsa.DSAPublicKey():
            return "DSA", key.key_size
        case ed25519.Ed25519PublicKey():
            return "Ed25519", 256
        case ed448.Ed448PublicKey():
            return "Ed448", 456
    raise UnsupportedAlgorithm("no key that signs")
