"""Certificates with bytes changed at random: ``python -m soak.der COUNT [SEED]``; only our own error comes out."""

import re
import sys
from collections import Counter
from collections.abc import Sequence
from random import Random

from builders import authority, pair
from odd import BIT_STRING, GENERALIZED_TIME, UTC_TIME, changed, name, odd, value

from exporter import certificates
from exporter.certificates import CertificateError, Data

SAID = re.compile(
    r"no certificate: its (end is missing|version is not known|bytes are those of something else, or were changed)"
    r"|its dates or its serial number cannot be read"
    r"|(subject|issuer|key) cannot be read"
    r"|key cannot be read: its algorithm, or its curve, is not known"
    r"|signature algorithm [\d.]{1,200} is not known"
    r"|(subject|issuer) has a PrintableString .{2,300}"
    r"|not (before|after) is written .{2,300}"
    r"|longer than 65536 bytes",
    re.DOTALL,
)
"""All that is said of a certificate: no word of a library, which no reader knows."""

_ODD = odd(name(b"R&D"))
SEEDS: Sequence[bytes] = (
    pair().der,
    pair(key="rsa").der,
    pair(issuer=authority()).der,
    authority().der,
    odd(name(b"\0x", BIT_STRING)).der,
    odd(name(b"R&D"), issuer=_ODD).der,
    odd(name(b"test_CA"), not_after=value(UTC_TIME, b"2701010000Z")).der,
    odd(name(b"*.x"), not_before=value(GENERALIZED_TIME, b"20260101000000.5+0100")).der,
)
"""Small certificates of all kinds, those included that break rules which OpenSSL does not keep to."""
_BESIDE = tuple(certificates.read(der)[0] for der in (SEEDS[0], SEEDS[3], _ODD.der))


def main(count: int, seed: int) -> str:
    """What became of so many changed certificates; any exception but CertificateError comes out."""
    random = Random(seed)  # noqa: S311 -- a seed brings the case back
    outcomes: Counter[str] = Counter()
    for nth in range(count):
        der = changed(SEEDS, random)
        try:
            outcomes[_read(der)] += 1
        except BaseException:
            print(f"certificate {nth}: {der.hex()}")
            raise
    return ", ".join(f"{number} {outcome}" for outcome, number in outcomes.most_common())


def _read(der: bytes) -> str:
    try:
        certificate, unreadable = certificates.read(der)
    except CertificateError as error:
        assert SAID.fullmatch(str(error)), error  # noqa: PT017 -- the loop ends with whatever else is raised
        return "refused"
    assert certificate.not_before.tzinfo is not None
    for sentence in unreadable:
        assert SAID.fullmatch(sentence), sentence
    for unread in ("", "not base64"):
        found = certificates.named([Data((certificate, *_BESIDE), unread)])
        assert {one for each in found for one in (each.certificate, *each.chain)} >= {certificate, *_BESIDE}
    return "read in part" if unreadable else "read"


if __name__ == "__main__":
    print(main(int(sys.argv[1]), int(sys.argv[2]) if sys.argv[2:] else 1))
