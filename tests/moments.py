"""Finds every time that a record keeps, in fields that nobody has thought of yet too."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime

from exporter.config.settings import Target
from exporter.inquiry import DomainTrust
from exporter.model import Document, Observation

SAID_BY_OTHERS = {
    (Observation, "tls_not_after"): "what the endpoint's certificate says",
    (DomainTrust, "certificates"): "what the trusted certificates say",
    (DomainTrust, "updated"): "what Entra ID says",
}
"""Fields whose times are no times of ours, and why."""

WHOLE = (Document, Target)
"""What holds no time of ours at all: what a publisher says, and what the operator says."""


def moments(kept: object, path: str = "") -> Iterator[tuple[str, datetime]]:
    """Every time of ours in what is kept, each with where it stands."""
    if isinstance(kept, datetime):
        yield path, kept
    elif is_dataclass(kept) and not isinstance(kept, WHOLE):
        for field in fields(kept):
            if (type(kept), field.name) not in SAID_BY_OTHERS:
                yield from moments(getattr(kept, field.name), f"{path}.{field.name}")
    elif isinstance(kept, Mapping):
        for key, value in kept.items():
            yield from moments(value, f"{path}[{key}]")
    elif isinstance(kept, Collection) and not isinstance(kept, (str, bytes)):
        for number, value in enumerate(kept):
            yield from moments(value, f"{path}[{number}]")
