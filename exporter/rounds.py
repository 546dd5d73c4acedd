"""One round of looking at a target, and one of asking about its domains: for the watch and for ``check`` alike.

The last resort is here, and nowhere else: whatever is raised, it costs one look or one answer.
"""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from exporter import entra as entra_id
from exporter import fetch, trust
from exporter.config.settings import Entra, Target
from exporter.model import Observation, Reason, Tally
from exporter.probe import probe
from exporter.record import Record, advance, answered, domains_of, joined
from exporter.trust import DomainRecord, Inquiry, TrustReason

T = TypeVar("T")

LOOKS = 32
"""Looks under way at once."""

INQUIRIES = 8
"""Inquiries under way at once. They have slots of their own: Entra ID that is slow must hold up no look."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Raised:
    """What some work raised in place of giving something."""

    error: BaseException


async def attempt(work: Awaitable[T]) -> T | Raised:
    """What some work gives, or what it raised, of any kind. Only the end of the task that awaits it passes through."""
    try:
        return await work
    except BaseException as error:
        if isinstance(error, GeneratorExit) or is_ending():
            raise
        return Raised(error)


def is_ending() -> bool:
    """Whether the running task was told to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def for_ever(turn: Callable[[], Awaitable[None]], *, failed: Callable[[BaseException], float]) -> None:
    """Takes turn after turn, until its task is cancelled; a turn rests before or after its work by itself.

    What a turn raises is given to ``failed``, which says after how many seconds the next one is to come.
    """
    while not is_ending():
        outcome = await attempt(turn())
        if isinstance(outcome, Raised):
            pause = 0.0
            with suppress(BaseException):
                pause = failed(outcome.error)
            # Its traceback holds whatever the turn had at hand.
            del outcome
            # Others get their turn first, also where the pause cannot be had.
            await asyncio.sleep(0)
            await attempt(asyncio.sleep(pause))


def log_mistake(what: str, error: BaseException) -> None:
    """A line about a mistake of ours, with its traceback. Raises nothing.

    Without what the errors say: it may quote what they stumbled over, a token for one.
    """
    with suppress(BaseException):
        _log.error("%s failed by a mistake of ours", what, extra={"traceback": "".join(_frames(error))})


def admitted(error: BaseException) -> str:
    """What a person is told of a mistake of ours: no word of the error, which may quote a secret."""
    return f"a mistake of ours ({type(error).__name__}): the log has the traceback"


async def look(
    record: Record,
    *,
    client: fetch.Client,
    now: datetime,
    timeout: float | None = None,  # noqa: ASYNC109 -- the deadline's phase is told, so it is kept further down
    allow_host: Callable[[str], bool] | None = None,
    entity_id: str | None = None,
    found: fetch.Found | Raised | None = None,
) -> Record:
    """The record after one more look at its target. Raises nothing: whatever happens, the other targets go on.

    ``timeout`` is the module's unless given, and covers reading the document too; ``allow_host`` says to which hosts
    redirects may lead, None to any. ``entity_id`` is the entity that the target's own look is about: a node must not
    serve another's document. None: the record's own. ``found`` is what :func:`~exporter.fetch.find` gave for it, if
    anybody asked.
    """
    target = record.target

    async def made() -> Record:
        if isinstance(found, Raised):
            raise found.error
        observation = await probe(
            target,
            client=client,
            previous=record.document,
            validators=record.validators,
            now=now,
            timeout=target.module.timeout if timeout is None else timeout,
            allow_host=allow_host,
            entity_id=entity_id or record.entity_id,
            found=found,
        )
        return await asyncio.to_thread(advance, record, observation)

    after = await attempt(made())
    if not isinstance(after, Raised):
        return after
    log_mistake(f"probe of {target.name}", after.error)
    mistake = Observation(
        now, Reason.INTERNAL, admitted(after.error), phases={}, http_status=None, tls_not_after=None, document=None
    )
    return advance(record, mistake)


async def ask(entra: Entra, domain: str, *, client: fetch.Client, now: datetime) -> Inquiry:
    """What Entra ID says of a domain, or why it says nothing. Raises nothing: whatever happens, the others go on."""
    answer = await attempt(entra_id.ask(entra, domain, client=client))
    if not isinstance(answer, Raised):
        return Inquiry(now, None, "", answer)
    error = answer.error
    if isinstance(error, entra_id.EntraError):
        return Inquiry(now, error.reason, error.detail, trust=None, retry_after=error.retry_after)
    log_mistake(f"inquiry about {domain}", error)
    return Inquiry(now, TrustReason.INTERNAL, admitted(error), trust=None)


@dataclass(slots=True, eq=False)
class Latest:
    """The latest record of a target. Its looks and inquiries end in any order; each changes what is there by then."""

    record: Record


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look changed."""

    place: tuple[Record, Record]
    """The record of the place that was looked at, before and after."""
    whole: tuple[Record, Record]
    """The record of the target, before and after."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One inquiry, and what it changed."""

    inquiry: Inquiry
    before: DomainRecord
    after: DomainRecord


@dataclass(slots=True, eq=False)
class Rounds:
    """Looks and inquiries, not too many at once."""

    client: fetch.Client
    clock: Callable[[], datetime]
    lag: Tally = field(default_factory=Tally)
    """How long looks that were due had to wait for a slot."""
    _looks: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LOOKS))
    _inquiries: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(INQUIRIES))

    async def look(self, latest: Latest, target: Target) -> Looked:
        """One look at a place of a target, joined into its latest record; what that changed."""
        # Without a slot: a name server may be silent for long, and needs nothing of what slots bound.
        module = target.module
        found = await attempt(
            fetch.find(target.url, module, client=self.client, timeout=module.timeout, address=target.address)
        )
        due = self.clock()
        async with self._looks:
            self.lag = self.lag.plus(max(0.0, (self.clock() - due).total_seconds()))
            before, about = _at(latest.record, target), latest.record.entity_id
            after = await look(before, client=self.client, now=self.clock(), entity_id=about, found=found)
            # What the state file holds may have been brought back meanwhile: then the look follows on that.
            while not _same_past(known := _at(latest.record, target), before) and after.observation is not None:
                before, after = known, await asyncio.to_thread(advance, known, after.observation)
        # Other looks and inquiries have ended meanwhile.
        was, latest.record = latest.record, joined(latest.record, after, now=self.clock())
        return Looked((before, after), (was, latest.record))

    async def ask(self, latest: Latest, entra: Entra) -> AsyncIterator[Asked]:
        """One inquiry about each domain of a target, in turn, answered into its latest record.

        Whoever wants us to wait ends the round, so the domain that was asked about the longest ago is the first.
        """
        for domain in [each.domain for each in sorted(latest.record.domains, key=_asked_at)]:
            async with self._inquiries:
                inquiry = await ask(entra, domain, client=self.client, now=self.clock())
            # Only now: what the state file holds may have been brought back meanwhile.
            before = next(each for each in latest.record.domains if each.domain == domain)
            after = trust.advance(before, inquiry)
            latest.record = answered(latest.record, after, now=self.clock())
            yield Asked(inquiry, before, after)
            if inquiry.ends_round:
                return

    async def everything(self, target: Target) -> Record:
        """What one look from every place, and one inquiry about every domain, tell of a target."""
        latest = Latest(Record(target, others=tuple(map(Record, target.others)), domains=domains_of(target, {})))
        await self.look(latest, target)
        # The first look says of which entity the others must be.
        await asyncio.gather(*(self.look(latest, each) for each in target.others))
        if target.entra is not None:
            async for _ in self.ask(latest, target.entra):
                pass
        return latest.record


def _at(record: Record, target: Target) -> Record:
    """The record of one place of a target."""
    return next(each for each in (record, *record.others) if each.target.place == target.place)


def _same_past(record: Record, other: Record) -> bool:
    """Whether one look more changes both in the same way."""
    return record.history is other.history and record.document is other.document


def _asked_at(domain: DomainRecord) -> datetime:
    return domain.inquiry.at if domain.inquiry else datetime.min.replace(tzinfo=UTC)


def _frames(error: BaseException | None) -> Iterator[str]:
    """A traceback that ends with the error, then those of the errors behind it."""
    told: list[BaseException] = []
    # An error may be its own cause.
    while error is not None and error not in told:
        told.append(error)
        yield from traceback.format_tb(error.__traceback__)
        yield f"{type(error).__qualname__}\n"
        error = error.__cause__ or error.__context__
