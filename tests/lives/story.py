"""What is published and trusted from which day on, and what must be found of it.

Days count from :data:`T`, as a rule the end of the first signing certificate; -5 is five days before. Documents are
those that a reader makes, without their XML.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Generic, TypeVar

import scrapes
from alerts.rules import Alert
from builders import ENCRYPTION_SUBJECT, SECOND, SIGNING_SUBJECT, watched
from scrapes import FARM, UNSIGNED, adfs_entity, idp, role, signed_by

from exporter.config.settings import Target
from exporter.findings import Kind
from exporter.inquiry import DomainTrust, TrustReason, UpdateResult
from exporter.model import Certificate, Document, Entity, Reason, Role, Signature, Use

T = datetime(2027, 3, 1, tzinfo=UTC)
G = -19.75
"""AD FS generates: 20 days before the end, and it looks every twelve hours."""
P = -14.6
"""AD FS promotes: five days after that."""
HOUR = 1 / 24
SOON = 1.5 * HOUR
"""How long after the repair an alert may last."""
ALWAYS = (-4000.0, 4000.0)
"""From which day to which, of what has no beginning and no end."""

Value = TypeVar("Value")
Value_co = TypeVar("Value_co", covariant=True)


def moment(day: float) -> datetime:
    return T + timedelta(days=day)


@dataclass(frozen=True)
class Timeline(Generic[Value_co]):
    """What holds from which moment on."""

    first: Value_co
    later: Sequence[tuple[datetime, Value_co]] = ()

    def at(self, now: datetime) -> Value_co:
        return next((value for begin, value in reversed(self.later) if begin <= now), self.first)


def then(first: Value, *later: tuple[float, Value]) -> Timeline[Value]:
    """One thing until the first of these days, then another."""
    return Timeline(first, [(moment(day), value) for day, value in later])


Published = Timeline[Document | Reason]
"""What a look gets: a document, or why it gets none."""
Trusted = Timeline[DomainTrust | TrustReason]
"""What Entra ID says of a domain, or why it does not answer."""

Named = Kind | Alert
"""What is found, or told: lives are judged by their findings, and by their alerts."""


@dataclass(frozen=True)
class Must:
    """Findings of some kinds, one after the other or together, that hold in one run without a gap."""

    kinds: frozenset[Named]
    begins: tuple[float, float]
    ends: tuple[float, float] | None
    """None: the run lasts to the end of the life."""
    about: Mapping[str, str] = field(default_factory=dict)
    """The domain or node, where it matters which one."""


@dataclass(frozen=True)
class May:
    """Findings that are right beside what must be found, or that another alert silences; each in one run at most."""

    kinds: frozenset[Named]
    since: float
    until: float | None
    """None: to the end of the life."""
    about: Mapping[str, str] = field(default_factory=dict)


def must(*kinds: Named, begins: tuple[float, float], ends: tuple[float, float] | None = None, **about: str) -> Must:
    return Must(frozenset(kinds), begins, ends, about)


def may(*kinds: Named, since: float, until: float | None = None, **about: str) -> May:
    return May(frozenset(kinds), since, until, about)


def at(day: float, within: float = 0.05) -> tuple[float, float]:
    """From this day on, and not much later."""
    return day, day + within


def mended(day: float) -> tuple[float, float]:
    """With the repair on this day, or soon after."""
    return at(day, SOON)


IN_TIME = (20 / 60 * HOUR, HOUR)
"""How long nobody may watch before somebody is told: a restart takes less, and an hour is much."""


def untold(day: float) -> tuple[float, float]:
    """When it must be told that nobody watches from this day on."""
    return day + IN_TIME[0], day + IN_TIME[1]


@dataclass(frozen=True)
class Watch:
    """What one exporter sees of one target."""

    published: Published | Callable[[int], Published]
    """What looks get; a function where that depends on the number of the look, because answers take turns."""
    trusted: Mapping[str, Trusted] = field(default_factory=dict)
    """By domain."""
    nodes: Mapping[str, Published] = field(default_factory=dict)
    """By node: what looks at it get."""
    target: Target = FARM
    days: tuple[float, float] = ALWAYS
    """From when to when the target is configured; when it is taken out, the exporter says so for a week."""


@dataclass(frozen=True)
class Exporter:
    """One exporter of a job."""

    instance: str
    watches: Sequence[Watch]
    pod: str = ""
    processes: Sequence[tuple[float, float]] = (ALWAYS,)
    """From which day to which it runs, time after time."""
    keeps_state: bool = True
    """It finds its state file when it starts again."""
    stays: bool = True
    """While it does not run, Prometheus goes on asking it; if not, its address is gone from service discovery."""
    unscraped: Sequence[tuple[float, float]] = ()
    """From which day to which it runs, and Prometheus gets no answer."""
    ahead: timedelta = timedelta()
    """How far its clock is ahead of everybody else's."""

    def process(self, now: datetime) -> tuple[float, float] | None:
        """From when to when it runs that does at this moment."""
        return next((each for each in self.processes if within(each, now)), None)

    def answers(self, now: datetime) -> bool:
        return self.process(now) is not None and not any(within(each, now) for each in self.unscraped)


def within(span: tuple[float, float], now: datetime) -> bool:
    """Whether a moment is between two days."""
    return moment(span[0]) <= now < moment(span[1])


@dataclass(frozen=True)
class Fleet:
    """What happens to some exporters of one job, and which alerts must be raised when.

    No warning and nothing critical may be raised but what stands under ``must`` and ``may``.
    """

    name: str
    story: str
    exporters: Sequence[Exporter]
    must: Sequence[Must]
    may: Sequence[May] = ()
    days: tuple[float, float] = (-40, 5)
    every: timedelta = timedelta(minutes=30)
    """Between two looks."""
    scraped: timedelta = timedelta(minutes=30)
    """Between two scrapes."""
    evaluated: timedelta | None = None
    """Between two evaluations; None: at every scrape."""
    backwards: bool = False
    """The groups of rules are evaluated in the opposite order."""
    never: frozenset[Named] = frozenset()
    """Information that must not be told; all other may be."""
    beside: Sequence[frozenset[Named]] = ()
    """Alerts that are several problems, though they are of one severity and about one target at one time."""


@dataclass(frozen=True)
class Life:
    """What happens to one target, and what must be found when.

    No warning and nothing critical may be found but what stands under ``must`` and ``may``.
    """

    name: str
    story: str
    published: Published | Callable[[int], Published]
    """What looks get; a function where that depends on the number of the look, because answers take turns."""
    must: Sequence[Must]
    may: Sequence[May] = ()
    trusted: Mapping[str, Trusted] = field(default_factory=dict)
    """By domain."""
    nodes: Mapping[str, Published] = field(default_factory=dict)
    """By node: what looks at it get."""
    target: Target = FARM
    days: tuple[float, float] = (-40, 5)
    every: timedelta = timedelta(minutes=30)
    """Between two looks."""
    processes: Sequence[tuple[float, float]] = ()
    """From which day to which the exporter runs, time after time; empty: throughout."""
    keeps_state: bool = True
    """It finds its state file when it starts again."""
    ahead: timedelta = timedelta()
    """How far the exporter's clock is ahead of everybody else's."""
    never: frozenset[Kind] = frozenset()
    """Kinds of information that must not be told; all others may be."""
    beside: Sequence[frozenset[Named]] = ()
    """Alerts that are several problems, though they are of one severity and about this target at one time."""

    def exporter(self) -> Exporter:
        """The one that watches this target alone."""
        watch = Watch(self.published, self.trusted, self.nodes, self.target)
        processes = self.processes or (ALWAYS,)
        return Exporter("exp-0:10059", (watch,), "", processes, keeps_state=self.keeps_state, ahead=self.ahead)


def certificate(
    name: str, begin: float, end: float, *, issuer: str | None = None, subject: str = SIGNING_SUBJECT
) -> Certificate:
    """A certificate that is valid between two days; what the same arguments give is the same."""
    dated = scrapes.certificate("a", not_before=moment(begin), not_after=moment(end), subject=subject, issuer=issuer)
    digest = sha256(f"{name} {begin} {end} {issuer} {subject}".encode()).hexdigest()
    return replace(dated, fingerprint=digest, thumbprint=digest[:40].upper(), der=digest.encode())


def enrolled(name: str, begin: float, end: float) -> Certificate:
    """A certificate that people got from their own CA."""
    return certificate(name, begin, end, issuer="CN=Contoso CA")


def paired(signing: Certificate) -> Certificate:
    """The token-decrypting certificate that is made along with a signing certificate."""
    made, digest = signing.not_before + 4 * SECOND, sha256(signing.der).hexdigest()
    return replace(
        signing,
        fingerprint=digest,
        thumbprint=digest[:40].upper(),
        subject=ENCRYPTION_SUBJECT,
        not_before=made,
        not_after=signing.not_after + 4 * SECOND,
        der=digest.encode(),
    )


LONG = certificate("long", -900, 900, issuer="CN=Contoso CA", subject="CN=decrypts")
"""A token-decrypting certificate with a calendar of its own."""


def farm(
    primary: Certificate,
    *others: Certificate,
    encryption: Certificate | None = None,
    signature: Signature | None = None,
) -> Document:
    """What an AD FS farm publishes: the primary signs it, and the certificate made along with it decrypts."""
    return scrapes.document(
        adfs_entity(primary, *others, encryption=encryption or paired(primary)),
        signature=signature or signed_by(primary),
    )


def unsigned_farm(*signing: Certificate) -> Document:
    """A farm of which nothing says what signs."""
    return farm(*signing, encryption=LONG, signature=UNSIGNED)


IDP = watched("idp", "https://idp.example/metadata")
SP = watched("sp", "https://sp.example/metadata")


def provider(*signing: Certificate, signer: Certificate | None = None) -> Document:
    """What an identity provider publishes that is no AD FS."""
    return scrapes.document(idp(*signing), signature=signed_by(signer) if signer else UNSIGNED)


def consumer(*signing: Certificate, encryption: Sequence[Certificate] = ()) -> Document:
    """What a service provider publishes."""
    keys = [*((Use.SIGNING, each) for each in signing), *((Use.ENCRYPTION, each) for each in encryption)]
    descriptor = role(Role.SP, "SPSSODescriptor", *keys)
    return scrapes.document(Entity("https://sp.example/", (descriptor,), valid_until=None, sign_in_locations=()))


def holds(
    signing: Certificate,
    following: Certificate | None = None,
    *,
    update: UpdateResult = UpdateResult.NO_NEW_CERTIFICATE_FOUND,
) -> DomainTrust:
    """What Entra ID says that has these certificates in its slots."""
    return scrapes.federated(signing=signing, following=following, update=update)


def follows(old: Certificate, new: Certificate) -> Trusted:
    """Entra ID as it should be: it learns the new certificate a day after its generation, and forgets the old one."""
    return then(holds(old), (G + 1, holds(old, new)), (P + 4, holds(new)))
