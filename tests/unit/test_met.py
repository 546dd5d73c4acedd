"""Documents that real publishers write and that were once judged wrongly: read from XML, and judged.

Each stands for a kind; tests/property has others of the same kinds at random.
"""

import base64
import ssl
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from builders import (
    DAY,
    ENTITY_ID,
    HOUR,
    NOT_BASE64,
    NOT_DER,
    NOW,
    aggregate,
    descriptor_of,
    entity,
    key,
    knowing,
    pair,
    probed,
    saml_metadata,
    watched,
)
from cryptography import x509
from lxml import etree
from odd import BIT_STRING, GENERALIZED_TIME, UTC_TIME, name, odd, value
from signxml.algorithms import CanonicalizationMethod, SignatureMethod
from signxml.signer import XMLSigner

from exporter import fetch
from exporter.demo.documents import DS, KeyPair, mint
from exporter.findings import Finding, Kind, Standing, sentence, standing
from exporter.model import FaultKind, Role, SignatureState, Use
from exporter.policy import PolicySettings
from exporter.probe import probe
from exporter.record import Record, bare
from exporter.rollover import Severity

SOON = NOW + 3 * DAY
"""When the keys of most of them end."""
ROOT = mint("CN=Root", not_before=NOW - 9000 * DAY, not_after=NOW + 9000 * DAY, authority=True)
OLDER, NEWER = (
    mint(f"CN={age} CA", not_before=NOW + begins * DAY, not_after=NOW + 4000 * DAY, issuer=ROOT, authority=True)
    for age, begins in (("Older", -2000), ("Newer", -30))
)


def leaf_of(issuer: KeyPair) -> KeyPair:
    return pair(subject="CN=idp.example", not_before=NOW - 362 * DAY, not_after=SOON, issuer=issuer)


@pytest.fixture
async def client() -> AsyncIterator[fetch.Client]:
    async with fetch.client() as opened:
        yield opened


class Publisher:
    """An address at which one document comes after another."""

    def __init__(self, file: Path, client: fetch.Client) -> None:
        self.file, self.client = file, client

    async def seen(self, *documents: bytes, policy: PolicySettings | None = None, **about: object) -> Record:
        """What is known after a look at each of these documents, the last of them now."""
        record = bare(watched("met", self.file.as_uri(), policy=policy or PolicySettings(), **about))
        for ago, document in reversed(list(enumerate(reversed(documents)))):
            self.file.write_bytes(document)
            with self.client.budget.share() as share:
                observation = await probe(
                    record.target.look,
                    signers=record.target.policy.signers,
                    client=self.client,
                    previous=record.document,
                    validators=record.validators,
                    share=share,
                    now=NOW - ago * HOUR,
                    timeout=30,
                    entity_id=record.entity_id,
                )
            assert observation.document is not None, observation.detail
            record = probed(record, observation)
        return record


@pytest.fixture
def publisher(tmp_path: Path, client: fetch.Client) -> Publisher:
    return Publisher(tmp_path / "metadata.xml", client)


def after(record: Record, by: timedelta = timedelta()) -> Standing:
    """How it stands if looks go on for a while and get the same."""
    return standing(knowing(record, last_success=NOW + by), NOW + by)


def urgent(stands: Standing) -> set[Kind]:
    return {each.kind for each in stands.findings if each.severity > Severity.INFO}


def of(kind: Kind, stands: Standing) -> Finding:
    (found,) = (each for each in stands.findings if each.kind is kind)
    return found


def faults(record: Record) -> set[FaultKind]:
    assert record.document is not None
    return {each.kind for each in record.document.metadata.faults}


def text(*parts: bytes) -> bytes:
    """A document whose only signing key has this text for a certificate."""
    return saml_metadata(keys=[(Use.SIGNING, b"".join(parts))])


async def assert_judged_by_its_leaf(record: Record, leaf: KeyPair) -> None:
    stands = after(record)
    assert urgent(stands) == {Kind.ROLLOVER_MISSING}
    assert stands.rollover is not None
    assert (stands.rollover.primary, stands.rollover.may_sign) == (leaf.certificate, (leaf.certificate,))
    assert stands.rollover.successors == ()
    assert urgent(after(record, 3 * DAY)) == {Kind.SIGNING_CERTIFICATE_EXPIRED}


@pytest.mark.parametrize("above", [(OLDER,), (OLDER, ROOT), (NEWER,), (NEWER, ROOT)])
@pytest.mark.parametrize("turn", [1, -1])
async def test_a_chain_in_one_x509data_is_judged_by_its_leaf(
    publisher: Publisher, above: Sequence[KeyPair], turn: int
) -> None:
    leaf = leaf_of(above[0])
    document = entity(descriptor_of(Role.IDP, key(*(leaf, *above)[::turn])))
    await assert_judged_by_its_leaf(await publisher.seen(document), leaf)


@pytest.mark.parametrize("padding", [b"", b"="])
async def test_a_chain_pasted_into_one_element_is_judged_by_its_leaf_and_told(
    publisher: Publisher, padding: bytes
) -> None:
    leaf = leaf_of(OLDER)
    parts = [
        base64.b64encode(each.der) if padding else base64.b64encode(each.der).rstrip(b"=") for each in (leaf, OLDER)
    ]
    record = await publisher.seen(text(*parts))
    await assert_judged_by_its_leaf(record, leaf)
    assert faults(record) == {FaultKind.CERTIFICATE_TEXT}


async def test_openssls_text_before_a_certificate_is_left_out_and_told(publisher: Publisher) -> None:
    leaf = leaf_of(OLDER)
    blocks = [ssl.DER_cert_to_PEM_cert(each.der).encode() for each in (leaf, OLDER)]
    record = await publisher.seen(text(b"Bag Attributes\n    localKeyID: 01\nsubject=CN = x\n", *blocks))
    await assert_judged_by_its_leaf(record, leaf)
    assert faults(record) == {FaultKind.CERTIFICATE_TEXT}


def utc(moment: datetime, form: str = "%y%m%d%H%M%SZ") -> bytes:
    return value(UTC_TIME, f"{moment:{form}}".encode())


@pytest.mark.parametrize("character", "*_&@!")
async def test_a_name_with_a_character_that_only_openssl_reads_has_dates_that_count(
    publisher: Publisher, character: str
) -> None:
    made = odd(name(f"test{character}x".encode()), not_before=utc(NOW - 362 * DAY), not_after=utc(SOON))
    await assert_watched(await publisher.seen(text(base64.b64encode(made.der))))


@pytest.mark.parametrize(
    "ends",
    [
        utc(SOON, "%y%m%d%H%MZ"),
        utc(SOON + 2 * HOUR, "%y%m%d%H%M%S+0200"),
        value(GENERALIZED_TIME, f"{SOON:%Y%m%d%H%M%S}.5Z".encode()),
    ],
)
async def test_a_date_that_only_openssl_reads_counts(publisher: Publisher, ends: bytes) -> None:
    made = odd(name(b"test"), not_before=utc(NOW - 362 * DAY), not_after=ends)
    await assert_watched(await publisher.seen(text(base64.b64encode(made.der))))


async def assert_watched(record: Record) -> None:
    stands = after(record)
    assert Kind.ROLLOVER_MISSING in urgent(stands)
    assert stands.rollover is not None
    assert stands.rollover.primary is not None
    assert abs(stands.rollover.primary.not_after - SOON) < timedelta(minutes=1)
    assert faults(record) == {FaultKind.CERTIFICATE_ATTRIBUTE}


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("named", [True, False])
async def test_one_entity_is_watched_in_any_number_of_wrappers(
    publisher: Publisher, depth: int, *, named: bool
) -> None:
    leaf = leaf_of(OLDER)
    for bad in (
        saml_metadata(keys=[(Use.SIGNING, leaf)]),
        saml_metadata(keys=[]),
        saml_metadata(keys=[(Use.SIGNING, NOT_DER)]),
        saml_metadata(keys=[(Use.SIGNING, pair(not_after=NOW - DAY))]),
    ):
        wrapped = bad
        for _ in range(depth):
            wrapped = aggregate([wrapped])
        entity_id = ENTITY_ID if named else None
        one, other = [after(await publisher.seen(each, entity_id=entity_id)) for each in (bad, wrapped)]
        assert [each.kind for each in other.findings] == [each.kind for each in one.findings]
        assert [each.entity_id for each in other.findings] == [each.entity_id for each in one.findings]
        assert one.severity is other.severity is Severity.CRITICAL
        assert other.watched == {ENTITY_ID}


async def test_a_signature_around_one_entity_by_one_of_its_keys_says_which_is_in_use(publisher: Publisher) -> None:
    old, new = (
        pair(subject="CN=idp", not_before=NOW - 362 * DAY + nth * 300 * DAY, not_after=SOON + nth * 300 * DAY)
        for nth in (0, 1)
    )
    published = saml_metadata(keys=[(Use.SIGNING, old), (Use.SIGNING, new)])
    for signer, found in ((old, {Kind.PROMOTION_STALLED_LATE}), (new, set()), (None, {Kind.POSSIBLE_PRIMARY_ENDING})):
        stands = after(await publisher.seen(aggregate([published], signer=signer)))
        assert urgent(stands) == found
        assert stands.rollover is not None
        assert signer is None or stands.rollover.primary == signer.certificate
    other = saml_metadata("urn:other", keys=[(Use.SIGNING, pair(subject="CN=other"))])
    among_others = await publisher.seen(aggregate([published, other], signer=old), entity_id=ENTITY_ID)
    assert urgent(after(among_others)) == {Kind.POSSIBLE_PRIMARY_ENDING}


async def test_the_entity_that_the_configuration_names_is_watched_among_others(publisher: Publisher) -> None:
    ends, old = pair(subject="CN=a", not_after=SOON), pair(subject="CN=b", not_after=NOW - DAY)
    document = aggregate(
        [saml_metadata("urn:a", keys=[(Use.SIGNING, ends)]), saml_metadata("urn:b", keys=[(Use.SIGNING, old)])]
    )
    stands = after(await publisher.seen(document, entity_id="urn:a"))
    assert stands.watched == {"urn:a"}
    assert urgent(stands) == {Kind.ROLLOVER_MISSING}


@pytest.mark.parametrize("configured", [True, False])
async def test_an_application_whose_active_key_ends_pages_before_its_end_and_after(
    publisher: Publisher, *, configured: bool
) -> None:
    active = pair(subject="CN=app", not_before=NOW - 362 * DAY, not_after=SOON)
    inactive = pair(subject="CN=app", not_before=NOW - 5 * DAY, not_after=NOW + 1090 * DAY)
    primary = active.certificate.fingerprint if configured else None
    published = [(Use.SIGNING, inactive), (Use.SIGNING, active)]
    record = await publisher.seen(saml_metadata(keys=published, signer=active), policy=PolicySettings(primary=primary))
    assert urgent(after(record)) == {Kind.PROMOTION_STALLED_LATE}
    for days in (3, 4, 100):
        assert urgent(after(record, days * DAY)) == {Kind.SIGNING_CERTIFICATE_EXPIRED}
    unproven = await publisher.seen(saml_metadata(keys=published))
    assert urgent(after(unproven)) == {Kind.POSSIBLE_PRIMARY_ENDING}


async def test_certificates_that_nobody_can_read_are_told_one_by_one_with_the_reason(publisher: Publisher) -> None:
    good = pair(subject="CN=c", not_after=NOW + 300 * DAY)
    document = saml_metadata(keys=[(Use.SIGNING, b"sp.crt"), (Use.SIGNING, NOT_DER), (Use.SIGNING, good)])
    stands = after(await publisher.seen(document))
    told = sentence(of(Kind.CERTIFICATE_UNREADABLE, stands), NOW)
    assert "sp.crt" in told
    assert "base64" in told


@pytest.mark.parametrize(
    ("strange", "told"),
    [
        (odd(name(b"\0x", BIT_STRING), not_after=utc(SOON)).der, {Kind.ROLLOVER_MISSING}),
        (b"no certificate", {Kind.SIGNING_KEYS_UNREADABLE, Kind.CERTIFICATE_UNREADABLE}),
    ],
)
async def test_one_odd_certificate_of_500_entities_costs_one_row(
    publisher: Publisher, strange: bytes, told: set[Kind]
) -> None:
    leaf = leaf_of(OLDER)
    members = [saml_metadata(f"urn:{nth}", keys=[(Use.SIGNING, leaf)]) for nth in range(499)]
    members.insert(250, saml_metadata("urn:odd", keys=[(Use.SIGNING, base64.b64encode(strange))]))
    stands = after(await publisher.seen(aggregate(members), watch=("urn:*",)))
    found = [each for each in stands.findings if each.severity > Severity.INFO]
    others = [each for each in found if each.entity_id not in {"urn:odd", None}]
    assert {each.kind for each in others} == {Kind.ROLLOVER_MISSING}
    assert len({each.entity_id for each in others}) == len(others) == 499
    assert {each.kind for each in found} - {Kind.ROLLOVER_MISSING} == told - {Kind.ROLLOVER_MISSING}
    assert {each.kind for each in found if each.entity_id == "urn:odd"} <= told


@pytest.mark.parametrize("ahead", [3 * HOUR / 60, 9 * HOUR / 60, 11 * HOUR / 60])
async def test_a_key_that_begins_in_a_few_minutes_is_no_outage(publisher: Publisher, ahead: timedelta) -> None:
    only = pair(subject="CN=ahead", not_before=NOW + ahead, not_after=NOW + 400 * DAY)
    stands = after(await publisher.seen(saml_metadata(keys=[(Use.SIGNING, only)])))
    assert urgent(stands) == (set() if ahead < timedelta(minutes=10) else {Kind.SIGNING_CERTIFICATE_EXPIRED})


@pytest.mark.parametrize("garbled", [NOT_BASE64, NOT_DER])
async def test_a_document_that_can_be_read_no_longer_does_not_end_a_page(publisher: Publisher, garbled: bytes) -> None:
    leaf = leaf_of(OLDER)
    read, unread = saml_metadata(keys=[(Use.SIGNING, leaf)]), saml_metadata(keys=[(Use.SIGNING, garbled)])
    record = await publisher.seen(read, unread, saml_metadata(keys=[(Use.SIGNING, b"again!")]))
    stands = after(record)
    assert urgent(stands) == {Kind.ROLLOVER_MISSING, Kind.CERTIFICATE_NO_LONGER_READABLE}
    assert stands.rollover is not None
    assert stands.rollover.primary == leaf.certificate
    assert Kind.SIGNING_CERTIFICATE_EXPIRED in urgent(after(record, 3 * DAY))
    assert urgent(after(await publisher.seen(unread))) >= {Kind.SIGNING_KEYS_UNREADABLE}


async def test_a_signature_in_inclusive_canonical_form_is_valid_or_trusted(publisher: Publisher) -> None:
    by = pair(subject="CN=signer", key="rsa")
    root = etree.fromstring(saml_metadata(keys=[(Use.SIGNING, by)]))
    signer = XMLSigner(
        signature_algorithm=SignatureMethod.RSA_SHA256, c14n_algorithm=CanonicalizationMethod.CANONICAL_XML_1_0
    )
    signer.namespaces = {None: DS}  # type: ignore[dict-item]  # the default namespace, as lxml has it
    cert = x509.load_der_x509_certificate(by.der)
    document = etree.tostring(signer.sign(root, key=by.key, cert=[cert], reference_uri=["#_entity"]))
    assert f'<Signature xmlns="{DS}"'.encode() in document
    for signers, state in (((), SignatureState.VALID), ((by.der,), SignatureState.TRUSTED)):
        record = await publisher.seen(document, policy=PolicySettings(signers=signers))
        assert record.document is not None
        assert record.document.signature.state is state
        assert Kind.SIGNATURE_INVALID not in urgent(after(record))


@pytest.mark.parametrize("whole", [True, False])
async def test_a_signature_by_a_key_that_nobody_gave_is_no_finding(publisher: Publisher, *, whole: bool) -> None:
    by, own = pair(subject="CN=federation"), pair(subject="CN=own", nth=1)
    one = saml_metadata(keys=[(Use.SIGNING, own)], signer=None if whole else by)
    document = aggregate([one, saml_metadata("urn:other", keys=[(Use.SIGNING, own)])], signer=by) if whole else one
    root = etree.fromstring(document)
    (info,) = root.iterfind(f"{{{DS}}}Signature/{{{DS}}}KeyInfo")
    info[:] = [etree.fromstring(f'<KeyName xmlns="{DS}">federation-2026</KeyName>')]
    record = await publisher.seen(etree.tostring(root))
    assert record.document is not None
    assert record.document.signature.state is SignatureState.UNCHECKED
    assert after(record).severity < Severity.WARNING
