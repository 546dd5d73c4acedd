"""Certificates that break rules of DER which OpenSSL does not keep to: what ``openssl`` reads is what we read."""

import re
import subprocess
import time
from datetime import UTC, datetime, timedelta

import pytest
from builders import authority, pair
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from odd import BIT_STRING, COMMON_NAME, GENERALIZED_TIME, IA5, PRINTABLE, UTC_TIME, UTF8, Odd, name, odd, value

from exporter import certificates
from exporter.certificates.der import by_the_rules, outline
from exporter.certificates.reading import mended
from exporter.model import Certificate

PLAIN = name(b"plain", UTF8)


def openssl(der: bytes, *wanted: str) -> str | None:
    """What ``openssl x509`` prints; None where it reads no certificate."""
    command = ["openssl", "x509", "-inform", "DER", "-noout", "-nameopt", "RFC2253,-esc_msb,utf8", *wanted]
    done = subprocess.run(command, input=der, capture_output=True, check=False, timeout=30)  # noqa: S603 -- written here
    return done.stdout.decode() if done.returncode == 0 else None


def dates(printed: str) -> list[datetime | None]:
    """Whole seconds of each date; None for one that OpenSSL does not read."""
    found = [line.partition("=")[2] for line in printed.splitlines() if re.match("not(Before|After)=", line)]
    return [None if "Bad time" in each else moment(each) for each in found]


def moment(printed: str) -> datetime:
    return datetime.strptime(re.sub(r"\.\d+", "", printed), "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)


def agrees(certificate: Certificate) -> bool:
    """Whether OpenSSL reads the same dates, serial number, names and public key."""
    printed = openssl(certificate.der, "-dates", "-serial", "-subject", "-issuer", "-pubkey")
    assert printed is not None
    told = dict(line.split("=", 1) for line in printed.splitlines() if re.match("(serial|subject|issuer)=", line))
    key = mended(certificate.der).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return (
        dates(printed) == [certificate.not_before, certificate.not_after]
        and int(told["serial"], 16) == int(certificate.serial_number)
        and (told["subject"], told["issuer"]) == (certificate.subject, certificate.issuer)
        and key in printed
    )


@pytest.mark.parametrize("text", ["*.example", "test_CA", "R&D", "ops@example", "Yes!", 'a"b', "a;b", "a#b", "a\xe9b"])
def test_a_printable_string_may_hold_any_character(text: str) -> None:
    made = odd(name(text.encode("latin-1"), PRINTABLE))
    with pytest.raises(certificates.CertificateError):
        certificates.load(made.der)

    certificate, unreadable = certificates.read(made.der)

    assert agrees(certificate)
    assert certificate.self_issued
    assert [sentence.partition(" ")[0] for sentence in unreadable] == ["issuer", "subject"]
    assert all(sentence.endswith(f"has a PrintableString {text!r}") for sentence in unreadable)
    assert certificate.der == made.der
    assert outline(made.der).public_key == made.key.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )


UTC_TIMES = ["2701302349Z", "270130234925+0100", "270130234925-1130", "2701302349+0000", "4912312359Z", "5001010000Z"]
GENERALIZED_TIMES = [
    "20270130234925.5Z",
    "20270130234925.999999999Z",
    "202701302349Z",
    "202701302349-0500",
    "20270130234925.5+1259",
]


@pytest.mark.parametrize(
    ("tag", "text"),
    [*((UTC_TIME, text) for text in UTC_TIMES), *((GENERALIZED_TIME, text) for text in GENERALIZED_TIMES)],
)
def test_a_date_may_lack_seconds_have_an_offset_or_fractions(tag: int, text: str) -> None:
    for made in (
        odd(PLAIN, not_after=value(tag, text.encode())),
        odd(PLAIN, not_before=value(tag, text.encode())),
    ):
        certificate, unreadable = certificates.read(made.der)
        assert agrees(certificate)
        (sentence,) = unreadable
        assert sentence.endswith(f" is written {text!r}")


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        (UTC_TIME, "2713302349Z"),
        (UTC_TIME, "2702300000Z"),
        (UTC_TIME, "270130234925"),
        (UTC_TIME, "270130234925.5Z"),
        (UTC_TIME, "2701302360Z"),
        (UTC_TIME, "270130234960Z"),
        (UTC_TIME, "2701302349+1300"),
        (UTC_TIME, "2701302349+0060"),
        (UTC_TIME, "never"),
        (GENERALIZED_TIME, "20270130234925.Z"),
        (GENERALIZED_TIME, "20270130234925,5Z"),
        (GENERALIZED_TIME, "2027013023Z"),
        (GENERALIZED_TIME, "20270130234925.5"),
    ],
)
def test_a_date_that_openssl_does_not_read_is_refused(tag: int, text: str) -> None:
    made = odd(PLAIN, not_after=value(tag, text.encode()))
    printed = openssl(made.der, "-dates")
    assert printed is None or dates(printed)[1] is None
    with pytest.raises(certificates.CertificateError, match="no certificate"):
        certificates.read(made.der)


@pytest.mark.parametrize("text", ["00010101000000.5+0100", "99991231235959.5-0100", "00000101000000.5Z"])
def test_a_date_before_the_first_or_after_the_last_year_is_refused(text: str) -> None:
    with pytest.raises(certificates.CertificateError):
        certificates.read(odd(PLAIN, not_after=value(GENERALIZED_TIME, text.encode())).der)


def test_a_year_of_three_digits_is_read() -> None:
    made = odd(PLAIN, not_before=value(GENERALIZED_TIME, b"09870101000000.5Z"))
    assert certificates.read(made.der)[0].not_before == datetime(987, 1, 1, tzinfo=UTC)


def test_other_times_are_left_to_the_reader() -> None:
    made = odd(name(b"R&D"), not_after=value(IA5, b"270130234925Z"))
    with pytest.raises(certificates.CertificateError):
        certificates.read(made.der)


def test_a_name_of_several_attributes_keeps_them() -> None:
    country = value(0x30, bytes.fromhex("0603550406"), value(PRINTABLE, b"DE"))
    common = value(0x30, COMMON_NAME, value(PRINTABLE, b"R&D"))
    in_one_set = value(0x30, value(0x31, *sorted([country, common])))
    in_two = value(0x30, value(0x31, country), value(0x31, common))
    assert certificates.read(odd(in_two).der)[0].subject == "CN=R&D,C=DE"
    assert sorted(certificates.read(odd(in_one_set).der)[0].subject.split("+")) == ["C=DE", "CN=R&D"]


def test_a_bit_string_for_a_name_costs_the_name() -> None:
    certificate, unreadable = certificates.read(odd(name(b"\0x", BIT_STRING)).der)
    assert (certificate.subject, certificate.issuer) == ("unknown", "unknown")
    assert [sentence.partition(":")[0] for sentence in unreadable] == [
        "subject cannot be read",
        "issuer cannot be read",
    ]


def test_extensions_and_signature_stay_as_they_are() -> None:
    der = pair(subject="CN=RandD", issuer=authority()).der
    broken = der.replace(b"\x0c\x05RandD", b"\x13\x05R&&&D")
    copy, _ = by_the_rules(broken)
    assert copy == der.replace(b"\x0c\x05RandD", b"\x0c\x05R&&&D")
    assert x509.load_der_x509_certificate(copy).subject.rfc4514_string() == "CN=R&&&D"


def cut(made: Odd) -> bytes:
    return made.der[:-1]


@pytest.mark.parametrize(
    "der",
    [
        b"",
        b"\x30",
        b"\x31\x00",
        b"\x30\x00",
        b"\x30\x02\x30\x00",
        b"\x30\x80\x00\x00",
        b"\x30\x81\x01\x00",
        b"\x30\x82\x00\x80" + bytes(128),
        b"\x3f\x01\x00",
        cut(odd(name(b"R&D"))),
        odd(name(b"R&D")).der + b"\x05\x00",
        odd(PLAIN).der,
        odd(value(0x30, value(0x31, value(0x30, COMMON_NAME)))).der,
        odd(PLAIN, not_before=b"").der,
    ],
    ids=[
        "nothing",
        "no length",
        "a set",
        "empty",
        "nothing signed",
        "indefinite",
        "a long length for a short one",
        "a length with a zero before it",
        "a long tag",
        "cut",
        "two values",
        "nothing to mend",
        "a name without value",
        "one date",
    ],
)
def test_what_has_another_structure_or_keeps_the_rules_is_not_written_anew(der: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- which rule it breaks is told by cryptography, never by this
        by_the_rules(der)


def test_offsets_count_from_utc() -> None:
    made = odd(PLAIN, not_after=value(UTC_TIME, b"270130000000+0130"))
    assert certificates.read(made.der)[0].not_after == datetime(2027, 1, 30, tzinfo=UTC) - timedelta(minutes=90)


def test_names_of_64_parts_are_written_anew_and_longer_ones_are_not() -> None:
    part = value(0x31, value(0x30, COMMON_NAME, value(PRINTABLE, b"R&D")))
    assert mended(odd(value(0x30, part * 64)).der).subject.rfc4514_string() == ",".join(["CN=R&D"] * 64)
    with pytest.raises(certificates.CertificateError):
        certificates.read(odd(value(0x30, part * 65)).der)


@pytest.mark.parametrize("size", [100, 2**20, 2**24])
def test_a_row_of_nulls_is_refused_at_once_whatever_its_length(size: int) -> None:
    began = time.process_time()
    with pytest.raises(ValueError, match="too many values"):
        by_the_rules(value(0x30, b"\5\0" * size))
    assert time.process_time() - began < 1
