"""What values are called on the boards, and their colours: the same on every board.

Where a board needs a number for a word (Prometheus has no others), the larger one is the worse.
"""

from collections.abc import Mapping

from dashboards.style import Colour, Word, Words
from exporter.history import Change
from exporter.inquiry import Slot, UpdateResult
from exporter.model import FaultKind, SignatureState
from exporter.primary import Evidence
from exporter.rollover import WORDS, Position, State
from exporter.trust import TRUST_WORDS, Answer, TrustState

NOT_JUDGED = 0
NO_DOCUMENT = 9


def _state(state: State, number: int, colour: Colour) -> Word:
    return Word(number, WORDS[state], colour)


STATES: Mapping[State, tuple[Word, str]] = {
    State.NONE: (_state(State.NONE, 13, Colour.DARK_RED), "Ask the publisher where the keys are"),
    State.UNREADABLE: (_state(State.UNREADABLE, 12, Colour.DARK_RED), "Have the keys published anew"),
    State.EXPIRED: (_state(State.EXPIRED, 11, Colour.SEMI_DARK_RED), "Renew, promote, update every partner"),
    State.MISSING: (_state(State.MISSING, 10, Colour.RED), "Make a successor now"),
    State.STALLED: (_state(State.STALLED, 8, Colour.DARK_ORANGE), "Promote the successor"),
    State.OVERDUE: (_state(State.OVERDUE, 7, Colour.SEMI_DARK_ORANGE), "See why AD FS made no successor"),
    State.DUE: (_state(State.DUE, 6, Colour.ORANGE), "Renew by hand"),
    State.UNPROVEN: (_state(State.UNPROVEN, 5, Colour.ORANGE), "See which key signs, and name it"),
    State.PUBLISHED: (_state(State.PUBLISHED, 3, Colour.BLUE), "Bring the successor to the partners"),
    State.PROMOTED: (_state(State.PROMOTED, 2, Colour.SEMI_DARK_GREEN), "Help partners that did not follow"),
    State.STEADY: (_state(State.STEADY, 1, Colour.GREEN), "Nothing to do"),
}
"""For each state its word, the larger number the worse, and what to do."""

_OTHERS = (
    (Word(NO_DOCUMENT, "No document", Colour.PURPLE), "Repair the endpoint"),
    (Word(NOT_JUDGED, "Not judged", Colour.GREY), "Watch the entities that matter"),
)

STATE: Words = tuple(word for word, _ in (*STATES.values(), *_OTHERS))
"""States as numbers; with them what a target shows that has none."""

BY_BADNESS: Mapping[State | None, Word] = dict(
    sorted(
        [*((state, word) for state, (word, _) in STATES.items()), (None, _OTHERS[0][0])],
        key=lambda entry: entry[1].value,
        reverse=True,
    )
)
"""The words of the states, the worst first; None is a target without document."""

STATE_NAMES: Words = tuple(Word(state, word.text, word.colour) for state, (word, _) in STATES.items())
"""States as label values."""

WHAT_TO_DO: Words = tuple(Word(word.value, advice, Colour.TEXT) for word, advice in (*STATES.values(), *_OTHERS))

REACHABLE: Words = (Word(0, "Unreachable", Colour.RED), Word(1, "Reachable", Colour.GREEN))
FAILING = 2
LOOK: Words = (*REACHABLE, Word(FAILING, "Fails", Colour.RED))

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

AGREE: Words = (Word(0, "Differ", Colour.ORANGE), Word(1, "Agree", Colour.GREEN))

PROMOTED = "promoted"
NOTHING = "nothing"
CHANGE_NAMES: Words = (
    Word(Change.REPLACED, "All keys replaced at once", Colour.RED),
    Word(Change.UNEXPECTED, "Unexpected key", Colour.ORANGE),
    Word(Change.UNSEEN, "Changed unseen", Colour.ORANGE),
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
    Word(FaultKind.PRIMARY_IGNORED, "Configured primary ignored"),
    Word(FaultKind.PRIMARY_DISPUTED, "Evidence disagrees"),
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

NEVER: Words = (Word(0, "–"),)  # noqa: RUF001 -- a dash, not a minus
YES_NO: Words = (Word(0, "no", Colour.ORANGE), Word(1, "yes", Colour.GREEN))
UP: Words = (Word(0, "Down", Colour.RED), Word(1, "Up", Colour.GREEN))
RELOAD: Words = (Word(0, "Failed", Colour.RED), Word(1, "In force", Colour.GREEN))
