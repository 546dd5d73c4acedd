"""What the answers of both sources are made of."""

from collections.abc import Mapping

from exporter import certificates
from exporter.inquiry import Slot
from exporter.model import Certificate
from exporter.trust import host_of


def slots(contents: Mapping[Slot, object]) -> tuple[Mapping[Slot, Certificate], tuple[Slot, ...]]:
    """The certificates in slots that hold base64 of DER, or nothing; and the slots that hold something else."""
    found: dict[Slot, Certificate] = {}
    unreadable: list[Slot] = []
    for slot, content in contents.items():
        if content is None or (isinstance(content, str) and not content.strip()):
            continue
        try:
            found[slot], _ = certificates.read(certificates.decode(str(content)))
        except (ValueError, certificates.CertificateError):
            unreadable.append(slot)
    return found, tuple(unreadable)


def first_host(*addresses: object) -> str | None:
    """The host of the first address that has one."""
    hosts = (host_of(each) for each in addresses if isinstance(each, str))
    return next((host for host in hosts if host is not None), None)
