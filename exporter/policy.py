"""What is expected of a target: its profile and thresholds, from configuration and the document's shape.

The one place where a threshold stands. Rules and dashboards read them as ``fedmeta_policy_threshold_days``.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from urllib.parse import urlsplit

from exporter.model import Certificate, Entity, Metadata, Role

ADFS_METADATA_PATH = "/federationmetadata/2007-06/federationmetadata.xml"
"""Where AD FS and Entra ID publish (Microsoft, "Federation metadata endpoints")."""

# An entityID is whatever its publisher wrote: urlsplit refuses some of it.
_ADFS_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*/adfs/")


IN_PLACE = ":"
"""Only the name of a policy that is written in place holds it, so it collides with none that has a name."""


class Profile(StrEnum):
    """How a publisher is expected to roll its certificates over."""

    ADFS = "adfs"
    """AD FS with AutoCertificateRollover: generates and promotes by itself."""
    ADFS_MANUAL = "adfs-manual"
    """AD FS whose certificates people renew, usually from an enterprise CA."""
    SAML = "saml"
    """Any other publisher, and aggregates: no generation or promotion to expect."""
    ENTRA = "entra"
    """Entra ID's own keys: they change without notice, and only the change of the set counts."""

    @property
    def is_adfs(self) -> bool:
        """Whether what AD FS is known to do may be used as evidence."""
        return self in {Profile.ADFS, Profile.ADFS_MANUAL}


class ProfileEvidence(StrEnum):
    """Why a target has its profile."""

    CONFIGURED = "configured"
    """The policy names the profile."""
    AUTO_ROLLOVER = "auto_certificate_rollover"
    """The policy says whether AutoCertificateRollover is on."""
    SHAPE = "shape"
    """The document looks like it (inferred)."""
    URL = "url"
    """No document yet: the address looks like it (inferred)."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Days. Field names are the ``threshold`` labels and the configuration keys."""

    missing: float = 5
    """Primary this near its end without a successor: act now (the 2015 article)."""
    generation: float = 20
    """AD FS CertificateGenerationThreshold: it generates the successor this long before the end."""
    promotion: float = 5
    """AD FS CertificatePromotionThreshold: a successor waits this long before it becomes primary."""
    due: float = 35
    """Renewal by hand is due this long before the end."""
    poll: float = 35
    """Entra ID begins to poll the metadata this long before the end."""
    trust: float = 15
    """A relying party that does not know the successor by now is at risk."""
    notice: float = 2
    """The same, this long before the predicted promotion: people need time to act."""
    successor_margin: float = 30
    """A successor outlives the primary by at least this much."""
    successor_validity: float = 365
    """The article's "about a year" for a new certificate: shown, not judged."""
    unexpected: float = 22
    """A new key while the primary has longer than this to live was not expected."""
    encryption: float = 14
    """Warn this long before a token-decrypting certificate ends."""
    tls: float = 14
    """Warn this long before the endpoint's TLS certificate ends."""
    valid_until: float = 2
    """Warn this long before the document's validUntil."""

    def contradictions(self, profile: Profile) -> Iterator[str]:
        """Each pair of thresholds that cannot both hold under a profile, as a sentence."""
        below = [("missing", "due")]
        if profile is Profile.ADFS:
            below = [
                ("missing", "generation"),
                ("promotion", "generation"),
                ("trust", "generation"),
                ("generation", "unexpected"),
            ]
        elif profile is Profile.ENTRA:
            below = []
        else:
            below.append(("due", "unexpected"))
        for low, high in below:
            if getattr(self, low) > getattr(self, high):
                yield (
                    f"{low} ({getattr(self, low):g} d) must not exceed {high} ({getattr(self, high):g} d)"
                    f" under profile {profile}"
                )


THRESHOLD_NAMES = tuple(each.name for each in fields(Thresholds))

DEFAULTS: Mapping[Profile, Thresholds] = {
    Profile.ADFS: Thresholds(),
    Profile.ADFS_MANUAL: Thresholds(unexpected=60, encryption=35),
    Profile.SAML: Thresholds(due=30, unexpected=60, encryption=35),
    Profile.ENTRA: Thresholds(),
}


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """What the operator says about a target; everything may be left out."""

    name: str = "default"
    """By which targets and metrics name it: that in the configuration; of one written in place, where that is."""
    profile: Profile | None = None
    auto_certificate_rollover: bool | None = None
    """None: unknown, it cannot be read remotely."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """Days, by the names of :class:`Thresholds`; the rest comes from the profile."""
    signers: tuple[bytes, ...] = ()
    """DER of the certificates that may sign the document; empty: any."""
    expiry: bool = True
    """False: the consumers of these certificates ignore their dates."""
    primary: str | None = None
    """Fingerprint of the primary, when the operator knows better."""

    @property
    def is_in_place(self) -> bool:
        """Whether it is written where it holds, and not under a name."""
        return IN_PLACE in self.name

    def possible_profiles(self) -> tuple[Profile, ...]:
        """The profiles a document could still give a target with these settings."""
        if self.profile is not None:
            return (self.profile,)
        if self.auto_certificate_rollover is not None:
            return (Profile.ADFS if self.auto_certificate_rollover else Profile.ADFS_MANUAL,)
        return tuple(Profile)


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy in force for a target."""

    name: str
    profile: Profile
    evidence: ProfileEvidence
    thresholds: Thresholds
    auto_certificate_rollover: bool | None
    expiry: bool
    primary: str | None

    @property
    def counts_dates(self) -> bool:
        """Whether the end of a certificate means anything; of Entra ID's own keys only their change does."""
        return self.expiry and self.profile is not Profile.ENTRA


def in_force(settings: PolicySettings, metadata: Metadata | None, url: str) -> Policy:
    """The policy that holds for a target: what is configured, else what its document or address looks like."""
    profile, evidence = _profile(settings, metadata, url)
    return Policy(
        name=settings.name,
        profile=profile,
        evidence=evidence,
        thresholds=replace(DEFAULTS[profile], **settings.thresholds),
        auto_certificate_rollover=settings.auto_certificate_rollover,
        expiry=settings.expiry,
        primary=settings.primary,
    )


def is_auto_managed(certificate: Certificate) -> bool:
    """Whether a certificate has the shape that AD FS generates: inferred from real documents, never certain."""
    return certificate.self_issued and certificate.subject.startswith(("CN=ADFS Signing - ", "CN=ADFS Encryption - "))


def _profile(settings: PolicySettings, metadata: Metadata | None, url: str) -> tuple[Profile, ProfileEvidence]:
    if settings.profile is not None:
        return settings.profile, ProfileEvidence.CONFIGURED
    if settings.auto_certificate_rollover is not None:
        return settings.possible_profiles()[0], ProfileEvidence.AUTO_ROLLOVER
    if metadata is not None:
        return _profile_by_shape(metadata), ProfileEvidence.SHAPE
    return _profile_by_url(url), ProfileEvidence.URL


def _profile_by_shape(metadata: Metadata) -> Profile:
    if metadata.aggregate:
        return Profile.SAML
    entity = metadata.entities[0]
    signing = entity.published(Role.IDP, signs=True)
    if any(role.element == "SecurityTokenServiceType" for role in entity.roles):
        if signing and all(is_entras_own(certificate) for certificate in signing):
            return Profile.ENTRA
        if _is_adfs(entity):
            newest = max(signing, key=lambda certificate: certificate.not_before, default=None)
            return Profile.ADFS if newest is None or is_auto_managed(newest) else Profile.ADFS_MANUAL
    return Profile.SAML


def _profile_by_url(url: str) -> Profile:
    parts = urlsplit(url.lower())
    if not parts.path.endswith(ADFS_METADATA_PATH):
        return Profile.SAML
    if not (parts.hostname or "").startswith("login.microsoftonline."):
        return Profile.ADFS
    # With ?appid= Entra ID publishes an application's own certificates, which expire like any other.
    return Profile.SAML if "appid=" in parts.query else Profile.ENTRA


def _is_adfs(entity: Entity) -> bool:
    addresses = (entity.entity_id, *entity.sign_in_locations)
    return any(_ADFS_ADDRESS.match(address) for address in addresses)


def is_entras_own(certificate: Certificate) -> bool:
    """Whether a certificate has a name that Entra ID gives to its own keys."""
    # An application's own certificate in its Entra metadata (?appid=) expires like any other.
    return certificate.subject.startswith(("CN=accounts.accesscontrol.", "CN=login.microsoftonline."))
