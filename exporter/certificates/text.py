"""Text to DER, the base64 of one certificate (XML Signature 4.4.4) and what people paste in its place; and back."""

import base64
import re
import ssl
from collections.abc import Callable, Mapping

FORMS: Mapping[str, Callable[[bytes], str]] = {
    "pem": ssl.DER_cert_to_PEM_cert,
    "base64": lambda der: f"{base64.b64encode(der).decode()}\n",
}
"""How a certificate is written, by the end of the file's name; base64 is DER on one line, as Entra ID's commands take
it."""

_PEM_LINE = re.compile("-----(BEGIN|END) ([A-Z0-9 ]{1,40})-----")
_CERTIFICATES = frozenset({"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"})
"""The labels that OpenSSL takes for a certificate's (PEM_read_bio_X509)."""
_SEQUENCE = 0x30
_LONG_LENGTH = 0x80
_HEADER = 12
"""Characters of base64 with the header of any value that fits into memory, and bytes."""


def decode(text: str) -> bytes:
    """The bytes of the first certificate in a text; see :func:`ders`.

    Raises :class:`ValueError`.
    """
    return ders(text)[0][0]


def ders(text: str) -> tuple[tuple[bytes, ...], bool]:
    """The bytes of each certificate in a text, at least one, and whether other text stands around PEM's blocks.

    White space and padding may be as they like. A chain may be joined from bytes or from base64, with padding between
    or without, or be blocks of PEM; what follows the last certificate is left out.

    Raises :class:`ValueError`.
    """
    blocks, surrounded = _blocks(text)
    found: list[bytes] = []
    for block in blocks:
        try:
            packed = "".join(block.split())
            found += _joined_bytes(packed) or _joined_text(packed)
        except ValueError as error:
            if not found:
                raise ValueError("not base64") from error
    return tuple(found), surrounded


def first_value(der: bytes) -> bytes:
    """A certificate without whatever follows it (X.690 section 8.1.3)."""
    return der[: _size(der)]


def is_whole(der: bytes) -> bool:
    """Whether a value that may be a certificate does not end before its length says."""
    return (_size(der) or 0) <= len(der)


def _blocks(text: str) -> tuple[list[str], bool]:
    """Each stretch of base64, and whether there is other text around PEM's."""
    before, *parts = _PEM_LINE.split(text)
    lines = list(zip(parts[::3], parts[1::3], parts[2::3], strict=True))
    blocks = [after for line, label, after in lines if line == "BEGIN" and label in _CERTIFICATES]
    if not blocks:
        return [before + "".join(parts[2::3])], False
    around = [before, *(after for line, _, after in lines if line == "END")]
    return blocks, any(each.strip() for each in around)


def _joined_bytes(packed: str) -> list[bytes]:
    """The certificates of a chain that was joined before it became base64; none where it is no such."""
    bare = packed.rstrip("=")
    if "=" in bare or len(bare) % 4 == 1:
        return []
    joined = _unpacked(bare)
    found: list[bytes] = []
    start = 0
    while start < len(joined):
        size = _size(joined[start : start + _HEADER])
        if size is None or start + size > len(joined):
            return []
        found.append(joined[start : start + size])
        start += size
    return found


def _joined_text(packed: str) -> list[bytes]:
    """The certificates of a chain whose base64 was joined; what is no certificate only where nothing else is."""
    found: list[bytes] = []
    start = 0
    while (size := _size_of_text(packed[start : start + _HEADER])) is not None:
        end = start - (-4 * size // 3)
        if end > len(packed) or "=" in packed[start:end]:
            break
        found.append(_unpacked(packed[start:end]))
        start = end
        while packed.startswith("=", start):
            start += 1
    return found or [_unpacked(packed.rstrip("="))]


def _size(der: bytes) -> int | None:
    """The bytes of a value that may be a certificate, its header included; None of any other."""
    octets = der[1] - _LONG_LENGTH if len(der) > 1 and der[0] == _SEQUENCE else 0
    return 2 + octets + int.from_bytes(der[2 : 2 + octets]) if octets > 0 else None


def _size_of_text(header: str) -> int | None:
    bare = header.partition("=")[0]
    return _size(_unpacked(bare[: len(bare) // 4 * 4]))


def _unpacked(bare: str) -> bytes:
    return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
