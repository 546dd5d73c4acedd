"""Probes of looks and inquiries about domains, for the watch and ``check`` alike; one that fails costs only itself."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from exporter import entra as entra_id
from exporter import fetch
from exporter import inquiry as inquiries
from exporter.config.settings import Entra, Look, Target
from exporter.history import History
from exporter.inquiry import DomainRecord, Inquiry, TrustReason
from exporter.mistakes import Raised, admitted, attempt, log_mistake
from exporter.model import Observation, Reason, Tally
from exporter.probe import probe
from exporter.record import LookRecord, Record, advance, answered, bare, joined, remembered

PROBES = 32
"""Probes under way at once."""

INQUIRIES = 8
"""Inquiries under way at once. They have slots of their own: Entra ID that is slow must hold up no probe."""


async def probe_first(
    record: Record,
    *,
    client: fetch.Client,
    now: datetime,
    timeout: float | None = None,  # noqa: ASYNC109 -- the deadline's phase is told, so it is kept further down
    allow_host: Callable[[str], bool] | None = None,
    threads: fetch.Threads = fetch.IN_THE_LOOP,
) -> Record:
    """The record after one more probe of its first look. Whatever happens, the other targets go on.

    ``timeout`` is the module's unless given, and covers reading the document too; ``allow_host`` says to which hosts
    redirects may lead, None to any; ``threads`` are where the document is parsed.
    Raises :class:`~exporter.fetch.CrowdedError`, and nothing else.
    """
    with client.budget.share(threads) as share:
        look, history = await _probed(
            record,
            record.target.look,
            client=client,
            share=share,
            now=now,
            timeout=timeout,
            allow_host=allow_host,
        )
    return joined(record, look, history=history)


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
    """The latest record of a target. Its probes and inquiries end in any order; each changes what is there by then."""

    record: Record


@dataclass(frozen=True, slots=True)
class Probed:
    """What one probe changed."""

    look: tuple[LookRecord, LookRecord]
    """What is known of the look, before and after."""
    record: tuple[Record, Record]
    """The record of its target, before and after."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One inquiry, and what it changed."""

    inquiry: Inquiry
    before: DomainRecord
    after: DomainRecord


@dataclass(slots=True, eq=False)
class Rounds:
    """Probes and inquiries, not too many at once."""

    client: fetch.Client
    clock: Callable[[], datetime]
    lag: Tally = field(default_factory=Tally)
    """How long probes that were due had to wait for a slot, or for room for their document."""
    _probes: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PROBES))
    _inquiries: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(INQUIRIES))

    async def probe(self, latest: Latest, look: Look) -> Probed:
        """One probe of a look of a target, joined into its latest record; what that changed."""
        # Without a slot: a name server may be silent for long, and needs nothing of what slots bound.
        module = look.module
        found = await attempt(
            fetch.find(look.url, module, client=self.client, timeout=module.timeout, address=look.address)
        )
        with self.client.budget.share() as share:
            with suppress(fetch.CrowdedError):
                return await self._probe(latest, look, found=found, share=share, due=self.clock())
            # Without a slot, a connection, any of its timeout, or the error, which holds all that has come: this one
            # waits for others, and nobody for it.
            due = self.clock()
            await share.wait(module.body_size_limit)
            return await self._probe(latest, look, found=found, share=share, due=due)

    async def _probe(
        self, latest: Latest, look: Look, *, found: fetch.Found | Raised, share: fetch.Share, due: datetime
    ) -> Probed:
        async with self._probes:
            self.lag = self.lag.plus(max(0.0, (self.clock() - due).total_seconds()))
            past = latest.record
            after, history = await _probed(past, look, client=self.client, share=share, now=self.clock(), found=found)
            # What the state file holds may have been brought back meanwhile: then the probe follows on that.
            while not _same_past(latest.record, past, look) and after.observation is not None:
                past = latest.record
                after = advance(past.at(look.place), after.observation)
                history = await asyncio.to_thread(remembered, past, after)
        # Other probes and inquiries have ended meanwhile.
        was, latest.record = latest.record, joined(latest.record, after, history=history, now=self.clock())
        return Probed((past.at(look.place), after), (was, latest.record))

    async def ask(self, latest: Latest, entra: Entra) -> AsyncIterator[Answered]:
        """One inquiry about each domain of a target, in turn, answered into its latest record.

        Whoever wants us to wait ends the round, so the domain that was asked about the longest ago is the first.
        """
        for domain in [each.domain for each in sorted(latest.record.domains, key=_asked_at)]:
            async with self._inquiries:
                inquiry = await ask(entra, domain, client=self.client, now=self.clock())
            # Only now: what the state file holds may have been brought back meanwhile.
            before = next(each for each in latest.record.domains if each.domain == domain)
            after = inquiries.advance(before, inquiry)
            latest.record = answered(latest.record, after, now=self.clock())
            yield Answered(inquiry, before, after)
            if inquiry.ends_round:
                return

    async def everything(self, target: Target) -> Record:
        """What one probe of every look, and one inquiry about every domain, tell of a target."""
        latest = Latest(bare(target))
        await self.probe(latest, target.look)
        # The first look says of which entity the others must be.
        await asyncio.gather(*(self.probe(latest, each) for each in target.looks[1:]))
        if target.entra is not None:
            async for _ in self.ask(latest, target.entra):
                pass
        return latest.record


async def _probed(
    record: Record,
    look: Look,
    *,
    client: fetch.Client,
    share: fetch.Share,
    now: datetime,
    timeout: float | None = None,  # noqa: ASYNC109 -- the deadline's phase is told, so it is kept further down
    allow_host: Callable[[str], bool] | None = None,
    found: fetch.Found | Raised | None = None,
) -> tuple[LookRecord, History]:
    """What is known of a look of a target after one more probe, and the target's history.

    ``found`` is what :func:`~exporter.fetch.find` gave for it, if anybody asked; the rest is as in :func:`probe_first`.
    Raises :class:`~exporter.fetch.CrowdedError`, and nothing else.
    """
    before = record.at(look.place)

    async def made() -> tuple[LookRecord, History]:
        if isinstance(found, Raised):
            raise found.error
        observation = await probe(
            look,
            signers=record.target.policy.signers,
            client=client,
            previous=before.document,
            validators=before.validators,
            share=share,
            now=now,
            timeout=look.module.timeout if timeout is None else timeout,
            allow_host=allow_host,
            # A node must not serve another entity's document than the service.
            entity_id=record.entity_id or before.entity_id,
            found=found,
            primary=record.target.policy.primary,
            history=record.history,
        )
        after = advance(before, observation)
        return after, await share.run(partial(remembered, record, after))

    outcome = await attempt(made())
    if not isinstance(outcome, Raised):
        return outcome
    if isinstance(outcome.error, fetch.CrowdedError):
        try:
            raise outcome.error
        finally:
            # It holds this frame, and so the record.
            del outcome
    log_mistake(f"probe of {record.target.name}", outcome.error)
    mistake = Observation(
        now, Reason.INTERNAL, admitted(outcome.error), phases={}, http_status=None, tls_not_after=None, document=None
    )
    return advance(before, mistake), record.history


def _same_past(record: Record, other: Record, look: Look) -> bool:
    """Whether one probe more of the look changes both in the same way."""
    return record.history is other.history and record.at(look.place).document is other.at(look.place).document


def _asked_at(domain: DomainRecord) -> datetime:
    return domain.inquiry.at if domain.inquiry else datetime.min.replace(tzinfo=UTC)
