"""Lives of the same kinds as the others, with other dates, publishers and intervals."""

from dataclasses import replace
from datetime import timedelta

from lives.blindness import LOOK, NOT_READ, UNREAD
from lives.rollovers import BY_HAND, IDP_1, ITS_PAIR, OVERDUE, A, B, at_idp
from lives.story import (
    HOUR,
    IDP,
    LONG,
    SP,
    Life,
    Published,
    at,
    certificate,
    consumer,
    enrolled,
    farm,
    holds,
    may,
    mended,
    must,
    provider,
    then,
)
from scrapes import FARM

from exporter.findings import Kind
from exporter.model import Certificate, Reason
from exporter.policy import PolicySettings

MINUTES, HOURS = timedelta(minutes=5), timedelta(hours=6)


def idp_key(name: str, begin: float, end: float) -> Certificate:
    return certificate(name, begin, end, subject="CN=idp.example")


O2, N2 = certificate("O", -730, 0), certificate("N", -19.9, 710)
LATE = certificate("L", -19.1, 345)
OURS, THEIRS = idp_key("k1", -200, 165), idp_key("k2", 3, 368)
IN_TIME = enrolled("R", -40, 325)
LAST_DAYS = enrolled("R", -3, 362)
IDP_2 = idp_key("s2", -45, 320)
EARLY = idp_key("s2", -200, 165)
SPARE = idp_key("spare", -150, 215)
LONG_TO_LIVE, AT_ONCE = certificate("A4", -100, 265), certificate("U4", 5, 370)
REQUESTS = certificate("s", -365, 0, subject="CN=sp.example")


WITH_BOTH: Published = then(provider(IDP_2, IDP_1))
LAGGING = then(provider(IDP_1), (1, provider(IDP_2, IDP_1)))
WELL: Published = then(farm(LONG_TO_LIVE))
RESET: Published = then(Reason.RESET, (3, farm(LONG_TO_LIVE)))


def one_of_three(number: int) -> Published:
    return LAGGING if number % 3 == 1 else WITH_BOTH


def one_in_sixteen(number: int) -> Published:
    return WELL if number % 16 == 0 else RESET


LIVES = (
    Life(
        "01 varied: ten hours after the generation",
        "The successor is promoted ten hours after it came, and one of two domains does not know it for seven hours.",
        then(farm(O2), (-19.9, farm(O2, N2)), (-19.5, farm(N2, O2))),
        (must(Kind.TRUST_BROKEN, begins=at(-19.5), ends=mended(-19.2), domain="fabrikam.com"),),
        trusted={
            "contoso.com": then(holds(O2), (-19.7, holds(O2, N2))),
            "fabrikam.com": then(holds(O2), (-19.2, holds(N2, O2))),
        },
        every=MINUTES,
        days=(-22, -17),
    ),
    Life(
        "02 varied: an identity provider, looks every six hours",
        "An identity provider that signs its metadata replaces its only key.",
        then(provider(OURS, signer=OURS), (3.1, provider(THEIRS, signer=THEIRS))),
        (
            must(Kind.KEY_SET_REPLACED, begins=at(3.25), ends=at(4.25)),
            must(Kind.PRIMARY_CHANGED, begins=at(3.25), ends=at(4.25)),
        ),
        target=IDP,
        every=HOURS,
        days=(0, 8),
    ),
    Life(
        "03 varied: renewed by hand three days before the end",
        "People who renew a farm by hand remember it late.",
        then(
            farm(BY_HAND, encryption=LONG),
            (-3, farm(BY_HAND, LAST_DAYS, encryption=LONG)),
            (-2, farm(LAST_DAYS, BY_HAND, encryption=LONG)),
        ),
        (
            must(Kind.RENEWAL_DUE, begins=at(-35), ends=at(-5)),
            must(Kind.ROLLOVER_MISSING, Kind.PROMOTION_STALLED_LATE, begins=at(-5), ends=mended(-2)),
        ),
        target=replace(FARM, policy=PolicySettings(auto_certificate_rollover=False)),
    ),
    Life(
        "05 varied: one of three nodes of an identity provider",
        "One of three nodes publishes the old key alone until a day after its end.",
        one_of_three,
        (
            must(Kind.ANSWERS_TAKE_TURNS, begins=(-7 + 2 * HOUR, -7 + 4 * HOUR), ends=(1.95, 2.1)),
            # A day after the last answer of the node that lagged.
            must(Kind.ROLLOVER_MISSING, Kind.SIGNING_CERTIFICATE_EXPIRED, begins=at(-5), ends=(1.95, 2.1)),
        ),
        may=(
            may(Kind.RENEWAL_DUE, since=-7, until=-4.95),
            may(Kind.POSSIBLE_PRIMARY_ENDING, since=-5),
        ),
        target=IDP,
        every=MINUTES,
        days=(-7, 3),
    ),
    Life(
        "07 varied: the node's keys are still trusted",
        "One node goes on with the document of before the promotion, and Entra ID accepts both keys.",
        then(farm(A), (-19.75, farm(A, B)), (-14.6, farm(B, A))),
        (must(Kind.NODES_DIFFER, begins=(-14.6 + 2 * HOUR, -14.6 + 4 * HOUR), ends=mended(-10)),),
        trusted={"contoso.com": then(holds(A), (-19.5, holds(A, B)))},
        nodes={"wap1": then(farm(A), (-19.75, farm(A, B)), (-10, farm(B, A)))},
        days=(-22, -8),
    ),
    Life(
        "08 varied: taken back while both are known",
        "A promotion by hand is taken back after two days; Entra ID knows both certificates.",
        then(
            farm(BY_HAND, encryption=LONG),
            (-40, farm(BY_HAND, IN_TIME, encryption=LONG)),
            (-30, farm(IN_TIME, BY_HAND, encryption=LONG)),
            (-28, farm(BY_HAND, IN_TIME, encryption=LONG)),
        ),
        (
            must(Kind.PROMOTION_ROLLED_BACK, begins=at(-28), ends=at(-27)),
            *(must(Kind.PRIMARY_CHANGED, begins=at(day), ends=at(day + 1)) for day in (-30, -28)),
        ),
        trusted={"contoso.com": then(holds(BY_HAND), (-39, holds(BY_HAND, IN_TIME)))},
        days=(-45, -20),
    ),
    Life(
        "22 varied: an identity provider, looks every six hours",
        "An identity provider renews while nobody can read its metadata.",
        then(provider(IDP_1), (-22, Reason.DNS), (-9, provider(IDP_1, IDP_2))),
        (
            must(Kind.RENEWAL_DUE, begins=at(-30), ends=at(-9)),
            must(Kind.METADATA_UNREACHABLE, begins=at(-22), ends=mended(-9)),
        ),
        trusted={"contoso.com": then(at_idp(holds(IDP_1)), (-20, at_idp(holds(IDP_1, IDP_2))))},
        target=IDP,
        every=HOURS,
        days=(-40, -6),
    ),
    Life(
        "22 varied: at risk, then unreadable",
        "Entra ID does not follow; half a day after that became urgent nobody can read the metadata any more.",
        then(farm(A), (-19.75, farm(A, B)), (-16, Reason.TIMEOUT), (-11, farm(B, A))),
        (
            # What held at the last good look stays, until Entra ID says otherwise.
            must(Kind.TRUST_PENDING_TOO_LONG, begins=at(-18.25), ends=at(-16.75)),
            must(Kind.TRUST_AT_RISK, begins=at(-16.75), ends=mended(-12)),
            must(UNREAD[0], begins=at(-16), ends=(-15 - LOOK, -15)),
            must(UNREAD[1], begins=(-15 - LOOK, -15), ends=mended(-12)),
            # Entra ID needs not read anything any more.
            must(UNREAD[0], begins=mended(-12), ends=mended(-11)),
        ),
        trusted={"contoso.com": then(holds(A), (-12, holds(A, B)))},
        days=(-40, -5),
    ),
    Life(
        "26b varied: another entity for a day",
        "The address of a farm answers for another entity, until somebody has put it right.",
        then(farm(LONG_TO_LIVE), (3, Reason.ENTITY_MISMATCH), (4, farm(LONG_TO_LIVE))),
        (must(Kind.METADATA_OF_ANOTHER_ENTITY, begins=at(3), ends=mended(4)),),
        days=(0, 6),
    ),
    Life(
        "28 varied: federated with another service",
        "A domain signs in at another service for two days.",
        then(farm(LONG_TO_LIVE)),
        (must(Kind.TRUST_NOT_FEDERATED, begins=(3, 3 + HOUR), ends=mended(5)),),
        trusted={
            "contoso.com": then(
                holds(LONG_TO_LIVE),
                (3, replace(holds(LONG_TO_LIVE), service="login.other.example")),
                (5, holds(LONG_TO_LIVE)),
            ),
            "fabrikam.com": then(holds(LONG_TO_LIVE)),
        },
        days=(0, 8),
    ),
    Life(
        "29 varied: written by hand before the promotion",
        "Entra ID cannot read the metadata; people write the successor a day before the promotion.",
        then(farm(A), (-19.75, farm(A, B)), (-14.6, farm(B, A))),
        (
            must(Kind.ENTRA_CANNOT_READ_METADATA, begins=(-19.75, -19.7), ends=mended(-15.6)),
            must(Kind.TRUST_AT_RISK, begins=at(-16.75), ends=mended(-15.6)),
        ),
        may=(may(Kind.TRUST_PENDING_TOO_LONG, since=-18.25, until=-16.7),),
        trusted={"contoso.com": then(holds(A, update=NOT_READ), (-15.6, holds(A, B, update=NOT_READ)))},
        every=MINUTES,
        days=(-21, -13),
    ),
    Life(
        "31 varied: a restart in an outage",
        "Nobody renews, the metadata cannot be read from T-4 on, and two days later the exporter is restarted.",
        then(farm(A), (-4, Reason.TIMEOUT)),
        (
            OVERDUE,
            must(Kind.ROLLOVER_MISSING, Kind.SIGNING_CERTIFICATE_EXPIRED, begins=at(-5)),
            must(*UNREAD, begins=at(-4)),
        ),
        may=(ITS_PAIR,),
        processes=((-40, -2), (-2, 3)),
        days=(-40, 3),
    ),
    Life(
        "41 varied: an identity provider with the old key listed",
        "Two keys are published, nothing says which one signs, and the old one stays for 20 days after its end.",
        then(provider(IDP_1), (-45, provider(IDP_1, IDP_2)), (20, provider(IDP_2))),
        (
            must(Kind.POSSIBLE_PRIMARY_ENDING, begins=at(-5), ends=at(14)),
            must(Kind.OLD_KEY_LISTED, begins=at(14), ends=at(20)),
        ),
        target=IDP,
        days=(-50, 23),
    ),
    Life(
        "45 varied: five hours ahead",
        "By the exporter's clock the successor comes too late, and by everybody else's just in time.",
        then(farm(A), (-19.1, farm(A, LATE)), (-14.1, farm(LATE, A))),
        (must(Kind.CLOCK_WRONG, begins=at(-21)),),
        trusted={"contoso.com": then(holds(A), (-18, holds(A, LATE)))},
        every=MINUTES,
        ahead=timedelta(hours=5),
        days=(-21, -12),
    ),
    Life(
        "45 varied: half an hour ahead",
        "A clock that is a little wrong shifts nothing by days.",
        then(farm(A), (-19.75, farm(A, B)), (-14.6, farm(B, A))),
        (must(Kind.SUCCESSOR_PUBLISHED, begins=at(-19.75), ends=at(-14.6)),),
        ahead=timedelta(minutes=30),
        days=(-40, -12),
    ),
    Life(
        "52 varied: one look in sixteen succeeds, from the first on",
        "An exporter starts while most looks are reset; the certificate has long to live.",
        one_in_sixteen,
        (must(Kind.METADATA_UNREACHABLE, begins=at(0), ends=mended(3)),),
        every=MINUTES,
        days=(0, 5),
    ),
    Life(
        "54 varied: ten days without a look",
        "All certificates are replaced while the exporter is away for ten days, long before the end.",
        then(farm(LONG_TO_LIVE), (5.5, farm(AT_ONCE))),
        (must(Kind.KEY_SET_REPLACED, begins=at(12), ends=at(13)),),
        processes=((0, 2), (12, 15)),
        days=(0, 15),
    ),
    Life(
        "54 varied: a rollover while nobody looked",
        "The exporter is away while a rollover that was due takes place, and the old certificate is gone.",
        then(farm(A), (-15, farm(B))),
        (must(Kind.SIGNING_KEYS_CHANGED, begins=at(-12), ends=at(-11)),),
        processes=((-30, -22), (-12, -5)),
        days=(-30, -5),
    ),
    Life(
        "58 varied: the request key ends",
        "A service provider never renews the key that it signs requests with.",
        then(consumer(REQUESTS)),
        (
            must(Kind.RENEWAL_DUE, begins=at(-30), ends=at(-5)),
            must(Kind.SP_CERTIFICATE_ENDING, begins=at(-5), ends=at(0)),
            must(Kind.SP_CERTIFICATE_EXPIRED, begins=at(0)),
        ),
        target=SP,
    ),
    Life(
        "59 varied: a key returns",
        "An identity provider takes a key out of its metadata, and puts it back eight days later.",
        then(provider(OURS, SPARE), (3, provider(OURS)), (11, provider(OURS, SPARE))),
        (),
        never=frozenset({Kind.PRIMARY_CHANGED}),
        target=IDP,
        days=(0, 20),
    ),
    Life(
        "68 varied: an identity provider, written in time",
        "A key is added 200 days before the end; five days later somebody writes it into Entra ID, and then it signs.",
        then(
            provider(IDP_1, signer=IDP_1),
            (-200, provider(IDP_1, EARLY, signer=IDP_1)),
            (-190, provider(IDP_1, EARLY, signer=EARLY)),
        ),
        (
            must(Kind.TRUST_PENDING_TOO_LONG, begins=(-200, -198.4), ends=mended(-195)),
            must(Kind.PRIMARY_CHANGED, begins=at(-190), ends=at(-189)),
        ),
        may=(may(Kind.UNEXPECTED_SIGNING_CERTIFICATE, since=-200, until=-198.9),),
        trusted={"contoso.com": then(at_idp(holds(IDP_1)), (-195, at_idp(holds(IDP_1, EARLY))))},
        target=IDP,
        days=(-205, -185),
    ),
)
