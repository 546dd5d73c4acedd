"""Documents whose sizes do harm: long names, and many certificates, entities and roles, in any mixture."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

import builders

from exporter.demo.documents import DS, MD

LARGEST: Final = 16 * 2**20
"""Bytes of the largest document that is read unless the configuration says otherwise."""

_VERSION: Final = b"\xa0\x03\x02\x01\x02"
"""What stands before a certificate's serial number: it is of version 3 (RFC 5280 section 4.1.2.1)."""


def certificates(count: int, *, subject: str = "CN=x") -> Iterator[str]:
    """The base64 of so many certificates that differ in their serial numbers alone; nobody signed them."""
    der = builders.pair(subject=subject).der
    start = der.index(_VERSION) + len(_VERSION) + 2
    size = der[start - 1]
    for nth in range(1, count + 1):
        yield base64.b64encode(der[:start] + b"\x01" + nth.to_bytes(size - 1) + der[start + size :]).decode()


def key(text: str, *, use: str = "signing") -> str:
    """A KeyDescriptor."""
    return f'<KeyDescriptor use="{use}">{info(text)}</KeyDescriptor>'


def info(*texts: str) -> str:
    """A KeyInfo with all certificates in one X509Data."""
    held = "".join(f"<X509Certificate>{each}</X509Certificate>" for each in texts)
    return f'<KeyInfo xmlns="{DS}"><X509Data>{held}</X509Data></KeyInfo>'


def entity(content: str, entity_id: str = "http://evil.example/x", *, roles: str = "") -> str:
    """An identity provider with these keys."""
    return (
        f'<EntityDescriptor xmlns="{MD}" entityID="{entity_id}"><IDPSSODescriptor'
        f' protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">{content}</IDPSSODescriptor>{roles}'
        "</EntityDescriptor>"
    )


def keys(count: int) -> str:
    """So many signing keys."""
    return "".join(map(key, certificates(count)))


def aggregate(entities: Iterable[str]) -> str:
    """An EntitiesDescriptor."""
    return f'<EntitiesDescriptor xmlns="{MD}">{"".join(entities)}</EntitiesDescriptor>'


WIDE: Final = "\N{GRINNING FACE}"
"""A character of four bytes."""


def table() -> Mapping[str, bytes]:
    """Those that were met, by what they are."""
    (one,) = certificates(1)
    (named,) = certificates(1, subject="CN=" + "s" * 64 + ",O=" + ",O=".join(["o" * 64] * 350))
    return {
        name: text.encode()
        for name, text in {
            "entityID of 300 kB, 100 certificates": entity(keys(100), "E" * 300_000),
            "entityID of 1 MB": entity(key(one), "E" * 1_000_000),
            "entityID of 9 MB": entity(key(one), "E" * 9_000_000),
            "entityID of 1 MB, 600 certificates": entity(keys(600), "E" * 1_000_000),
            "entityID of 1 MB, 1,000 certificates": entity(keys(1_000), "E" * 1_000_000),
            "one subject of 25 kB": entity(key(named)),
            "16,000 certificates": entity(keys(16_000)),
            "16,000 certificates in one key": entity(f"<KeyDescriptor>{info(*certificates(16_000))}</KeyDescriptor>"),
        }.items()
    }


@dataclass(frozen=True)
class _Mixture:
    """How much of everything a document has, as far as there is room."""

    entities: int
    certificates_each: int
    length: int
    character: str
    roles: int
    subject: str

    def __str__(self) -> str:
        return (
            f"{self.entities} entities of {self.certificates_each} certificates, {self.roles} roles,"
            f" {self.length} x {self.character!r}, subjects of {len(self.subject)}"
        )

    def body(self, chance: Random) -> bytes:
        texts = certificates(self.entities * self.certificates_each, subject=self.subject)
        empty = (
            chance.choice(("<SPSSODescriptor a='bbbbbbbbbbbbbb'/>", "<IDPSSODescriptor a='bbbbbbbbbbbbbb'/>"))
            * self.roles
        )
        parts: list[str] = []
        left = LARGEST - 200
        for nth in range(self.entities):
            found: list[str] = []
            room = min(left, LARGEST // self.entities) - len(empty) - 400
            for _ in range(self.certificates_each):
                part = key(next(texts), use=chance.choice(("signing", "encryption")))
                if (room := room - len(part)) < 0:
                    break
                found.append(part)
            part = entity("".join(found), f"{nth}{self.character * self.length}", roles=empty)
            if (left := left - len(part.encode())) < 0:
                break
            parts.append(part)
        return (parts[0] if len(parts) == 1 else aggregate(parts)).encode()


def mixtures(seed: int) -> Iterator[tuple[str, bytes]]:
    """Documents at random, none above :data:`LARGEST`, each with what it is; without an end."""
    chance = Random(seed)  # noqa: S311 -- chance, not secrecy
    while True:
        entities = int(10 ** chance.uniform(0, 4.3))
        mixture = _Mixture(
            entities,
            certificates_each=int(10 ** chance.uniform(0, 4.2)),
            length=int(10 ** chance.uniform(0, 3.1)),
            character=chance.choice(("x", WIDE, "&quot;", "\\")),
            roles=int(10 ** chance.uniform(0, 5)) if entities < 100 else 0,
            subject="CN=" + "s" * 64 + ",O=o" * int(10 ** chance.uniform(0, 3.3)),
        )
        yield str(mixture), mixture.body(chance)
