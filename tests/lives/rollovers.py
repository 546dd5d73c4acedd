"""Rollovers that go as they should, rollovers by hand, and none at all."""

from dataclasses import replace

from lives.story import (
    HOUR,
    IDP,
    LONG,
    G,
    Life,
    P,
    at,
    certificate,
    enrolled,
    farm,
    follows,
    holds,
    may,
    mended,
    must,
    provider,
    then,
)

from exporter.findings import Kind
from exporter.inquiry import DomainTrust
from exporter.model import Reason

A, B = certificate("A", -365, 0), certificate("B", G, 345)
HEALTHY = then(farm(A), (G, farm(A, B)), (P, farm(B, A)), (15, farm(B)))
"""AD FS generates, promotes five days later, and somebody tidies up."""
NEWS = (
    must(Kind.SUCCESSOR_PUBLISHED, begins=at(G), ends=at(P)),
    must(Kind.PRIMARY_CHANGED, begins=at(P), ends=at(P + 1)),
)
"""What is told of it."""

O3, N3 = certificate("O", -1095, 0), certificate("N", G, G + 1095)
X = certificate("X", -1, 364)
EARLY = certificate("X", -55, 310)
S1, S2 = certificate("S1", -30, 335), certificate("S2", G, 345)
C = certificate("C", -2, 363)
D = certificate("D", -39, 326)
BY_HAND = enrolled("Q", -365, 0)
RENEWED, RENEWED_EARLY = enrolled("R", -25, 340), enrolled("R", -95, 270)
IDP_1, IDP_2 = (
    certificate(name, begin, end, subject="CN=idp.example") for name, begin, end in (("s1", -365, 0), ("s2", -95, 270))
)


def at_idp(trust: DomainTrust) -> DomainTrust:
    """What Entra ID says of a domain whose people sign in at the identity provider."""
    return replace(trust, service="idp.example")


OVERDUE = must(Kind.ROLLOVER_OVERDUE, begins=(-19.5, -18.9), ends=at(-5))
ITS_PAIR = may(Kind.ENCRYPTION_CERTIFICATE_EXPIRING, since=-14)
"""The pair ends together. That both are one ticket is a matter of the alerts, not of the findings."""

LIVES = (
    Life(
        "00 healthy year",
        "AD FS generates, promotes five days later, and somebody tidies up; Entra ID follows.",
        HEALTHY,
        NEWS,
        trusted={"contoso.com": then(holds(A), (-19, holds(A, B)), (-10, holds(B)))},
        days=(-40, 18),
    ),
    Life(
        "10 three-year certificates",
        "The same with certificates of three years.",
        then(farm(O3), (G, farm(O3, N3)), (P, farm(N3, O3))),
        NEWS,
        trusted={"contoso.com": then(holds(O3), (G + 1, holds(O3, N3)), (P + 5, holds(N3)))},
    ),
    Life(
        "63 one proxy down in the poll window",
        "A healthy rollover; one of two proxies refuses connections meanwhile.",
        HEALTHY,
        (*NEWS, must(Kind.METADATA_UNREACHABLE, begins=(-30, -29.95), ends=mended(2), node="wap1")),
        nodes={"wap1": then(farm(A), (-30, Reason.REFUSED), (2, farm(B, A))), "wap2": HEALTHY},
    ),
    Life(
        "01 promoted early by hand",
        "Somebody promotes the day after the generation, before Entra ID knows the successor for one of two domains.",
        then(farm(A), (G, farm(A, B)), (-18.25, farm(B, A)), (15, farm(B))),
        (must(Kind.TRUST_BROKEN, begins=(-18.25, -18.2), ends=mended(-17.25), domain="fabrikam.com"),),
        # One domain has the successor for half a day by then, and the other has not.
        may=(may(Kind.TRUST_HALF_UPDATED, since=G + 1, until=-18.2),),
        trusted={"contoso.com": follows(A, B), "fabrikam.com": then(holds(A), (-17.25, holds(A, B)), (-5, holds(B)))},
    ),
    Life(
        "03 rollover switched off, nobody renews",
        "AD FS generates nothing; a day before the end somebody does, and promotes.",
        then(farm(A), (-1, farm(A, X)), (-0.9, farm(X, A))),
        (
            OVERDUE,
            must(
                Kind.ROLLOVER_MISSING,
                Kind.PROMOTION_STALLED_LATE,
                Kind.TRUST_AT_RISK,
                begins=(-5.05, -4.9),
                ends=mended(-0.9),
            ),
        ),
        may=(ITS_PAIR,),
        trusted={"contoso.com": then(holds(A), (-0.95, holds(A, X)))},
        # What nobody promotes is another problem than whom Entra ID does not trust.
        beside=[frozenset({Kind.PROMOTION_STALLED_LATE, Kind.TRUST_AT_RISK})],
    ),
    Life(
        "04 two secondaries",
        "Two successors are published; Entra ID learns one of them, and AD FS promotes the other.",
        then(farm(A), (-30, farm(A, S1)), (G, farm(A, S1, S2)), (P, farm(S2, A, S1))),
        (
            must(Kind.TRUST_PENDING_TOO_LONG, begins=(G, G + 1.6), ends=(-16.9, -16.6)),
            must(Kind.TRUST_AT_RISK, Kind.TRUST_BROKEN, begins=(-16.9, -16.6), ends=mended(-14)),
        ),
        may=(
            # The first one came ten days early, and was not promoted when it was due.
            may(Kind.UNEXPECTED_SIGNING_CERTIFICATE, since=-30, until=-28.9),
            may(Kind.PROMOTION_STALLED, since=-23.5, until=P + 0.05),
        ),
        trusted={"contoso.com": then(holds(A), (-29, holds(A, S1)), (-14, holds(S2, A)))},
        # One successor is late, and Entra ID does not know the other.
        beside=[frozenset({Kind.PROMOTION_STALLED, Kind.TRUST_PENDING_TOO_LONG})],
    ),
    Life(
        "08 restored from backup",
        "Four days after the promotion the farm is restored from a backup of before the generation, for three days.",
        then(farm(A), (G, farm(A, B)), (P, farm(B, A)), (-11, farm(A)), (-8, farm(B, A))),
        (
            must(Kind.TRUST_BROKEN, begins=(-11, -10.95), ends=mended(-8)),
            *(must(Kind.PRIMARY_CHANGED, begins=at(day), ends=at(day + 1)) for day in (P, -11, -8)),
        ),
        may=(
            may(Kind.PROMOTION_ROLLED_BACK, since=-11, until=-9.9),
            # True of the document of those days, and their alerts are silenced by the worse one.
            may(Kind.ROLLOVER_OVERDUE, Kind.ENCRYPTION_CERTIFICATE_EXPIRING, since=-11, until=-7.9),
        ),
        trusted={"contoso.com": then(holds(A), (G + 1, holds(A, B)), (P + 2, holds(B)))},
    ),
    Life(
        "11 farm with CA certificates, old one removed",
        "People renew by hand in time, write the new certificate into Entra ID, promote it, and remove the old one.",
        then(
            farm(BY_HAND, encryption=LONG),
            (-25, farm(BY_HAND, RENEWED, encryption=LONG)),
            (-20, farm(RENEWED, encryption=LONG)),
        ),
        (
            must(Kind.RENEWAL_DUE, begins=(-35, -34.9), ends=at(-25)),
            must(Kind.TRUST_PENDING_TOO_LONG, begins=(-23.6, -23.4), ends=mended(-21)),
        ),
        trusted={"contoso.com": then(holds(BY_HAND), (-21, holds(BY_HAND, RENEWED)))},
    ),
    Life(
        "53 rolled back, no Entra ID",
        "Somebody generates and promotes by hand, and takes it back after three days.",
        then(farm(A), (-55, farm(A, EARLY)), (-53, farm(EARLY, A)), (-50, farm(A))),
        (
            must(Kind.PROMOTION_ROLLED_BACK, begins=(-50, -49.9), ends=at(-49)),
            *(must(Kind.PRIMARY_CHANGED, begins=at(day), ends=at(day + 1)) for day in (-53, -50)),
        ),
        may=(may(Kind.UNEXPECTED_SIGNING_CERTIFICATE, since=-55, until=-53.9),),
        days=(-60, -44),
    ),
    Life(
        "64 generated and promoted at T-2",
        "AD FS generates nothing until its critical threshold, and then promotes at once.",
        then(farm(A), (-2, farm(C, A))),
        (
            OVERDUE,
            must(Kind.ROLLOVER_MISSING, Kind.TRUST_BROKEN, begins=(-5.05, -4.9), ends=mended(-2 + 5 * HOUR)),
            must(Kind.TRUST_BROKEN, begins=at(-2), ends=mended(-2 + 5 * HOUR)),
        ),
        may=(ITS_PAIR,),
        trusted={"contoso.com": then(holds(A), (-2 + 5 * HOUR, holds(A, C)))},
    ),
    Life(
        "68 renewed by hand early",
        "People renew long before Entra ID reads the metadata, and promote before they have told it.",
        then(farm(BY_HAND), (-95, farm(BY_HAND, RENEWED_EARLY)), (-85, farm(RENEWED_EARLY, BY_HAND))),
        [
            row
            for domain in ("contoso.com", "fabrikam.com")
            for row in (
                must(Kind.TRUST_PENDING_TOO_LONG, begins=(-95, -93.4), ends=at(-85), domain=domain),
                must(Kind.TRUST_BROKEN, begins=(-85, -84.95), ends=mended(-85 + 3 * HOUR), domain=domain),
            )
        ],
        may=(may(Kind.UNEXPECTED_SIGNING_CERTIFICATE, since=-95, until=-93.9),),
        trusted=dict.fromkeys(
            ("contoso.com", "fabrikam.com"),
            then(holds(BY_HAND), (-85 + 3 * HOUR, holds(BY_HAND, RENEWED_EARLY))),
        ),
        days=(-100, -82),
    ),
    Life(
        "69 third-party IdP federated with Entra ID",
        "An identity provider publishes a second key, and signs with it ten days later, which nobody can see.",
        then(provider(IDP_1), (-95, provider(IDP_1, IDP_2))),
        (must(Kind.TRUST_PENDING_TOO_LONG, begins=(-95, -93.4), ends=mended(-82)),),
        may=(may(Kind.UNEXPECTED_SIGNING_CERTIFICATE, since=-95, until=-93.9),),
        trusted={"contoso.com": then(at_idp(holds(IDP_1)), (-82, at_idp(holds(IDP_1, IDP_2))))},
        target=IDP,
        days=(-100, -75),
    ),
    Life(
        "65 farm with other thresholds",
        "AD FS generates 45 days before the end and promotes after 20; nobody has told the exporter.",
        then(farm(A), (-39, farm(A, D)), (-19, farm(D, A))),
        (
            must(Kind.SUCCESSOR_PUBLISHED, begins=at(-39), ends=at(-32.5)),
            must(Kind.PROMOTION_STALLED, begins=at(-32.5), ends=at(-19)),
            must(Kind.PRIMARY_CHANGED, begins=at(-19), ends=at(-18)),
        ),
        may=(
            may(Kind.UNEXPECTED_SIGNING_CERTIFICATE, since=-39, until=-37.9),
            may(Kind.TRUST_PENDING_TOO_LONG, since=-37.5, until=-35.9),
            may(Kind.TRUST_AT_RISK, since=-36, until=-33.9),
        ),
        trusted={"contoso.com": then(holds(A), (-34, holds(A, D)))},
    ),
)
