"""What the answers of both sources are made of."""

from collections.abc import Mapping

from exporter import certificates
from exporter.inquiry import Slot, service_name
from exporter.model import Certificate
from exporter.trust import host_of

LONGEST = 2**14
"""Characters of a certificate that is read: several times what a large one has. The event loop reads it."""


def slots(contents: Mapping[Slot, object]) -> tuple[Mapping[Slot, Certificate], tuple[Slot, ...]]:
    """The certificates in slots that hold base64 of DER, or nothing; and the slots that hold something else.

    What is longer than :data:`LONGEST` is something else.
    """
    found: dict[Slot, Certificate] = {}
    unreadable: list[Slot] = []
    for slot, content in contents.items():
        if content is None or (isinstance(content, str) and not content.strip()):
            continue
        try:
            found[slot], _ = certificates.read(certificates.decode(_short(content)))
        except (ValueError, certificates.CertificateError):
            unreadable.append(slot)
    return found, tuple(unreadable)


def _short(content: object) -> str:
    if not isinstance(content, str) or len(content) > LONGEST:
        raise ValueError("no text, or too long a one")
    return content


def first_host(*addresses: object) -> str | None:
    """The host of the first address that has one, as far as it can be shown."""
    hosts = (host_of(each) for each in addresses if isinstance(each, str))
    return next((service_name(host) for host in hosts if host is not None), None)
