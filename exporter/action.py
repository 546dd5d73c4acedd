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
    LATE = "late"
    """It does not know the successor, whose promotion is near."""
    BROKEN = "not the primary"
    """It does not even know the primary."""
    UNKNOWN = "unknown"


class Left(StrEnum):
    """How long the primary has, by the thresholds of the policy; the shorter first."""

    ENDED = "ended"
    MISSING = "missing"
    GENERATION = "generation"
    DUE = "due"
    POLL = "poll"

    def at_most(self, days: Thresholds) -> timedelta:
        """The most that may be left."""
        return {
            Left.ENDED: timedelta(),
            Left.MISSING: timedelta(days=days.missing),
            Left.GENERATION: overdue_before(days),
            Left.DUE: timedelta(days=days.due),
            Left.POLL: timedelta(days=days.poll),
        }[self]


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
            and (self.left is None or situation.left <= self.left.at_most(policy.thresholds))
        )


_ON, _OFF = (Answer.YES,), (Answer.NO,)
_READABLE, _UNREADABLE = (Answer.YES,), (Answer.NO,)

ROWS = (
    Row(
        "Emergency: sign-in fails wherever dates are checked. Renew, promote and update every partner by hand, now.",
        left=Left.ENDED,
    ),
    Row(
        "Emergency: sign-in to Microsoft 365 fails, because Entra ID does not trust the certificate in use."
        " Update Entra ID with that one, now.",
        in_step=(Step.BROKEN,),
    ),
    # The last days.
    Row(
        "Today: tell the other partners, and promote the successor. Entra ID trusts it.",
        in_step=(Step.YES,),
        successor=True,
        left=Left.MISSING,
    ),
    Row(
        "Today: update Entra ID with the successor, tell the other partners, and promote it.",
        in_step=(Step.NO, Step.LATE),
        successor=True,
        left=Left.MISSING,
    ),
    Row(
        "Today: see what Entra ID trusts for each domain, update Entra ID where the successor is missing, tell the"
        " other partners, and promote it.",
        successor=True,
        left=Left.MISSING,
    ),
    Row(
        "Today: generate a successor, update Entra ID with it, tell the other partners, and promote it. At 2 days left"
        " AD FS generates and promotes at once.",
        rollover=_ON,
        successor=False,
        left=Left.MISSING,
    ),
    Row(
        "Today: renew by hand, update Entra ID with the new certificate, tell the other partners, and promote it.",
        rollover=_OFF,
        successor=False,
        left=Left.MISSING,
    ),
    Row(
        "Today: ask AD FS whether it renews by itself. If so, generate a successor, if not, renew by hand; then update"
        " Entra ID with it, tell the other partners, and promote it.",
        successor=False,
        left=Left.MISSING,
    ),
    # A successor is published.
    Row(
        "Nothing for Entra ID, which trusts the successor. Tell the other partners; AD FS promotes by itself.",
        rollover=_ON,
        in_step=(Step.YES,),
        successor=True,
    ),
    Row(
        "Entra ID trusts the successor. Tell the other partners, then promote it before the primary ends.",
        rollover=_OFF,
        in_step=(Step.YES,),
        successor=True,
    ),
    Row(
        "Entra ID trusts the successor. Tell the other partners, and ask AD FS whether it promotes by itself; if not,"
        " promote it before the primary ends.",
        in_step=(Step.YES,),
        successor=True,
    ),
    Row(
        "Update Entra ID with the successor, now: a promotion before that locks everybody out of Microsoft 365.",
        in_step=(Step.LATE,),
        successor=True,
    ),
    Row(
        "Update Entra ID by hand before the promotion: it cannot read the metadata.",
        in_step=(Step.NO,),
        readable=_UNREADABLE,
        successor=True,
    ),
    Row(
        "Entra ID reads the metadata daily: where it has not taken the successor a day after that was published, update"
        " Entra ID by hand before the promotion.",
        in_step=(Step.NO,),
        readable=_READABLE,
        successor=True,
        left=Left.POLL,
    ),
    Row(
        "Update Entra ID by hand before the promotion: so early it does not read the metadata by itself.",
        in_step=(Step.NO,),
        readable=_READABLE,
        successor=True,
    ),
    Row(
        "See from the internet whether the metadata can be read; update Entra ID by hand before the promotion where it"
        " has not followed by itself a day later.",
        in_step=(Step.NO,),
        successor=True,
    ),
    Row(
        "See what Entra ID trusts for each domain, and update Entra ID by hand where the successor is missing, before"
        " the promotion.",
        successor=True,
    ),
    # No successor yet.
    Row(
        "Generate a successor: AD FS should have. See a day later that Entra ID took it from the metadata.",
        rollover=_ON,
        readable=_READABLE,
        successor=False,
        left=Left.GENERATION,
    ),
    Row(
        "Generate a successor: AD FS should have. Then update Entra ID by hand.",
        rollover=_ON,
        successor=False,
        left=Left.GENERATION,
    ),
    Row("Nothing.", rollover=_ON, in_step=(Step.YES,), readable=_READABLE, successor=False),
    Row(
        "Nothing today. See once what Entra ID trusts for each domain: it must be the certificate in use.",
        rollover=_ON,
        readable=_READABLE,
        successor=False,
    ),
    Row(
        "Nothing today. Make the metadata readable from the internet, or plan to update Entra ID by hand in the days"
        " between generation and promotion.",
        rollover=_ON,
        readable=_UNREADABLE,
        successor=False,
    ),
    Row(
        "Nothing today. See from the internet whether the metadata can be read: only then Entra ID follows by itself.",
        rollover=_ON,
        successor=False,
    ),
    Row(
        "Renew by hand. Update Entra ID and tell the other partners before the new certificate signs.",
        rollover=_OFF,
        successor=False,
        left=Left.DUE,
    ),
    Row("Nothing today: renewal by hand is not due yet.", rollover=_OFF, successor=False),
    Row(
        "Ask AD FS whether it renews by itself. If so it is late: generate a successor. If not, renew by hand.",
        successor=False,
        left=Left.GENERATION,
    ),
    Row("Ask AD FS whether it renews by itself. If not, renew by hand.", successor=False, left=Left.DUE),
    Row("Nothing today. Ask AD FS whether it renews by itself, and write the answer into the policy.", successor=False),
)
"""The table: the first row that fits is the one, and every situation has one."""


def action(situation: Situation, policy: Policy) -> Row:
    """The row of the table for a situation."""
    return next(row for row in ROWS if row.fits(situation, policy))
