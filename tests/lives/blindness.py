"""Documents that cannot be read, exporters that were away, and answers of balancers, nodes and caches."""

from collections.abc import Callable
from datetime import timedelta
from random import Random

from lives.rollovers import HEALTHY, ITS_PAIR, NEWS, OVERDUE, A, B
from lives.story import HOUR, G, Life, Published, at, certificate, farm, follows, holds, may, mended, must, then

from exporter.findings import Kind
from exporter.inquiry import UpdateResult
from exporter.model import Reason

NOT_READ = UpdateResult.COULD_NOT_ACCESS_REMOTE_HOST
ALONE = then(farm(A))
LATER = certificate("B", -16.75, 348)
LOOK = HOUR / 2
"""A day without a document counts from the last look that got one: that long before the first that did not."""
UNREAD = (Kind.METADATA_UNREACHABLE, Kind.METADATA_UNREACHABLE_IN_POLL_WINDOW)


def every_other(number: int) -> Published:
    return ALONE if number % 2 else HEALTHY


def by_chance(seed: int, share: float, lagging: Published, others: Published) -> Callable[[int], Published]:
    """Answers that are drawn: this share of them lags."""
    drawn = Random(seed)  # noqa: S311 -- the same draws in every run
    draws = [drawn.random() < share for _ in range(10_000)]
    return lambda number: lagging if draws[number] else others


ALMOST_NEVER: Published = then(farm(A), (-33, Reason.TIMEOUT), (-20, farm(A)))


def one_in_forty(number: int) -> Published:
    # The last one before it is at T-33: look 336 is the first that fails.
    return ALONE if number % 40 == 335 % 40 else ALMOST_NEVER


LIVES = (
    Life(
        "22 our own way to the farm is broken",
        "The exporter alone cannot reach a farm that rolls over as it should.",
        then(farm(A), (-22, Reason.TIMEOUT), (-9, farm(B, A))),
        (
            must(*UNREAD, begins=(-22, -21.9), ends=mended(-9)),
            must(UNREAD[1], begins=(-21 - LOOK, -20.9), ends=mended(-9)),
        ),
        trusted={"contoso.com": follows(A, B)},
    ),
    Life(
        "23 unreadable for all",
        "Neither the exporter nor Entra ID can read the metadata until two days before AD FS has promoted.",
        then(farm(A), (-22, Reason.TIMEOUT), (-10, farm(B, A))),
        (
            must(*UNREAD, begins=(-22, -21.9), ends=mended(-10)),
            must(UNREAD[1], begins=(-21 - LOOK, -20.9), ends=mended(-10)),
        ),
        trusted={"contoso.com": then(holds(A, update=NOT_READ), (-10, holds(A, B, update=NOT_READ)))},
    ),
    Life(
        "26b the farm's Identifier is renamed",
        "The address answers for another entity from one look to the next; the farm itself is healthy.",
        then(farm(A), (-50, Reason.ENTITY_MISMATCH)),
        (must(Kind.METADATA_OF_ANOTHER_ENTITY, begins=(-50, -49.9)),),
        may=(may(UNREAD[1], since=-49),),
        every=timedelta(hours=1),
        days=(-60, 6),
    ),
    Life(
        "52 one look in 40 succeeds",
        "For two weeks almost no look gets through.",
        one_in_forty,
        (
            must(UNREAD[0], begins=(-33, -32.9), ends=(-32, -31)),
            must(UNREAD[1], begins=(-32, -31), ends=mended(-20)),
        ),
        days=(-40, -19.2),
    ),
    Life(
        "31 state lost in an outage",
        "Nobody renews, the metadata cannot be read from T-4 on, and a day later the exporter loses its state.",
        then(farm(A), (-4, Reason.TIMEOUT), (1, farm(A))),
        (
            OVERDUE,
            must(Kind.ROLLOVER_MISSING, begins=at(-5), ends=(-3, -3)),
            must(*UNREAD, begins=at(-4), ends=(-3, -3)),
            must(Kind.METADATA_NEVER_READ, begins=(-3, -3), ends=mended(1)),
            must(Kind.SIGNING_CERTIFICATE_EXPIRED, begins=at(1)),
        ),
        may=(
            may(Kind.ENCRYPTION_CERTIFICATE_EXPIRING, since=-14, until=-3),
            may(Kind.ENCRYPTION_CERTIFICATE_EXPIRING, since=1),
        ),
        processes=((-40, -3), (-3, 3)),
        keeps_state=False,
    ),
    Life(
        "32 exporter down for 3 days",
        "Nobody renews, and the exporter is down while the certificate ends.",
        ALONE,
        (
            OVERDUE,
            must(Kind.ROLLOVER_MISSING, Kind.SIGNING_CERTIFICATE_EXPIRED, begins=(-5, -4.95)),
            must(Kind.SIGNING_CERTIFICATE_EXPIRED, begins=at(1.5)),
        ),
        may=(ITS_PAIR,),
        processes=((-40, -1.5), (1.5, 5)),
    ),
    Life(
        "05 one of two nodes never replicates",
        "Every other answer comes from a node that goes on with the document of before the generation.",
        every_other,
        (
            must(Kind.ANSWERS_TAKE_TURNS, begins=(G + 2 * HOUR, G + 4 * HOUR)),
            must(Kind.TRUST_BROKEN, begins=(-10.6, -10.4)),
        ),
        may=(
            # The node that lags has never generated anything.
            may(Kind.ROLLOVER_OVERDUE, since=-19),
            may(Kind.ENCRYPTION_CERTIFICATE_EXPIRING, since=-14),
            may(Kind.ROLLOVER_MISSING, since=-5),
            may(Kind.SIGNING_CERTIFICATE_EXPIRED, since=0),
        ),
        trusted={"contoso.com": follows(A, B)},
        beside=[
            frozenset({Kind.TRUST_BROKEN, each}) for each in (Kind.ROLLOVER_MISSING, Kind.SIGNING_CERTIFICATE_EXPIRED)
        ],
    ),
    Life(
        "40 the same, 5 min, by chance",
        "Three in ten answers come from a node that never replicates.",
        # The first answer drawn is the new one: what came first and did not come back yet takes no turns.
        by_chance(2, 0.3, ALONE, then(farm(LATER, A))),
        (
            must(Kind.ROLLOVER_MISSING, Kind.SIGNING_CERTIFICATE_EXPIRED, begins=at(-4)),
            must(Kind.ANSWERS_TAKE_TURNS, begins=(-4 + 2 * HOUR, -4 + 4 * HOUR)),
        ),
        may=(may(Kind.ENCRYPTION_CERTIFICATE_EXPIRING, since=-4),),
        every=timedelta(minutes=5),
        days=(-4, 4),
    ),
    Life(
        "07 the same, nodes configured",
        "One of two nodes goes on with the document of before the generation, and both are looked at.",
        HEALTHY,
        (
            *NEWS,
            must(Kind.NODES_DIFFER, begins=(G + 2 * HOUR, G + 4 * HOUR)),
            must(Kind.TRUST_BROKEN_AT_NODE, begins=(-10.6, -10.4), node="n2"),
        ),
        trusted={"contoso.com": follows(A, B)},
        nodes={"n1": HEALTHY, "n2": ALONE},
    ),
    Life(
        "24 a cache of 4 days before the metadata",
        "What the exporter and Entra ID read is four days old; the farm itself generates and promotes in time.",
        then(farm(A), (-15.75, farm(A, B)), (-10.6, farm(B, A))),
        (
            must(Kind.ROLLOVER_OVERDUE, begins=(-19.5, -18.9), ends=at(-15.75)),
            must(Kind.TRUST_AT_RISK, begins=(-15.8, -15.6), ends=mended(-14.75)),
        ),
        may=(
            # So it looks: what was generated at G is not promoted in what can be read.
            may(Kind.PROMOTION_STALLED, since=-13.25, until=-10.55),
            may(Kind.ENCRYPTION_CERTIFICATE_EXPIRING, since=-14, until=-10.55),
        ),
        trusted={"contoso.com": then(holds(A), (-14.75, holds(A, B)), (-6.6, holds(B)))},
    ),
)
