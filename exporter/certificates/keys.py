"""Certificates to keys: which of those in a ``ds:KeyInfo`` hold the key that it names, and which certify them.

All certificates of an X509Data belong to one key: they hold it, or are part of a chain that ends in one that does, in
any order (XML Signature 4.4.4). So the key's is the one that issued none of the others.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from exporter.certificates.der import outline
from exporter.certificates.reading import UNKNOWN, mended
from exporter.model import Certificate

_MOST_ALIKE = 8
"""Certificates of one name that are asked who signed them: no chain has more, and each pair costs a verification."""
_MOST_BESIDE = 32
"""Certificates beside one key among which a chain is looked for: real ones have 5 at most."""
MOST_QUESTIONS = 128
"""Questions about a document that take up to 1 ms each: whether one certificate signed another, or is an authority's.

Real documents have none, or a few.
"""
_LONGEST_ASKED = 8 * 2**10
"""Bytes of a certificate that is asked about."""
_LONGEST_MODULUS, _LONGEST_EXPONENT = 8192, 32
"""Bits of an RSA key that is asked; OpenSSL's own bounds are 16,384 and as many for keys of 3,072: 7 ms for each."""
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm)
"""What ``cryptography`` raises for a key or a signature that it does not know."""


@dataclass(frozen=True, slots=True)
class Data:
    """One X509Data."""

    certificates: tuple[Certificate, ...]
    unread: str = ""
    """Why a certificate in it cannot be read, for a person; empty: all could be."""
    beside: tuple[Certificate, ...] = ()
    """Those that share the text of another, which is the key's: one text is one certificate."""

    @property
    def whole(self) -> bool:
        """Whether all certificates in it could be read."""
        return not self.unread


@dataclass(frozen=True, slots=True)
class Named:
    """One key that is named."""

    certificate: Certificate | None
    """None where no certificate that can be read holds the key."""
    chain: tuple[Certificate, ...] = ()
    """The other certificates beside it."""


@dataclass(frozen=True, slots=True)
class _Parts:
    names: tuple[str, str]
    """Subject and issuer."""
    key: bytes
    """The SubjectPublicKeyInfo."""


class Kinship:
    """Who issued whom among the certificates of one document; nothing about them is asked twice.

    After so many dear questions the answer is no: then more certificates are keys, and none is lost.
    """

    def __init__(self) -> None:
        self.parts = cache(_parts)
        self.comparable = cache(_comparable)
        # No cache of its own methods, which would be a circle that holds every certificate.
        self._answers: dict[tuple[Certificate, ...], bool] = {}
        self._questions = MOST_QUESTIONS

    def signed(self, issuer: Certificate, certificate: Certificate) -> bool:
        """Whether the key of one signed the other."""
        about = issuer, certificate
        if about not in self._answers:
            self._answers[about] = self._may_ask(*about) and _signed(*about)
        return self._answers[about]

    def is_authority(self, certificate: Certificate) -> bool:
        """Whether it says that it is an authority's."""
        about = (certificate,)
        if about not in self._answers:
            self._answers[about] = self._may_ask(*about) and _is_authority(*about)
        return self._answers[about]

    def _may_ask(self, *about: Certificate) -> bool:
        self._questions -= 1
        return self._questions >= 0 and all(len(each.der) <= _LONGEST_ASKED for each in about)


def named(data: Sequence[Data], values: Collection[bytes] = (), kinship: Kinship | None = None) -> tuple[Named, ...]:
    """The keys that some X509Data and KeyValues beside them (as SubjectPublicKeyInfo) name, each once; at least one.

    Where a certificate holds a KeyValue, the rest of its X509Data is its chain. Of several certificates of one key,
    the key's is the one that ends last. Beside a certificate that cannot be read no authority's is taken for a key's:
    it may have issued the other. ``kinship`` is that of the document.
    """
    kinship = kinship or Kinship()
    every = tuple(dict.fromkeys(certificate for each in data for certificate in each.certificates))
    if not every and not values:
        return (Named(None),)
    beside = tuple(certificate for each in data for certificate in each.beside)
    if len(every) == 1 and not values and all(each.whole for each in data):
        return (Named(every[0], beside),)
    keys = {each: kinship.comparable(each) if values else kinship.parts(each).key for each in every}
    by_key: dict[bytes, list[Certificate]] = {}
    # Of very many each may be a key's: which one issued another would have to be asked of every two.
    leaves = _leaves(data, values, keys, kinship) if len(every) <= _MOST_BESIDE else every
    for certificate in leaves:
        by_key.setdefault(keys[certificate], []).append(certificate)
    chosen = dict.fromkeys(max(each, key=lambda one: one.not_after) for each in by_key.values())
    chain = tuple(dict.fromkeys(each for each in (*every, *beside) if each not in chosen))
    unheld = [None for value in values if value not in by_key]
    return tuple(Named(each, chain) for each in [*chosen, *unheld] or [None])


def _leaves(
    data: Sequence[Data], values: Collection[bytes], keys: Mapping[Certificate, bytes], kinship: Kinship
) -> Sequence[Certificate]:
    issuers = _issuers(keys, kinship)
    leaves: list[Certificate] = []
    for each in data:
        if holders := [one for one in each.certificates if keys[one] in values]:
            leaves += holders
        elif each.whole:
            leaves += [one for one in each.certificates if one not in issuers]
        elif not values:
            leaves += [one for one in each.certificates if one not in issuers and not kinship.is_authority(one)]
    # Authorities that certified each other: none of them is the last of a chain, and any may be the key's.
    return leaves or (list(keys) if all(each.whole for each in data) else [])


def _issuers(keys: Mapping[Certificate, bytes], kinship: Kinship) -> set[Certificate]:
    """Those that issued one of the others: by their names, and by signature where names leave it open.

    They do where a certificate may have been issued by itself, or two by each other.
    """
    names = {each: kinship.parts(each).names for each in keys}
    of_subject: dict[str, list[Certificate]] = {}
    of_both: dict[tuple[str, str], list[Certificate]] = {}
    issued: dict[str, set[str]] = {}
    for each, (subject, issuer) in names.items():
        of_subject.setdefault(subject, []).append(each)
        of_both.setdefault((subject, issuer), []).append(each)
        if subject != issuer:
            issued.setdefault(issuer, set()).add(subject)
    found = set()
    for each, (subject, issuer) in names.items():
        if any(one != issuer for one in issued.get(subject, ())):
            found.add(each)
            continue
        unclear = [one for pair in {(subject, subject), (issuer, subject)} for one in of_both.get(pair, ())]
        if max(len(of_subject[subject]), len(unclear)) > _MOST_ALIKE:
            continue
        # Of one key they are the same certificate renewed, though each verifies the other.
        if any(keys[one] != keys[each] and kinship.signed(each, one) for one in unclear):
            found.add(each)
    return found


def _parts(certificate: Certificate) -> _Parts:
    parts = outline(certificate.der)
    names = _name(certificate.subject, parts.subject), _name(certificate.issuer, parts.issuer)
    return _Parts(names, parts.public_key)


def _name(text: str, der: bytes) -> str:
    """A name as OpenSSL compares it, without case and further spaces (X509_NAME_cmp); its DER where it is unknown."""
    return der.hex() if text == UNKNOWN else " ".join(text.casefold().split())


def _comparable(certificate: Certificate) -> bytes:
    """The SubjectPublicKeyInfo as a KeyValue's is written, where the key can be read."""
    try:
        return mended(certificate.der).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except _UNREADABLE:
        return outline(certificate.der).public_key


def _signed(issuer: Certificate, certificate: Certificate) -> bool:
    issued = mended(certificate.der)
    signature, signed = issued.signature, outline(certificate.der).signed
    try:
        key = mended(issuer.der).public_key()
        parameters, digest = issued.signature_algorithm_parameters, issued.signature_hash_algorithm
        match key, parameters:
            case rsa.RSAPublicKey(), padding.PKCS1v15() | padding.PSS() if digest and not _is_dear(key):
                key.verify(signature, signed, parameters, digest)
            case ec.EllipticCurvePublicKey(), ec.ECDSA():
                key.verify(signature, signed, parameters)
            case ((ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey()), None):
                key.verify(signature, signed)
            case _:
                return False
    except (*_UNREADABLE, InvalidSignature):
        return False
    return True


def _is_dear(key: rsa.RSAPublicKey) -> bool:
    return key.key_size > _LONGEST_MODULUS or key.public_numbers().e.bit_length() > _LONGEST_EXPONENT


def _is_authority(certificate: Certificate) -> bool:
    try:
        return mended(certificate.der).extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (*_UNREADABLE, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return False
