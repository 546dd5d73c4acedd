"""What holds for documents with more than anybody can watch: no verdict is better for it, and no label longer."""

from dataclasses import replace
from datetime import timedelta
from random import Random

from builders import NOW, dated, entity_of, metadata_of, role_of

from exporter.bounds import PER_SET, bounded
from exporter.model import Certificate, Role, Signature, SignatureState
from exporter.policy import PolicySettings, Profile, in_force
from exporter.rollover import judge_entity

SEED = 2026
ENTRAS_OWN = "CN=accounts.accesscontrol.windows.net"
ADFS = "http://fs.example/adfs/services/trust"


def any_certificate(chance: Random, nth: int, day: float) -> Certificate:
    begins = NOW + timedelta(days=chance.choice((chance.uniform(-1000, 60), chance.uniform(-20, 2), day)))
    ends = NOW + timedelta(days=chance.choice((chance.uniform(-900, 900), chance.uniform(-16, 25), day)))
    subject = chance.choice((ENTRAS_OWN, "CN=ADFS Signing - fs.example", "CN=x"))
    return replace(dated(begins, max(begins, ends), nth=nth), subject=subject)


def is_no_better(chance: Random) -> None:
    day = chance.uniform(-30, 30)
    kinds = chance.choice((1, 2, 5))
    # Of junk there are few kinds, as an attacker makes it; of the rest anything.
    models = [any_certificate(chance, nth, day) for nth in range(kinds)]
    count = chance.randrange(PER_SET + 1, 300)
    junk = [replace(chance.choice(models), fingerprint=f"{10_000 + nth:064x}") for nth in range(count)]
    few = [any_certificate(chance, 1000 + nth, day) for nth in range(chance.randrange(4))]
    signing = [*junk, *few]
    chance.shuffle(signing)
    encryption = [any_certificate(chance, 2000 + nth, day) for nth in range(chance.randrange(3))]
    element = chance.choice(("IDPSSODescriptor", "SecurityTokenServiceType"))
    whole = metadata_of(entity_of(role_of(Role.IDP, *signing, encryption=encryption, element=element), entity_id=ADFS))
    named = chance.choice(signing)
    signature = chance.choice((None, Signature(SignatureState.VALID, named.fingerprint, "")))
    primary = chance.choice((None, chance.choice(signing).fingerprint))
    settings = PolicySettings(profile=chance.choice((None, *Profile)), primary=primary)
    fingerprints = [each for each in (primary, signature and signature.fingerprint) if each]
    cut = bounded(whole, named=fingerprints, first_seen=lambda _: {}, at=NOW)
    before, after = (
        judge_entity(each.entities[0], in_force(settings, each, ""), signature=signature, first_seen={}, now=NOW)
        for each in (whole, cut)
    )
    assert before is not None
    assert after is not None
    assert after.severity >= before.severity, (before.state, after.state)
    if before.claims:
        assert after.claims[0].evidence is before.claims[0].evidence


def test_what_is_kept_of_too_many_certificates_is_judged_no_better_than_all_of_them() -> None:
    for nth in range(2_000):
        try:
            is_no_better(Random(f"{SEED} {nth}"))  # noqa: S311 -- chance, not secrecy
        except AssertionError as error:
            raise AssertionError(f"world {nth} of seed {SEED}: {error}") from error
