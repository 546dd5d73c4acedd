"""What the canonical form of a document costs (Canonical XML 1.0 and 1.1, Exclusive XML Canonicalization 1.0).

libxml2 compares every attribute of an element with the others, and the namespaces of every element with all that are
declared around it; the exclusive form declares a namespace again wherever it is used first. So a document of 1 MB can
take minutes and have a form of gigabytes. Nothing can end that once it has begun, so it is counted before.
"""

from collections.abc import Iterator
from typing import Any

from lxml import etree
from lxml.etree import _Element as Element

SIZE = 16 * 2**20
DEAREST = 40 * SIZE
"""What the form of a document of that many bytes may cost, about a second; real ones cost at most 29 for each byte."""

_NODE = 512
"""What each element and attribute costs in any case: it is looked for by its ID, walked over, and written."""
_LETTER = 8
"""What each character costs that may be written once more: as memory too."""
_NODES = etree.XPath("count(//*) + count(//@*)")


def cost(root: Element, *, inclusive: bool, prefixes: int, most: int = DEAREST) -> int:
    """What the canonical form of a document costs at most, in comparisons of names; when above ``most``, at least that.

    ``inclusive`` says whether every element has all the namespaces around it; ``prefixes`` is how many the exclusive
    form has for every element (the PrefixList).
    """
    counted = int(_NODES(root)) * _NODE
    depth = scope = longest_prefix = longest_uri = 0
    walk: Iterator[tuple[str, Any]] = etree.iterwalk(root, events=("start", "end", "start-ns", "end-ns"))
    for event, value in walk:
        if counted > most:
            break
        if event == "start":
            depth += 1
            attributes = len(value.attrib)
            looked_up = 1 + attributes + prefixes + (2 * scope if inclusive else 0)
            counted += looked_up * (2 * depth + scope * (1 + longest_prefix // 8))
            counted += ((1 + attributes) * _LETTER + prefixes) * longest_uri + attributes**2 * (1 + longest_uri // 8)
        elif event == "end":
            depth -= 1
        elif event == "start-ns":
            prefix, uri = value
            scope += 1
            counted += scope
            longest_prefix, longest_uri = max(longest_prefix, len(prefix)), max(longest_uri, len(uri))
        else:
            scope -= 1
    return counted
