"""What must be found is compared with what was: this is what makes the lives fail."""

from dataclasses import replace

import pytest
from alerts.rules import Alert
from lives.alerts import as_fleet, crowded, in_alerts
from lives.replay import Found, Moments, complaints, missing, report
from lives.story import Life, certificate, farm, may, must, then

from exporter.findings import Kind

BROKEN = (Kind.TRUST_BROKEN, frozenset({("domain", "contoso.com")}))
OTHER = (Kind.TRUST_BROKEN, frozenset({("domain", "fabrikam.com")}))
OVERDUE = (Kind.ROLLOVER_OVERDUE, frozenset[tuple[str, str]]())
MISSING = (Kind.ROLLOVER_MISSING, frozenset[tuple[str, str]]())
EXPIRED = (Kind.SIGNING_CERTIFICATE_EXPIRED, frozenset[tuple[str, str]]())
TOLD = (Kind.SUCCESSOR_PUBLISHED, frozenset[tuple[str, str]]())

LIFE = Life(
    "a life",
    "Trust is broken from day 2 or 3 to day 5 or 6.",
    then(farm(certificate("A", -10, 10))),
    (must(Kind.TRUST_BROKEN, begins=(2, 3), ends=(5, 6), domain="contoso.com"),),
    may=(may(Kind.ROLLOVER_OVERDUE, since=4, until=8),),
)
TO_THE_END = replace(LIFE, must=(must(Kind.ROLLOVER_MISSING, Kind.SIGNING_CERTIFICATE_EXPIRED, begins=(2, 3)),), may=())


def days(*found: set[tuple[Kind, frozenset[tuple[str, str]]]]) -> Moments:
    """What was found on day 0, 1, 2 and so on."""
    return [(float(number), Found(each)) for number, each in enumerate(found)]


RIGHT = days(set(), {TOLD}, {BROKEN}, {BROKEN}, {BROKEN, OVERDUE}, {OVERDUE}, set())


def test_what_is_found_in_time_is_right() -> None:
    assert not complaints(LIFE, RIGHT)


def test_one_kind_may_follow_another_without_a_gap_to_the_end() -> None:
    assert not complaints(TO_THE_END, days(set(), set(), {MISSING}, {MISSING}, {EXPIRED}))


@pytest.mark.parametrize(
    ("life", "found"),
    [
        pytest.param(LIFE, days(*[set()] * 7), id="nothing"),
        pytest.param(LIFE, days(set(), {BROKEN}, {BROKEN}, {BROKEN}, {BROKEN}, set()), id="too early"),
        pytest.param(LIFE, days(*[set()] * 4, {BROKEN}, set()), id="too late"),
        pytest.param(LIFE, days(set(), set(), {BROKEN}, {BROKEN}, set(), set()), id="ends too early"),
        pytest.param(LIFE, days(set(), set(), *[{BROKEN}] * 5, set()), id="ends too late"),
        pytest.param(LIFE, days(set(), set(), *[{BROKEN}] * 5), id="does not end"),
        pytest.param(LIFE, days(set(), set(), {BROKEN}, set(), {BROKEN}, set()), id="a gap"),
        pytest.param(LIFE, days(set(), set(), *[{OTHER}] * 3, set()), id="about another domain"),
        pytest.param(TO_THE_END, days(set(), set(), {MISSING}, {MISSING}, set()), id="ends at all"),
        pytest.param(TO_THE_END, days(set(), set(), {MISSING}, set(), {EXPIRED}), id="a gap between two kinds"),
    ],
)
def test_what_must_be_found_is_missed(life: Life, found: Moments) -> None:
    assert any(each.startswith("must be found") for each in complaints(life, found))


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({3: MISSING}, id="another kind"),
        pytest.param({3: OVERDUE}, id="a kind that may be, on another day"),
        pytest.param({3: OTHER}, id="a kind that must be, of another domain"),
    ],
)
def test_what_must_not_be_found_is_told(more: dict[int, tuple[Kind, frozenset[tuple[str, str]]]]) -> None:
    found = [(day, each | {more[int(day)]} if day in more else each) for day, each in RIGHT]

    assert [each.split(":")[0] for each in complaints(LIFE, found)] == ["must not be found"]


HANDED_OVER = days(set(), set(), {MISSING}, set(), {EXPIRED}, {EXPIRED})


def test_one_kind_may_follow_another_after_a_gap_that_is_allowed() -> None:
    assert not missing(TO_THE_END, HANDED_OVER, handover=1)
    assert missing(TO_THE_END, HANDED_OVER, handover=0.5)


def test_one_kind_may_never_pause() -> None:
    assert missing(LIFE, days(set(), set(), {BROKEN}, set(), {BROKEN}, set()), handover=1)


def test_two_alerts_of_one_severity_about_one_target_are_told_of() -> None:
    about, other = frozenset({("target", "f")}), frozenset({("target", "g")})
    found = Found(
        {
            (Alert("FedmetaRolloverOverdue"), about),
            (Alert("FedmetaEncryptionCertificateExpiring"), about),
            (Alert("FedmetaSignatureInvalid"), other),
            # Reading is another problem, a page is another severity.
            (Alert("FedmetaMetadataUnreachable"), about),
            (Alert("FedmetaTrustBroken"), about),
        }
    )
    fleet = as_fleet(LIFE)

    assert crowded(fleet, [(1, Found()), (2, found), (3, found)]) == [
        "told together:  from 2.00: FedmetaEncryptionCertificateExpiring and FedmetaRolloverOverdue"
    ]
    beside = [frozenset({Kind.ROLLOVER_OVERDUE, Kind.ENCRYPTION_CERTIFICATE_EXPIRING})]
    assert not crowded(in_alerts(replace(fleet, beside=beside)), [(2, found)])


def test_what_comes_and_goes_is_told_even_where_it_may_be() -> None:
    found = [*RIGHT[:6], (6.0, Found()), (7.0, Found({OVERDUE})), (8.0, Found())]

    assert complaints(LIFE, found) == ["2 runs of rollover_overdue"]


def test_kinds_that_take_turns_are_told_even_where_one_of_them_always_holds() -> None:
    found = days(set(), set(), {MISSING}, {EXPIRED}, {MISSING})

    assert complaints(TO_THE_END, found) == ["2 runs of rollover_missing"]


def test_information_is_wrong_only_where_it_is_named() -> None:
    silent = replace(LIFE, never=frozenset({Kind.SUCCESSOR_PUBLISHED}))

    assert complaints(silent, RIGHT) == ["must not be found:     +1.00 .. +2.00     info      successor_published"]


def test_of_hundreds_of_complaints_a_few_are_shown() -> None:
    *shown, rest = complaints(LIFE, [*RIGHT, *((day, Found({MISSING} if day % 2 else ())) for day in range(7, 60))])

    assert (len(shown), rest) == (8, "and 19 more")


def test_a_report_tells_each_run_in_order() -> None:
    assert report(LIFE, RIGHT).splitlines() == [
        "A LIFE",
        "Trust is broken from day 2 or 3 to day 5 or 6.",
        "",
        "   +1.00 .. +2.00     info      successor_published",
        "   +2.00 .. +5.00     critical  trust_broken contoso.com",
        "   +4.00 .. +6.00     warning   rollover_overdue",
        "",
    ]
