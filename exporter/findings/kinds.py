"""The kinds of findings, the worst first: the order of every list, and the names of alerts and runbook sections."""

from enum import StrEnum

from exporter.rollover import Severity


class Kind(StrEnum):
    """What can be wrong, about to be wrong, or worth knowing about a target. Each has one severity."""

    # People are locked out, or are from the next reading of the document on.
    SIGNING_CERTIFICATE_EXPIRED = "signing_certificate_expired"
    """The primary has ended, or has not begun."""
    TRUST_BROKEN = "trust_broken"
    """Entra ID does not trust the primary."""
    KEY_SET_REPLACED = "key_set_replaced"
    """All signing keys were replaced at once, within the last day."""
    METADATA_OUTDATED = "metadata_outdated"
    """The document is past its ``validUntil``."""
    NO_SIGNING_KEY = "no_signing_key"
    """The identity provider publishes no signing key."""
    # It will come to that within days.
    TRUST_AT_RISK = "trust_at_risk"
    """Entra ID does not trust the successor, and its promotion is near."""
    ROLLOVER_MISSING = "rollover_missing"
    """The primary is about to end, and there is no successor."""
    PROMOTION_STALLED_LATE = "promotion_stalled_late"
    """The primary is about to end, and nobody promotes the successor."""
    METADATA_UNREACHABLE_IN_POLL_WINDOW = "metadata_unreachable_in_poll_window"
    """The document cannot be read for a day, in the weeks in which Entra ID must read it."""

    # Somebody may be in the place of the publisher.
    UNEXPECTED_SIGNING_CERTIFICATE = "unexpected_signing_certificate"
    """A signing certificate appeared within the last day while the primary had long to live."""
    TRUST_FOREIGN_CERTIFICATE = "trust_foreign_certificate"
    """Entra ID trusts a certificate that is not published."""
    TRUST_NOT_FEDERATED = "trust_not_federated"
    """People of a domain do not sign in here."""
    SIGNATURE_INVALID = "signature_invalid"
    """The document's own signature does not verify."""
    # A rollover does not go as it should.
    PROMOTION_STALLED = "promotion_stalled"
    """There is a successor, and it was not promoted when it should have been."""
    ROLLOVER_OVERDUE = "rollover_overdue"
    """AD FS should have made a successor by now."""
    RENEWAL_DUE = "renewal_due"
    """It is time to renew by hand."""
    ENTRA_CANNOT_READ_METADATA = "entra_cannot_read_metadata"
    """Entra ID says that it cannot read the metadata, where a successor waits."""
    TRUST_PENDING_TOO_LONG = "trust_pending_too_long"
    """Entra ID has not taken the successor for a day and a half, in the weeks in which it reads the metadata daily."""
    TRUST_HALF_UPDATED = "trust_half_updated"
    """A day after the successor came, Entra ID trusts it for some domains only."""
    # What is not seen.
    METADATA_NEVER_READ = "metadata_never_read"
    """No usable document was ever read."""
    METADATA_UNREACHABLE_FROM_INTERNET = "metadata_unreachable_from_internet"
    """The document can be read from inside and not from the internet."""
    METADATA_UNREACHABLE = "metadata_unreachable"
    """The document cannot be read at some place."""
    NODES_DIFFER = "nodes_differ"
    """Looks have not got the same signing keys, or signer, for hours."""
    TRUST_STALE = "trust_stale"
    """Entra ID has not answered for several intervals, or never."""
    TRUST_UNKNOWN = "trust_unknown"
    """Entra ID answers, and that does not suffice to tell whether it trusts the primary and the successor."""
    ENTITY_VANISHED = "entity_vanished"
    """A watched entity left its aggregate within the last day."""
    # Other dates and defects.
    METADATA_OUTDATED_SOON = "metadata_outdated_soon"
    """The document nears its ``validUntil``."""
    ENCRYPTION_CERTIFICATE_EXPIRING = "encryption_certificate_expiring"
    """The token-decrypting certificate is about to end, or has ended."""
    TLS_CERTIFICATE_EXPIRING = "tls_certificate_expiring"
    """The endpoint's TLS certificate is about to end, or has ended."""
    CERTIFICATE_UNREADABLE = "certificate_unreadable"
    """A published certificate cannot be read."""
    CERTIFICATE_WEAK = "certificate_weak"
    """A published certificate has a weak key or digest."""

    # Good to know.
    PRIMARY_CHANGED = "primary_changed"
    """The primary became another within the last day."""
    SIGNING_KEYS_CHANGED = "signing_keys_changed"
    """The signing keys became others within the last day, and nothing more can be said about it."""
    SUCCESSOR_PUBLISHED = "successor_published"
    """A successor is published: partners must learn it now."""
    TRUST_PENDING = "trust_pending"
    """Entra ID does not know the successor yet, and has time to learn it."""
    PRIMARY_IGNORED = "primary_ignored"
    """The primary that the configuration names is not published, or has ended."""
    PRIMARY_DISPUTED = "primary_disputed"
    """Two kinds of evidence name different primaries."""
    DOCUMENT_FAULTY = "document_faulty"
    """Something else is wrong with the document, which is usable all the same."""
    ENTITIES_IN_TROUBLE = "entities_in_trouble"
    """Entities of an aggregate that nobody watches have no signing certificate that will carry on."""

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        if self.rank <= _LAST_CRITICAL:
            return Severity.CRITICAL
        return Severity.WARNING if self.rank <= _LAST_WARNING else Severity.INFO

    @property
    def rank(self) -> int:
        """Its place among all kinds; the worst has the least."""
        return _RANKS[self]


_RANKS = {kind: number for number, kind in enumerate(Kind)}
_LAST_CRITICAL = _RANKS[Kind.METADATA_UNREACHABLE_IN_POLL_WINDOW]
_LAST_WARNING = _RANKS[Kind.CERTIFICATE_WEAK]
