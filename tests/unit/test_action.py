"""The table of what to do: each row for a case that is its own, every case has a row, Microsoft's rows among them."""

from datetime import timedelta
from itertools import product

import pytest

from exporter.action import ROWS, Answer, Left, Situation, Step, action
from exporter.policy import DEFAULTS, Policy, Profile, ProfileEvidence

POLICY = Policy(
    "default",
    Profile.ADFS,
    ProfileEvidence.CONFIGURED,
    DEFAULTS[Profile.ADFS],
    auto_certificate_rollover=None,
    expiry=True,
    primary=None,
)
ON, OFF, UNKNOWN = Answer.YES, Answer.NO, Answer.UNKNOWN
YES, NO = Answer.YES, Answer.NO


def days(number: float) -> timedelta:
    return timedelta(days=number)


def text(situation: Situation) -> str:
    return action(situation, POLICY).text


CASES = [
    (Situation(ON, Step.YES, YES, successor=True, left=days(0)), "Emergency: sign-in fails wherever dates are"),
    (Situation(ON, Step.BROKEN, YES, successor=True, left=days(300)), "Emergency: sign-in to Microsoft 365 fails"),
    (Situation(ON, Step.YES, YES, successor=True, left=days(5)), "Today: tell the other partners, and promote"),
    (Situation(ON, Step.NO, YES, successor=True, left=days(5)), "Today: update Entra ID with the successor,"),
    (Situation(ON, Step.UNKNOWN, YES, successor=True, left=days(5)), "Today: see what Entra ID trusts for each"),
    (Situation(ON, Step.YES, YES, successor=False, left=days(5)), "Today: generate a successor, update Entra ID"),
    (Situation(OFF, Step.YES, YES, successor=False, left=days(5)), "Today: renew by hand, update Entra ID with"),
    (Situation(UNKNOWN, Step.YES, YES, successor=False, left=days(5)), "Today: ask AD FS whether it renews by itself"),
    (Situation(ON, Step.YES, NO, successor=True, left=days(18)), "Nothing for Entra ID, which trusts the successor"),
    (Situation(OFF, Step.YES, NO, successor=True, left=days(18)), "Entra ID trusts the successor. Tell the other"),
    (Situation(UNKNOWN, Step.YES, NO, successor=True, left=days(18)), "Entra ID trusts the successor. Tell the other"),
    (Situation(ON, Step.LATE, YES, successor=True, left=days(16)), "Update Entra ID with the successor, now"),
    (Situation(ON, Step.NO, NO, successor=True, left=days(18)), "Update Entra ID by hand before the promotion: it"),
    (Situation(ON, Step.NO, YES, successor=True, left=days(35)), "Entra ID reads the metadata daily: where it has not"),
    (Situation(OFF, Step.NO, YES, successor=True, left=days(36)), "Update Entra ID by hand before the promotion: so e"),
    (Situation(ON, Step.NO, UNKNOWN, successor=True, left=days(18)), "See from the internet whether the metadata can"),
    (Situation(ON, Step.UNKNOWN, YES, successor=True, left=days(18)), "See what Entra ID trusts for each domain, and"),
    (Situation(ON, Step.YES, YES, successor=False, left=days(19)), "Generate a successor: AD FS should have. See a"),
    (Situation(ON, Step.YES, NO, successor=False, left=days(19)), "Generate a successor: AD FS should have. Then"),
    (Situation(ON, Step.YES, YES, successor=False, left=days(300)), "Nothing."),
    (Situation(ON, Step.UNKNOWN, YES, successor=False, left=days(300)), "Nothing today. See once what Entra ID trusts"),
    (Situation(ON, Step.YES, NO, successor=False, left=days(300)), "Nothing today. Make the metadata readable from"),
    (Situation(ON, Step.YES, UNKNOWN, successor=False, left=days(300)), "Nothing today. See from the internet whether"),
    (Situation(OFF, Step.YES, YES, successor=False, left=days(35)), "Renew by hand."),
    (Situation(OFF, Step.YES, YES, successor=False, left=days(36)), "Nothing today: renewal by hand is not due yet."),
    (Situation(UNKNOWN, Step.YES, YES, successor=False, left=days(19)), "Ask AD FS whether it renews by itself. If so"),
    (
        Situation(UNKNOWN, Step.YES, YES, successor=False, left=days(35)),
        "Ask AD FS whether it renews by itself. If not",
    ),
    (
        Situation(UNKNOWN, Step.YES, YES, successor=False, left=days(36)),
        "Nothing today. Ask AD FS whether it renews by",
    ),
]
"""A case for each row, in their order, and how the row begins."""

MOMENT = timedelta(microseconds=1)
BOUNDARIES = [each.at_most(POLICY.thresholds) for each in Left]
EVERY = [
    Situation(rollover, in_step, readable, successor=successor, left=left)
    for rollover, in_step, readable, successor, left in product(
        Answer,
        Step,
        Answer,
        (True, False),
        (*BOUNDARIES, *(each + MOMENT for each in BOUNDARIES), timedelta.max),
    )
]
"""Every combination of what can be asked, on both sides of every threshold."""


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[beginning for _, beginning in CASES])
def test_each_row_has_a_case_that_is_its_own(number: int) -> None:
    situation, beginning = CASES[number]

    assert action(situation, POLICY) is ROWS[number]
    assert text(situation).startswith(beginning)


def test_every_combination_has_a_row_and_every_row_a_combination() -> None:
    assert {id(action(each, POLICY)) for each in EVERY} == {id(row) for row in ROWS}


def test_a_row_holds_up_to_its_threshold_and_no_longer() -> None:
    for row in ROWS:
        if row.left is not None:
            most = row.left.at_most(POLICY.thresholds)
            beyond = [each for each in EVERY if each.left > most]
            assert not any(row.fits(each, POLICY) for each in beyond)
            assert any(row.fits(each, POLICY) for each in EVERY if each.left == most)


def test_the_thresholds_are_those_of_the_policy() -> None:
    saml = Policy(
        "default",
        Profile.SAML,
        ProfileEvidence.CONFIGURED,
        DEFAULTS[Profile.SAML],
        auto_certificate_rollover=None,
        expiry=True,
        primary=None,
    )
    situation = Situation(OFF, Step.YES, YES, successor=False, left=days(31))

    assert text(situation).startswith("Renew by hand")
    assert action(situation, saml).text.startswith("Nothing today")


def test_microsoft_says_no_action_when_rollover_is_on_the_trust_in_step_and_the_metadata_public() -> None:
    mine = [each for each in EVERY if (each.rollover, each.in_step, each.readable) == (ON, Step.YES, YES)]

    healthy = [each for each in mine if each.left > Left.GENERATION.at_most(POLICY.thresholds)]
    assert {text(each).split()[0].strip(".") for each in healthy} == {"Nothing"}
    # Nearer the end a farm that is well has promoted, or generated at least: what is late is said.
    late = {text(each) for each in mine if each not in healthy and not each.successor}
    assert all(each.startswith(("Emergency", "Today", "Generate")) for each in late)


def test_who_is_late_is_told_to_act_at_once_and_never_to_wait_for_entra_id() -> None:
    # Microsoft says so at 15 days left; a promotion that is near is no better. That is what an alert says, too.
    for each in EVERY:
        if each.in_step is Step.LATE and each.successor:
            assert text(each).startswith(("Emergency", "Today: update", "Update Entra ID with the successor, now"))


def test_microsoft_says_renew_at_once_when_rollover_is_off_and_35_days_are_left() -> None:
    mine = [each for each in EVERY if each.rollover is OFF and not each.successor and each.left <= days(35)]

    assert {each.left for each in mine} >= {days(35), days(19)}
    for each in mine:
        assert text(each).startswith(("Emergency", "Today: renew by hand", "Renew by hand"))


def test_nobody_is_told_to_do_nothing_while_entra_id_lacks_what_signs() -> None:
    for each in EVERY:
        if each.in_step is Step.BROKEN or (each.in_step in {Step.NO, Step.LATE} and each.successor):
            assert not text(each).startswith("Nothing")


def test_nobody_is_told_to_promote_before_entra_id_is_known_to_trust_the_successor() -> None:
    for each in EVERY:
        if each.successor and each.in_step is not Step.YES and each.left > timedelta():
            assert "pdate Entra ID" in text(each)


def test_what_is_unknown_is_asked_for_where_it_matters() -> None:
    plain = [each for each in EVERY if each.in_step is not Step.BROKEN and each.left > timedelta()]

    for each in plain:
        if each.rollover is UNKNOWN and not each.successor:
            assert "sk AD FS whether it renews by itself" in text(each)
        if each.in_step is Step.UNKNOWN and each.successor:
            assert "ee what Entra ID trusts for each domain" in text(each)


def test_an_answer_that_is_missing_is_an_answer() -> None:
    assert [Answer.to(known=known) for known in (True, False, None)] == [Answer.YES, Answer.NO, Answer.UNKNOWN]
