"""Several exporters of one job, and exporters that are gone: who sees, who watches, whom the rules believe."""

from dataclasses import replace
from datetime import timedelta

from alerts.rules import Alert
from builders import watched
from lives.blindness import ALONE, UNREAD
from lives.rollovers import HEALTHY, ITS_PAIR, NEWS, OVERDUE, A, B
from lives.story import (
    ALWAYS,
    HOUR,
    IN_TIME,
    Exporter,
    Fleet,
    Named,
    Watch,
    at,
    certificate,
    farm,
    follows,
    holds,
    may,
    mended,
    must,
    then,
    untold,
)

from exporter.findings import Kind
from exporter.inquiry import TrustReason
from exporter.model import Reason

BLIND, DOWN = Alert("FedmetaExporterBlind"), Alert("FedmetaExporterDown")
UNWATCHED, GONE = Alert("FedmetaTargetsUnwatched"), Alert("FedmetaExportersGone")

ENDS: tuple[Named, ...] = (Kind.ROLLOVER_MISSING, Kind.SIGNING_CERTIFICATE_EXPIRED)
"""Nobody renews."""
OTHER = watched("g.example", "https://g.example/FederationMetadata/2007-06/FederationMetadata.xml")
WELL = then(farm(certificate("G", -100, 265)))
LONG, URGENT = (farm(certificate(name, begin, begin + 365)) for name, begin in (("L", -100), ("U", -20)))
SUCCESSOR = certificate("Y", -3, 362)
MENDED = then(farm(A), (-3, farm(SUCCESSOR, A)))

MINUTE = timedelta(minutes=1)
FIRST, SECOND = "exp-0:10059", "exp-1:10059"
FOLLOWED = {"contoso.com": follows(A, B)}
SEEING = Watch(HEALTHY, FOLLOWED)
NOT_SEEING = Watch(then(farm(A), (-25, Reason.TIMEOUT), (3, farm(B, A))), FOLLOWED)
REFUSED = Watch(HEALTHY, {"contoso.com": then(holds(A), (-25, TrustReason.REFUSED), (3, holds(B)))})
UNREADABLE = Watch(then(farm(A), (-22, Reason.TIMEOUT), (-10, farm(B, A))))
ON_ITS_OWN = Watch(ALONE)
TWO_TARGETS = (ON_ITS_OWN, Watch(WELL, target=OTHER))


FLEETS = (
    Fleet(
        "20 one exporter of a pair is blind",
        "A healthy rollover that Entra ID follows, and one of two exporters cannot reach the farm for four weeks.",
        (Exporter(FIRST, [SEEING]), Exporter(SECOND, [NOT_SEEING])),
        (*NEWS, must(BLIND, begins=(-25, -24.8), ends=mended(3), instance=SECOND)),
        days=(-40, 6),
    ),
    Fleet(
        "20 varied: the blind one comes first",
        "The same, with the exporters in the other order, in pods.",
        (Exporter(FIRST, [NOT_SEEING], pod="a"), Exporter(SECOND, [SEEING], pod="b")),
        (*NEWS, must(BLIND, begins=(-25, -24.8), ends=mended(3), instance=FIRST)),
        days=(-30, 6),
    ),
    Fleet(
        "20 varied: nobody renews",
        "One of two exporters is blind, and the other tells what it sees.",
        (Exporter(FIRST, [ON_ITS_OWN]), Exporter(SECOND, [Watch(then(farm(A), (-25, Reason.TIMEOUT)))])),
        (
            OVERDUE,
            must(*ENDS, begins=at(-5)),
            must(BLIND, begins=(-25, -24.8), instance=SECOND),
        ),
        may=(ITS_PAIR,),
        days=(-30, 3),
    ),
    Fleet(
        "20 varied: the state of the blind one is lost",
        "The blind one of a pair starts anew and knows nothing; the other goes on seeing.",
        (
            Exporter(FIRST, [SEEING]),
            Exporter(SECOND, [NOT_SEEING], processes=((-40, -20), (-20, 10)), keeps_state=False),
        ),
        (*NEWS, must(BLIND, begins=(-25, -24.8), ends=mended(3), instance=SECOND)),
        days=(-30, 6),
    ),
    Fleet(
        "20 varied: all keys are replaced while one is blind",
        "The blind one sees ten days later what the other told at once.",
        (
            Exporter(FIRST, [Watch(then(LONG, (-20, URGENT)))]),
            Exporter(SECOND, [Watch(then(LONG, (-22, Reason.TIMEOUT), (-10, URGENT)))]),
        ),
        (
            must(Kind.KEY_SET_REPLACED, begins=at(-20), ends=at(-19)),
            must(BLIND, begins=(-22, -21.8), ends=mended(-10), instance=SECOND),
        ),
        days=(-25, -5),
    ),
    Fleet(
        "20 varied: all keys are replaced while one is down",
        "The one that was down finds out from its state when it comes back.",
        (
            Exporter(FIRST, [Watch(then(LONG, (-20, URGENT)))]),
            Exporter(SECOND, [Watch(then(LONG, (-20, URGENT)))], processes=((-40, -22), (-10, 10))),
        ),
        (
            must(Kind.KEY_SET_REPLACED, begins=at(-20), ends=at(-19)),
            must(DOWN, begins=untold(-22), ends=mended(-10), instance=SECOND),
        ),
        days=(-25, -5),
    ),
    Fleet(
        "20 varied: then the other one is gone",
        "One of two exporters is blind, and the other, which sees that nobody renews, goes down at T-4 for three days.",
        (
            Exporter(FIRST, [ON_ITS_OWN], processes=((-40, -4), (-1, 10))),
            Exporter(SECOND, [Watch(then(farm(A), (-25, Reason.TIMEOUT)))]),
        ),
        (
            OVERDUE,
            must(*ENDS, begins=at(-5)),
            must(BLIND, begins=(-25, -24.8), ends=(-4, -3.9), instance=SECOND),
            must(BLIND, begins=(-1, -0.9), instance=SECOND),
            must(DOWN, begins=(-4, -3.9), ends=mended(-1), instance=FIRST),
        ),
        may=(ITS_PAIR, may(*UNREAD, since=-4, until=-0.9)),
        days=(-30, 3),
    ),
    Fleet(
        "20 varied: both are blind",
        "The ways of both exporters are shut at the same time.",
        (Exporter(FIRST, [UNREADABLE]), Exporter(SECOND, [UNREADABLE])),
        (
            must(*UNREAD, begins=(-22, -21.9), ends=mended(-10)),
            must(UNREAD[1], begins=(-21.1, -20.9), ends=mended(-10)),
        ),
        days=(-30, -8),
    ),
    Fleet(
        "27 varied: the secret of one of two exporters ends",
        "A healthy rollover; Entra ID refuses one of two exporters for four weeks.",
        (Exporter(FIRST, [REFUSED]), Exporter(SECOND, [SEEING])),
        (*NEWS, must(BLIND, begins=(-25, -24.8), ends=mended(3), instance=FIRST)),
        days=(-30, 6),
    ),
    Fleet(
        "31 state lost in an outage",
        "Nobody renews, the metadata cannot be read from T-4 on, and a day later the exporter loses its state.",
        (
            Exporter(
                FIRST,
                [Watch(then(farm(A), (-4, Reason.TIMEOUT), (1, farm(A))))],
                processes=((-40, -3), (-3, 3)),
                keeps_state=False,
            ),
        ),
        (
            OVERDUE,
            must(*ENDS, begins=at(-5)),
            # Without its state it cannot know since when nobody can read.
            must(UNREAD[0], begins=at(-4), ends=(-3.1, -3)),
            must(UNREAD[0], begins=at(-3), ends=mended(1)),
            must(*UNREAD, begins=at(-4), ends=mended(1)),
        ),
        may=(ITS_PAIR,),
        days=(-40, 3),
    ),
    Fleet(
        "31 varied: a new pod in an outage",
        "The pod is replaced in the outage, and what comes has no state and another name.",
        (
            Exporter(
                FIRST,
                [Watch(then(farm(A), (-4, Reason.TIMEOUT)))],
                pod="aaa",
                processes=((-40, -3),),
                stays=False,
            ),
            Exporter(
                SECOND,
                [Watch(then(Reason.TIMEOUT, (1, farm(SUCCESSOR, A))))],
                pod="bbb",
                processes=((-3, 3),),
                stays=False,
            ),
        ),
        (
            OVERDUE,
            must(Kind.ROLLOVER_MISSING, begins=at(-5), ends=mended(1)),
            # Without its state it cannot know since when nobody can read.
            must(UNREAD[0], begins=at(-4), ends=(-3.1, -3)),
            must(UNREAD[0], begins=at(-3), ends=mended(1)),
            must(*UNREAD, begins=at(-4), ends=mended(1)),
        ),
        may=(may(Kind.ENCRYPTION_CERTIFICATE_EXPIRING, since=-14, until=1.05),),
        days=(-20, 3),
    ),
    Fleet(
        "32 exporter down for 3 days",
        "Nobody renews, and the exporter is down while the certificate ends.",
        (Exporter(FIRST, [ON_ITS_OWN], processes=((-40, -1.5), (1.5, 5))),),
        (
            OVERDUE,
            must(*ENDS, begins=(-5, -4.95)),
            must(Kind.SIGNING_CERTIFICATE_EXPIRED, begins=at(1.5)),
            must(UNWATCHED, begins=untold(-1.5), ends=mended(1.5), instance=FIRST),
        ),
        may=(ITS_PAIR,),
    ),
    Fleet(
        "32 varied: down for 25 days",
        "The exporter of a healthy farm is down from a month before the end on.",
        (Exporter(FIRST, [Watch(HEALTHY)], processes=((-40, -30), (-5, 5))),),
        (must(UNWATCHED, begins=untold(-30), ends=mended(-5), instance=FIRST),),
        days=(-32, 0),
    ),
    Fleet(
        "32 varied: a pair is down",
        "Nobody renews, and one exporter goes down after the other, and comes back before it.",
        (
            Exporter(FIRST, [ON_ITS_OWN], processes=((-40, -3), (0.5, 5))),
            Exporter(SECOND, [ON_ITS_OWN], processes=((-40, -2), (1, 5))),
        ),
        (
            OVERDUE,
            must(*ENDS, begins=at(-5)),
            must(DOWN, begins=untold(-3), ends=at(-2), instance=FIRST),
            must(UNWATCHED, begins=untold(-2), ends=mended(0.5), instance=SECOND),
            must(DOWN, begins=at(0.5), ends=mended(1), instance=SECOND),
        ),
        may=(ITS_PAIR,),
        days=(-20, 3),
    ),
    Fleet(
        "32 varied: a pair is down together",
        "Both exporters go down at one time.",
        (
            Exporter(FIRST, [ON_ITS_OWN], processes=((-40, -2), (1, 5))),
            Exporter(SECOND, [ON_ITS_OWN], processes=((-40, -2), (1, 5))),
        ),
        (
            OVERDUE,
            must(*ENDS, begins=at(-5)),
            must(UNWATCHED, begins=untold(-2), ends=mended(1)),
        ),
        may=(ITS_PAIR,),
        days=(-20, 3),
    ),
    Fleet(
        "32 varied: it runs, and does not answer",
        "Prometheus gets no answer for two days; meanwhile the farm rolls over.",
        (Exporter(FIRST, [SEEING], unscraped=((-15, -13),)),),
        (
            must(Kind.SUCCESSOR_PUBLISHED, begins=at(-19.75), ends=mended(-13)),
            must(UNWATCHED, begins=untold(-15), ends=mended(-13), instance=FIRST),
        ),
        days=(-25, -5),
    ),
    Fleet(
        "32 varied: Prometheus evaluates every 45 minutes",
        "Life 32, with a Prometheus that is away for more than 40 minutes time after time.",
        (Exporter(FIRST, [ON_ITS_OWN], processes=((-40, -1.5), (1.5, 5))),),
        (
            OVERDUE,
            must(*ENDS, begins=(-5, -4.95)),
            must(UNWATCHED, begins=(-1.5, -1.5 + 3 * HOUR), ends=mended(1.5), instance=FIRST),
        ),
        may=(ITS_PAIR,),
        days=(-20, 3),
        every=45 * MINUTE,
        scraped=45 * MINUTE,
    ),
    Fleet(
        "33 targets split over two exporters of one job",
        "Nobody renews f, and its exporter is down while its certificate ends; another one of the job watches g.",
        (
            Exporter(FIRST, [ON_ITS_OWN], processes=((-40, -6), (2, 10))),
            Exporter(SECOND, [TWO_TARGETS[1]]),
        ),
        (
            must(Kind.ROLLOVER_OVERDUE, begins=(-19.5, -18.9), ends=mended(2)),
            must(UNWATCHED, begins=(-6, -5.9), ends=mended(2), instance=FIRST),
            must(Kind.SIGNING_CERTIFICATE_EXPIRED, begins=at(2)),
        ),
        may=(ITS_PAIR,),
    ),
    Fleet(
        "33 varied: moved to another shard on purpose",
        "A target of one exporter is given to another while nobody renews it.",
        (
            Exporter(FIRST, [replace(ON_ITS_OWN, days=(ALWAYS[0], -10)), TWO_TARGETS[1]]),
            Exporter(SECOND, [replace(ON_ITS_OWN, days=(-10, ALWAYS[1]))]),
        ),
        (
            must(Kind.ROLLOVER_OVERDUE, begins=(-19.5, -18.9), ends=at(-5)),
            must(*ENDS, begins=at(-5)),
        ),
        may=(ITS_PAIR,),
        days=(-25, 2),
    ),
    Fleet(
        "33 varied: moved, and nobody watches for two hours",
        "The same, and the second exporter reads its configuration two hours late.",
        (
            Exporter(FIRST, [replace(ON_ITS_OWN, days=(ALWAYS[0], -4)), TWO_TARGETS[1]]),
            Exporter(SECOND, [replace(ON_ITS_OWN, days=(-4 + 2 * HOUR, ALWAYS[1]))]),
        ),
        (
            must(Kind.ROLLOVER_OVERDUE, begins=(-19.5, -18.9), ends=at(-5)),
            # Removed on purpose it was; the second one sees it anew.
            must(Kind.ROLLOVER_MISSING, begins=at(-5), ends=mended(-4)),
            must(*ENDS, begins=at(-4 + 2 * HOUR)),
        ),
        may=(
            may(Kind.ENCRYPTION_CERTIFICATE_EXPIRING, since=-14, until=-3.9),
            may(Kind.ENCRYPTION_CERTIFICATE_EXPIRING, since=-4),
        ),
        days=(-25, 2),
    ),
    Fleet(
        "49 target removed while it pages",
        "Somebody takes a target out of the configuration three days before its end; the exporter says so.",
        (Exporter(FIRST, [replace(ON_ITS_OWN, days=(ALWAYS[0], -3)), TWO_TARGETS[1]]),),
        (must(Kind.ROLLOVER_MISSING, begins=at(-5), ends=mended(-3)),),
        may=(
            may(Kind.ROLLOVER_OVERDUE, since=-13, until=-4.95),
            may(Kind.ENCRYPTION_CERTIFICATE_EXPIRING, since=-13, until=-2.9),
        ),
        days=(-13, 10),
    ),
    Fleet(
        "49 varied: removed with the state",
        "The exporter comes back without the target, and without the state in which its removal would stand.",
        (
            Exporter(FIRST, TWO_TARGETS, processes=((-40, -3),), stays=False),
            Exporter(FIRST, TWO_TARGETS[1:], processes=((-3, 20),), stays=False),
        ),
        (
            must(Kind.ROLLOVER_MISSING, begins=at(-5)),
            must(UNWATCHED, begins=untold(-3), instance=FIRST),
        ),
        may=(may(Kind.ROLLOVER_OVERDUE, since=-13, until=-4.95), may(Kind.ENCRYPTION_CERTIFICATE_EXPIRING, since=-13)),
        days=(-13, 10),
    ),
    *(
        Fleet(
            f"50 {'' if minutes == 5 else 'varied: '}slow scrapes, {minutes} min",
            "Nobody renews, and Prometheus asks seldom.",
            (Exporter(FIRST, [ON_ITS_OWN]),),
            (must(Kind.ROLLOVER_MISSING, begins=at(-5, (minutes + 1) / 1440)),),
            may=(
                may(Kind.ROLLOVER_OVERDUE, since=-5.5, until=-4.95),
                may(Kind.ENCRYPTION_CERTIFICATE_EXPIRING, since=-5.5),
            ),
            days=(-5.5, -4.3),
            every=minutes * MINUTE,
            scraped=minutes * MINUTE,
            evaluated=MINUTE,
        )
        for minutes in (5, 10, 15)
    ),
    *(
        Fleet(
            f"51 {'groups in the other order' if backwards else 'groups in order'}",
            "Nobody renews; each group of rules is evaluated every minute, whatever Prometheus does with others.",
            (Exporter(FIRST, [ON_ITS_OWN]),),
            (must(Kind.ROLLOVER_MISSING, begins=(-5, -4.98)),),
            may=(
                may(Kind.ROLLOVER_OVERDUE, since=-5.2, until=-4.95),
                may(Kind.ENCRYPTION_CERTIFICATE_EXPIRING, since=-5.2),
            ),
            days=(-5.2, -4.2),
            every=10 * MINUTE,
            scraped=MINUTE,
            backwards=backwards,
        )
        for backwards in (False, True)
    ),
    *(
        Fleet(
            f"56 {'pod replaced at the repair' if instance == SECOND else 'varied: the pod at the old address'}",
            "The exporter's pod is replaced just before people renew, and the new one has no state.",
            (
                Exporter(FIRST, [Watch(MENDED)], pod="exp-aaa", processes=((-40, -3.0035),), stays=False),
                Exporter(instance, [Watch(MENDED)], pod="exp-bbb", processes=((-3.0035, 5),), stays=False),
            ),
            (must(Kind.ROLLOVER_MISSING, begins=(-4, -3.99), ends=(-3, -3 + 20 / 1440)),),
            may=(may(Kind.ENCRYPTION_CERTIFICATE_EXPIRING, since=-4, until=-2.98),),
            days=(-4, -2.7),
            every=5 * MINUTE,
            scraped=5 * MINUTE,
        )
        for instance in (SECOND, FIRST)
    ),
    Fleet(
        "61 a new exporter that never answers",
        "Nothing ever came from the exporter.",
        (Exporter(FIRST, [ON_ITS_OWN], processes=()),),
        (must(GONE, begins=IN_TIME),),
        days=(0, 2),
        every=15 * MINUTE,
        scraped=15 * MINUTE,
    ),
    Fleet(
        "61 varied: one of two never answers",
        "One of two exporters never came up.",
        (Exporter(FIRST, [Watch(WELL)]), Exporter(SECOND, [Watch(WELL)], processes=())),
        (must(DOWN, begins=IN_TIME, instance=SECOND),),
        days=(0, 2),
        every=15 * MINUTE,
        scraped=15 * MINUTE,
    ),
)
