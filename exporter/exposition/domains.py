"""The trust of a target's domains, as series of its sheet."""

from collections.abc import Iterable

from exporter.action import Answer
from exporter.config.settings import Entra
from exporter.exposition import families
from exporter.exposition.sheet import Pen
from exporter.record import Record, Served
from exporter.trust import DomainRecord, DomainTrust, TrustState, UpdateResult, Verdict


def write_domains(pen: Pen, record: Record, entra: Entra, verdicts: Iterable[Verdict]) -> None:
    """Writes what Entra ID says of each domain of a record, and what the verdict on each is."""
    pen.write(families.TRUST_INTERVAL, entra.interval)
    served = Served.by(record.document) if record.document is not None else None
    for known, verdict in zip(record.domains, verdicts, strict=True):
        service = (known.trust.service if known.trust is not None else None) or "unknown"
        pen.write(families.TRUST, 1, domain=known.domain, source=entra.source, cloud=entra.cloud, service=service)
        _write_verdict(pen, verdict)
        if known.trust is not None:
            _write_certificates(pen, known.domain, known.trust, served)
            _write_update(pen, known.domain, known.trust)
        _write_inquiries(pen, known)


def _write_verdict(pen: Pen, verdict: Verdict) -> None:
    domain = verdict.domain
    for state in TrustState:
        pen.write(families.TRUST_STATE, verdict.state is state, domain=domain, state=state)
    if verdict.primary_trusted is not None:
        pen.write(families.TRUST_PRIMARY, verdict.primary_trusted, domain=domain)
    if verdict.successor_trusted is not None:
        pen.write(families.TRUST_SUCCESSOR, verdict.successor_trusted, domain=domain)
    if verdict.foreign is not None:
        pen.write(families.TRUST_FOREIGN, len(verdict.foreign), domain=domain)


def _write_certificates(pen: Pen, domain: str, trust: DomainTrust, served: Served | None) -> None:
    for slot, certificate in trust.certificates.items():
        published = None if served is None else certificate.fingerprint in served.keys
        labels = {"domain": domain, "slot": slot, "fingerprint": certificate.fingerprint}
        pen.count_down(families.TRUST_EXPIRY_DAYS, certificate.not_after, **labels)
        pen.write(families.TRUST_NOT_AFTER, certificate.not_after.timestamp(), **labels)
        pen.write(
            families.TRUST_CERTIFICATE,
            1,
            **labels,
            thumbprint=certificate.thumbprint,
            subject=certificate.subject,
            published=Answer.to(known=published),
        )


def _write_update(pen: Pen, domain: str, trust: DomainTrust) -> None:
    if trust.update is not None:
        for result in UpdateResult:
            pen.write(families.TRUST_UPDATE, trust.update is result, domain=domain, result=result)
        if trust.update.readable is not None:
            pen.write(families.TRUST_READABLE, trust.update.readable, domain=domain)
    if trust.updated is not None:
        pen.write(families.TRUST_UPDATED, trust.updated.timestamp(), domain=domain)


def _write_inquiries(pen: Pen, known: DomainRecord) -> None:
    domain, inquiry = known.domain, known.inquiry
    if inquiry is not None:
        pen.write(families.INQUIRIES, known.inquiries, domain=domain)
        pen.write(families.INQUIRY_FAILURES, known.failures, domain=domain)
        if inquiry.reason is not None:
            pen.write(families.INQUIRY_LAST_FAILURE, 1, domain=domain, reason=inquiry.reason)
        pen.write(families.INQUIRY_LAST_ATTEMPT, inquiry.at.timestamp(), domain=domain)
    if known.last_success is not None:
        pen.write(families.INQUIRY_LAST_SUCCESS, known.last_success.timestamp(), domain=domain)
