"""What one probe of a look gets: fetch, parse, verify. The only place where an exception becomes a reason."""

import asyncio
import hashlib
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from exporter import fetch, memory, metadata, signature
from exporter.bounds import bounded
from exporter.config.settings import Look
from exporter.history import History
from exporter.metadata import DocumentError
from exporter.model import NO_VALIDATORS, Document, Observation, Phase, Reason, Signature, SignatureState, Validators
from exporter.names import nearest

NO_HISTORY = History()

LONG_AGO = datetime.min.replace(tzinfo=UTC)
"""Stands for a time that nobody knows."""

GIVEN_BACK_ABOVE = 2**20
"""Bytes of a document from which memory is given back to the system after it was read."""

STREAM_ABOVE = 8 * 2**20
"""Bytes from which a document is read as a stream, and its signature left alone, unless a signer is configured."""


async def probe(
    look: Look,
    *,
    signers: Sequence[bytes],
    client: fetch.Client,
    previous: Document | None,
    validators: Validators,
    share: fetch.Share,
    now: datetime,
    timeout: float,  # noqa: ASYNC109 -- the deadline's phase is told, so it is kept here
    allow_host: Callable[[str], bool] | None = None,
    entity_id: str | None = None,
    found: fetch.Found | None = None,
    primary: str | None = None,
    history: History = NO_HISTORY,
) -> Observation:
    """What a look gets now; its document is ``previous`` itself when that has not changed.

    A key that cannot be read any more has the certificate that it had in ``previous``.

    ``signers`` are the DER of the certificates of which one must have signed it; none: nobody must. ``validators`` are
    those of the last answer that was ``previous``. ``entity_id`` is the entity that the document must be about, or that
    an aggregate must hold; None: any. ``found`` is as in :func:`~exporter.fetch.fetch`; ``primary`` and ``history`` are
    as in :func:`read_document`. ``share`` is what the document has of the client's budget; it is kept until nothing
    reads the document any more. Raises :class:`~exporter.fetch.CrowdedError` where there is no room for it.
    """
    known = previous if previous is not None and _verdict_holds(previous.signature, signers) else None
    found = found or fetch.Found()
    began = client.clock() - found.seconds
    try:
        answer = await fetch.fetch(
            look.url,
            look.module,
            client=client,
            timeout=timeout,
            validators=NO_VALIDATORS if known is None else validators,
            allow_host=allow_host,
            address=look.address,
            found=found,
            room=share.grow,
        )
    except fetch.FetchError as error:
        return Observation(
            now,
            error.reason,
            error.detail,
            error.phases,
            error.http_status,
            error.tls_not_after,
            document=None,
            clock=error.clock,
        )
    fetched = client.clock()
    document, failure, others = known, None, 0
    read = partial(read_document, signers=signers, previous=previous, at=now, primary=primary, history=history)
    if answer.body is not None:
        share.settle(len(answer.body))
        try:
            async with asyncio.timeout(timeout - (fetched - began)):
                document = await share.run(partial(_read, answer.body, known, previous, read))
        except TimeoutError:
            document, failure = None, (Reason.TIMEOUT, f"not read within {timeout:g} s{Phase.PARSE.stuck}")
        except DocumentError as error:
            document, failure = None, (error.reason, error.detail)
    if document is not None:
        mismatch = partial(_mismatch, document, entity_id, signers)
        # An aggregate has many names to look through.
        failure = await share.run(mismatch) if document.metadata.aggregate else mismatch()
        if failure and failure[0] is Reason.ENTITY_MISMATCH and document.metadata.aggregate:
            others = len(document.metadata.entities)
    # The names in it are those of the document, which an endpoint may make of what it was sent.
    reason, detail = (failure[0], fetch.hidden(failure[1], answer.secrets)) if failure else (None, "")
    return Observation(
        at=now,
        reason=reason,
        detail=detail,
        phases=answer.phases if answer.body is None else {**answer.phases, Phase.PARSE: client.clock() - fetched},
        http_status=answer.http_status,
        tls_not_after=answer.tls_not_after,
        document=None if failure else document,
        validators=answer.validators,
        clock=answer.clock,
        others=others,
    )


def read_document(
    body: bytes,
    signers: Sequence[bytes],
    previous: Document | None = None,
    *,
    at: datetime = LONG_AGO,
    primary: str | None = None,
    history: History = NO_HISTORY,
) -> Document:
    """The document in some bytes, its signature checked against the DER of ``signers``, or by its own certificate.

    Whoever signed ``previous`` is the first of its publisher who may have signed this one. Where an entity has more
    keys than are watched, those stay that signed it, that ``primary`` names, that ``history`` knows, or that decide how
    its rollover stands ``at`` a moment: when the bytes were got.

    It is read in a thread that ends with it: libxml2 keeps each name that occurs, and lxml does so for each thread.

    Raises :class:`~exporter.metadata.DocumentError`.
    """
    read = partial(_document, body, signers, previous=previous, at=at, primary=primary, history=history)
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="reading") as thread:
            try:
                reading = thread.submit(read)
            except RuntimeError:  # no thread can begin, and a few names more do less harm than no look
                return read()
            try:
                return reading.result()
            finally:
                del reading  # else an error holds it by this frame, and it holds the error, with all that was read
    finally:
        if len(body) > GIVEN_BACK_ABOVE:
            memory.give_back()


def _document(
    body: bytes,
    signers: Sequence[bytes],
    *,
    previous: Document | None,
    at: datetime,
    primary: str | None,
    history: History,
) -> Document:
    if len(body) > STREAM_ABOVE and not signers:
        content = metadata.stream(body)
        verdict = Signature(
            SignatureState.UNCHECKED, None, f"not looked at: the document is larger than {STREAM_ABOVE} bytes"
        )
    else:
        root = metadata.tree(body)
        content = metadata.read(root, size=len(body))
        verdict = signature.verify(
            root,
            signers,
            content=content,
            size=len(body),
            last=None if previous is None else previous.signature.fingerprint,
        )
    named = [each for each in (primary, verdict.fingerprint) if each is not None]
    return Document(
        metadata=bounded(content, named=named, first_seen=history.first_seen_of, at=at),
        signature=verdict,
        size=len(body),
        digest=hashlib.sha256(body).hexdigest(),
        packed=zlib.compress(body, 1),
    )


def _read(
    body: bytes, known: Document | None, previous: Document | None, read: Callable[[bytes], Document]
) -> Document:
    if known is not None and known.digest == hashlib.sha256(body).hexdigest():
        return known
    return with_last_good(read(body), previous)


def with_last_good(document: Document, previous: Document | None) -> Document:
    """A document whose unreadable keys have the certificates that they had in the previous one, if there is one."""
    if previous is None:
        return document
    return replace(document, metadata=metadata.with_last_good(document.metadata, previous.metadata))


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
        if not document.metadata.aggregate:
            return Reason.ENTITY_MISMATCH, f"the document of {entities[0].entity_id}, not of {entity_id}"
        near = nearest(entity_id, (each.entity_id for each in entities))
        hint = f"; did you mean {near}?" if near else ""
        return Reason.ENTITY_MISMATCH, f"none of its {len(entities)} entities is {entity_id}{hint}"
    if signers and document.signature.state is not SignatureState.TRUSTED:
        verdict = document.signature
        return Reason.SIGNER_MISMATCH, f"not signed by a configured signer: {verdict.state} ({verdict.detail})"
    return None
