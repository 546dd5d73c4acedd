"""The table that Microsoft's article begins, complete: what to do about a rollover and Entra ID, for every case.

"Renew federation certificates for Microsoft 365 and Microsoft Entra ID" has three of its rows: rollover on, in sync and
readable; rollover on and not in sync; rollover off. The others are ours. docs/runbooks.md shows the same table with
links to the procedures. Pure.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from exporter.policy import Policy, Thresholds
from exporter.rollover import overdue_before


class Answer(StrEnum):
    """An answer to a question that may have none."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"

    @classmethod
    def to(cls, *, known: bool | None) -> "Answer":
        """The answer in words."""
        return {True: cls.YES, False: cls.NO, None: cls.UNKNOWN}[known]


class Step(StrEnum):
    """Whether Entra ID knows what signs and what will sign next, in all domains."""

    YES = "yes"
    NO = "no"
    """It does not know the successor."""
    BROKEN = "not the primary"
    """It does not even know the primary."""
    UNKNOWN = "unknown"


class Left(StrEnum):
    """How long the primary has, by the thresholds of the policy; the shorter first."""

    ENDED = "ended"
    MISSING = "missing"
    TRUST = "trust"
    GENERATION = "generation"
    DUE = "due"

    def covers(self, left: timedelta, days: Thresholds) -> bool:
        """Whether no more than this is left."""
        bound = {
            Left.ENDED: timedelta(),
            Left.MISSING: timedelta(days=days.missing),
            Left.TRUST: timedelta(days=days.trust),
            Left.GENERATION: overdue_before(days),
            Left.DUE: timedelta(days=days.due),
        }[self]
        return left <= bound


@dataclass(frozen=True, slots=True)
class Situation:
    """What the four questions of the article, and whether there is a successor, are answered with."""

    rollover: Answer
    """AutoCertificateRollover is on."""
    in_step: Step
    readable: Answer
    """The metadata can be read from the internet."""
    successor: bool
    left: timedelta
    """Until the primary ends."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: whom it fits, and what it says. An empty column fits all."""

    text: str
    rollover: Collection[Answer] = ()
    in_step: Collection[Step] = ()
    readable: Collection[Answer] = ()
    successor: bool | None = None
    left: Left | None = None

    def fits(self, situation: Situation, policy: Policy) -> bool:
        """Whether every column fits."""
        return (
            (not self.rollover or situation.rollover in self.rollover)
            and (not self.in_step or situation.in_step in self.in_step)
            and (not self.readable or situation.readable in self.readable)
            and (self.successor is None or situation.successor is self.successor)
            and (self.left is None or self.left.covers(situation.left, policy.thresholds))
        )


_ON, _OFF = (Answer.YES,), (Answer.NO,)
_READABLE, _UNREADABLE = (Answer.YES,), (Answer.NO,)

ROWS = (
    Row(
        "Sign-in fails wherever dates are checked: renew, promote and update every partner by hand, now.",
        left=Left.ENDED,
    ),
    Row("Entra ID does not trust the certificate in use: update Entra ID with it now.", in_step=(Step.BROKEN,)),
    # The last days.
    Row("Promote the successor today.", in_step=(Step.YES,), successor=True, left=Left.MISSING),
    Row(
        "See what Entra ID knows of each domain, update Entra ID where it lacks the successor, and promote today.",
        in_step=(Step.UNKNOWN,),
        successor=True,
        left=Left.MISSING,
    ),
    Row("Update Entra ID with the successor, then promote, both today.", successor=True, left=Left.MISSING),
    Row(
        "Generate a successor, update Entra ID with it, and promote: all of it today.",
        rollover=_ON,
        left=Left.MISSING,
    ),
    Row(
        "Renew by hand, update Entra ID with the new certificate, and promote: all of it today.",
        rollover=_OFF,
        left=Left.MISSING,
    ),
    Row(
        "Ask AD FS whether it renews by itself: generate a successor if so, renew by hand if not; then update Entra ID"
        " and promote, all of it today.",
        left=Left.MISSING,
    ),
    # A successor is published.
    Row(
        "Nothing: Entra ID knows the successor, and AD FS promotes it by itself.",
        rollover=_ON,
        in_step=(Step.YES,),
        successor=True,
    ),
    Row(
        "Entra ID knows the successor: tell the other partners, then promote before the primary ends.",
        rollover=_OFF,
        in_step=(Step.YES,),
        successor=True,
    ),
    Row(
        "Entra ID knows the successor. Ask AD FS whether it promotes by itself; if not, promote before the primary"
        " ends.",
        in_step=(Step.YES,),
        successor=True,
    ),
    Row(
        "Update Entra ID with the successor now: a promotion before that locks people out.",
        in_step=(Step.NO,),
        successor=True,
        left=Left.TRUST,
    ),
    Row(
        "Wait a day, and promote nothing before: Entra ID reads the metadata daily. Update Entra ID by hand if it does"
        " not follow.",
        in_step=(Step.NO,),
        readable=_READABLE,
        successor=True,
    ),
    Row(
        "Update Entra ID by hand before the promotion: it cannot read the metadata.",
        in_step=(Step.NO,),
        readable=_UNREADABLE,
        successor=True,
    ),
    Row(
        "See from the internet whether the metadata can be read; if not, update Entra ID by hand before the promotion.",
        in_step=(Step.NO,),
        successor=True,
    ),
    Row(
        "See tomorrow that Entra ID took the successor from the metadata; update Entra ID by hand if it did not.",
        in_step=(Step.UNKNOWN,),
        readable=_READABLE,
        successor=True,
    ),
    Row(
        "See what Entra ID knows of each domain, and update Entra ID by hand where it lacks the successor, before the"
        " promotion.",
        successor=True,
    ),
    # No successor yet.
    Row(
        "Generate a successor: AD FS should have. Entra ID then takes it from the metadata within a day.",
        rollover=_ON,
        readable=_READABLE,
        left=Left.GENERATION,
    ),
    Row(
        "Generate a successor: AD FS should have. Then update Entra ID by hand.",
        rollover=_ON,
        left=Left.GENERATION,
    ),
    Row("Nothing.", rollover=_ON, in_step=(Step.YES,), readable=_READABLE),
    Row(
        "Nothing today. See once that Entra ID trusts the certificate in use.",
        rollover=_ON,
        readable=_READABLE,
    ),
    Row(
        "Nothing today. Make the metadata readable from the internet, or plan to update Entra ID by hand in the days"
        " between generation and promotion.",
        rollover=_ON,
        readable=_UNREADABLE,
    ),
    Row(
        "Nothing today. See from the internet whether the metadata can be read: Entra ID follows by itself only if so.",
        rollover=_ON,
    ),
    Row("Renew by hand, and update Entra ID before the new certificate signs.", rollover=_OFF, left=Left.DUE),
    Row("Nothing today: renewal by hand is not due yet.", rollover=_OFF),
    Row(
        "Ask AD FS whether it renews by itself: if so it is late, generate a successor; if not, renew by hand now.",
        left=Left.GENERATION,
    ),
    Row("Ask AD FS whether it renews by itself; if not, renew by hand now.", left=Left.DUE),
    Row("Nothing today. Ask AD FS whether it renews by itself, and write the answer into the policy."),
)
"""The table: the first row that fits is the one, and the last one fits all."""


def action(situation: Situation, policy: Policy) -> Row:
    """The row of the table for a situation."""
    return next(row for row in ROWS if row.fits(situation, policy))
