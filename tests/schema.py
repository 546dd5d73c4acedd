"""As much of JSON Schema (2020-12) as our own schemas use; a keyword that is not known here is an error."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import getitem
from typing import Any

TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def broken(value: object, schema: Mapping[str, Any], part: str = "") -> list[str]:
    """What a value, as JSON gives it, has against a schema, or a part of it; empty: it is valid."""
    return list(_At(value, {"$ref": f"#/{part}"} if part else schema, schema, "$").broken())


@dataclass(frozen=True)
class _At:
    """A value in a document, and what it must be."""

    value: Any
    schema: Mapping[str, Any]
    root: Mapping[str, Any]
    path: str

    def broken(self) -> Iterator[str]:
        for keyword, wanted in self.schema.items():
            yield from KEYWORDS[keyword](self, wanted)

    def against(self, schema: Mapping[str, Any]) -> Iterator[str]:
        return _At(self.value, schema, self.root, self.path).broken()

    def below(self, key: str | int, schema: Mapping[str, Any]) -> Iterator[str]:
        return _At(self.value[key], schema, self.root, f"{self.path}[{key!r}]").broken()

    def unless(self, holds: object, message: str) -> Iterator[str]:
        if not holds:
            yield f"{self.path} {message}"

    @property
    def keys(self) -> list[str]:
        return list(self.value) if isinstance(self.value, dict) else []


def _type(at: _At, wanted: str | list[str]) -> Iterator[str]:
    # JSON has a type of its own for what Python counts among the integers.
    names = [name for name in TYPES if isinstance(at.value, TYPES[name])]
    names = ["boolean"] if "boolean" in names else names
    return at.unless({wanted} & {*names} if isinstance(wanted, str) else {*wanted} & {*names}, f"is no {wanted}")


def _required(at: _At, wanted: list[str]) -> Iterator[str]:
    return at.unless(not isinstance(at.value, dict) or {*wanted} <= {*at.keys}, f"lacks one of {wanted}")


def _properties(at: _At, wanted: Mapping[str, Any]) -> Iterator[str]:
    for name in at.keys:
        if name in wanted:
            yield from at.below(name, wanted[name])


def _additional(at: _At, wanted: Mapping[str, Any] | bool) -> Iterator[str]:  # noqa: FBT001 -- a keyword's value
    for name in at.keys:
        if name not in at.schema.get("properties", {}):
            yield from at.below(name, wanted) if isinstance(wanted, Mapping) else at.unless(wanted, f"has {name}")


def _items(at: _At, wanted: Mapping[str, Any]) -> Iterator[str]:
    for number in range(len(at.value) if isinstance(at.value, list) else 0):
        yield from at.below(number, wanted)


def _format(at: _At, wanted: str) -> Iterator[str]:
    assert wanted == "date-time"
    return at.unless(not isinstance(at.value, str) or datetime.fromisoformat(at.value).tzinfo, "is no moment")


KEYWORDS: Mapping[str, Callable[[_At, Any], Iterator[str]]] = {
    **dict.fromkeys(("$schema", "$defs", "title", "description"), lambda _, __: iter(())),
    "$ref": lambda at, wanted: at.against(reduce(getitem, wanted.removeprefix("#/").split("/"), at.root)),
    "anyOf": lambda at, wanted: at.unless(any(not list(at.against(each)) for each in wanted), "is none of these"),
    "type": _type,
    "enum": lambda at, wanted: at.unless(at.value in wanted, f"is none of {wanted}"),
    "properties": _properties,
    "required": _required,
    "additionalProperties": _additional,
    "items": _items,
    "pattern": lambda at, wanted: at.unless(
        not isinstance(at.value, str) or re.search(wanted, at.value), f"does not match {wanted}"
    ),
    "minimum": lambda at, wanted: at.unless(
        not isinstance(at.value, int | float) or at.value >= wanted, "is too small"
    ),
    "format": _format,
}
