"""Bytes to a tree of elements, or the reason why there is none.

Nothing here follows a reference out of the document: no DTD is loaded, no entity expanded, no address opened.
"""

import io
import re
from collections.abc import Iterator
from typing import Final, cast

from lxml import etree
from lxml.etree import _Element as Element

from exporter.model import Reason

MD: Final = "{urn:oasis:names:tc:SAML:2.0:metadata}"
ENTITY: Final = MD + "EntityDescriptor"
GROUP: Final = MD + "EntitiesDescriptor"

_HTML = re.compile(
    rb"(?>\s+|<!--.*?-->|<\?.*?\?>)*+<(?:!doctype\s+html|html|head|body|script|title|meta)\b", re.DOTALL | re.IGNORECASE
)
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_UTF16_HEAD = 4096
_LONGEST_DETAIL = 200


class DocumentError(Exception):
    """Nothing can be said about the document: HTML, NOT_XML, NOT_METADATA or NO_ENTITY, and a sentence."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def tree(body: bytes) -> Element:
    """The root element of a document, with its comments, because signatures may cover them.

    Declared entities are refused as NOT_XML: metadata has none, and whoever sends some means harm. A DOCTYPE without
    any is let pass and not followed. The size is limited by whoever got the bytes; within it, libxml2's own limits (a
    text of 10 MB, a depth of 256) stay in force, since no real document comes near them.

    Raises :class:`DocumentError`.
    """
    _refuse_html(body)
    try:
        # collect_ids=False would be faster, and would make libxml2 load external DTDs whatever load_dtd says.
        root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    except etree.XMLSyntaxError as error:
        raise _not_xml(error) from error
    _refuse_entities(root)
    return root


def refuse_other_roots(root: Element) -> None:
    """Raises :class:`DocumentError` unless the root is one that metadata has."""
    if root.tag not in {ENTITY, GROUP}:
        raise DocumentError(Reason.NOT_METADATA, f"the root is {short(str(root.tag))}")


def descriptors(body: bytes) -> Iterator[tuple[str, Element]]:
    """The start and end of every EntityDescriptor and EntitiesDescriptor, while the document is being read.

    At its end an element is complete; once the next one is asked for, it is gone, and so is all before it. What
    stands elsewhere than at the root and directly in groups, as in somebody's extension, is left out.

    Raises :class:`DocumentError`, with the same reason as :func:`tree`.
    """
    _refuse_html(body)
    events = etree.iterparse(
        io.BytesIO(body),
        events=("start", "end"),
        tag=(GROUP, ENTITY),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
    )
    groups: list[Element] = []
    try:
        for event, element in events:
            parent = element.getparent()
            if parent is not None and not (groups and groups[-1] in {parent, element}):
                continue
            if element.tag == GROUP:
                groups.append(element) if event == "start" else groups.pop()
            yield event, element
            if event == "end" and parent is not None:
                _forget(element, parent)
    except etree.XMLSyntaxError as error:
        raise _not_xml(error) from error
    root = cast("Element", events.root)  # there is one, or this were no XML
    _refuse_entities(root)
    refuse_other_roots(root)


def _refuse_html(body: bytes) -> None:
    if body.startswith(_UTF16_MARKS):
        head = body[:_UTF16_HEAD].decode("utf-16", errors="replace").encode()
    else:
        head = body.removeprefix(_UTF8_MARK)
    if _HTML.match(head):
        raise DocumentError(Reason.HTML, "an HTML page")


def _refuse_entities(root: Element) -> None:
    dtd = root.getroottree().docinfo.internalDTD
    if dtd is not None and any(True for _ in dtd.iterentities()):
        raise DocumentError(Reason.NOT_XML, "declares entities of its own")


def _not_xml(error: etree.XMLSyntaxError) -> DocumentError:
    return DocumentError(Reason.NOT_XML, short(error.msg or "not well-formed"))


def _forget(element: Element, parent: Element) -> None:
    element.clear()
    while element.getprevious() is not None:
        del parent[0]


def short(text: str) -> str:
    """A text cut to what a person will read of it."""
    return text if len(text) <= _LONGEST_DETAIL else text[: _LONGEST_DETAIL - 1] + "…"
