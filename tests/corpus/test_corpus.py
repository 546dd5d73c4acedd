"""Real documents, read whole and compared with what an independent program found in them.

The documents belong to their publishers and stay outside of this repository, in ``shared/corpus`` beside it or where
``FEDMETA_CORPUS`` says. Without them these tests are skipped, and under ``CI`` they fail.
"""

import csv
import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import mutants
from lxml import etree
from peer import XmlSec
from soak.der import SAID

from exporter import certificates, metadata, signature
from exporter.model import Certificate, Entity, FaultKind, Metadata, Reason, SignatureState

Oracle = Mapping[str, Any]
"""One line of oracle.jsonl."""
Roles = list[tuple[str, list[tuple[str | None, list[str]]]]]
"""Element names of the roles, in order, with the uses of their keys and the fingerprints of their certificates."""

LONGEST_READING = 2.0
"""Seconds of work, for a document below one megabyte: hundred times what it takes."""

# --- the differences, explained one by one

UNREADABLE_DOCUMENTS = {
    "IdentityPython__pysaml2__740ca8db__idp_uiinfo.xml": (Reason.NOT_XML, "declares the prefix saml twice"),
    "IdentityPython__pysaml2__beb0df79__entity_no_friendly_name_sp.xml": (Reason.NOT_XML, "never declares md"),
    "IdentityPython__pysaml2__eb88d492__entity_esi_and_coco_sp.xml": (Reason.NOT_XML, "never declares md"),
    "SAML-Toolkits__ruby-saml__5f23286a__entity_descriptor.xml.erb": (Reason.NOT_XML, "a Ruby template"),
    "SAML-Toolkits__ruby-saml__entity_descriptor.xml.erb": (Reason.NOT_XML, "a Ruby template"),
    "clarin-eric__SPF-SPs-metadata__07f3146d__login.ivdnt.org.xml": (Reason.NOT_XML, "never declares mdattr"),
    "clarin-eric__SPF-SPs-metadata__13698820__login.ivdnt.org.xml": (Reason.NOT_XML, "never declares mdattr"),
    "clarin-eric__SPF-SPs-metadata__170e45a1__login.ivdnt.org.xml": (Reason.NOT_XML, "never declares mdattr"),
    "clarin-eric__SPF-SPs-metadata__cc1c5c62__login.ivdnt.org.xml": (Reason.NOT_XML, "never declares mdattr"),
    "hallmi80__yoda__7a3e9b97__FederationMetadata.xml": (Reason.NOT_XML, "its first bytes are cut off"),
}

UNREADABLE_CERTIFICATES = {
    "d639ef44ce6da38ffb3b1399942e7cdd0ddeccef11329aaf66710f628f32ad07": "DER that ends early",
    "757468dfbaeb20726ec9f77d854ab99fafa840779ea204470c9a96fdda04f000": "bytes that are no DER",
}
"""The oracle lists the bytes; nobody can say until when they are valid. Each costs a fault of its kind."""

CHAINS = {
    "9afb9c34": "a CA's certificate beside the one that it issued, in one KeyDescriptor of https://dieng.switch.ch",
    "a5312518": "its root's, in the same place",
}
"""By the beginning of their fingerprints. The oracle lists every X509Certificate, and these are no keys."""

SIGNATURE_ALGORITHMS = {
    "1.3.14.3.2.29": ("Unknown OID", "sha1WithRSAEncryption", "an older name of it that the oracle's library lacks"),
    "0.0": ("Unknown OID", "0.0", "a template's certificate: it never named one, and we write the OID"),
}

NOT_VERIFYING = {
    "Mathivanan026__Project-Sample__FederationMetadata.xml": "indented after signing",
    "OpenConext__OpenConext-manage__FederationMetadataCertificate.xml": "indented after signing",
    "SAML-Toolkits__ruby-saml__idp_descriptor_multiple_certs.xml": "indented after signing",
    "garashis__azure-spring-boot-sso-example__federationmetadata.xml": "indented after signing",
    "Rise-9813__TrialRepo__6d76760e__azureidp.xml": "changed after signing",
    "rahulBarahpuria__LearningSpringBoot__3dad9127__federationmetadata.xml": "changed after signing",
    "rahulBarahpuria__LearningSpringBoot__f3225131__federationmetadata.xml": "changed after signing",
    "rahulBarahpuria__LearningSpringBoot__f939b412__federationmetadata.xml": "changed after signing",
    "unofficial-shibboleth-mirror__java-opensaml__9cbbf06b__InCommon-metadata.xml": "shortened after signing",
}
"""Signed documents whose signature does not verify by a key that is known, by us or by xmlsec1."""

KEY_UNKNOWN = {
    "IdentityPython__pyXMLSecurity__f5b8a81d__in.xml": "a template that nobody signed",
    "Sustainsys__Saml2__SambiMetadata.xml": "shortened after signing, and names no key",
}
"""Signed documents whose key nobody gave; all others verify, by us and by xmlsec1."""

# An entityID that occurs twice is one entity here with the roles of both (a fault says so); the oracle lists two.


def documents(corpus: Path) -> Iterator[tuple[str, bytes, Oracle]]:
    for line in (corpus / "oracle.jsonl").read_text("utf-8").splitlines():
        oracle = json.loads(line)
        yield oracle["file"], (corpus / "documents" / oracle["file"]).read_bytes(), oracle


def roles_by_oracle(oracle: Oracle) -> dict[str, Roles]:
    found: dict[str, Roles] = {}
    for entity in oracle["entities"]:
        found.setdefault(entity["entityID"], []).extend(
            (
                role.get("xsi_type", {}).get("local", role["role"]),
                [
                    (
                        key["use"],
                        [
                            certificate["sha256"]
                            for certificate in key["certs"]
                            if certificate.get("sha256", "undecodable") not in {"undecodable", *UNREADABLE_CERTIFICATES}
                            if len(key["certs"]) == 1 or certificate["sha256"][:8] not in CHAINS
                        ],
                    )
                    for key in role["keys"]
                ],
            )
            for role in entity["roles"]
        )
    return found


def roles(entity: Entity) -> Roles:
    return [
        (
            role.element,
            [
                (
                    None if key.use == "unspecified" else str(key.use),
                    [certificate.fingerprint for certificate in key.certificates],
                )
                for key in role.keys
            ],
        )
        for role in entity.roles
    ]


def certificates_of(document: Metadata) -> dict[str, Certificate]:
    return {
        certificate.fingerprint: certificate
        for entity in document.entities
        for role in entity.roles
        for key in role.keys
        for certificate in key.certificates
    }


def told(certificate: Certificate) -> dict[str, object]:
    """What a certificate says, in the oracle's words."""
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "serial": certificate.serial_number,
        "not_before": certificate.not_before.isoformat(),
        "not_after": certificate.not_after.isoformat(),
        "self_issued": certificate.self_issued,
        "sig_alg": certificate.signature_algorithm,
        "der_len": len(certificate.der),
        "key": (certificate.key_algorithm, certificate.key_size),
    }


def told_by_oracle(oracle: Oracle) -> dict[str, object]:
    algorithm, size = oracle["key"].split("-")
    expected = {name: oracle[name] for name in ("subject", "issuer", "serial", "not_before", "not_after")}
    named, ours, _why = SIGNATURE_ALGORITHMS.get(oracle["sig_oid"], (oracle["sig_alg"], oracle["sig_alg"], ""))
    assert named == oracle["sig_alg"]
    return expected | {
        "self_issued": oracle["self_issued"],
        "sig_alg": ours,
        "der_len": oracle["der_len"],
        "key": (algorithm, int(size.removeprefix("secp").removesuffix("r1"))),
    }


def faults_by_oracle(oracle: Oracle) -> set[FaultKind]:
    """The kinds of fault of certificates and keys that the oracle's findings mean."""
    keys = [key for entity in oracle["entities"] for role in entity["roles"] for key in role["keys"]]
    certificates = [certificate for key in keys for certificate in key["certs"]]
    kinds = set()
    if any(not key["certs"] for key in keys):
        kinds.add(FaultKind.KEY_WITHOUT_CERTIFICATE)
    if any(certificate.get("error") == "undecodable" for certificate in certificates):
        kinds.add(FaultKind.CERTIFICATE_BASE64)
    if any(certificate.get("sha256") in UNREADABLE_CERTIFICATES for certificate in certificates):
        kinds.add(FaultKind.CERTIFICATE_DER)
    if any(certificate.get("sig_oid") == "0.0" for certificate in oracle["certs"].values()):
        kinds.add(FaultKind.CERTIFICATE_ATTRIBUTE)
    return kinds


def differences(name: str, body: bytes, oracle: Oracle) -> Iterator[str]:
    """What we say of a document other than the oracle does."""
    try:
        document = metadata.parse(body)
    except metadata.DocumentError as error:
        if "error" not in oracle or error.reason is not UNREADABLE_DOCUMENTS[name][0]:
            yield f"refused: {error}"
        return
    if "error" in oracle:
        yield f"not refused: {oracle['error']}"
        return
    if metadata.stream(body) != document:
        yield "streamed, it says something else"
    for what, (ours, theirs) in compared(document, oracle).items():
        if ours != theirs:
            yield f"{what}: {ours} is not {theirs}"


def compared(document: Metadata, oracle: Oracle) -> dict[str, tuple[object, object]]:
    """What we say and what the oracle says, by what is said of."""
    kinds = [fault.kind for fault in document.faults]
    comparison: dict[str, tuple[object, object]] = {
        "roles": ({entity.entity_id: roles(entity) for entity in document.entities}, roles_by_oracle(oracle)),
        "aggregate": (document.aggregate, len({entity["entityID"] for entity in oracle["entities"]}) > 1),
        "duplicates": (
            kinds.count(FaultKind.ENTITY_DUPLICATE),
            len(oracle["entities"]) - len({entity["entityID"] for entity in oracle["entities"]}),
        ),
        "faults": (
            set(kinds) - {FaultKind.ENTITY_DUPLICATE, FaultKind.SIGNING_SETS_DIFFER},
            faults_by_oracle(oracle),
        ),
    }
    if document.aggregate:
        comparison["valid until"] = document.valid_until, moment(oracle.get("root_validUntil"))
    else:
        (entity,) = oracle["entities"]
        bounds = moment(oracle.get("root_validUntil")), moment(entity["validUntil"])
        comparison["valid until"] = document.valid_until, min(filter(None, bounds), default=None)
    for fingerprint, certificate in certificates_of(document).items():
        comparison[fingerprint] = told(certificate), told_by_oracle(oracle["certs"][fingerprint])
    return comparison


def moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)


def test_every_document_says_what_the_oracle_says(corpus: Path) -> None:
    found = []
    names = set()
    for name, body, oracle in documents(corpus):
        assert hashlib.sha256(body).hexdigest() == oracle["sha256"], f"{name} is not the document of the oracle"
        began = time.process_time()
        found += [f"{name}: {difference}" for difference in differences(name, body, oracle)]
        if time.process_time() - began > LONGEST_READING:
            found.append(f"{name}: took {time.process_time() - began:.1f} s")
        names.add(name)
    assert found == []
    assert names == {each.name for each in (corpus / "documents").iterdir()}
    assert names >= UNREADABLE_DOCUMENTS.keys()


def test_what_is_wrong_with_a_real_certificate_is_said_in_our_own_words(corpus: Path) -> None:
    said = [
        fault.detail
        for _, body, oracle in documents(corpus)
        if "error" not in oracle
        for fault in metadata.read(metadata.tree(body)).faults
        if fault.kind in {FaultKind.CERTIFICATE_DER, FaultKind.CERTIFICATE_ATTRIBUTE}
    ]
    assert said
    assert [each for each in said if not SAID.fullmatch(each.partition(": ")[2])] == []


def test_every_signature_over_a_root_verifies_or_is_known_not_to(corpus: Path) -> None:
    found = {}
    expected = {}
    for name, body, oracle in documents(corpus):
        if "error" in oracle:
            continue
        root = metadata.tree(body)
        before = etree.tostring(root)
        found[name] = signature.verify(root, []).state
        assert etree.tostring(root) == before
        if "signature" not in oracle:
            expected[name] = SignatureState.UNSIGNED
        elif name in KEY_UNKNOWN:
            expected[name] = SignatureState.UNCHECKED
        else:
            expected[name] = SignatureState.INVALID if name in NOT_VERIFYING else SignatureState.VALID
    assert found == expected
    assert expected.keys() >= NOT_VERIFYING.keys() | KEY_UNKNOWN.keys()


def test_every_signature_verifies_where_it_does_by_xmlsec1(corpus: Path, xmlsec1: XmlSec) -> None:
    differences = []
    for name, body, oracle in documents(corpus):
        if "signature" not in oracle:
            continue
        root = metadata.tree(body)
        texts = root.iterfind("{*}Signature/{*}KeyInfo/{*}X509Data/{*}X509Certificate")
        keys = [certificates.decode(text.text or "") for text in texts] or [
            certificate.der for certificate in certificates_of(metadata.read(root)).values()
        ]
        ours = signature.verify(root, keys).state is SignatureState.TRUSTED
        if any(xmlsec1.verifies(body, key) for key in keys) is not ours:
            differences.append(name)
    assert differences == []


def test_no_real_document_that_is_read_otherwise_is_signed_by_the_same_signer(corpus: Path) -> None:
    random = Random(1)  # noqa: S311 -- the same on every run
    outcomes: Counter[object] = Counter()
    originals = mutants.real(corpus)
    for original in originals:
        for _ in range(100 if len(original.document) < 100_000 else 5):
            changed = mutants.mutant(original.document, random)
            outcomes[outcome := mutants.read_otherwise(changed, original)] += 1
            assert outcome not in mutants.SIGNED, changed
    assert len(originals) > 30
    assert outcomes[SignatureState.INVALID] > 200


def test_every_farm_names_a_published_signing_certificate_in_its_signature(corpus: Path) -> None:
    with (corpus / "INDEX.tsv").open(encoding="utf-8", newline="") as index:
        farms = {row["filename"] for row in csv.DictReader(index, delimiter="\t") if row["kind"] == "adfs"}
    seen = 0
    for name, body, _ in documents(corpus):
        if name not in farms:
            continue
        root = metadata.tree(body)
        verdict = signature.verify(root, [])
        document = metadata.read(root)
        published = {
            certificate.der: certificate.fingerprint
            for role in document.entities[0].roles
            for key in role.keys
            if key.use.signs
            for certificate in key.certificates
        }
        assert verdict.fingerprint in published.values(), name
        if verdict.state is SignatureState.VALID:
            assert signature.verify(root, list(published)).state is SignatureState.TRUSTED, name
        seen += 1
    assert seen == len(farms) > 0
