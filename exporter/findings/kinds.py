"""The kinds of findings, the worst first: the order of every list, and the names of alerts and runbook sections."""

from enum import StrEnum

from exporter.rollover import Severity


class Kind(StrEnum):
    """What can be wrong, about to be wrong, or worth knowing about a target. Each has one severity."""

    # People are locked out, or are from the next reading of the document on.
    SIGNING_CERTIFICATE_EXPIRED = "signing_certificate_expired"
    """All that may be signing has ended, or has not begun."""
    TRUST_BROKEN = "trust_broken"
    """Entra ID does not trust the primary."""
    KEY_SET_REPLACED = "key_set_replaced"
    """All signing keys were replaced at once, within the last day."""
    METADATA_OUTDATED = "metadata_outdated"
    """The document is past its ``validUntil``."""
    NO_SIGNING_KEY = "no_signing_key"
    """The identity provider publishes no signing key."""
    SIGNING_KEYS_UNREADABLE = "signing_keys_unreadable"
    """No certificate of a signing key can be read, and none ever could."""
    TRUST_BROKEN_AT_NODE = "trust_broken_at_node"
    """A node serves keys that Entra ID does not trust, while the service serves others."""
    # It will come to that within days.
    TRUST_AT_RISK = "trust_at_risk"
    """Entra ID does not trust the successor, and its promotion is near."""
    ROLLOVER_MISSING = "rollover_missing"
    """All that may be signing is about to end, and there is no successor."""
    PROMOTION_STALLED_LATE = "promotion_stalled_late"
    """All that may be signing is about to end, and nobody promotes the successor."""
    METADATA_UNREACHABLE_IN_POLL_WINDOW = "metadata_unreachable_in_poll_window"
    """The document cannot be read for a day, in the weeks in which Entra ID must read it."""

    # Somebody may be in the place of the publisher.
    UNEXPECTED_SIGNING_CERTIFICATE = "unexpected_signing_certificate"
    """A signing certificate appeared within the last day while the primary had long to live."""
    TRUST_FOREIGN_CERTIFICATE = "trust_foreign_certificate"
    """Entra ID trusts a certificate that was never seen published."""
    TRUST_NOT_FEDERATED = "trust_not_federated"
    """People of a domain do not sign in here."""
    SIGNATURE_INVALID = "signature_invalid"
    """The document's own signature does not verify."""
    # A rollover does not go as it should.
    PROMOTION_STALLED = "promotion_stalled"
    """There is a successor, and it was not promoted when it should have been."""
    PROMOTION_ROLLED_BACK = "promotion_rolled_back"
    """A certificate that had been replaced is primary again, within the last day."""
    PRIMARY_DISPUTED = "primary_disputed"
    """Two kinds of evidence name different primaries, and no third one decides."""
    POSSIBLE_PRIMARY_ENDING = "possible_primary_ending"
    """One of several keys that may be signing is about to end or has ended, and nothing proves which one signs."""
    ROLLOVER_OVERDUE = "rollover_overdue"
    """AD FS should have made a successor by now."""
    RENEWAL_DUE = "renewal_due"
    """It is time to renew by hand."""
    SP_CERTIFICATE_EXPIRED = "sp_certificate_expired"
    """The signing certificate of an entity that is no identity provider has ended, or has not begun."""
    SP_CERTIFICATE_ENDING = "sp_certificate_ending"
    """The signing certificate of an entity that is no identity provider is about to end, and none took over."""
    SP_KEY_SET_REPLACED = "sp_key_set_replaced"
    """All signing keys of an entity that is no identity provider were replaced at once, within the last day."""
    SP_METADATA_OUTDATED = "sp_metadata_outdated"
    """The document of an entity that is no identity provider is past its ``validUntil``."""
    ENTRA_CANNOT_READ_METADATA = "entra_cannot_read_metadata"
    """Entra ID says that it cannot read the metadata, where a successor waits."""
    TRUST_PENDING_TOO_LONG = "trust_pending_too_long"
    """Entra ID has not trusted the successor, or another certificate that may be signing, for a day and a half."""
    TRUST_HALF_UPDATED = "trust_half_updated"
    """A day after the successor came, Entra ID trusts it for some domains only."""
    # What is not seen.
    METADATA_NEVER_READ = "metadata_never_read"
    """No usable document was ever read."""
    METADATA_UNREACHABLE_FROM_INTERNET = "metadata_unreachable_from_internet"
    """The document can be read from inside and not from the internet."""
    METADATA_UNREACHABLE = "metadata_unreachable"
    """The document cannot be read at some place."""
    METADATA_OF_ANOTHER_ENTITY = "metadata_of_another_entity"
    """The document can be read, and is about another entity."""
    ANSWERS_TAKE_TURNS = "answers_take_turns"
    """One address has given different keys in turn for hours."""
    NODES_DIFFER = "nodes_differ"
    """Looks have not got the same signing keys, or signer, for hours."""
    TRUST_STALE = "trust_stale"
    """Entra ID has not answered for several intervals, or never."""
    TRUST_UNKNOWN = "trust_unknown"
    """Entra ID answers, and that does not suffice to tell whether it trusts the primary and the successor."""
    CLOCK_WRONG = "clock_wrong"
    """The exporter's clock and that of the other side are hours apart."""
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
    CERTIFICATE_NO_LONGER_READABLE = "certificate_no_longer_readable"
    """A certificate that could be read before cannot be read any more; what was read before counts."""
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
    TRUST_LEFTOVER = "trust_leftover"
    """Entra ID trusts a certificate that this publisher no longer publishes, and did before."""
    OLD_KEY_LISTED = "old_key_listed"
    """A signing certificate that ended long ago is still published; nothing proves that it is unused."""
    PRIMARY_IGNORED = "primary_ignored"
    """The primary that the configuration names is not published."""
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
