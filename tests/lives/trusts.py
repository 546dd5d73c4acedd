"""What Entra ID trusts, and does not answer, and cannot read."""

from lives.rollovers import HEALTHY, NEWS, A, B
from lives.story import HOUR, G, Life, P, at, certificate, farm, holds, may, mended, must, then

from exporter.config.settings import TrustSource
from exporter.findings import Kind
from exporter.inquiry import DomainTrust, TrustReason, UpdateResult

NOT_READ = UpdateResult.COULD_NOT_ACCESS_REMOTE_HOST
LONG_TO_LIVE = certificate("A", -100, 265)
MANAGED = DomainTrust(TrustSource.GRAPH, federated=False)

LIVES = (
    Life(
        "27 our Graph secret ends",
        "The exporter's secret ends and nobody renews it for 20 days; Entra ID follows meanwhile.",
        HEALTHY,
        (*NEWS, must(Kind.TRUST_STALE, begins=(-24.95, -24.8), ends=mended(-5))),
        trusted={"contoso.com": then(holds(A), (-25, TrustReason.REFUSED), (-5, holds(B)))},
    ),
    Life(
        "28 domain made managed",
        "Somebody takes the federation of a domain away.",
        then(farm(LONG_TO_LIVE)),
        (must(Kind.TRUST_NOT_FEDERATED, begins=(10, 10 + HOUR)),),
        trusted={"contoso.com": then(holds(LONG_TO_LIVE), (10, MANAGED))},
        days=(0, 20),
    ),
    Life(
        "29 Entra ID cannot read",
        "Entra ID cannot read the metadata; people write the certificate a day after it has become the primary.",
        HEALTHY,
        (
            *NEWS,
            must(Kind.ENTRA_CANNOT_READ_METADATA, begins=(G, G + 1.5 * HOUR), ends=at(P)),
            must(Kind.TRUST_AT_RISK, Kind.TRUST_BROKEN, begins=(-16.9, -16.6), ends=mended(P + 1)),
            must(Kind.TRUST_BROKEN, begins=at(P), ends=mended(P + 1)),
        ),
        # Silenced by the one that says why.
        may=(may(Kind.TRUST_PENDING_TOO_LONG, since=G + 1.5, until=-16.6),),
        trusted={"contoso.com": then(holds(A, update=NOT_READ), (P + 1, holds(A, B, update=NOT_READ)))},
    ),
    Life(
        "66 a slot is overwritten after the promotion",
        "Half an hour after the promotion somebody takes the new certificate out of Entra ID.",
        HEALTHY,
        (*NEWS, must(Kind.TRUST_BROKEN, begins=(P + 29 * HOUR / 60, P + 129 * HOUR / 60))),
        trusted={"contoso.com": then(holds(A), (G + 1, holds(A, B)), (P + 29 * HOUR / 60, holds(A)))},
        days=(-40, -10),
    ),
)
