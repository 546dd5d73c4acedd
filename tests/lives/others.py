"""Publishers of which nothing says what signs, service providers, and documents that say the same in another way."""

from dataclasses import replace
from datetime import timedelta

from lives.story import (
    IDP,
    SP,
    Life,
    at,
    certificate,
    consumer,
    enrolled,
    farm,
    holds,
    may,
    must,
    paired,
    then,
    unsigned_farm,
)
from scrapes import document, idp, role, signed_by

from exporter.findings import Kind
from exporter.model import Certificate, Document, Role, SignatureState, Use

BY_HAND, NEW = enrolled("c1", -365, 0), enrolled("c2", -30, 335)
REQUESTS = certificate("s", -365, 700, subject="CN=sp.example")
E1, E2 = (
    certificate(name, begin, end, subject="CN=sp.example") for name, begin, end in (("e1", -365, 0), ("e2", -30, 335))
)
A, X = certificate("A", -365, 0), certificate("X", -30, 335)
LONG_TO_LIVE = certificate("a", -100, 265, subject="CN=example")
NEXT = certificate("b", 2, 365, subject="CN=example")
QUARTER = timedelta(minutes=15)


def broken(primary: Certificate, *others: Certificate) -> Document:
    """A farm's document that a proxy has re-formatted; the token-decrypting certificate was never renewed."""
    return farm(primary, *others, encryption=paired(A), signature=signed_by(primary, SignatureState.INVALID))


def in_role(*roles: tuple[Role, str], use: Use = Use.SIGNING) -> Document:
    """An identity provider's document that holds one key in some roles."""
    descriptors = tuple(role(each, element, (use, LONG_TO_LIVE)) for each, element in roles)
    return document(replace(idp(), roles=descriptors))


AS_IDP = (Role.IDP, "IDPSSODescriptor")

LIVES = (
    Life(
        "41 unsigned, never promoted",
        "A farm that signs no metadata; people add a certificate, and nobody can see which of the two signs.",
        then(unsigned_farm(BY_HAND), (-30, unsigned_farm(BY_HAND, NEW))),
        (
            must(Kind.RENEWAL_DUE, begins=(-35, -34.9), ends=at(-30)),
            must(Kind.POSSIBLE_PRIMARY_ENDING, begins=(-5.05, -4.9)),
        ),
    ),
    Life(
        "43 SP with overlapping encryption keys",
        "A service provider adds a new encryption key before the old one ends.",
        then(consumer(REQUESTS, encryption=[E1]), (-30, consumer(REQUESTS, encryption=[E2, E1]))),
        (must(Kind.ENCRYPTION_CERTIFICATE_EXPIRING, begins=at(-35), ends=at(-30)),),
        target=SP,
    ),
    Life(
        "47 a proxy breaks the signature, only Token-Signing was renewed",
        "The signature never verifies, and from the promotion on the evidence names two keys.",
        then(broken(A), (-30, broken(A, X)), (-25, broken(X, A))),
        (
            must(Kind.SIGNATURE_INVALID, begins=at(-40)),
            must(Kind.PRIMARY_DISPUTED, begins=(-25, -24.9)),
            must(Kind.ENCRYPTION_CERTIFICATE_EXPIRING, begins=(-14, -13.9)),
            must(Kind.POSSIBLE_PRIMARY_ENDING, begins=at(-5)),
        ),
        may=(
            may(Kind.UNEXPECTED_SIGNING_CERTIFICATE, since=-30, until=-28.9),
            # The one that was made with E may be signing, and Entra ID has forgotten it.
            may(Kind.TRUST_PENDING_TOO_LONG, Kind.TRUST_UNKNOWN, since=-20),
        ),
        trusted={"contoso.com": then(holds(A), (-29, holds(A, X)), (-20, holds(X)))},
        # The proxy, the evidence and the certificate that was never renewed are three problems.
        beside=[
            frozenset({Kind.SIGNATURE_INVALID, Kind.ENCRYPTION_CERTIFICATE_EXPIRING, each})
            for each in (Kind.UNEXPECTED_SIGNING_CERTIFICATE, Kind.PRIMARY_DISPUTED, Kind.POSSIBLE_PRIMARY_ENDING)
        ],
    ),
    Life(
        "58 SP exchanges its request key",
        "A service provider replaces the key that it signs requests with.",
        then(consumer(LONG_TO_LIVE), (2, consumer(NEXT))),
        (must(Kind.SP_KEY_SET_REPLACED, begins=at(2), ends=at(3)),),
        target=SP,
        every=QUARTER,
        days=(0, 4),
    ),
    Life(
        "59 the same certificate without use",
        "An identity provider leaves out what its only key is for.",
        then(in_role(AS_IDP), (2, in_role(AS_IDP, use=Use.UNSPECIFIED))),
        (),
        never=frozenset(Kind),
        target=IDP,
        every=QUARTER,
        days=(0, 4),
    ),
    Life(
        "60 the same certificate in one role more",
        "An identity provider publishes its only key as an attribute authority too.",
        then(in_role(AS_IDP), (2, in_role(AS_IDP, (Role.AA, "AttributeAuthorityDescriptor")))),
        (),
        never=frozenset(Kind),
        target=IDP,
        every=QUARTER,
        days=(0, 4),
    ),
)
