"""Documents of 16 MB that are made to be dear: what the look at each costs in time, memory and threads.

``PYTHONPATH=tests python -m soak.dear KIND LOOKS`` is one kind in a process of its own.
"""

import base64
import gc
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from builders import pair
from cryptography import x509
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, SignatureMethod
from signxml.signer import XMLSigner

from exporter.demo.documents import DS, MD
from exporter.metadata import DocumentError
from exporter.model import SignatureState
from exporter.probe import STREAM_ABOVE, read_document

SIZE = 16 * 2**20
MOST_SECONDS = 2.0
TOLERANCE = SIZE
"""Bytes that memory may differ by from one look to another, all of them together."""
PAGE = 4096
BYTES_PER_NODE = 12.1
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
    made = signed(EXCLUSIVE, "", "<!-- -->").replace(spread("<!-- -->").encode(), b"")
    texts = [base64.b64encode(pair(nth=number).der).decode() for number in range(1, 65)]
    descriptors = "".join(
        f'<KeyDescriptor use="signing"><KeyInfo xmlns="{DS}"><X509Data><X509Certificate>{texts[number % 64]}'
        "</X509Certificate></X509Data></KeyInfo></KeyDescriptor>"
        for number in range(count)
    )
    root = etree.fromstring(made)
    (info,) = root.iterfind(f"{{{DS}}}Signature/{{{DS}}}KeyInfo")
    if not key_info:
        info[:] = []
    return etree.tostring(root).replace(
        b"<IDPSSODescriptor/>", f"<IDPSSODescriptor>{descriptors}</IDPSSODescriptor>".encode()
    )


SIGNED: Mapping[str, Callable[[], bytes]] = {
    f"{name}, {form.name.partition('_')[0].lower()}": partial(signed, form, *markup)
    for name, markup in _MARKUP.items()
    for form in (INCLUSIVE, EXCLUSIVE)
} | {
    "14,000 published": partial(keys, 14_000, key_info=False),
    "14,000 published, signer named": partial(keys, 14_000, key_info=True),
}
"""By kind, each with a signature."""


def _streamed(unit: str, root: str = "EntitiesDescriptor") -> bytes:
    entity = '<EntityDescriptor entityID="urn:x"><IDPSSODescriptor/></EntityDescriptor>'
    return f'<{root} xmlns="{MD}">{entity}{many(SIZE // (len(unit) + 6), unit, "")}</{root}>'.encode()


def _named(look: int) -> str:
    """An element with a name of its own."""
    return f"<n{look}_#{'x' * 16}/>"


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


def in_process(kind: str, looks: int = 1, at_once: int = 1) -> str:
    """What :func:`main` says of a kind in a process of its own; AssertionError when it does not hold there."""
    command = [sys.executable, "-m", "soak.dear", kind, str(looks), str(at_once)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)  # noqa: S603 -- a command of ours
    assert done.returncode == 0, f"{kind}: {done.stdout}{done.stderr[-300:]}"
    return done.stdout.strip()


def main(kind: str, looks: int, at_once: int) -> str:
    """Figures of so many looks at a kind; AssertionError when they are too high."""
    gc.disable()  # nothing may depend on when it runs
    return _signature(kind) if kind in SIGNED else _stream(kind, looks, at_once)


def _signature(kind: str) -> str:
    body = SIGNED[kind]()
    before, began = _resident(), time.process_time()
    verdict = read_document(body, [pair(subject="CN=stranger").der]).signature
    seconds, grown = time.process_time() - began, (_peak() - before) / 1e6
    assert verdict.state is not SignatureState.TRUSTED, verdict
    assert seconds <= MOST_SECONDS, f"{seconds:.2f} s"
    return f"{kind}: {seconds:.2f} s, {verdict.state}, {grown:.0f} MB at the peak"


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
    print(main(sys.argv[1], *map(int, sys.argv[2:])))
