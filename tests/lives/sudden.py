"""All keys replaced at once, with and without a gap between looks; clocks that are wrong."""

from dataclasses import replace
from datetime import timedelta

from lives.rollovers import HEALTHY, NEWS, A, B
from lives.story import Life, at, certificate, enrolled, farm, follows, holds, may, must, then
from scrapes import FARM

from exporter.findings import Kind
from exporter.policy import PolicySettings

OLD, URGENT = certificate("A2", -365, 0), certificate("U", -255, 110)
LONG_TO_LIVE, AT_ONCE = certificate("A4", -100, 265), certificate("U4", 5, 370)
BY_HAND, BY_ITSELF = enrolled("Q", -200, 165), certificate("N", 5, 370)
IN_HOURS = certificate("U", 0.1, 365)
MINUTE = timedelta(minutes=1)

LIVES = (
    Life(
        "02 Update-AdfsCertificate -Urgent",
        "Somebody replaces all certificates at once, and the two domains six hours later.",
        then(farm(OLD), (-255, farm(URGENT))),
        (
            must(Kind.KEY_SET_REPLACED, begins=at(-255), ends=at(-254)),
            *(
                must(Kind.TRUST_BROKEN, begins=at(-255), ends=(-254.75, -254.6875), domain=domain)
                for domain in ("contoso.com", "fabrikam.com")
            ),
        ),
        trusted=dict.fromkeys(("contoso.com", "fabrikam.com"), then(holds(OLD), (-254.75, holds(URGENT)))),
        # All partners must be told, and Entra ID has to be now.
        beside=[frozenset({Kind.KEY_SET_REPLACED, Kind.TRUST_BROKEN})],
        days=(-265, -245),
    ),
    Life(
        "54 -Urgent while nobody looked",
        "The same while the exporter was away for 26 hours; the old certificate had 259 days left.",
        then(farm(LONG_TO_LIVE), (5.5, farm(AT_ONCE))),
        (must(Kind.KEY_SET_REPLACED, begins=at(6.1), ends=at(7.1)),),
        processes=((0, 5), (6.1, 9)),
        days=(0, 9),
    ),
    Life(
        "55 looks a day apart",
        "The same, seen by looks that are 26 hours apart.",
        then(farm(LONG_TO_LIVE), (5, farm(AT_ONCE))),
        (must(Kind.KEY_SET_REPLACED, begins=at(130 / 24), ends=at(154 / 24)),),
        every=timedelta(hours=26),
        days=(0, 12),
    ),
    Life(
        "67 hand-kept farm goes to auto",
        "A farm whose certificates people renewed generates its own, and keeps none of the old ones.",
        then(farm(BY_HAND), (5, farm(BY_ITSELF))),
        (must(Kind.KEY_SET_REPLACED, begins=at(5), ends=at(6)),),
        target=replace(FARM, policy=PolicySettings(auto_certificate_rollover=False)),
        days=(0, 10),
    ),
    Life(
        "44 our clock 6 min behind",
        "All certificates are replaced by ones that begin now, which is in six minutes by the exporter's clock.",
        then(farm(LONG_TO_LIVE), (0.1, farm(IN_HOURS))),
        (must(Kind.KEY_SET_REPLACED, begins=at(0.1, 0.01)),),
        every=MINUTE,
        ahead=-6 * MINUTE,
        days=(0, 0.4),
    ),
    Life(
        "45 our clock 2 days ahead",
        "A healthy rollover, seen with a clock that shows two days too much.",
        HEALTHY,
        (must(Kind.CLOCK_WRONG, begins=at(-40)), NEWS[0]),
        trusted={"contoso.com": follows(A, B)},
        ahead=timedelta(days=2),
    ),
    Life(
        "46 our clock 2 days behind",
        "Nobody renews, and the exporter's clock shows two days too little.",
        then(farm(A)),
        (
            must(Kind.CLOCK_WRONG, begins=at(-40)),
            must(Kind.ROLLOVER_OVERDUE, begins=(-19.05, -16.9), ends=(-5.05, -2.9)),
            must(Kind.ROLLOVER_MISSING, Kind.SIGNING_CERTIFICATE_EXPIRED, begins=(-5.05, -2.97)),
        ),
        may=(may(Kind.ENCRYPTION_CERTIFICATE_EXPIRING, since=-14),),
        ahead=timedelta(days=-2),
    ),
)
