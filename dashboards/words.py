"""What values are called on the boards, and their colours: the same on every board.

Where a board needs a number for a word (Prometheus has no others), the larger one is the worse.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dashboards.style import Colour, Word, Words
from exporter.findings import Kind, title
from exporter.history import Change
from exporter.inquiry import Slot, UpdateResult
from exporter.model import FaultKind, SignatureState
from exporter.primary import Evidence
from exporter.rollover import WORDS, Position, Severity, State
from exporter.trust import TRUST_WORDS, Answer, TrustState

NOT_JUDGED = 0
NO_DOCUMENT = 9


def _state(state: State, number: int, colour: Colour) -> Word:
    return Word(number, WORDS[state], colour)


STATES: Mapping[State, Word] = {
    State.NONE: _state(State.NONE, 13, Colour.DARK_RED),
    State.UNREADABLE: _state(State.UNREADABLE, 12, Colour.DARK_RED),
    State.EXPIRED: _state(State.EXPIRED, 11, Colour.SEMI_DARK_RED),
    State.MISSING: _state(State.MISSING, 10, Colour.RED),
    State.STALLED: _state(State.STALLED, 8, Colour.DARK_ORANGE),
    State.OVERDUE: _state(State.OVERDUE, 7, Colour.SEMI_DARK_ORANGE),
    State.DUE: _state(State.DUE, 6, Colour.ORANGE),
    State.UNPROVEN: _state(State.UNPROVEN, 5, Colour.ORANGE),
    State.PUBLISHED: _state(State.PUBLISHED, 3, Colour.BLUE),
    State.PROMOTED: _state(State.PROMOTED, 2, Colour.SEMI_DARK_GREEN),
    State.STEADY: _state(State.STEADY, 1, Colour.GREEN),
}
"""For each state its word, the larger number the worse."""

_NONE = Word(NO_DOCUMENT, "No document", Colour.PURPLE)

STATE: Words = (*STATES.values(), _NONE, Word(NOT_JUDGED, "Not judged", Colour.GREY))
"""States as numbers; with them what a target shows that has none."""

BY_BADNESS: Mapping[State | None, Word] = dict(
    sorted([*STATES.items(), (None, _NONE)], key=lambda entry: entry[1].value, reverse=True)
)
"""The words of the states, the worst first; None is a target without document."""

STATE_NAMES: Words = tuple(Word(state, word.text, word.colour) for state, word in STATES.items())
"""States as label values."""

# Unread is a warning: what was read before counts, and people sign in all the same.
REACHABLE: Words = (Word(0, "Unreachable", Colour.ORANGE), Word(1, "Reachable", Colour.GREEN))
FAILING = 2
LOOK: Words = (*REACHABLE, Word(FAILING, "Fails", Colour.ORANGE))

POSITIONS: Mapping[Position, Word] = {
    Position.PRIMARY: Word(3, "Primary", Colour.GREEN),
    Position.SUCCESSOR: Word(2, "Successor", Colour.BLUE),
    Position.SECONDARY: Word(1, "Secondary", Colour.GREY),
}
ENDED = 4
POSITION: Words = (*POSITIONS.values(), Word(ENDED, "Expired", Colour.SEMI_DARK_RED))
POSITION_NAMES: Words = tuple(Word(position, word.text, word.colour) for position, word in POSITIONS.items())

SIGNATURES: Mapping[SignatureState, Word] = {
    SignatureState.INVALID: Word(5, "Does not verify", Colour.RED),
    SignatureState.UNCHECKED: Word(4, "Not checked", Colour.GREY),
    SignatureState.UNSIGNED: Word(3, "Unsigned", Colour.GREY),
    SignatureState.VALID: Word(2, "Valid", Colour.GREEN),
    SignatureState.TRUSTED: Word(1, "Trusted signer", Colour.GREEN),
}
SIGNATURE: Words = tuple(SIGNATURES.values())

TRUSTS: Mapping[TrustState, Word] = {
    state: Word(number, TRUST_WORDS[state], colour)
    for state, number, colour in (
        (TrustState.BROKEN, 6, Colour.SEMI_DARK_RED),
        (TrustState.AT_RISK, 5, Colour.RED),
        (TrustState.NOT_FEDERATED, 4, Colour.ORANGE),
        (TrustState.UNKNOWN, 3, Colour.GREY),
        (TrustState.PENDING, 2, Colour.BLUE),
        (TrustState.IN_SYNC, 1, Colour.GREEN),
    )
}
"""For each state of a trust its word, the larger number the worse."""
TRUST: Words = tuple(TRUSTS.values())

_UPDATES: Mapping[UpdateResult, str] = {
    UpdateResult.SUCCESS: "Success",
    UpdateResult.NO_NEW_CERTIFICATE_FOUND: "No new certificate",
    UpdateResult.OTHER: "Unknown result",
    UpdateResult.UNKNOWN_ERROR: "Unknown error",
    UpdateResult.INTERNAL_SERVER_ERROR: "Internal server error",
    UpdateResult.NO_VALID_EXISTING_CERT_FOUND: "No valid certificate",
    UpdateResult.NO_STS_AUTH_URL_FOUND: "No sign-in address",
    UpdateResult.NO_FEDERATION_PROTOCOL_FOUND: "No protocol",
    UpdateResult.PROVIDER_ERROR: "Provider failed",
    UpdateResult.XML_PARSING_ERROR: "XML cannot be read",
    UpdateResult.BAD_REQUEST: "Bad request",
    UpdateResult.UNAUTHORIZED: "Unauthorized",
    UpdateResult.FORBIDDEN: "Forbidden",
    UpdateResult.NOT_FOUND: "Not found",
    UpdateResult.CONNECTION_ERROR: "Connection failed",
    UpdateResult.COULD_NOT_ACCESS_REMOTE_HOST: "Host not accessible",
}
UPDATES: Mapping[UpdateResult, Word] = {
    result: Word(number, text, {True: Colour.GREEN, False: Colour.ORANGE, None: Colour.GREY}[result.readable])
    for number, (result, text) in enumerate(_UPDATES.items(), start=1)
}
"""For each result of Entra ID's reading of the metadata its word; the colour says whether it could read it."""
UPDATE: Words = tuple(UPDATES.values())

SLOT_NAMES: Words = (Word(Slot.SIGNING, "Signing"), Word(Slot.NEXT, "Next"), Word(Slot.UNNAMED, "Not said"))
PUBLISHED_NAMES: Words = (
    Word(Answer.YES, "yes", Colour.GREEN),
    Word(Answer.NO, "no", Colour.ORANGE),
    Word(Answer.UNKNOWN, "not known", Colour.GREY),
)
FOREIGN: Words = (Word(0, "none"), Word(1, "one", Colour.ORANGE), Word(2, "two", Colour.ORANGE))
"""Entra ID keeps no more than two certificates."""

DIFFER: Words = (Word(1, "Differ", Colour.ORANGE), Word(0, "Agree", Colour.GREEN))

PROMOTED = "promoted"
RENEWED = "encryption key replaced"
"""There is one key for encryption at a time: each renewal replaces all of them."""
NOTHING = "nothing"
CHANGE_NAMES: Words = (
    Word(Change.REPLACED, "All keys replaced at once", Colour.RED),
    Word(Change.UNEXPECTED, "Unexpected key", Colour.ORANGE),
    Word(Change.UNSEEN, "Changed unseen", Colour.ORANGE),
    Word(RENEWED, "Encryption key replaced", Colour.BLUE),
    Word(Change.ADDED, "Key added", Colour.BLUE),
    Word(Change.REMOVED, "Key removed", Colour.GREY),
    Word(PROMOTED, "Promoted", Colour.SEMI_DARK_GREEN),
    Word(NOTHING, "Nothing in 30 days", Colour.TEXT),
)

FAULT_NAMES: Words = (
    Word(FaultKind.CERTIFICATE_BASE64, "Certificate is not base64"),
    Word(FaultKind.CERTIFICATE_DER, "Certificate cannot be read"),
    Word(FaultKind.CERTIFICATE_ATTRIBUTE, "Certificate read in part"),
    Word(FaultKind.CERTIFICATE_TEXT, "More than one certificate in a text"),
    Word(FaultKind.KEY_WITHOUT_CERTIFICATE, "Key without certificate"),
    Word(FaultKind.USE_UNKNOWN, "Unknown use of a key"),
    Word(FaultKind.VALID_UNTIL, "validUntil is no date"),
    Word(FaultKind.CACHE_DURATION, "cacheDuration is no duration"),
    Word(FaultKind.ENTITY_ID_MISSING, "Entity without entityID"),
    Word(FaultKind.ENTITY_ID_LENGTH, "entityID too long"),
    Word(FaultKind.ENTITY_LEFT_OUT, "Too many entities"),
    Word(FaultKind.CERTIFICATE_LEFT_OUT, "Too many certificates"),
    Word(FaultKind.PART_LEFT_OUT, "Too many roles, keys or addresses"),
    Word(FaultKind.ENTITY_DUPLICATE, "Entity occurs twice"),
    Word(FaultKind.SIGNING_SETS_DIFFER, "Roles sign with different keys"),
    Word(FaultKind.PRIMARY_IGNORED, "Configured primary ignored", Colour.BLUE),
    Word(FaultKind.PRIMARY_DISPUTED, "Evidence disagrees", Colour.ORANGE),
    Word(NOTHING, "No faults"),
)

EVIDENCE_NAMES: Words = (
    Word(Evidence.CONFIGURED, "The policy names it"),
    Word(Evidence.SIGNATURE, "It signed the document"),
    Word(Evidence.ENCRYPTION_PAIR, "Made with the encryption certificate"),
    Word(Evidence.UNVERIFIED_SIGNATURE, "Named in a signature that does not verify"),
    Word(Evidence.SINGLE, "It is the only one"),
    Word(Evidence.DATES, "Its dates fit best"),
)

_NEXT: Mapping[Kind, str] = {
    Kind.SIGNING_CERTIFICATE_EXPIRED: "Renew, update every partner, promote",
    Kind.TRUST_BROKEN: "See which one signs, write it to Entra ID",
    Kind.KEY_SET_REPLACED: "Ask who did it, then update every partner",
    Kind.METADATA_OUTDATED: "Have its publisher issue a fresh one",
    Kind.NO_SIGNING_KEY: "Ask the publisher where the keys are",
    Kind.SIGNING_KEYS_UNREADABLE: "Have the keys published anew",
    Kind.TRUST_BROKEN_AT_NODE: "Take the node out of service",
    Kind.TRUST_AT_RISK: "Write the successor into Entra ID today",
    Kind.ROLLOVER_MISSING: "If there really is no successor, make one",
    Kind.PROMOTION_STALLED_LATE: "Update every partner, then promote",
    Kind.METADATA_UNREACHABLE_IN_POLL_WINDOW: "Repair the address today",
    Kind.UNEXPECTED_SIGNING_CERTIFICATE: "Ask who made it; nobody: an attack",
    Kind.TRUST_FOREIGN_CERTIFICATE: "Ask whose it is; nobody's: an attack",
    Kind.TRUST_NOT_FEDERATED: "Ask who moved the domain",
    Kind.SIGNATURE_INVALID: "See what changes it on its way",
    Kind.PROMOTION_STALLED: "Update every partner, then promote",
    Kind.PROMOTION_ROLLED_BACK: "Ask who took the promotion back",
    Kind.PRIMARY_DISPUTED: "Ask which one signs, and name it",
    Kind.POSSIBLE_PRIMARY_ENDING: "Ask which one signs, and name it",
    Kind.ROLLOVER_OVERDUE: "See why AD FS generated no successor",
    Kind.RENEWAL_DUE: "Renew by hand",
    Kind.SP_CERTIFICATE_EXPIRED: "Have its administrators make a new one",
    Kind.SP_CERTIFICATE_ENDING: "Have a new one published beside it",
    Kind.SP_KEY_SET_REPLACED: "Ask its administrators who did it",
    Kind.SP_METADATA_OUTDATED: "Have its publisher issue a fresh one",
    Kind.ENTRA_CANNOT_READ_METADATA: "Let Entra ID read it, or write by hand",
    Kind.TRUST_PENDING_TOO_LONG: "Write the successor into Entra ID",
    Kind.TRUST_HALF_UPDATED: "Write it for the domains that lack it",
    Kind.METADATA_NEVER_READ: "Check the address, the name, the firewall",
    Kind.METADATA_UNREACHABLE_FROM_INTERNET: "Let the internet read it",
    Kind.METADATA_UNREACHABLE: "Repair the address",
    Kind.METADATA_OF_ANOTHER_ENTITY: "Ask whether it has a new name",
    Kind.ANSWERS_TAKE_TURNS: "Take the node that lags out, restart it",
    Kind.NODES_DIFFER: "Restart or repair the one that differs",
    Kind.TRUST_STALE: "See the reason: mostly an ended secret",
    Kind.TRUST_UNKNOWN: "See what Entra ID holds by hand",
    Kind.CLOCK_WRONG: "Compare both clocks with a third one",
    Kind.ENTITY_VANISHED: "Ask the federation's operator",
    Kind.METADATA_OUTDATED_SOON: "Ask the publisher why it is not renewed",
    Kind.ENCRYPTION_CERTIFICATE_EXPIRING: "Renew the encryption certificate",
    Kind.TLS_CERTIFICATE_EXPIRING: "Renew it: nothing does it by itself",
    Kind.CERTIFICATE_UNREADABLE: "See what damages it, or renew it",
    Kind.CERTIFICATE_NO_LONGER_READABLE: "Have it published anew",
    Kind.CERTIFICATE_WEAK: "Replace it at the next rollover",
    Kind.PRIMARY_CHANGED: "Help partners that did not follow",
    Kind.SIGNING_KEYS_CHANGED: "See that every partner has the new keys",
    Kind.SUCCESSOR_PUBLISHED: "Bring the successor to the partners",
    Kind.TRUST_PENDING: "Nothing yet: Entra ID has time",
    Kind.TRUST_LEFTOVER: "Nothing now",
    Kind.OLD_KEY_LISTED: "Have it taken out if it is unused",
    Kind.PRIMARY_IGNORED: "Correct the name in the policy",
    Kind.DOCUMENT_FAULTY: "Tell the publisher",
    Kind.ENTITIES_IN_TROUBLE: "Name the entities that matter to you",
}
"""The next step in a few words; the runbooks have the commands."""

_ALERTS: Mapping[str, tuple[Severity, str, str]] = {
    "FedmetaExportersGone": (Severity.CRITICAL, "No exporter of a job answers", "Start the exporter again"),
    "FedmetaTargetsUnwatched": (Severity.CRITICAL, "Targets that nobody watches", "Start the exporter again"),
    "FedmetaExporterDown": (Severity.WARNING, "An exporter is down", "Start the exporter again"),
    "FedmetaExporterBlind": (Severity.WARNING, "An exporter does not see", "Look at the way from this exporter"),
    "FedmetaProbesStalled": (
        Severity.WARNING,
        "Not looked at for too long",
        "Give it fewer targets, or more processor",
    ),
    "FedmetaWatchInterrupted": (Severity.WARNING, "An exporter failed while it looked", "Read the exporter's log"),
    "FedmetaConfigReloadFailed": (Severity.WARNING, "Configuration not read", "Repair what --config.check names"),
    "FedmetaStateNotSaved": (Severity.WARNING, "State not saved", "Free the disk, or make it writable"),
    "FedmetaAggregateWorse": (Severity.WARNING, "Aggregate got worse", "Tell the federation's operator"),
}
"""Alerts on what no exporter can know by itself: how bad, in a few words, and what to do."""

RUNBOOK = "runbooks.md#fedmeta{}"
"""The page and section of an alert, by its name in small letters without the beginning."""
NO_RUNBOOK = "metrics.md#finding"
"""What says more of that which has no alert, and so no runbook."""

_SECTIONS: Mapping[str, str] = {
    # What is to be done if it lasts.
    Kind.TRUST_PENDING: "runbooks.md#fedmetatrustpendingtoolong",
    **dict.fromkeys(
        (
            Kind.TRUST_LEFTOVER,
            Kind.OLD_KEY_LISTED,
            Kind.PRIMARY_IGNORED,
            Kind.DOCUMENT_FAULTY,
            Kind.ENTITIES_IN_TROUBLE,
        ),
        NO_RUNBOOK,
    ),
}
"""Of findings without an alert of their own."""

_TONES = {Severity.CRITICAL: Colour.RED, Severity.WARNING: Colour.ORANGE, Severity.INFO: Colour.BLUE}
_AS_STATES = {word.text: word.colour for word in STATE}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is wrong with a target, or with those who watch it."""

    name: str
    """A kind of finding, or the like of an alert: its section in the runbooks without underscores."""
    word: Word
    next: str
    """What to do, in a few words."""

    @property
    def section(self) -> str:
        """What says more: a page of the documentation and its section."""
        return _SECTIONS.get(self.name, RUNBOOK.format(self.name.replace("_", "")))


def _kind(alert: str) -> str:
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", alert.removeprefix("Fedmeta")).lower()


def _troubles() -> Iterator[Trouble]:
    """All there are, the worst first: of each severity first what hides all else."""
    listed = [
        *((severity, _kind(alert), text, then) for alert, (severity, text, then) in _ALERTS.items()),
        *((kind.severity, kind.value, title(kind), _NEXT[kind]) for kind in Kind),
    ]
    listed.sort(key=lambda each: each[0], reverse=True)
    for number, (severity, name, text, then) in zip(range(len(listed), 0, -1), listed, strict=True):
        yield Trouble(name, Word(number, text, _AS_STATES.get(text, _TONES[severity])), then)


TROUBLES = tuple(_troubles())
"""The worst first; the larger the number of its word the worse."""

ALERTS: Mapping[str, str] = {alert: _kind(alert) for alert in _ALERTS}
"""By name of the alert, what stands where others have the kind of a finding."""

NOTHING_FOUND = 0
NOT_LOOKED_AT = -1
FOUND: Words = (
    *(each.word for each in TROUBLES),
    Word(NOTHING_FOUND, "Nothing found", Colour.GREEN),
    Word(NOT_LOOKED_AT, "Not looked at yet", Colour.GREY),
)
"""The worst that was found, as a number."""
WHAT_TO_DO: Words = (
    *(Word(each.word.value, each.next) for each in TROUBLES),
    Word(NOTHING_FOUND, "Nothing to do"),
    Word(NOT_LOOKED_AT, "Wait for the first look"),
)
WHAT_TO_DO_ABOUT: Words = (*(Word(each.name, each.next) for each in TROUBLES), Word(NOTHING, "Nothing to do"))

NO_END = 99999
"""Days of what has no end that is known; more than any that has one."""
NO_DAYS: Words = (Word(NO_END, "no primary", Colour.GREY),)

DATE_NAMES: Words = (
    Word("generation", "AD FS makes a successor"),
    Word("promotion", "AD FS promotes the successor"),
    Word("end", "Signing certificate ends"),
    Word("tls", "The TLS certificate ends"),
    Word("valid_until", "Document may be used no longer"),
    Word("entra", "Certificate in Entra ID ends"),
)

YES_NO: Words = (Word(0, "no", Colour.ORANGE), Word(1, "yes", Colour.GREEN))
UP: Words = (Word(0, "Down", Colour.RED), Word(1, "Up", Colour.GREEN))
RELOAD: Words = (Word(0, "Failed", Colour.RED), Word(1, "In force", Colour.GREEN))
