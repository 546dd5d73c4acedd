"""Small worlds of publishers at random, and what must be said of them: told by their dates alone.

Nothing here asks the code under test what is right. A world is plain data, so that one that is judged wrongly can be
made smaller part by part, and be printed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from functools import cache
from random import Random

from builders import DAY, HOUR, NOW, SECOND, authority, dated, probed, watched
from scrapes import answer, document, failed, federated, good, told

from exporter.config.settings import Entra
from exporter.findings import Finding, Kind, Standing, standing
from exporter.findings.facts import Unwatched
from exporter.model import (
    Certificate,
    Document,
    Entity,
    Fault,
    FaultKind,
    Key,
    Reason,
    Role,
    RoleDescriptor,
    Signature,
    SignatureState,
    Use,
)
from exporter.policy import PolicySettings, Profile
from exporter.record import Record, bare
from exporter.rollover import Rollover, Severity

MISSING, PATIENCE = 5 * DAY, 14 * DAY
"""How long before its end a key is as good as gone, and after it one that may have signed may still do."""
SKEW = timedelta(minutes=10)
PAIRED = timedelta(seconds=60)
ABSENT = 999
"""A certificate that nobody publishes."""
LAST = NOW + 40_000 * DAY
"""By then all has ended."""
CENTURY = 100 * 365 * 86400.0
"""An interval between looks, in which no document grows old."""


class Text(Enum):
    """What a document says of a key's certificate."""

    READ = auto()
    REMEMBERED = auto()
    """It cannot be read any more."""
    LOST = auto()
    """It cannot be read, and never could."""
    NAMED = auto()
    """A KeyName alone."""


@dataclass(frozen=True)
class Held:
    """A key, and the dates of its certificate."""

    nth: int
    begins: datetime
    ends: datetime
    text: Text = Text.READ
    chained: bool = False
    use: Use = Use.SIGNING
    issued: bool = False

    @property
    def certificate(self) -> Certificate:
        return dated(self.begins, self.ends, nth=self.nth, issuer=authority() if self.issued else None)

    @property
    def key(self) -> Key:
        if self.text is Text.NAMED:
            return Key(self.use, None)
        chain = (issuing(self.nth),) if self.chained else ()
        read = None if self.text is Text.LOST else self.certificate
        return Key(self.use, read, chain, "" if self.text is Text.READ else f"unread {self.nth}")


@dataclass(frozen=True)
class Publisher:
    """An entity: the keys of the role that is judged, and those of another role."""

    entity_id: str
    role: Role
    keys: tuple[Held, ...]
    encryption: tuple[Held, ...] = ()
    beside: tuple[Held, ...] = ()

    @property
    def entity(self) -> Entity:
        encrypts = tuple(Key(Use.ENCRYPTION, each.certificate) for each in self.encryption)
        roles = [RoleDescriptor(self.role, "Descriptor", tuple(each.key for each in self.keys) + encrypts)]
        if self.beside:
            other = Role.SP if self.role is Role.IDP else Role.PDP
            roles.insert(0, RoleDescriptor(other, "Descriptor", tuple(each.key for each in self.beside)))
        return Entity(self.entity_id, tuple(roles), valid_until=None, sign_in_locations=())

    @property
    def known(self) -> tuple[Held, ...]:
        """The keys whose dates are known."""
        return tuple(each for each in self.keys if each.text in {Text.READ, Text.REMEMBERED})


@dataclass(frozen=True)
class World:
    """A document, who watches it, and how."""

    publishers: tuple[Publisher, ...]
    profile: Profile = Profile.SAML
    expiry: bool = True
    primary: int | None = None
    """The one that the configuration names."""
    signer: int | None = None
    state: SignatureState = SignatureState.UNSIGNED
    watch: bool = False
    named: bool = False
    """The configuration says that it is about the first publisher."""
    valid_until: datetime | None = None

    @property
    def aggregate(self) -> bool:
        return len(self.publishers) != 1

    def is_watched(self, publisher: Publisher) -> bool:
        return not self.aggregate or self.watch or (self.named and publisher is self.publishers[0])

    def names_primary_of(self, publisher: Publisher) -> bool:
        """Whether the configuration says which key of it is in use."""
        return self.primary is not None and (not self.aggregate or (self.named and publisher is self.publishers[0]))

    @property
    def document(self) -> Document:
        fingerprint = None if self.signer is None else f"{self.signer:064x}"
        found = document(
            *(each.entity for each in self.publishers),
            aggregate=self.aggregate,
            signature=Signature(self.state, fingerprint, ""),
            valid_until=self.valid_until,
        )
        return replace(found, metadata=replace(found.metadata, faults=tuple(self._faults())))

    def _faults(self) -> Iterator[Fault]:
        for publisher in self.publishers:
            for each in (*publisher.keys, *publisher.beside):
                if each.text is Text.NAMED:
                    yield Fault(FaultKind.KEY_WITHOUT_CERTIFICATE, publisher.entity_id, "")
                elif each.text is not Text.READ:
                    yield Fault(FaultKind.CERTIFICATE_DER, publisher.entity_id, f"unread {each.nth}")

    def record(self, at: datetime = NOW, *, interval: float = CENTURY) -> Record:
        """What is known after one look at it."""
        settings = PolicySettings(
            profile=self.profile,
            expiry=self.expiry,
            primary=None if self.primary is None else f"{self.primary:064x}",
        )
        target = watched(
            "world",
            "https://world.example/",
            policy=settings,
            watch=("*",) if self.watch else (),
            entity_id=self.publishers[0].entity_id if self.named else None,
            interval=interval,
        )
        return probed(bare(target), replace(good(self.document, at), tls_not_after=None))


@cache
def issuing(nth: int) -> Certificate:
    """The authority above a key: it lasts for decades."""
    return dated(NOW - 900 * DAY, NOW + 9000 * DAY, nth=5000 + nth, issuer=authority())


# What must be said


def named(world: World, publisher: Publisher) -> Held | None:
    """The key that strong evidence names as the one in use."""
    claims = claimed(world, publisher)
    if not claims:
        return None
    agreeing = claims.count(claims[0])
    return claims[0] if agreeing == len(claims) or agreeing > len(claims) - agreeing else None


def claimed(world: World, publisher: Publisher) -> list[Held]:
    """What each piece of evidence names, the strongest first."""
    by_number: dict[int | None, Held] = {each.nth: each for each in publisher.known}
    claims = [by_number.get(world.primary)] if world.names_primary_of(publisher) else []
    signer = None if world.aggregate or world.signer is None else by_number.get(world.signer)
    verified = world.state in {SignatureState.VALID, SignatureState.TRUSTED}
    if verified:
        claims.append(signer)
    if world.profile in {Profile.ADFS, Profile.ADFS_MANUAL}:
        if len({each.nth for each in publisher.encryption}) == 1:
            made = publisher.encryption[0].begins
            pairs = {each.nth for each in publisher.known if abs(each.begins - made) <= PAIRED}
            claims += [by_number[each] for each in pairs] if len(pairs) == 1 else []
        if not verified:
            claims.append(signer)
    return [each for each in claims if each is not None]


def may_sign(world: World, publisher: Publisher, now: datetime) -> Sequence[Held]:
    """The keys of which one is in use."""
    strong = named(world, publisher)
    if strong is not None:
        return [strong]
    known = {each.nth: each for each in publisher.known}.values()
    started = [each for each in known if each.begins <= now + SKEW]
    patient = world.profile in {Profile.ADFS, Profile.ADFS_MANUAL}
    lately = [each for each in started if patient or now < each.ends + PATIENCE]
    return lately or started or list(known)


DECIDED = frozenset(
    {
        Kind.SIGNING_CERTIFICATE_EXPIRED,
        Kind.NO_SIGNING_KEY,
        Kind.SIGNING_KEYS_UNREADABLE,
        Kind.ROLLOVER_MISSING,
        Kind.POSSIBLE_PRIMARY_ENDING,
        Kind.SP_CERTIFICATE_EXPIRED,
        Kind.SP_CERTIFICATE_ENDING,
        Kind.PRIMARY_DISPUTED,
        Kind.PRIMARY_IGNORED,
        Kind.OLD_KEY_LISTED,
        Kind.CERTIFICATE_NO_LONGER_READABLE,
    }
)
"""The kinds that :func:`expected` decides. That a promotion is stalled near the end counts as a missing successor."""


def expected(world: World, publisher: Publisher, now: datetime) -> frozenset[Kind]:
    """What must be found of a publisher, of the kinds that are decided, and nothing else of them."""
    if not world.is_watched(publisher):
        return frozenset()
    return frozenset((*_by_evidence(world, publisher), *_by_dates(world, publisher, now)))


def _by_evidence(world: World, publisher: Publisher) -> Iterator[Kind]:
    claims, numbers = claimed(world, publisher), {each.nth for each in publisher.known}
    if any(each.text is Text.REMEMBERED for each in (*publisher.keys, *publisher.beside)):
        yield Kind.CERTIFICATE_NO_LONGER_READABLE
    if claims and named(world, publisher) is None:
        yield Kind.PRIMARY_DISPUTED
    if world.names_primary_of(publisher) and world.primary not in numbers:
        yield Kind.PRIMARY_IGNORED


def _by_dates(world: World, publisher: Publisher, now: datetime) -> Iterator[Kind]:
    provider, keys = publisher.role is Role.IDP, may_sign(world, publisher, now)
    if provider and not publisher.keys:
        yield Kind.NO_SIGNING_KEY
    if world.profile is Profile.ENTRA or not world.expiry:
        return
    if provider and publisher.keys and all(each.text is Text.LOST for each in publisher.keys):
        yield Kind.SIGNING_KEYS_UNREADABLE
    gone = [each for each in keys if each.ends <= now or each.begins > now + SKEW]
    near = [each for each in keys if each in gone or each.ends - now <= MISSING]
    if keys and len(gone) == len(keys):
        yield Kind.SIGNING_CERTIFICATE_EXPIRED if provider else Kind.SP_CERTIFICATE_EXPIRED
    elif keys and len(near) == len(keys):
        yield Kind.ROLLOVER_MISSING if provider else Kind.SP_CERTIFICATE_ENDING
    elif near:
        yield Kind.POSSIBLE_PRIMARY_ENDING
    if named(world, publisher) is None and any(
        each not in keys and each.ends + PATIENCE <= now for each in publisher.known
    ):
        yield Kind.OLD_KEY_LISTED


# What is said


ROLLING = frozenset(
    {
        Kind.NO_SIGNING_KEY,
        Kind.SIGNING_KEYS_UNREADABLE,
        Kind.SIGNING_CERTIFICATE_EXPIRED,
        Kind.ROLLOVER_MISSING,
        Kind.PROMOTION_STALLED_LATE,
        Kind.PROMOTION_STALLED,
        Kind.ROLLOVER_OVERDUE,
        Kind.RENEWAL_DUE,
        Kind.SP_CERTIFICATE_EXPIRED,
        Kind.SP_CERTIFICATE_ENDING,
        Kind.POSSIBLE_PRIMARY_ENDING,
    }
)
"""How the keys of an entity stand, by their dates."""


def dated_severity(findings: Sequence[Finding], entity_id: str) -> Severity:
    """How bad the worst is that dates say of an entity's keys."""
    told = (each.severity for each in findings if each.kind in ROLLING and each.entity_id == entity_id)
    return max(told, default=Severity.OK)


def wrongs(world: World, stands: Standing, now: datetime) -> Iterator[str]:
    """What is said of a world and must not be, and what must be and is not."""
    ids = {each.entity_id for each in world.publishers}
    for publisher in world.publishers:
        about = _about(stands, publisher)
        kinds = [each.kind for each in about]
        found, must = decided(stands, publisher), expected(world, publisher, now)
        if found != must:
            yield f"{publisher.entity_id}: said {sorted(found)}, must {sorted(must)}"
        if len(kinds) != len(set(kinds)):
            yield f"{publisher.entity_id}: the same twice: {kinds}"
        # One of several keys that has ended is another problem than one that is due.
        states = ROLLING.intersection(kinds) - {Kind.POSSIBLE_PRIMARY_ENDING}
        if len(states) > 1:
            yield f"{publisher.entity_id}: one problem is several findings: {sorted(states)}"
        if publisher.role is not Role.IDP and any(each.severity is Severity.CRITICAL for each in about):
            yield f"{publisher.entity_id}: critical, and no identity provider"
        if not world.is_watched(publisher) and about:
            yield f"{publisher.entity_id}: nobody watches it, and {sorted(kinds)}"
    if world.state is not SignatureState.INVALID and any(
        each.kind is Kind.SIGNATURE_INVALID for each in stands.findings
    ):
        yield f"{world.state} is said to be invalid"
    if {each.entity_id for each in stands.findings} - {None} - ids:
        yield "a finding about somebody else"
    yield from _beside(world, stands, now)


def _beside(world: World, stands: Standing, now: datetime) -> Iterator[str]:
    """What is wrong with what is said beside the findings about one entity."""
    publishers = {each.entity_id: each for each in world.publishers}
    for rollover in stands.rollovers:
        yield from _of_keys(world, publishers[rollover.entity_id], rollover, now)
    quiet = [each for each in world.publishers if not world.is_watched(each)]
    must = (expected(replace(world, watch=True), each, now) for each in quiet)
    bad = sum(any(kind.severity is Severity.CRITICAL for kind in kinds) for kinds in must)
    told = sum(sum(each.facts.states.values()) for each in stands.findings if isinstance(each.facts, Unwatched))
    if told != bad:
        yield f"{told} that nobody watches are said to be in trouble, and {bad} are"
    if (world.valid_until is not None and world.valid_until <= now) is not any(
        each.kind in {Kind.METADATA_OUTDATED, Kind.SP_METADATA_OUTDATED} for each in stands.findings
    ):
        yield "validUntil"


def _of_keys(world: World, publisher: Publisher, rollover: Rollover, now: datetime) -> Iterator[str]:
    """What is wrong with the part that each of the keys is said to have."""
    signs, weak = may_sign(world, publisher, now), named(world, publisher) is None
    disputed = weak and bool(claimed(world, publisher))
    newer = [each for each in publisher.known if now < each.ends and all(each.begins > key.begins for key in signs)]
    dates = world.expiry and world.profile is not Profile.ENTRA
    old = [each for each in publisher.known if each not in signs and each.ends + PATIENCE <= now]
    ending = [each for each in signs if each.ends - now <= MISSING]
    parts = (
        ("may sign", rollover.may_sign, signs),
        # Where evidence disagrees, what it names first is asked for by itself.
        ("are next", rollover.successors, rollover.successors if disputed else newer),
        ("are old", rollover.old, old if weak and dates else []),
        ("are ending", rollover.ending, ending if dates and len(ending) < len(signs) else []),
    )
    for part, found, must in parts:
        numbers = {each.nth if isinstance(each, Held) else int(each.fingerprint, 16) for each in must}
        if {int(each.fingerprint, 16) for each in found} != numbers:
            yield f"{publisher.entity_id}: {[int(each.fingerprint, 16) for each in found]} {part}, not {must}"
    # One that is strong is a successor to nobody; of several nothing is sure.
    primary = rollover.primary
    if (
        not weak
        and primary is not None
        and (rollover.successor is None)
        is any(
            signs[0].begins < each.begins < signs[0].ends and each.ends - signs[0].ends >= 30 * DAY and now < each.ends
            for each in publisher.known
        )
    ):
        yield f"{publisher.entity_id}: the successor is {rollover.successor}"
    if {rollover.primary, rollover.successor} & {issuing(each.nth) for each in publisher.keys}:
        yield f"{publisher.entity_id}: a certificate of the chain counts as a key"


def at_once(world: World) -> Iterator[str]:
    """What is wrong with what is said of a world now."""
    yield from wrongs(world, standing(world.record(), NOW), NOW)


def in_time(world: World) -> Iterator[str]:
    """What is wrong with what is said of a world from now on, as long as the document stays as it is."""
    record = world.record()
    stands = standing(record, NOW)
    turns = sorted(set(_turns(world)))
    worst = {each.entity_id: Severity.OK for each in world.publishers}
    while True:
        last = min(stands.until, LAST) - timedelta(microseconds=1)
        inside = [each for each in turns if stands.since < each < last]
        for moment in (stands.since, *inside, last):
            for wrong in wrongs(world, stands, moment):
                yield f"at {moment}: {wrong}"
        for publisher in world.publishers:
            severity = dated_severity(stands.findings, publisher.entity_id)
            if severity < worst[publisher.entity_id] and stands.since not in _may_fall(world, publisher):
                yield f"at {stands.since}: {publisher.entity_id} falls to {severity.name}"
            worst[publisher.entity_id] = severity
        if stands.until >= LAST:
            return
        stands = standing(record, stands.until, before=stands)


def _turns(world: World) -> Iterator[datetime]:
    for publisher in world.publishers:
        for each in (*publisher.known, *publisher.encryption):
            for moment in (each.begins - SKEW, each.begins, each.ends - MISSING, each.ends, each.ends + PATIENCE):
                yield from (moment - timedelta(microseconds=1), moment)


def _may_fall(world: World, publisher: Publisher) -> set[datetime]:
    """When it may get better though nothing is changed: a key begins, or ended long ago and nothing proves its use."""
    keys = publisher.known
    begin = {each.begins - SKEW for each in keys}
    weak = named(world, publisher) is None and world.profile is Profile.SAML
    if not world.expiry:
        # A successor that nobody promotes, and nobody needs to, has ended.
        begin |= {each.ends for each in keys}
    return begin | ({each.ends + PATIENCE for each in keys} if weak else set())


# With more than one look


WELCOME = HOUR
"""How long a document is as good as new where looks are minutes apart."""
ENDING = frozenset({Kind.ROLLOVER_MISSING, Kind.SP_CERTIFICATE_ENDING})
LASTING = ENDING | {Kind.SIGNING_CERTIFICATE_EXPIRED, Kind.SP_CERTIFICATE_EXPIRED}
"""What begins in an old document too."""


UNREACHABLE = frozenset({Kind.METADATA_UNREACHABLE, Kind.METADATA_UNREACHABLE_IN_POLL_WINDOW})


def grown_old(world: World) -> Iterator[str]:
    """What is wrong with what is said of a world that nobody has been able to read for long."""
    record = probed(world.record(interval=600), failed(Reason.TIMEOUT, NOW + timedelta(minutes=10), phases={}))
    then = standing(record, NOW + WELCOME)
    # One that begins changes all.
    told = [each for each in world.publishers if all(key.begins <= NOW + WELCOME for key in each.known)]
    for moment in sorted({each for each in _turns(world) if each > NOW + WELCOME})[:40]:
        stands = standing(record, moment)
        if not {each.kind for each in stands.findings} & UNREACHABLE:
            yield f"at {moment}: it is not said that it cannot be read"
        for publisher in told:
            for wrong in _of_old(world, publisher, (then, stands), moment):
                yield f"at {moment}: {publisher.entity_id}: {wrong}"


def _of_old(world: World, publisher: Publisher, stood: tuple[Standing, Standing], moment: datetime) -> Iterator[str]:
    before, found = ({each.kind for each in _about(each, publisher)} for each in stood)
    must = expected(world, publisher, moment) & LASTING
    # A successor may be in use by now, and nobody can tell.
    newest = max(publisher.known, key=lambda each: each.begins, default=None)
    if newest not in may_sign(world, publisher, moment):
        must -= ENDING
    if must - found:
        yield f"{sorted(must - found)} does not begin"
    # What must be told is told whole.
    whole = {Kind.OLD_KEY_LISTED} if found & LASTING else set()
    if begun := found - before - LASTING - whole:
        yield f"{sorted(begun)} begins"
    severity, worst = (dated_severity(each.findings, publisher.entity_id) for each in reversed(stood))
    if severity < worst:
        yield f"falls from {worst.name} to {severity.name}"


def mistaken(world: World) -> Iterator[str]:
    """What is wrong with what is said of a world whose address is somebody else's from now on."""
    record = probed(world.record(interval=600), failed(Reason.ENTITY_MISMATCH, NOW + timedelta(minutes=10), phases={}))
    before = standing(record, NOW + timedelta(minutes=10))
    if {Kind.METADATA_OF_ANOTHER_ENTITY} != {each.kind for each in before.findings if each.place is not None}:
        yield "it is not said that the document is somebody else's"
    for moment in sorted({each for each in _turns(world) if each > NOW + WELCOME})[:40]:
        stands = standing(record, moment)
        for publisher in world.publishers:
            was, now = ({each.kind for each in _about(each, publisher)} for each in (before, stands))
            if now - was - {each.kind for each in _about(standing(record, NOW + WELCOME), publisher)}:
                yield f"at {moment}: {publisher.entity_id}: {sorted(now - was)} begins"


def _about(stands: Standing, publisher: Publisher) -> Sequence[Finding]:
    return [each for each in stands.findings if each.entity_id == publisher.entity_id]


def decided(stands: Standing, publisher: Publisher) -> frozenset[Kind]:
    """What is said of a publisher, of the kinds that :func:`expected` decides."""
    kinds = (
        Kind.ROLLOVER_MISSING if each.kind is Kind.PROMOTION_STALLED_LATE else each.kind
        for each in _about(stands, publisher)
    )
    return frozenset(kinds) & DECIDED


def taking_turns(world: World) -> Iterator[str]:
    """What is wrong with what is said of an address that gives two documents in turn, and then only the first."""
    (publisher, *_), keys = world.publishers, world.publishers[0].keys
    other = replace(
        world, publishers=(replace(publisher, keys=tuple(_other(each) for each in keys[1:])), *world.publishers[1:])
    )
    both = [world, other]
    if len(world.publishers) > 1 or not any(each.text in {Text.READ, Text.REMEMBERED} for each in keys):
        # Of an aggregate, versions that differ somewhere are no sign of anything.
        return
    record, documents = world.record(interval=3600), [each.document for each in both]
    for hour in range(1, 80):
        at = NOW + hour * HOUR
        again = hour % 2 if hour < 30 else 0
        record = probed(record, replace(good(documents[again], at), tls_not_after=None))
        stands = standing(record, at)
        must = [expected(each, each.publishers[0], at) for each in both]
        worst = max((each.severity for each in ROLLING & (must[0] | must[1])), default=Severity.OK)
        found = decided(stands, publisher)
        said = dated_severity(stands.findings, publisher.entity_id)
        turning = any(each.kind is Kind.ANSWERS_TAKE_TURNS for each in stands.findings)
        if hour < 2 or hour >= 29 + 24:
            # The first has not come back yet, or the second has gone for good.
            if found != must[again] or (turning and hour >= 29 + 24):
                yield f"hour {hour}: said {sorted(found)}, must {sorted(must[again])}"
        elif found not in must or max([said, *(each.severity for each in found)]) < worst:
            yield f"hour {hour}: said {sorted(found)}, must be the worse of {must}"
        elif turning is not (hour >= 4):
            yield f"hour {hour}: that they take turns is {'' if turning else 'not '}said"


def _other(held: Held) -> Held:
    return replace(held, ends=held.begins + (held.ends - held.begins) / 2 + DAY, nth=held.nth + 500)


def returning(world: World) -> Iterator[str]:
    """What is wrong with what is said of a publisher that shows some of its keys now and others then."""
    publisher = replace(world.publishers[0], beside=())
    world = replace(world, publishers=(publisher, *world.publishers[1:]))
    keys = [each for each in publisher.known if each.text is Text.READ]
    random = Random(repr(world))  # noqa: S311 -- the same for the same world
    if not keys:
        return
    record = _with_domain(world.record(interval=3600))
    at, changed, shown, ever = NOW, NOW, set(publisher.known), {each.certificate for each in publisher.known}
    for _ in range(12):
        at += random.choice((3 * HOUR, 20 * HOUR, 8 * DAY, 30 * DAY))
        before, shown = shown, set(random.sample(keys, random.randint(1, len(keys))))
        changed = at if shown != before else changed
        use = {each: random.choice((Use.SIGNING, Use.UNSPECIFIED)) for each in keys}
        held = tuple(replace(each, use=use[each]) for each in keys if each in shown)
        told_as = replace(publisher, keys=held, beside=random.choice(((), held)))
        now = replace(world, publishers=(told_as, *world.publishers[1:]))
        for _ in range(2):
            record = probed(record, replace(good(now.document, at), tls_not_after=None))
            at += HOUR
        slots = random.sample([each.certificate for each in keys], min(2, len(keys)))
        given = replace(federated(signing=slots[0], following=slots[-1]), service=None)
        record = told(record, "contoso.com", answer(given, at))
        stands = standing(record, at)
        kinds = {each.kind for each in _about(stands, publisher)} & CHANGES
        if Kind.UNEXPECTED_SIGNING_CERTIFICATE in kinds or (kinds and at - changed > DAY):
            yield f"at {at}: {sorted(kinds)}, and all were published before, or the same are"
        foreign = {each for verdict in stands.verdicts for each in verdict.foreign or ()}
        if foreign & ever:
            yield f"at {at}: foreign, and published before"


CHANGES = frozenset(
    {
        Kind.KEY_SET_REPLACED,
        Kind.SP_KEY_SET_REPLACED,
        Kind.UNEXPECTED_SIGNING_CERTIFICATE,
        Kind.SIGNING_KEYS_CHANGED,
    }
)
"""That the signing keys became others, within a day."""


def trusting(world: World) -> Iterator[str]:
    """What is wrong with what is said of what Entra ID trusts, while the document is new and when it is old."""
    publisher = world.publishers[0]
    keys = may_sign(world, publisher, NOW + 2 * DAY)
    disputed = Kind.PRIMARY_DISPUTED in expected(replace(world, watch=True), publisher, NOW)
    if world.aggregate or publisher.role is not Role.IDP or not keys or disputed:
        return
    random = Random(repr(world))  # noqa: S311 -- the same for the same world
    slots = random.sample(publisher.known, min(random.randint(1, 2), len(publisher.known)))
    given = federated(signing=slots[0].certificate, following=slots[-1].certificate)
    later = NOW + 2 * DAY
    record = told(_with_domain(world.record()), "contoso.com", answer(replace(given, service=None), later))
    said = {each.kind for each in standing(record, later).findings}
    in_use = [each for each in keys if later < each.ends] or keys
    following = [
        each for each in publisher.known if later < each.ends and all(each.begins > key.begins for key in keys)
    ]
    lacks = [each for each in (*in_use, *following) if each not in slots]
    if (Kind.TRUST_BROKEN in said) is not (not set(in_use) & set(slots)):
        yield f"{slots} are trusted, and it is {'' if Kind.TRUST_BROKEN in said else 'not '}broken"
    if bool(said & UNSURE) is not bool(lacks):
        yield f"{slots} are trusted, {lacks} not, and {sorted(said & UNSURE)}"
    if Kind.TRUST_PENDING in said:
        yield "two days after it was seen it is said to have time"
    for at in (NOW + HOUR / 2, later):
        old = _with_domain(world.record(interval=600))
        first, last = sorted((at, NOW + HOUR))
        # The answer comes before the document grows old, or after.
        for moment in (first, last):
            if moment == at:
                old = told(old, "contoso.com", answer(replace(given, service=None), at))
            else:
                old = probed(old, failed(Reason.TIMEOUT, moment, phases={}))
        fresh = NOW + HOUR - timedelta(microseconds=1)
        held = {each.kind for each in standing(old, fresh).findings} if at < fresh else set()
        said = {each.kind for each in standing(old, later).findings} & UNSURE
        if Kind.TRUST_BROKEN in held:
            held.add(Kind.TRUST_UNKNOWN)
        if said - held or Kind.TRUST_BROKEN in said:
            yield f"{slots} are trusted, and by an old document {sorted(said)}, before {sorted(held & UNSURE)}"


UNSURE = frozenset(
    {
        Kind.TRUST_BROKEN,
        Kind.TRUST_AT_RISK,
        Kind.TRUST_PENDING,
        Kind.TRUST_PENDING_TOO_LONG,
        Kind.TRUST_UNKNOWN,
    }
)
"""Not all that signs, or will, is trusted."""


def _with_domain(record: Record) -> Record:
    target = replace(record.target, entra=Entra(("contoso.com",)))
    return replace(record, target=target, domains=bare(target).domains)


# At random


ENDS = (-800, -40, -14.1, -14, -13.9, -6, -1, 0, 1, 4.9, 5, 5.1, 12, 18.9, 19, 25, 30, 34, 36, 60, 100, 300, 3000)
LASTS = (20, 90, 365, 400, 1100, 3650)
SOON = (SECOND, timedelta(minutes=9), SKEW, SKEW + SECOND, timedelta(hours=1), 3 * DAY, 40 * DAY)


def drawn(random: Random) -> World:
    """A world at random."""
    numbers = iter(range(100))
    size = random.choice((1, 1, 1, 2, 3))
    publishers = tuple(_publisher(random, f"urn:{nth}", numbers) for nth in range(size))
    keys = [each.nth for each in publishers[0].known]
    signer = random.choice([*keys, None, ABSENT]) if keys else random.choice([None, ABSENT])
    states = [SignatureState.UNSIGNED, SignatureState.UNCHECKED]
    if signer is not None:
        states = [SignatureState.VALID, SignatureState.VALID, SignatureState.TRUSTED, SignatureState.INVALID]
    return World(
        publishers,
        profile=random.choice((Profile.SAML, Profile.SAML, Profile.ADFS, Profile.ADFS_MANUAL, Profile.ENTRA)),
        expiry=random.random() > 0.1,
        primary=random.choice([None, None, None, ABSENT, *keys]),
        signer=signer,
        state=random.choice(states),
        watch=random.random() < 0.6,
        named=random.random() < 0.3,
        valid_until=random.choice([None, None, NOW - DAY, NOW, NOW + DAY, NOW + 100 * DAY]),
    )


def _publisher(random: Random, entity_id: str, numbers: Iterator[int]) -> Publisher:
    role = random.choice((Role.IDP, Role.IDP, Role.IDP, Role.SP, Role.AA))
    keys = tuple(_held(random, next(numbers)) for _ in range(random.choice((0, 1, 1, 1, 2, 2, 2, 3, 4))))
    encryption: list[Held] = []
    if keys and random.random() < 0.5:
        pair = random.choice(keys)
        encryption.append(replace(pair, nth=1000 + next(numbers), begins=pair.begins + 4 * SECOND, text=Text.READ))
    if random.random() < 0.2:
        encryption.append(replace(_held(random, 1000 + next(numbers)), text=Text.READ))
    beside = tuple(_held(random, next(numbers)) for _ in range(random.choice((0, 0, 0, 1, 2))))
    return Publisher(entity_id, role, keys, tuple(encryption), beside)


def _held(random: Random, nth: int) -> Held:
    lasts = random.choice(LASTS) * DAY
    if random.random() < 0.2:
        begins = NOW + random.choice(SOON)
    else:
        begins = NOW + random.choice(ENDS) * DAY + random.choice((-1, 0, 0, 1)) * SECOND - lasts
    return Held(
        nth,
        begins,
        begins + lasts,
        text=random.choice((*[Text.READ] * 6, Text.REMEMBERED, Text.LOST, Text.NAMED)),
        chained=random.random() < 0.3,
        use=random.choice((Use.SIGNING, Use.SIGNING, Use.SIGNING, Use.UNSPECIFIED)),
        issued=random.random() < 0.5,
    )


# Smaller


Check = Callable[[World], Iterator[str]]


def first_wrong(worlds: int, seed: int, check: Check) -> str:
    """Of so many worlds the first that is judged wrongly, made as small as it gets; empty: none is."""
    for nth in range(worlds):
        world = drawn(Random(f"{seed}.{nth}"))  # noqa: S311 -- a seed brings the world back
        if any(check(world)):
            world = _smallest(world, check)
            return f"seed {seed}, world {nth}: {next(check(world))}\n{world}"
    return ""


def _smallest(world: World, check: Check) -> World:
    for smaller in _smaller(world):
        if any(check(smaller)):
            return _smallest(smaller, check)
    return world


def _smaller(world: World) -> Iterator[World]:
    """The world with one part less, or one plainer."""
    for publisher in world.publishers[1:] + world.publishers[:1]:
        if world.aggregate:
            yield replace(world, publishers=tuple(each for each in world.publishers if each is not publisher))
    plain = World(world.publishers)
    for name in ("profile", "expiry", "primary", "watch", "named", "valid_until"):
        if getattr(world, name) != getattr(plain, name):
            yield replace(world, **{name: getattr(plain, name)})
    if world.signer is not None or world.state is not plain.state:
        yield replace(world, signer=None, state=plain.state)
    for publisher in world.publishers:
        for smaller in _smaller_publisher(publisher):
            yield replace(world, publishers=tuple(smaller if each is publisher else each for each in world.publishers))


def _smaller_publisher(publisher: Publisher) -> Iterator[Publisher]:
    for held in _smaller_keys(publisher.beside):
        yield replace(publisher, beside=held)
    for held in _smaller_keys(publisher.encryption):
        yield replace(publisher, encryption=held)
    for held in _smaller_keys(publisher.keys):
        yield replace(publisher, keys=held)


def _smaller_keys(held: tuple[Held, ...]) -> Iterator[tuple[Held, ...]]:
    for each in held:
        yield tuple(other for other in held if other is not each)
        plainer = replace(each, text=Text.READ, chained=False, use=Use.SIGNING, issued=False)
        if plainer != each:
            yield tuple(plainer if other is each else other for other in held)
