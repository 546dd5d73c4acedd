"""Every row that is still whole in the bytes of a damaged state file, and in those of its write-ahead log. Pure.

SQLite gives up where a page or the header does not make sense. A row of ours is sealed, so it may be taken from
wherever it is found: what is read here is only guessed at, and the seal says whether the guess was right. Names and
numbers are those of https://www.sqlite.org/fileformat2.html.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from exporter.state.rows import PAGE_SIZE, TABLES, Row, row_of

_LEAF = 0x0D
"""A leaf of a table, where rows are (1.6)."""

_NO_ROWS = {0x00, 0x02, 0x0A}
"""An overflow page, or a page of an index."""

_LENGTHS = {len(columns) + 2 for columns in TABLES.values()}
"""How many values a row of ours may have."""

_WIDTHS = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)
"""Bytes of a value by its serial type, up to 9 (2.1)."""

_BLOB = 12
"""The first serial type of a blob; those of text are odd, those of blobs even."""

_SHORTEST = 32
"""Bytes below which no row of ours is."""

_SMALL = 2**18
"""Bytes up to which a file is looked through place by place even where nothing in it looks like ours."""


def rows(image: bytes, log: bytes = b"") -> Iterator[Row]:
    """The rows in a file and its write-ahead log; some of them may be older than others of the same key."""
    # What the header says may be damaged; ours has another size only where an older file had (1.3.2).
    told = int.from_bytes(image[16:18], "big")
    sizes = {PAGE_SIZE, told} if 512 <= told <= 2**15 and told.bit_count() == 1 else {PAGE_SIZE}  # noqa: PLR2004 -- the bounds of 1.3.2
    plain = {size: list(_rows(_pages(image, log, size), size, thorough=False)) for size in sizes}
    likeliest = max(sorted(sizes), key=lambda size: len(plain[size]))
    if plain[likeliest] or len(image) <= _SMALL:
        yield from _rows(_pages(image, log, likeliest), likeliest, thorough=True)


def _pages(image: bytes, log: bytes, size: int) -> Mapping[int, bytes]:
    """The pages of a file by number, those that its log has committed laid over."""
    pages = {start // size + 1: image[start : start + size].ljust(size, b"\0") for start in range(0, len(image), size)}
    salts, committed, transaction = log[16:24], dict[int, bytes](), dict[int, bytes]()
    for start in range(32, len(log) - size - 23, size + 24):
        header = log[start : start + 24]
        if header[8:16] != salts:
            # What an earlier round through the log left behind (4.4).
            break
        transaction[int.from_bytes(header[:4], "big")] = log[start + 24 : start + 24 + size]
        if header[4:8] != bytes(4):
            committed.update(transaction)
            transaction.clear()
    return {**pages, **committed}


def _rows(pages: Mapping[int, bytes], size: int, *, thorough: bool) -> Iterator[Row]:
    for number, page in pages.items():
        start = 100 if number == 1 else 0
        if page[start] in _NO_ROWS:
            continue
        cells = page[start + 3] * 256 + page[start + 4]
        pointers = page[start + 8 : start + 8 + 2 * cells]
        places = [high * 256 + low for high, low in zip(pointers[::2], pointers[1::2], strict=False)]
        found = {place: cell for place in places if (cell := _cell(pages, page, place, size))}
        content = page[start + 5] * 256 + page[start + 6]
        # Before the content may be copies of rows that have moved to other pages since.
        begin = content if page[start] == _LEAF and start < content < size else start
        if thorough and (page[start] != _LEAF or _more(page, begin, found)):
            # Some of what leads to the cells is damaged: each place is tried.
            found |= {place: cell for place in range(begin, size) if (cell := _cell(pages, page, place, size))}
        yield from (row for row, _ in found.values())


def _more(page: bytes, begin: int, found: Mapping[int, tuple[Row, int]]) -> bool:
    """Whether there may be a row beside those that were found: what is deleted is overwritten with zeros."""
    taken = sorted((place, place + length) for place, (_, length) in found.items())
    edges = [(0, begin), *taken, (len(page), len(page))]
    between = (page[end:begin] for (_, end), (begin, _) in pairwise(edges))
    return any(len(each.replace(b"\0", b"")) >= _SHORTEST for each in between)


def _cell(pages: Mapping[int, bytes], page: bytes, place: int, size: int) -> tuple[Row, int] | None:
    """The row in the cell at a place, and the bytes that the cell takes there; None where there is none of ours."""
    try:
        length, at = _varint(page, place)
        _, at = _varint(page, at)
        # 1.6: how much of a payload stays on the page.
        most, least = size - 35, (size - 12) * 32 // 255 - 23
        spilt = least + (length - least) % (size - 4)
        local = length if length <= most else spilt if spilt <= most else least
        if not _SHORTEST <= length <= size * len(pages) or at + local > size:
            return None
        header, _ = _varint(page, at)
        if not min(_LENGTHS) < header <= 10 * max(_LENGTHS):
            return None
        types = _types(page[at : at + header])
        if len(types) not in _LENGTHS or header + sum(map(_width, types)) != length:
            return None
        payload, following = page[at : at + local], page[at + local : at + local + 4]
        payload += _overflow(pages, following, length - local, size)
        row = row_of(_values(payload[header:], types))
    except (IndexError, KeyError, UnicodeDecodeError):
        return None
    return None if row is None else (row, at + local - place + (4 if local < length else 0))


def _overflow(pages: Mapping[int, bytes], following: bytes, length: int, size: int) -> bytes:
    """So many bytes of a chain of overflow pages (1.7)."""
    parts = []
    while length > 0:
        page = pages[int.from_bytes(following, "big")]
        following, part = page[:4], page[4 : min(size, 4 + length)]
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def _types(header: bytes) -> Sequence[int]:
    _, at = _varint(header, 0)
    types = list[int]()
    while at < len(header) and len(types) <= max(_LENGTHS):
        kind, at = _varint(header, at)
        types.append(kind)
    return types


def _width(kind: int) -> int:
    return (kind - _BLOB) // 2 if kind >= _BLOB else _WIDTHS[kind]


def _values(body: bytes, types: Sequence[int]) -> Sequence[Any]:
    values, at = list[Any](), 0
    for kind in types:
        part = body[at : at + _width(kind)]
        at += len(part)
        if kind >= _BLOB:
            values.append(part.decode() if kind % 2 else part)
        elif kind == 0:
            values.append(None)
        else:
            # 8 and 9 are 0 and 1. Numbers of other kinds than whole ones are in no row of ours.
            values.append(kind - 8 if kind in {8, 9} else int.from_bytes(part, "big", signed=True))
    return values


def _varint(page: bytes, at: int) -> tuple[int, int]:
    """The number that begins at a place, and the place behind it (1.6)."""
    value = 0
    for nth in range(8):
        byte = page[at + nth]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004 -- the bit that says that more follows
            return value, at + nth + 1
    return value << 8 | page[at + 8], at + 9
