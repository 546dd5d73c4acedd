"""Which signing certificate is primary, and what says so.

Metadata has no marker for it and the order of keys says nothing (docs/design.md has the evidence and its
rank), so every answer comes with its evidence. Pure: a function of a document, a policy and ``now``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from exporter.model import Certificate, Entity, FaultKind, Signature, SignatureState
from exporter.policy import Policy

PAIR_TOLERANCE = timedelta(seconds=60)
"""AD FS makes signing and encryption certificates together; this far apart they still count as a pair."""

SKEW = timedelta(minutes=10)
"""A certificate that begins within this time has begun: the clock of who made it may be a little ahead of ours."""


class Evidence(StrEnum):
    """What says which certificate is primary, the strongest first; no marker for it exists in metadata."""

    CONFIGURED = "configured"
    """The operator."""
    SIGNATURE = "signature"
    """It verifies the signature of a document about this entity alone (inferred)."""
    ENCRYPTION_PAIR = "encryption_pair"
    """It was made with the published encryption certificate, and AD FS publishes only the primary one of those
    (Microsoft, "Set-AdfsCertificate"; inferred)."""
    UNVERIFIED_SIGNATURE = "unverified_signature"
    """It stands in the document's own signature, which does not verify (AD FS only, inferred)."""
    SINGLE = "single"
    """It is the only one."""
    DATES = "dates"
    """Of several, its dates fit best: the weakest."""

    @property
    def is_strong(self) -> bool:
        """Whether it says more than the dates do."""
        return self not in {Evidence.SINGLE, Evidence.DATES}


@dataclass(frozen=True, slots=True)
class Claim:
    """One piece of evidence and the certificate it names as primary."""

    evidence: Evidence
    primary: Certificate


def claims_of(
    entity: Entity,
    signing: Sequence[Certificate],
    policy: Policy,
    signature: Signature | None,
    now: datetime,
) -> tuple[tuple[Claim, ...], tuple[FaultKind, ...]]:
    """Everything that names a primary, the strongest first, and what is wrong with it.

    ``signature`` is that of a document about this entity alone; None: it says nothing about one.
    """
    claims: list[Claim] = []
    faults: list[FaultKind] = []
    by_fingerprint = {certificate.fingerprint: certificate for certificate in signing}
    if policy.primary is not None:
        configured = by_fingerprint.get(policy.primary)
        if configured is None:
            faults.append(FaultKind.PRIMARY_IGNORED)
        else:
            claims.append(Claim(Evidence.CONFIGURED, configured))
    claims.extend(_of_signature_and_pair(entity, by_fingerprint, signature, adfs=policy.profile.is_adfs))
    if _is_disputed(claims):
        faults.append(FaultKind.PRIMARY_DISPUTED)
    if not claims and signing:
        evidence = Evidence.SINGLE if len(signing) == 1 else Evidence.DATES
        claims.append(Claim(evidence, by_dates(signing, now)))
    return tuple(claims), tuple(faults)


def proves(claims: Sequence[Claim]) -> bool:
    """Whether claims, the strongest first, say more than dates do, and agree."""
    return bool(claims) and claims[0].evidence.is_strong and not _is_disputed(claims)


def has_begun(certificate: Certificate, now: datetime) -> bool:
    """Whether a certificate is valid already, if it is not over; see :data:`SKEW`."""
    return certificate.not_before - now <= SKEW


def _is_disputed(claims: Sequence[Claim]) -> bool:
    """Whether no more claims agree with the first than contradict it, and some do."""
    against = sum(each.primary != claims[0].primary for each in claims)
    return against > 0 and 2 * against >= len(claims)


def _of_signature_and_pair(
    entity: Entity, signing: Mapping[str, Certificate], signature: Signature | None, *, adfs: bool
) -> Iterator[Claim]:
    signer = signing.get(signature.fingerprint) if signature and signature.fingerprint else None
    verified = signature is not None and signature.state in {SignatureState.TRUSTED, SignatureState.VALID}
    if signer and verified:
        yield Claim(Evidence.SIGNATURE, signer)
    if not adfs:
        return
    if paired := _pair_of_encryption(entity, signing.values()):
        yield Claim(Evidence.ENCRYPTION_PAIR, paired)
    if signer and not verified:
        yield Claim(Evidence.UNVERIFIED_SIGNATURE, signer)


def _pair_of_encryption(entity: Entity, signing: Iterable[Certificate]) -> Certificate | None:
    encryption = {
        certificate
        for role in entity.roles
        for key in role.keys
        if not key.use.signs
        for certificate in key.certificates
    }
    if len(encryption) != 1:
        return None
    made = encryption.pop().not_before
    paired = [certificate for certificate in signing if abs(certificate.not_before - made) <= PAIR_TOLERANCE]
    return paired[0] if len(paired) == 1 else None


def by_dates(certificates: Sequence[Certificate], now: datetime) -> Certificate:
    """Of those valid now the earliest; else the one that ended last; else the one that starts first."""
    started = [certificate for certificate in certificates if has_begun(certificate, now)]
    valid = [certificate for certificate in started if now < certificate.not_after]
    if started and not valid:
        return max(started, key=lambda certificate: (certificate.not_after, certificate.fingerprint))
    return min(valid or certificates, key=lambda certificate: (certificate.not_before, certificate.fingerprint))
