"""One look at one target: fetch, parse, verify; one inquiry about one domain.

The only place where an exception becomes a reason.
"""

import asyncio
import hashlib
import logging
import traceback
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from exporter import entra as entra_id
from exporter import fetch, metadata, signature
from exporter.config import settings
from exporter.metadata import DocumentError
from exporter.model import Document, Observation, Phase, Reason, Signature, SignatureState
from exporter.record import Record, advance
from exporter.trust import Inquiry, TrustReason

STREAM_ABOVE = 8 * 2**20
"""Bytes from which a document is read as a stream, and its signature left alone, unless a signer is configured."""

_log = logging.getLogger(__name__)


async def look(
    record: Record,
    *,
    client: fetch.Client,
    now: datetime,
    timeout: float | None = None,  # noqa: ASYNC109 -- the deadline's phase is told, so it is kept here
    allow_host: Callable[[str], bool] | None = None,
    entity_id: str | None = None,
    found: fetch.Found | None = None,
) -> Record:
    """The record after one more look at its target. Raises nothing: whatever happens, the other targets go on.

    ``timeout`` is the module's unless given, and covers reading the document too; ``allow_host`` says to which hosts
    redirects may lead, None to any. ``entity_id`` is the entity that the target's own look is about: a node must not
    serve another's document. None: the record's own. ``found`` is what :func:`~exporter.fetch.find` gave for it, if
    anybody asked.
    """
    target = record.target
    try:
        observation = await probe(
            target,
            client=client,
            previous=record.document,
            now=now,
            timeout=target.module.timeout if timeout is None else timeout,
            allow_host=allow_host,
            entity_id=entity_id or record.entity_id,
            found=found,
        )
        return await asyncio.to_thread(advance, record, observation)
    except Exception as error:  # noqa: BLE001 -- the only two: see above
        detail = _admitted(error, f"probe of {target.name}")
        mistake = Observation(
            now, Reason.INTERNAL, detail, phases={}, http_status=None, tls_not_after=None, document=None
        )
        return advance(record, mistake)


async def ask(entra: settings.Entra, domain: str, *, client: fetch.Client, now: datetime) -> Inquiry:
    """What Entra ID says of a domain, or why it says nothing. Raises nothing: whatever happens, the others go on."""
    try:
        return Inquiry(now, None, "", await entra_id.ask(entra, domain, client=client))
    except entra_id.EntraError as error:
        return Inquiry(now, error.reason, error.detail, trust=None, retry_after=error.retry_after)
    except Exception as error:  # noqa: BLE001 -- see look
        return Inquiry(now, TrustReason.INTERNAL, _admitted(error, f"inquiry about {domain}"), trust=None)


async def probe(
    target: settings.Target,
    *,
    client: fetch.Client,
    previous: Document | None,
    now: datetime,
    timeout: float,  # noqa: ASYNC109 -- see look
    allow_host: Callable[[str], bool] | None = None,
    entity_id: str | None = None,
    found: fetch.Found | None = None,
) -> Observation:
    """What a target shows now; its document is ``previous`` itself when that has not changed.

    ``entity_id`` is the entity that the document must be about, or that an aggregate must hold; None: any. ``found`` is
    as in :func:`~exporter.fetch.fetch`.
    """
    signers = target.policy.signers
    known = previous if previous is not None and _verdict_holds(previous.signature, signers) else None
    found = found or fetch.Found()
    began = client.clock() - found.seconds
    try:
        answer = await fetch.fetch(
            target.url,
            target.module,
            client=client,
            timeout=timeout,
            etag=None if known is None else known.etag,
            last_modified=None if known is None else known.last_modified,
            allow_host=allow_host,
            address=target.address,
            found=found,
        )
    except fetch.FetchError as error:
        return Observation(
            now, error.reason, error.detail, error.phases, error.http_status, error.tls_not_after, document=None
        )
    fetched = client.clock()
    document, failure = known, None
    if answer.body is not None:
        try:
            async with asyncio.timeout(timeout - (fetched - began)):
                document = await asyncio.to_thread(_read, answer, answer.body, known, signers)
        except TimeoutError:
            document, failure = None, (Reason.TIMEOUT, f"not read within {timeout:g} s; stuck in {Phase.PARSE}")
        except DocumentError as error:
            document, failure = None, (error.reason, error.detail)
    if document is not None:
        failure = _mismatch(document, entity_id, signers)
    reason, detail = failure or (None, "")
    return Observation(
        at=now,
        reason=reason,
        detail=detail,
        phases=answer.phases if answer.body is None else {**answer.phases, Phase.PARSE: client.clock() - fetched},
        http_status=answer.http_status,
        tls_not_after=answer.tls_not_after,
        document=None if failure else document,
    )


def read_document(
    body: bytes, signers: Sequence[bytes], *, etag: str | None = None, last_modified: str | None = None
) -> Document:
    """The document in some bytes, its signature checked against the DER of ``signers``, or by its own certificate.

    Raises :class:`~exporter.metadata.DocumentError`.
    """
    if len(body) > STREAM_ABOVE and not signers:
        content = metadata.stream(body)
        verdict = Signature(
            SignatureState.UNCHECKED, None, f"not looked at: the document is larger than {STREAM_ABOVE} bytes"
        )
    else:
        root = metadata.tree(body)
        content = metadata.read(root)
        verdict = signature.verify(root, signers)
    return Document(
        metadata=content,
        signature=verdict,
        size=len(body),
        digest=hashlib.sha256(body).hexdigest(),
        etag=etag,
        last_modified=last_modified,
        packed=zlib.compress(body, 1),
    )


def _admitted(error: Exception, what: str) -> str:
    """The detail of a failure that is a mistake of ours; the log gets the traceback.

    Without what the errors say: it may quote what they stumbled over, a token for one.
    """
    _log.error("%s failed by a mistake of ours", what, extra={"traceback": "".join(_frames(error))})
    return f"a mistake of ours ({type(error).__name__}): the log has the traceback"


def _frames(error: BaseException | None) -> Iterator[str]:
    """A traceback that ends with the error, then those of the errors behind it."""
    while error is not None:
        yield from traceback.format_tb(error.__traceback__)
        yield f"{type(error).__qualname__}\n"
        error = error.__cause__ or error.__context__


def _read(answer: fetch.Answer, body: bytes, known: Document | None, signers: Sequence[bytes]) -> Document:
    if known is not None and known.digest == hashlib.sha256(body).hexdigest():
        return known
    return read_document(body, signers, etag=answer.etag, last_modified=answer.last_modified)


def _verdict_holds(verdict: Signature, signers: Sequence[bytes]) -> bool:
    """Whether an earlier verdict still says all there is to say: other signers may have been configured since."""
    if not signers:
        return verdict.state is not SignatureState.TRUSTED
    trusted = {hashlib.sha256(der).hexdigest() for der in signers}
    return verdict.state is SignatureState.TRUSTED and verdict.fingerprint in trusted


def _mismatch(document: Document, entity_id: str | None, signers: Sequence[bytes]) -> tuple[Reason, str] | None:
    """Why a document, good in itself, is not this target's."""
    entities = document.metadata.entities
    if entity_id is not None and not document.metadata.holds(entity_id):
        found = f"{len(entities)} others" if document.metadata.aggregate else entities[0].entity_id
        return Reason.ENTITY_MISMATCH, f"the document of {found}, not of {entity_id}"
    if signers and document.signature.state is not SignatureState.TRUSTED:
        verdict = document.signature
        return Reason.SIGNER_MISMATCH, f"not signed by a configured signer: {verdict.state} ({verdict.detail})"
    return None
