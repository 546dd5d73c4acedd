"""A certificate's outer structure (RFC 5280 section 4.1; X.690), for what ``cryptography`` refuses and OpenSSL reads.

Real certificates break the rules of DER in their names and dates: a PrintableString with ``&``, a UTCTime without
seconds or with an offset, fractions of a second. Those alone are written anew here, and what else breaks a rule is not
read.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_INTEGER, _UTF8, _PRINTABLE, _UTC_TIME, _GENERALIZED_TIME = 0x02, 0x0C, 0x13, 0x17, 0x18
_SEQUENCE, _SET, _VERSION = 0x30, 0x31, 0xA0
_LONG_TAG = 0x1F
_LONG_LENGTH = 0x80
_CENTURY = 50
"""A UTCTime's two digits from here on are of the 20th century (RFC 5280 section 4.1.2.5.1)."""
_WIDEST_OFFSET = 12, 59
"""Hours and minutes; OpenSSL reads no more of either (ASN1_TIME_to_tm)."""

_PRINTABLE_CHARACTERS = re.compile(rb"[A-Za-z0-9 '()+,\-./:=?]*")
"""X.680 section 41.4."""
_STRICT = {_UTC_TIME: re.compile(rb"\d{12}Z"), _GENERALIZED_TIME: re.compile(rb"\d{14}Z")}
_LENIENT = {
    _UTC_TIME: re.compile(rb"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(?:Z|([+-])(\d\d)(\d\d))"),
    _GENERALIZED_TIME: re.compile(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(?:(\d\d)(?:\.\d+)?)?(?:Z|([+-])(\d\d)(\d\d))"),
}
"""What OpenSSL reads (ASN1_TIME_to_tm), fractions of a second left out."""
_LONGEST_QUOTE = 60
_MOST_VALUES = 64
"""Values in a row: a certificate has 10, its names have fewer, and each costs time and memory."""


@dataclass(frozen=True, slots=True)
class _Value:
    tag: int
    content: bytes

    @property
    def der(self) -> bytes:
        size = len(self.content)
        if size < _LONG_LENGTH:
            return bytes([self.tag, size]) + self.content
        length = size.to_bytes((size.bit_length() + 7) // 8)
        return bytes([self.tag, _LONG_LENGTH + len(length)]) + length + self.content


@dataclass(frozen=True, slots=True)
class Outline:
    """The parts of a certificate, each the DER that stands there."""

    signed: bytes
    """What the issuer's signature covers: the TBSCertificate."""
    issuer: bytes
    subject: bytes
    public_key: bytes
    """The SubjectPublicKeyInfo."""


def outline(der: bytes) -> Outline:
    """The parts of a certificate.

    Raises ValueError.
    """
    signed, *_ = _values(_only(der, _SEQUENCE))
    _, (_, _, issuer, _, subject, public_key), _ = _parts(signed)
    return Outline(signed.der, issuer.der, subject.der, public_key.der)


def by_the_rules(der: bytes) -> tuple[bytes, tuple[str, ...]]:
    """DER that keeps the rules and says the same as this does to OpenSSL, and a sentence for each part written anew.

    Raises ValueError, also where nothing is to be written anew, and OverflowError for a time before year 1.
    """
    signed, *signature = _values(_only(der, _SEQUENCE))
    before, (serial, algorithm, issuer, validity, subject, public_key), after = _parts(signed)
    sentences: list[str] = []
    issuer = _mended_name(issuer, "issuer", sentences)
    dates = [
        _mended_time(each, what, sentences)
        for each, what in zip(_values(validity.content), ("not before", "not after"), strict=True)
    ]
    subject = _mended_name(subject, "subject", sentences)
    if not sentences:
        raise ValueError("nothing to mend")
    parts = [*before, serial, algorithm, issuer, _of(_SEQUENCE, dates), subject, public_key, *after]
    return _of(_SEQUENCE, [_of(_SEQUENCE, parts), *signature]).der, tuple(sentences)


def _parts(signed: _Value) -> tuple[list[_Value], list[_Value], list[_Value]]:
    """The version, if there is one; serial number to public key; and what follows."""
    parts = _values(signed.content)
    start = int(bool(parts) and parts[0].tag == _VERSION)
    middle = parts[start : start + 6]
    if [each.tag for each in middle] != [_INTEGER, *[_SEQUENCE] * 5]:
        raise ValueError("no certificate")
    return parts[:start], middle, parts[start + 6 :]


def _mended_name(name: _Value, what: str, sentences: list[str]) -> _Value:
    """A name (RFC 5280 section 4.1.2.4) whose PrintableStrings are such; OpenSSL takes a byte for a character."""
    sets = []
    for each in _values(name.content):
        attributes = []
        for attribute in _values(each.content):
            kind, value = _values(attribute.content)
            if value.tag == _PRINTABLE and _PRINTABLE_CHARACTERS.fullmatch(value.content) is None:
                sentences.append(f"{what} has a PrintableString {_quoted(value)}")
                value = _Value(_UTF8, value.content.decode("latin-1").encode())
            attributes.append(_of(_SEQUENCE, [kind, value]))
        sets.append(_of(_SET, sorted(attributes, key=lambda one: one.der)))
    return _of(_SEQUENCE, sets)


def _mended_time(time: _Value, what: str, sentences: list[str]) -> _Value:
    if (strict := _STRICT.get(time.tag)) is None or strict.fullmatch(time.content):
        return time
    sentences.append(f"{what} is written {_quoted(time)}")
    # Not strftime, which writes the year 987 with three digits.
    digits = re.sub(r"\D", "", _moment(time).replace(tzinfo=None).isoformat())
    return _Value(_GENERALIZED_TIME, f"{digits}Z".encode())


def _moment(time: _Value) -> datetime:
    found = _LENIENT[time.tag].fullmatch(time.content)
    if found is None:
        raise ValueError(f"no time: {_quoted(time)}")
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    if time.tag == _UTC_TIME:
        year += 1900 if year >= _CENTURY else 2000
    moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    sign, hours, minutes = found.groups()[6:]
    if sign is None:
        return moment
    if int(hours) > _WIDEST_OFFSET[0] or int(minutes) > _WIDEST_OFFSET[1]:
        raise ValueError(f"no offset: {_quoted(time)}")
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return moment + offset if sign == b"-" else moment - offset


def _only(der: bytes, tag: int) -> bytes:
    """The content of the only value."""
    (value,) = _values(der)
    if value.tag != tag:
        raise ValueError("no certificate")
    return value.content


def _values(content: bytes) -> list[_Value]:
    """Values in a row, each with a tag of one byte and the shortest definite length (X.690 section 10.1)."""
    found: list[_Value] = []
    start = 0
    while start < len(content):
        if len(found) == _MOST_VALUES:
            raise ValueError("too many values")
        tag, size = content[start], content[start + 1 : start + 2]
        start += 2
        if not size or tag & _LONG_TAG == _LONG_TAG:
            raise ValueError("no tag of one byte and length")
        length = size[0]
        if length >= _LONG_LENGTH:
            octets = content[start : start + length - _LONG_LENGTH]
            start += len(octets)
            length = int.from_bytes(octets)
            if octets[:1] in {b"", b"\0"} or length < _LONG_LENGTH:
                raise ValueError("not the shortest length")
        if length > len(content) - start:
            raise ValueError("shorter than its length")
        found.append(_Value(tag, content[start : start + length]))
        start += length
    return found


def _of(tag: int, values: Iterable[_Value]) -> _Value:
    return _Value(tag, b"".join(each.der for each in values))


def _quoted(value: _Value) -> str:
    return repr(value.content[:_LONGEST_QUOTE].decode("latin-1"))
