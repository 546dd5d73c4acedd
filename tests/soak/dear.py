"""Documents of 16 MB that are made to be dear: what the look at each costs in time, memory and threads.

``PYTHONPATH=tests python -m soak.dear KIND LOOKS AT_ONCE SECONDS`` is one kind in a process of its own.
"""

import base64
import gc
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path

import hostile
from builders import pair
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree
from odd import COMMON_NAME, PRINTABLE, UTC_TIME, UTF8, value
from signxml.algorithms import CanonicalizationMethod, SignatureMethod
from signxml.signer import XMLSigner

from exporter.certificates.keys import MOST_QUESTIONS
from exporter.demo.documents import DS, MD
from exporter.metadata import DocumentError
from exporter.model import SignatureState
from exporter.probe import STREAM_ABOVE, read_document

SIZE = 16 * 2**20
MOST_SECONDS = 2.0
MOST_TIMES = 16
"""What a look may cost in yardsticks, one of which takes 0.3 s of CPU alone.

Alone it is 5 at most, and 11 beside another process on the same core, where work of Python's own takes twice as long
and a parser's little more. Without a bound it is hundreds. Seconds are for a machine that does nothing else.
"""
TOLERANCE = SIZE
"""Bytes that memory may differ by from one look to another, all of them together."""
PAGE = 4096
BYTES_PER_NODE = 14.1
"""Hardly more than a document must have for each element, text and attribute to be read at all."""

SIGNER = pair(subject="CN=signer")
INCLUSIVE = CanonicalizationMethod.CANONICAL_XML_1_0
EXCLUSIVE = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0


def many(count: int, each: str, between: str = " ") -> str:
    """So many of a text with its number in it."""
    return between.join(each.replace("#", str(number)) for number in range(count))


def spread(unit: str) -> str:
    """Markup with so many spaces after it that a document full of it is read."""
    return unit.ljust(math.ceil(BYTES_PER_NODE * (2 * unit.count("<") + unit.count("="))))


def signed(form: CanonicalizationMethod, attributes: str, unit: str, before: str = "", after: str = "") -> bytes:
    """A document of 16 MB full of ``unit``, with a signature by SIGNER that was made before that was put in."""
    unit = spread(unit)
    start = f'<EntityDescriptor xmlns="{MD}" ID="_x" entityID="urn:x" {attributes}>'
    small = f"{start}<IDPSSODescriptor/><!-- --></EntityDescriptor>"
    root = etree.fromstring(small)
    root.insert(0, etree.Element(f"{{{DS}}}Signature", Id="placeholder"))
    signer = XMLSigner(signature_algorithm=SignatureMethod.ECDSA_SHA256, c14n_algorithm=form)
    certificate = x509.load_der_x509_certificate(SIGNER.der)
    made = etree.tostring(signer.sign(root, key=SIGNER.key, cert=[certificate], reference_uri="#_x"))
    head, tail = made.split(b"<!-- -->")
    times = (SIZE - len(made) - len(before) - len(after)) // len(unit)
    return head + (before + unit * times + after).encode() + tail


_MARKUP: Mapping[str, tuple[str, str, str, str]] = {
    "elements": ("", "<a/>", "", ""),
    "attributes": ("", '<a b=""/>', "", ""),
    "attributes just far enough apart": ("", f'<a b="{"x" * 34}"/>', "", ""),
    "an element of 10,000 attributes": ("", "<a " + many(10_000, 'b#=""') + "/>", "", ""),
    "elements of 64 attributes": ("", "<a " + many(64, 'b#=""') + "/>", "", ""),
    "6 namespaces": (many(6, 'xmlns:n#="urn:#"'), "<a/>", "", ""),
    "20 namespaces": (many(20, 'xmlns:n#="urn:#"'), f"<a/>{'x' * 45}", "", ""),
    "100 namespaces": (many(100, 'xmlns:n#="urn:#"'), "<a/>", "", ""),
    "10,000 namespaces": (many(10_000, 'xmlns:n#="urn:#"'), f"<a>{'x' * 60}</a>", "", ""),
    "a namespace of 100 characters": (f'xmlns:p="urn:{"x" * 100}"', f"<p:a/>{'x' * 30}", "", ""),
    "a namespace of 10,000 characters": (f'xmlns:p="urn:{"x" * 10_000}"', "<p:a/>", "", ""),
    "depth": ("", f"<a/>{'x' * 40}", "<b>" * 240, "</b>" * 240),
    "comments": ("", "<!--a-->", "", ""),
}


def keys(count: int, *, key_info: bool) -> bytes:
    """A document that publishes so many keys, none of which made its signature."""
    texts = [base64.b64encode(pair(nth=number).der).decode() for number in range(1, 65)]
    return _publishing((hostile.key(texts[number % 64]) for number in range(count)), key_info=key_info)


def _publishing(descriptors: Iterable[str], *, key_info: bool) -> bytes:
    made = signed(EXCLUSIVE, "", "<!-- -->").replace(spread("<!-- -->").encode(), b"")
    root = etree.fromstring(made)
    (info,) = root.iterfind(f"{{{DS}}}Signature/{{{DS}}}KeyInfo")
    if not key_info:
        info[:] = []
    return etree.tostring(root).replace(
        b"<IDPSSODescriptor/>", f"<IDPSSODescriptor>{''.join(descriptors)}</IDPSSODescriptor>".encode()
    )


def certificate(
    nth: int, key: bytes, *, name: bytes = b"", algorithm: bytes = bytes.fromhex("300506032b6570")
) -> bytes:
    """As little as a certificate may have, and a signature that nobody made."""
    dates = value(0x30, *(value(UTC_TIME, year + b"0101000000Z") for year in (b"26", b"30")))
    names = value(0x30, name)
    tbs = value(0x30, value(0x02, b"\1" + nth.to_bytes(4)), algorithm, names, dates, names, key)
    return value(0x30, tbs, algorithm, value(0x03, b"\0" + bytes([1] * 384)))


def parts(count: int, tag: int) -> bytes:
    """A name's."""
    return value(0x31, value(0x30, COMMON_NAME, value(tag, b"&"))) * count


def ed25519(nth: int) -> bytes:
    """Any bytes are such a key."""
    return value(0x30, bytes.fromhex("300506032b6570"), value(0x03, b"\0" + nth.to_bytes(32)))


@cache
def brainpool(_: int) -> bytes:
    """A key of the dearest curve."""
    public = ec.generate_private_key(ec.BrainpoolP512R1()).public_key()
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@cache
def long_exponent(nth: int) -> bytes:
    """An RSA key of 3072 bits whose exponent is as long: 50 times as dear as others."""
    numbers_ = (value(0x02, b"\0" + bytes([0xFF] * 383) + bytes([last])) for last in (255 - 2 * (nth % 100), 1))
    return value(0x30, bytes.fromhex("300d06092a864886f70d0101010500"), value(0x03, b"\0", value(0x30, *numbers_)))


_ECDSA_WITH_SHA512 = bytes.fromhex("300a06082a8648ce3d040304")
_RSA_WITH_SHA256 = bytes.fromhex("300d06092a864886f70d01010b0500")


def _text(der: bytes) -> str:
    return base64.b64encode(der).decode()


def _together(*ders: bytes) -> str:
    return f"<KeyDescriptor>{hostile.info(*map(_text, ders))}</KeyDescriptor>"


def _alike(nth: int, key: Callable[[int], bytes], algorithm: bytes) -> str:
    """Eight certificates of one name and of eight keys."""
    one = parts(1, UTF8)
    return _together(*(certificate(8 * nth + each, key(each), name=one, algorithm=algorithm) for each in range(8)))


CERTIFIED: Mapping[str, Callable[[int], str]] = {
    "alike, of a dear curve": lambda nth: _alike(nth, brainpool, _ECDSA_WITH_SHA512),
    "alike, of long exponents": lambda nth: _alike(nth, long_exponent, _RSA_WITH_SHA256),
    "alike, the same again": lambda _: _alike(0, brainpool, _ECDSA_WITH_SHA512),
    "a megabyte of NULLs": lambda nth: _together(value(0x30, b"\5\0" * 500_000, nth.to_bytes(4))),
    "64 kB of NULLs": lambda nth: _together(value(0x30, b"\5\0" * 32_000, value(0x04, nth.to_bytes(4)))),
    "chains in a text": lambda nth: _together(b"".join(certificate(each, ed25519(nth)) for each in range(1_000))),
    "one in a key": lambda nth: _together(certificate(nth, ed25519(nth))),
    "1,000 in a key": lambda nth: _together(*(certificate(nth, ed25519(nth * 1_000 + each)) for each in range(1_000))),
    "names of 8 parts": lambda nth: _together(certificate(nth, ed25519(nth), name=parts(8, UTF8))),
    "names of 8 odd parts": lambda nth: _together(certificate(nth, ed25519(nth), name=parts(8, PRINTABLE))),
    "names of 60 odd parts": lambda nth: _together(certificate(nth, ed25519(nth), name=parts(60, PRINTABLE))),
    "names of 2,000 parts": lambda nth: _together(certificate(nth, ed25519(nth), name=parts(2_000, UTF8))),
}
"""By kind, a KeyDescriptor of a number, whose certificates are dear to read."""


def certified(*kinds: Callable[[int], str], size: int = SIZE - 2**21) -> bytes:
    """A document with such keys of these kinds in turn."""
    found: list[str] = []
    while size > 0:
        found.append(kinds[len(found) % len(kinds)](len(found)))
        size -= len(found[-1])
    return _publishing(found, key_info=True)


SIGNED: Mapping[str, Callable[[], bytes]] = (
    {
        f"{name}, {form.name.partition('_')[0].lower()}": partial(signed, form, *markup)
        for name, markup in _MARKUP.items()
        for form in (INCLUSIVE, EXCLUSIVE)
    }
    | {
        "14,000 published": partial(keys, 14_000, key_info=False),
        "14,000 published, signer named": partial(keys, 14_000, key_info=True),
    }
    | {name: partial(certified, kind) for name, kind in CERTIFIED.items()}
)
"""By kind, each with a signature."""


def _streamed(unit: str, root: str = "EntitiesDescriptor") -> bytes:
    entity = '<EntityDescriptor entityID="urn:x"><IDPSSODescriptor/></EntityDescriptor>'
    return f'<{root} xmlns="{MD}">{entity}{many(SIZE // (len(unit) + 6), unit, "")}</{root}>'.encode()


def _named(look: int) -> str:
    """An element with a name of its own."""
    return f"<n{look}_#{'x' * 20}/>"


READ = "read"
STREAMED: Mapping[str, tuple[str, Callable[[int], bytes]]] = {
    "elements and attributes": (READ, lambda _: _streamed(spread('<a b="#"/>'))),
    "other names at every look": (READ, lambda look: _streamed(_named(look))),
    "no metadata": ("not_metadata: the root is", lambda look: _streamed(_named(look), "r")),
    "not finished": ("not_xml: ", lambda look: _streamed(_named(look))[:-9]),
}
"""By kind, what reading it says, and its document for a look, above the size from which a document is streamed."""


def signatures(_: int) -> bool:
    """Prints what every kind of signed document costs, each in a process of its own; whether all held."""
    return sum(not _holds(kind) for kind in SIGNED) == 0


def streams(_: int) -> bool:
    """Prints the memory of every kind of streamed document after 24 looks one after the other, and after 16 at once."""
    return sum(not _holds(kind, 24, 16) for kind in STREAMED) == 0


def _holds(kind: str, looks: int = 1, at_once: int = 1) -> bool:
    try:
        print(f"  {in_process(kind, looks, at_once)}", flush=True)
    except AssertionError as error:
        print(f"  FAILED: {error}", flush=True)
        return False
    return True


def in_process(kind: str, looks: int = 1, at_once: int = 1, most: float = MOST_SECONDS) -> str:
    """What :func:`main` says of a kind in a process of its own; AssertionError when it does not hold there."""
    command = [sys.executable, "-m", "soak.dear", kind, str(looks), str(at_once), str(most)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)  # noqa: S603 -- a command of ours
    assert done.returncode == 0, f"{kind}: {done.stdout}{done.stderr[-300:]}"
    return done.stdout.strip()


def main(kind: str, looks: int, at_once: int, most: float) -> str:
    """Figures of so many looks at a kind; AssertionError when they are too high."""
    gc.disable()  # nothing may depend on when it runs
    return _signature(kind, most) if kind in SIGNED else _stream(kind, looks, at_once)


def yardstick() -> float:
    """Seconds of CPU for a look at a plain document of 16 MB, and as many dear signatures verified as may be.

    A processor that others use too slows down the two in different ways.
    """
    body, key, how = _streamed(spread("<a/>")), ec.generate_private_key(ec.BrainpoolP512R1()), ec.ECDSA(SHA512())
    signature = key.sign(b"", how)
    began = time.process_time()
    read_document(body, ())
    for _ in range(MOST_QUESTIONS):
        key.public_key().verify(signature, b"", how)
    return time.process_time() - began


def in_yardsticks(look: Callable[[], object]) -> tuple[float, float, float]:
    """The seconds of CPU of a look, how many yardsticks they are at the pace around it, and its bytes at the peak."""
    paces = [yardstick() for _ in range(2)]
    # The highest resident size is counted anew (proc(5), clear_refs).
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before, began = _resident(), time.process_time()
    look()
    seconds, grown = time.process_time() - began, _peak() - before
    paces.extend(yardstick() for _ in range(2))
    return seconds, seconds / max(paces), grown


def _signature(kind: str, most: float) -> str:
    body, verdicts = SIGNED[kind](), []

    def look() -> None:
        verdicts.append(read_document(body, [pair(subject="CN=stranger").der]).signature)

    seconds, times, grown = in_yardsticks(look)
    (verdict,) = verdicts
    assert verdict.state is not SignatureState.TRUSTED, verdict
    assert times <= MOST_TIMES, f"{seconds:.2f} s, {times:.1f} yardsticks"
    assert seconds <= most, f"{seconds:.2f} s"
    return f"{kind}: {seconds:.2f} s, {times:.1f} yardsticks, {verdict.state}, {grown / 1e6:.0f} MB at the peak"


def _stream(kind: str, looks: int, at_once: int) -> str:
    says, document = STREAMED[kind]
    alone = []
    for look in range(looks):
        assert _look(document(look)).startswith(says)
        alone.append(_resident())
    # The second may come upon memory that the first has left in pieces.
    assert alone[-1] <= max(alone[:3]) + TOLERANCE, [each // 10**6 for each in alone]
    body, together = document(0), []
    assert len(body) > STREAM_ABOVE
    for _ in range(4):
        with ThreadPoolExecutor(at_once) as threads:
            said = set(threads.map(_look, [body] * at_once))
        assert all(each.startswith(says) for each in said), said
        together.append(_resident())
    # As many threads leave it in as many pieces.
    assert together[-1] <= max(together[:3]) + TOLERANCE * math.ceil(at_once / 4), [each // 10**6 for each in together]
    assert threading.active_count() == 1
    figures = f"{alone[0] / 1e6:.0f} MB, {alone[-1] / 1e6:.0f} MB after {looks} looks"
    return f"{kind}: {figures}, {together[-1] / 1e6:.0f} MB after {at_once} at once"


def _look(body: bytes) -> str:
    try:
        read_document(body, ())
    except DocumentError as error:
        return str(error)
    return READ


def _resident() -> int:
    """Bytes of this process in memory (proc_pid_statm(5))."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE


def _peak() -> int:
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(text.partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    print(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
