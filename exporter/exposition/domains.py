"""The trust of a target's domains, as series of its fragment."""

from collections.abc import Iterable

from exporter.config.settings import Entra
from exporter.exposition import families
from exporter.exposition.fragment import Writer
from exporter.inquiry import DomainRecord, DomainTrust
from exporter.record import Record
from exporter.served import Served
from exporter.trust import Answer, Verdict


def write_domains(writer: Writer, record: Record, entra: Entra, verdicts: Iterable[Verdict]) -> None:
    """Writes what Entra ID says of each domain of a record, and what the verdict on each is."""
    writer.write(families.TRUST_INTERVAL, entra.interval)
    served = Served.by(record.document) if record.document is not None else None
    for known, verdict in zip(record.domains, verdicts, strict=True):
        service = (known.trust.service if known.trust is not None else None) or "unknown"
        writer.write(families.TRUST, 1, domain=known.domain, source=entra.source, cloud=entra.cloud, service=service)
        _write_verdict(writer, verdict)
        if known.trust is not None:
            _write_certificates(writer, known.domain, known.trust, served)
            _write_update(writer, known.domain, known.trust)
        _write_inquiries(writer, known)


def _write_verdict(writer: Writer, verdict: Verdict) -> None:
    domain = verdict.domain
    writer.write(families.TRUST_STATE, 1, domain=domain, state=verdict.state)
    if verdict.primary_trusted is not None:
        writer.write(families.TRUST_PRIMARY, verdict.primary_trusted, domain=domain)
    if verdict.successor_trusted is not None:
        writer.write(families.TRUST_SUCCESSOR, verdict.successor_trusted, domain=domain)
    if verdict.foreign is not None:
        writer.write(families.TRUST_FOREIGN, len(verdict.foreign), domain=domain)


def _write_certificates(writer: Writer, domain: str, trust: DomainTrust, served: Served | None) -> None:
    for slot, certificate in trust.certificates.items():
        published = None if served is None else certificate.fingerprint in served.keys
        labels = {"domain": domain, "slot": slot, "fingerprint": certificate.fingerprint}
        writer.count_down(families.TRUST_EXPIRY_DAYS, certificate.not_after, **labels)
        writer.write(families.TRUST_NOT_AFTER, certificate.not_after.timestamp(), **labels)
        writer.write(
            families.TRUST_CERTIFICATE,
            1,
            **labels,
            thumbprint=certificate.thumbprint,
            subject=certificate.subject,
            published=Answer.to(known=published),
        )


def _write_update(writer: Writer, domain: str, trust: DomainTrust) -> None:
    if trust.update is not None:
        writer.write(families.TRUST_UPDATE, 1, domain=domain, result=trust.update)
        if trust.update.readable is not None:
            writer.write(families.TRUST_READABLE, trust.update.readable, domain=domain)
    if trust.updated is not None:
        writer.write(families.TRUST_UPDATED, trust.updated.timestamp(), domain=domain)


def _write_inquiries(writer: Writer, known: DomainRecord) -> None:
    domain, inquiry = known.domain, known.inquiry
    if inquiry is not None:
        writer.write(families.INQUIRIES, known.inquiries, domain=domain)
        writer.write(families.INQUIRY_FAILURES, known.failures, domain=domain)
        if inquiry.reason is not None:
            writer.write(families.INQUIRY_LAST_FAILURE, 1, domain=domain, reason=inquiry.reason)
        writer.write(families.INQUIRY_LAST_ATTEMPT, inquiry.at.timestamp(), domain=domain)
    if known.last_success is not None:
        writer.write(families.TRUST_AS_OF, known.last_success.timestamp(), domain=domain)
