"""Bytes to :class:`~exporter.model.Metadata`: SAML 2.0 metadata (OASIS ``saml-metadata-2.0-os``) and WS-Federation 1.2.

What is wrong with a part is a fault of its kind; :class:`DocumentError` says that nothing can be said.
"""

from lxml.etree import _Element as Element

from exporter.metadata.document import ENTITY, GROUP, DocumentError, descriptors, refuse_other_roots, tree
from exporter.metadata.entities import LONGEST_ENTITY_ID, Reader
from exporter.metadata.last_good import kept, with_certificates, with_last_good
from exporter.model import Metadata

__all__ = [
    "LONGEST_ENTITY_ID",
    "DocumentError",
    "kept",
    "parse",
    "read",
    "stream",
    "tree",
    "with_certificates",
    "with_last_good",
]


def parse(body: bytes) -> Metadata:
    """What a metadata document says.

    Raises :class:`DocumentError`.
    """
    return read(tree(body), size=len(body))


def read(root: Element, *, size: int = 0) -> Metadata:
    """What a metadata document of so many bytes says, from its root element; the tree stays as it is.

    Raises :class:`DocumentError`.
    """
    refuse_other_roots(root)
    reader = Reader(size)
    if root.tag == ENTITY:
        reader.entity(root)
    else:
        _read_group(reader, root)
    return reader.metadata()


def stream(body: bytes) -> Metadata:
    """The same as :func:`parse`, for big aggregates: the elements of one entity at a time are in memory.

    Raises :class:`DocumentError`.
    """
    reader = Reader(len(body))
    for event, element in descriptors(body):
        if element.tag == ENTITY:
            if event == "end":
                reader.entity(element)
        elif event == "start":
            reader.open(element)
        else:
            reader.close()
    return reader.metadata()


def _read_group(reader: Reader, group: Element) -> None:
    reader.open(group)
    for child in group.iterchildren(GROUP, ENTITY):
        if child.tag == GROUP:
            _read_group(reader, child)
        else:
            reader.entity(child)
    reader.close()
