"""The one scenario list: what a farm can look like, and what the exporter must say about it.

The demo shows these scenarios and the integration tests watch them, so what is shown and what is expected
cannot differ. Dates are days from the moment at which the documents are made.
"""

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from exporter.demo.documents import KeyKind, KeyPair, adfs_metadata, mint
from exporter.model import FaultKind, Reason
from exporter.policy import Profile
from exporter.rollover import State

_PAIR_GAP = timedelta(seconds=4)
"""AD FS makes the encryption certificate of a pair seconds after the signing certificate."""
_AUTHORITY_LIFE = timedelta(days=3650)


class Answer(StrEnum):
    """What stands behind a scenario's address."""

    METADATA = "metadata"
    PAGE = "page"
    """An HTML page with status 200."""
    NOTHING = "nothing"
    """A port nobody listens on."""


@dataclass(frozen=True, slots=True)
class Lifetime:
    """From when to when a signing certificate is valid, in days from now; negative is past."""

    not_before: float
    not_after: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """One farm: what it publishes and what the exporter must make of it."""

    name: str
    """Of the target and in its address."""
    sentence: str
    """What the person on call sees."""
    state: State | None
    """None: there is no document to judge."""
    signing: tuple[Lifetime, ...] = ()
    """In document order, which is not the order of use."""
    primary: int = 0
    """Index of the certificate that signs, the document too; its encryption certificate is the one published."""
    profile: Profile = Profile.ADFS
    """By the shape of the certificates: self-signed as AD FS makes them, or issued by an enterprise CA."""
    successor_present: bool = False
    secondary_present: bool = False
    broken: bool = False
    """One more signing certificate is published that is cut off in the middle."""
    faults: frozenset[FaultKind] = frozenset()
    answer: Answer = Answer.METADATA
    reason: Reason | None = None
    """None: the look gets a usable document."""

    @property
    def reachable(self) -> bool:
        """Whether a look gets a usable document."""
        return self.reason is None

    @property
    def left(self) -> float | None:
        """Days until the primary ends; negative after it; None without a document."""
        return self.signing[self.primary].not_after if self.signing else None

    @property
    def host(self) -> str:
        """The name of the farm's federation service."""
        return f"{self.name}.fs.example"

    @property
    def entity_id(self) -> str:
        """The entityID in its document."""
        return f"http://{self.host}/adfs/services/trust"


SCENARIOS = (
    Scenario(
        name="steady",
        sentence="One certificate with months to live: nothing to do.",
        state=State.STEADY,
        signing=(Lifetime(-165, 200),),
    ),
    Scenario(
        name="due",
        sentence="People renew this one, from the company's own CA, and now is the time.",
        state=State.DUE,
        signing=(Lifetime(-705, 25),),
        profile=Profile.ADFS_MANUAL,
    ),
    Scenario(
        name="published",
        sentence="AD FS generated the successor two days ago: partners must learn it before it is promoted.",
        state=State.PUBLISHED,
        signing=(Lifetime(-347, 18), Lifetime(-2, 363)),
        successor_present=True,
        secondary_present=True,
    ),
    Scenario(
        name="promoted",
        sentence="The new certificate signs since three days; the old one is still published and valid.",
        state=State.PROMOTED,
        signing=(Lifetime(-353, 12), Lifetime(-8, 357)),
        primary=1,
        secondary_present=True,
    ),
    Scenario(
        name="stalled",
        sentence="The successor was generated eleven days ago, and the old certificate signs all the same.",
        state=State.STALLED,
        signing=(Lifetime(-356, 9), Lifetime(-11, 354)),
        successor_present=True,
        secondary_present=True,
    ),
    Scenario(
        name="overdue",
        sentence="AD FS should have generated a successor a week ago and did not.",
        state=State.OVERDUE,
        signing=(Lifetime(-353, 12),),
    ),
    Scenario(
        name="missing",
        sentence="Three days left and no successor: sign-in is about to stop.",
        state=State.MISSING,
        signing=(Lifetime(-362, 3),),
    ),
    Scenario(
        name="missing-lingering",
        sentence="Four days left, and the second certificate is only an old one that lingers: no successor either.",
        state=State.MISSING,
        signing=(Lifetime(-727, 3), Lifetime(-361, 4)),
        primary=1,
        secondary_present=True,
    ),
    Scenario(
        name="expired",
        sentence="The certificate ended three days ago and nothing took its place.",
        state=State.EXPIRED,
        signing=(Lifetime(-368, -3),),
    ),
    Scenario(
        name="unreachable",
        sentence="Nobody listens at this address.",
        state=None,
        answer=Answer.NOTHING,
        reason=Reason.REFUSED,
    ),
    Scenario(
        name="html",
        sentence="Status 200, and the body is a web page instead of metadata.",
        state=None,
        answer=Answer.PAGE,
        reason=Reason.HTML,
    ),
    Scenario(
        name="broken-certificate",
        sentence="One of two signing certificates cannot be read; the other counts.",
        state=State.STEADY,
        signing=(Lifetime(-100, 265),),
        broken=True,
        faults=frozenset({FaultKind.CERTIFICATE_DER}),
    ),
)


def document(scenario: Scenario, now: datetime, *, key: KeyKind = "rsa") -> bytes:
    """The metadata document of a scenario that answers with one, with keys and certificates of its own."""
    brand, authority = "ADFS", None
    if scenario.profile is Profile.ADFS_MANUAL:
        brand, authority = "Token", _enterprise_authority(now, key)

    def minted(use: str, lifetime: Lifetime, gap: timedelta = timedelta()) -> KeyPair:
        return mint(
            f"CN={brand} {use} - {scenario.host}",
            not_before=now + timedelta(days=lifetime.not_before) + gap,
            not_after=now + timedelta(days=lifetime.not_after) + gap,
            issuer=authority,
            key=key,
        )

    signing = [minted("Signing", lifetime) for lifetime in scenario.signing]
    signer = signing[scenario.primary]
    return adfs_metadata(
        scenario.host,
        signing=[*signing, _cut_off(signer)] if scenario.broken else signing,
        encryption=[minted("Encryption", scenario.signing[scenario.primary], _PAIR_GAP)],
        signer=signer,
        entity_id=scenario.entity_id,
    )


def _enterprise_authority(now: datetime, key: KeyKind) -> KeyPair:
    return mint(
        "CN=Example Enterprise CA,O=Example",
        not_before=now - _AUTHORITY_LIFE,
        not_after=now + _AUTHORITY_LIFE,
        key=key,
        authority=True,
    )


def _cut_off(pair: KeyPair) -> bytes:
    return base64.b64encode(pair.der[: len(pair.der) // 2])
