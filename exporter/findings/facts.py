"""What a finding is about: its facts, one type for each family of kinds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from exporter.config.settings import Place
from exporter.inquiry import DomainRecord, DomainTrust
from exporter.model import Certificate, Fault, Key, Observation, Signature
from exporter.policy import Policy
from exporter.rollover import Rollover, State
from exporter.trust import Verdict


@dataclass(frozen=True, slots=True)
class Rolling:
    """How the rollover of an entity stands."""

    rollover: Rollover
    policy: Policy
    trusted: Mapping[str, bool | None] = field(default_factory=dict)
    """By domain that signs in here, whether Entra ID trusts the successor; None: not known."""
    readable: bool | None = None
    """Whether the document can be read from the internet; None: not known."""
    valid: Sequence[Certificate] = ()
    """Signing certificates beside the primary that are published and valid now, the one that ends last first."""
    early: bool = False
    """The primary has longer to live than when a successor is expected."""


@dataclass(frozen=True, slots=True)
class Changed:
    """Signing keys that became others, or a primary that did."""

    at: datetime
    certificates: Sequence[Certificate]
    """Those that came and are published still, or the one in use."""
    policy: Policy


@dataclass(frozen=True, slots=True)
class RolledBack:
    """A promotion that was taken back."""

    at: datetime
    """When that was seen."""
    primary: Certificate | None
    """The one that signs again."""
    replaced: str
    """The fingerprint of the one that signed in between."""
    since: datetime
    """Since when that one signed."""
    published: bool
    """It is published still."""
    policy: Policy


@dataclass(frozen=True, slots=True)
class Published:
    """Certificates that something is wrong with, the worst first."""

    certificates: Sequence[Certificate]
    policy: Policy


@dataclass(frozen=True, slots=True)
class Faulty:
    """What is wrong with a document."""

    faults: Sequence[Fault]
    """At least one."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """Certificates that can no longer be read, as they were read before."""

    keys: Sequence[Key]
    """At least one; each has a certificate and says why it cannot be read now."""


@dataclass(frozen=True, slots=True)
class Trusting:
    """What Entra ID said of a domain, and what that was compared with."""

    target: str
    verdict: Verdict
    trust: DomainTrust
    rollover: Rollover | None
    policy: Policy
    readable: bool | None = None
    """Whether the document can be read from the internet; None: not known."""


@dataclass(frozen=True, slots=True)
class Asking:
    """How asking Entra ID about a domain goes."""

    known: DomainRecord


@dataclass(frozen=True, slots=True)
class Half:
    """Domains for which Entra ID does not trust the successor, and those for which it does."""

    target: str
    successor: Certificate
    lagging: Sequence[str]
    following: Sequence[str]


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A node whose primary Entra ID does not trust, while it trusts that of the service."""

    primary: Certificate
    """What the node signs with."""
    domains: Sequence[str]
    """Those for which Entra ID does not trust it."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A look that got no usable document."""

    observation: Observation
    """Its reason is not None."""
    since: datetime
    """The last look that got one, else the first that did not."""
    rollover: Rollover | None
    policy: Policy
    probes: int = 0
    """Within the last day."""
    failures: int = 0
    """How many of them got no usable document."""
    is_file: bool = False
    """It is a file, which nobody else need read."""


@dataclass(frozen=True, slots=True)
class Served:
    """What a look gets of the signing keys."""

    certificates: Sequence[Certificate]
    """The oldest first."""
    signer: Certificate | None
    """The one of them that signed the document; None where none is known to have."""


@dataclass(frozen=True, slots=True)
class Differing:
    """What looks get that do not get the same."""

    since: datetime
    served: Mapping[Place, Served]


@dataclass(frozen=True, slots=True)
class Turns:
    """Answers of one address that take turns."""

    since: datetime
    """When one came back for the first time."""
    answers: Sequence[tuple[datetime, Served]]
    """Each with the last probe that got it, the latest first."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """Two clocks that differ."""

    lead: timedelta
    """By how much ours is ahead of the other side's; negative: behind."""


@dataclass(frozen=True, slots=True)
class Until:
    """A date in a document, of a TLS certificate, or of an event."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Signed:
    """A document's own signature."""

    signature: Signature


@dataclass(frozen=True, slots=True)
class Unwatched:
    """Entities of an aggregate that nobody watches."""

    states: Mapping[State, int]
    """How many are in each critical state."""
    entities: int
    """In all."""
    worst: Sequence[str]
    """The entityIDs of some, the worst first."""


Facts = (
    Rolling
    | Changed
    | RolledBack
    | Published
    | Faulty
    | Remembered
    | Trusting
    | Asking
    | Half
    | LeftBehind
    | Unread
    | Differing
    | Turns
    | Clocks
    | Until
    | Signed
    | Unwatched
)
