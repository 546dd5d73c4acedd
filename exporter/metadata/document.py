"""Bytes to a tree of elements, or the reason why there is none.

Nothing here follows a reference out of the document: no DTD is loaded, no entity expanded, no address opened. A
document with a DOCTYPE is refused whole: the attributes that it adds are read, and no signature covers them.
"""

import codecs
import re
from collections.abc import Iterator
from contextlib import suppress
from threading import Thread
from typing import Final, cast

from lxml import etree
from lxml.etree import _Element as Element

from exporter.model import Reason

MD: Final = "{urn:oasis:names:tc:SAML:2.0:metadata}"
ENTITY: Final = MD + "EntityDescriptor"
GROUP: Final = MD + "EntitiesDescriptor"

_BEGINNING = re.compile(
    rb"(?>\s+|<!--.*?-->|<\?.*?\?>)*+<(?:(?P<html>!doctype\s+html|html|head|body|script|title|meta)|!doctype)\b",
    re.DOTALL | re.IGNORECASE,
)
"""Whatever may stand before them, and a page or a DOCTYPE."""
_UTF32_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_WIDE = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    "<".encode("utf-32-le"): "utf-32-le",
    "<".encode("utf-32-be"): "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
    "<".encode("utf-16-le"): "utf-16-le",
    "<".encode("utf-16-be"): "utf-16-be",
}
"""How documents begin that have more than one byte for each character of markup (XML 1.0, appendix F); longer first."""
_OTHERS = {
    b"-----BEGIN CERTIFICATE": "a certificate in PEM",
    b"-----BEGIN ": "something in PEM",
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a file packed by gzip",
    b"%PDF-": "a PDF file",
    b"{": "JSON, or something like it",
    b"[": "JSON, or something like it",
}
"""How other files begin that people take for metadata."""
_SNIFFED = 1024
_LONGEST_DETAIL = 200
_BYTES_PER_NODE = 14
"""The least that a document has for each element, text and attribute; 105 real ones have 18 or more.

A node takes libxml2 some 130 bytes, so that 16 MB of ``<a/>`` would take half a gigabyte.
"""
_FREE_NODES = 200_000
"""So many nodes may stand as close together as they like."""
_SLICE = 2**16
"""Bytes after which what was read is forgotten."""
_NOTHING = b"<nothing/>"
_idle: list[etree.XMLPullParser] = []
"""Parsers that have read a document: as many as were read at the same time."""


class DocumentError(Exception):
    """Nothing can be said about the document: HTML, DOCTYPE, NOT_XML, NOT_METADATA or NO_ENTITY, and a sentence."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def tree(body: bytes) -> Element:
    """The root element of a document, with its comments, because signatures may cover them.

    The size is limited by whoever got the bytes; within it, libxml2's own limits (a text of 10 MB, a depth of 256)
    stay in force, since no real document comes near them.

    Raises :class:`DocumentError`.
    """
    body = _unmasked(body)
    try:
        # collect_ids=False would be faster, and would make libxml2 load external DTDs whatever load_dtd says.
        root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    except etree.XMLSyntaxError as error:
        raise _not_xml(error, body) from error
    _refuse_declarations(root)
    return root


def refuse_other_roots(root: Element) -> None:
    """Raises :class:`DocumentError` unless the root is one that metadata has."""
    if root.tag not in {ENTITY, GROUP}:
        raise DocumentError(Reason.NOT_METADATA, f"the root is {short(str(root.tag))}")


def descriptors(body: bytes) -> Iterator[tuple[str, Element]]:
    """The start and end of every EntityDescriptor and EntitiesDescriptor, while the document is being read.

    At its end an element is complete; later it is gone, and so is all before it. What stands elsewhere than at the root
    and directly in groups, as in somebody's extension, is left out.

    Raises :class:`DocumentError`, with the same reason as :func:`tree`.
    """
    body = _unmasked(body)
    etree.fromstring(_NOTHING, etree.XMLParser())  # a thread that has read nothing takes over the names of the parser
    try:
        parser = _idle.pop()
    except IndexError:  # asked before, another thread could take the last one in between
        parser = _new_parser()
    members: dict[Element, None] = {}
    try:
        for start in range(0, len(body), _SLICE):
            parser.feed(body[start : start + _SLICE])
            yield from _begun(parser, members)
            while len(members) > 1 and (last := next(reversed(members))).getnext() is not None:
                yield from _ended(members, last.getparent())
            for member in members:
                if member.tag == GROUP:
                    del member[:-1]  # the last may be one that has only begun
        root = parser.close()
        yield from _ended(members, None)
        refuse_other_roots(root)
    except etree.XMLSyntaxError as error:
        raise _not_xml(error, body) from error
    finally:
        _forget(parser)


def _begun(parser: etree.XMLPullParser, members: dict[Element, None]) -> Iterator[tuple[str, Element]]:
    """The starts of those that are new in what was read, and the ends of those before them.

    In a function of its own because lxml takes the square of its size to delete what a variable still holds a part of.
    """
    for _, element in cast("Iterator[tuple[str, Element]]", parser.read_events()):
        parent = element.getparent()
        if parent is None:
            _refuse_declarations(element)
        elif parent.tag != GROUP or parent not in members:
            continue
        yield from _ended(members, parent)
        members[element] = None
        yield "start", element


def _ended(members: dict[Element, None], parent: Element | None) -> Iterator[tuple[str, Element]]:
    """The ends of those members, each inside the one before, that are over when a child of ``parent`` begins."""
    while members and next(reversed(members)) is not parent:
        element, _ = members.popitem()
        yield "end", element
        if members:
            element.clear()


def _new_parser() -> etree.XMLPullParser:
    # For events at the ends it would keep all that never end, and with them the names of their documents.
    return etree.XMLPullParser(
        events=("start",), tag=(GROUP, ENTITY), resolve_entities=False, no_network=True, load_dtd=False
    )


def _forget(parser: etree.XMLPullParser) -> None:
    """Gives back the memory of what a parser has read, and keeps it for the next document.

    lxml makes a cycle of it and its last document, which only the collector would free, and that may take long. The
    names that occurred stay with it too, until it reads in another thread.
    """
    with suppress(etree.XMLSyntaxError):
        parser.close()
    thread = Thread(target=_read_nothing, args=(parser,))
    try:
        thread.start()
    except RuntimeError:  # no thread can begin, and names do less harm than a parser that nobody has emptied
        _read_nothing(parser)
    else:
        thread.join()
    _idle.append(parser)


def _read_nothing(parser: etree.XMLPullParser) -> None:
    etree.fromstring(_NOTHING, etree.XMLParser())  # a thread that has read nothing takes over the names of the parser
    parser.feed(_NOTHING)
    parser.close()
    for _ in parser.read_events():
        pass


def _unmasked(body: bytes) -> bytes:
    """The body, once its beginning shows neither a page nor a DOCTYPE, and its markup is not too dense to be read.

    Without the mark of UTF-32, which libxml2 does not know when it reads a document piece by piece.
    """
    if found := _BEGINNING.match(_legible(body)):
        raise DocumentError(Reason.HTML, "an HTML page") if found["html"] else _doctype()
    # An element is one, and the text after it another; an attribute has one of its own.
    nodes = 2 * body.count(b"<") + body.count(b"=")
    if nodes > max(_FREE_NODES, len(body) // _BYTES_PER_NODE):
        raise DocumentError(Reason.NOT_METADATA, "more elements and attributes than metadata of its size has")
    return body[len(codecs.BOM_UTF32_LE) :] if body.startswith(_UTF32_MARKS) else body


def _legible(body: bytes) -> bytes:
    """The body with its markup in ASCII and without a mark."""
    for beginning, encoding in _WIDE.items():
        if body.startswith(beginning):
            return body.decode(encoding, errors="replace").encode().removeprefix(codecs.BOM_UTF8)
    return body.removeprefix(codecs.BOM_UTF8)


def _refuse_declarations(root: Element) -> None:
    """Raises :class:`DocumentError` for a DOCTYPE in an encoding that only the parser knows."""
    if root.getroottree().docinfo.internalDTD is not None:
        raise _doctype()


def _doctype() -> DocumentError:
    return DocumentError(Reason.DOCTYPE, "has a DOCTYPE")


def _not_xml(error: etree.XMLSyntaxError, body: bytes) -> DocumentError:
    beginning = _legible(body[:_SNIFFED]).lstrip()
    if not beginning and len(body) < _SNIFFED:
        return DocumentError(Reason.NOT_XML, "the document is empty")
    what = next((told for signs, told in _OTHERS.items() if beginning.startswith(signs)), "")
    return DocumentError(Reason.NOT_XML, f"not XML but {what}" if what else short(error.msg or "not well-formed"))


def short(text: str) -> str:
    """A text cut to what a person will read of it."""
    return text if len(text) <= _LONGEST_DETAIL else text[: _LONGEST_DETAIL - 1] + "…"
