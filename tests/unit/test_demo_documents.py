import base64
from datetime import timedelta

import builders
import pytest
from builders import DAY, NOW
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID
from lxml import etree
from signxml.exceptions import InvalidSignature
from signxml.verifier import SignatureConfiguration, XMLVerifier

from exporter.demo.documents import DS, FED, MD, XSI, KeyKind, KeyPair, adfs_metadata, key_descriptor, mint
from exporter.model import Use

NS = {"md": MD, "ds": DS, "fed": FED}


def loaded(pair: KeyPair) -> x509.Certificate:
    return x509.load_der_x509_certificate(pair.der)


def verified_root(document: bytes, signer: KeyPair) -> etree._Element:
    """What the signature covers, when this signer's certificate verifies it."""
    outcome = XMLVerifier().verify(
        document,
        x509_cert=loaded(signer),
        id_attribute="ID",
        expect_config=SignatureConfiguration(verification_time=NOW),
    )
    assert not isinstance(outcome, list)
    assert outcome.signed_xml is not None
    return outcome.signed_xml


def certificates_of(role: etree._Element, use: str) -> list[str]:
    return [element.text or "" for element in role.iterfind(f"md:KeyDescriptor[@use='{use}']//ds:X509Certificate", NS)]


def text_of(pair: KeyPair) -> str:
    return base64.b64encode(pair.der).decode()


def test_a_minted_certificate_is_self_signed_and_without_extensions_as_ad_fs_makes_them() -> None:
    pair = mint("CN=ADFS Signing - fs.example", not_before=NOW - DAY, not_after=NOW + 364 * DAY)

    minted = loaded(pair)
    minted.verify_directly_issued_by(minted)
    assert len(minted.extensions) == 0
    assert pair.certificate.self_issued
    assert pair.certificate.subject == "CN=ADFS Signing - fs.example"
    assert (pair.certificate.not_before, pair.certificate.not_after) == (NOW - DAY, NOW + 364 * DAY)


def test_dates_are_cut_to_whole_seconds() -> None:
    fraction = timedelta(microseconds=999_999)

    minted = mint("CN=x", not_before=NOW + fraction, not_after=NOW + DAY + fraction).certificate

    assert (minted.not_before, minted.not_after) == (NOW, NOW + DAY)


@pytest.mark.parametrize(("kind", "algorithm", "size"), [("ec", "EC", 256), ("rsa", "RSA", 2048)])
def test_a_key_is_of_the_kind_that_was_asked_for(kind: KeyKind, algorithm: str, size: int) -> None:
    certificate = builders.pair(key=kind).certificate

    assert (certificate.key_algorithm, certificate.key_size) == (algorithm, size)


def test_an_authority_issues_certificates_that_its_key_verifies() -> None:
    authority = mint("CN=CA,O=Example", not_before=NOW, not_after=NOW + DAY, authority=True)

    issued = mint("CN=Token Signing", not_before=NOW, not_after=NOW + DAY, issuer=authority)

    loaded(issued).verify_directly_issued_by(loaded(authority))
    assert not issued.certificate.self_issued
    assert issued.certificate.issuer == authority.certificate.subject
    assert loaded(authority).extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@pytest.mark.parametrize("issuer", [None, builders.authority()], ids=["self-signed", "issued"])
def test_dns_names_make_a_tls_server_certificate(issuer: KeyPair | None) -> None:
    server = mint(
        "CN=localhost", not_before=NOW, not_after=NOW + DAY, issuer=issuer, dns_names=("localhost", "127.0.0.1", "::1")
    )

    extensions = loaded(server).extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = names.get_values_for_type(x509.IPAddress)
    signing_key = (issuer or server).key.public_key()
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(address) for address in addresses] == ["127.0.0.1", "::1"]
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert extensions.get_extension_for_class(
        x509.AuthorityKeyIdentifier
    ).value == x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key)


def test_pem_holds_the_key_and_its_certificate() -> None:
    pair = builders.pair()

    key = serialization.load_pem_private_key(pair.pem(), password=None)

    assert x509.load_pem_x509_certificate(pair.pem()) == loaded(pair)
    assert key.public_key() == loaded(pair).public_key()
    assert b"PRIVATE KEY" not in pair.certificate_pem()


def test_the_private_key_is_in_no_repr() -> None:
    assert "key=" not in repr(builders.pair())


def test_an_ad_fs_document_has_its_children_in_the_order_of_ad_fs() -> None:
    root = etree.fromstring(builders.adfs(signer=builders.pair()))

    assert root.tag == f"{{{MD}}}EntityDescriptor"
    assert sorted(root.attrib) == ["ID", "entityID"]
    assert root.get("entityID") == "http://fs.example/adfs/services/trust"
    assert [etree.QName(child).text for child in root] == [
        f"{{{DS}}}Signature",
        f"{{{MD}}}RoleDescriptor",
        f"{{{MD}}}RoleDescriptor",
        f"{{{MD}}}SPSSODescriptor",
        f"{{{MD}}}IDPSSODescriptor",
    ]
    types = [role.get(f"{{{XSI}}}type") for role in root.iterfind("md:RoleDescriptor", NS)]
    assert types == ["fed:ApplicationServiceType", "fed:SecurityTokenServiceType"]
    assert all(role.nsmap["fed"] == FED for role in root.iterfind("md:RoleDescriptor", NS))


def test_each_role_publishes_the_keys_that_ad_fs_publishes_there() -> None:
    first, second, encryption = builders.pair(), builders.pair(nth=1), builders.encryption_pair()

    root = etree.fromstring(builders.adfs(first, second, encryption=[encryption], signer=first))

    application, token_service, service_provider, identity_provider = root[1:]
    signing, encrypting = [text_of(first), text_of(second)], [text_of(encryption)]
    assert (certificates_of(application, "encryption"), certificates_of(application, "signing")) == (encrypting, [])
    assert (certificates_of(token_service, "encryption"), certificates_of(token_service, "signing")) == ([], signing)
    for role in (service_provider, identity_provider):
        assert (certificates_of(role, "encryption"), certificates_of(role, "signing")) == (encrypting, signing)


def test_an_ad_fs_document_is_as_large_as_a_real_one() -> None:
    assert 32_000 < len(builders.adfs(signer=builders.pair())) < 82_000


def test_every_endpoint_is_under_the_service_name() -> None:
    root = etree.fromstring(builders.adfs(host="sts.contoso.example"))

    places = [element.get("Location", "") for element in root.iterfind(".//*[@Location]")]
    assert places
    assert set(places) == {"https://sts.contoso.example/adfs/ls/"}


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_the_signature_covers_the_root_and_brings_one_certificate(kind: KeyKind) -> None:
    signer = builders.pair(key=kind)
    document = builders.adfs(signer, signer=signer)

    signature = etree.fromstring(document)[0]

    assert verified_root(document, signer).tag == f"{{{MD}}}EntityDescriptor"
    assert [each.text for each in signature.iterfind("ds:KeyInfo//ds:X509Certificate", NS)] == [text_of(signer)]
    algorithms = [
        each.get("Algorithm", "").rpartition("/")[2] for each in signature.iterfind("ds:SignedInfo//*[@Algorithm]", NS)
    ]
    method = {"ec": "xmldsig-more#ecdsa-sha256", "rsa": "xmldsig-more#rsa-sha256"}[kind]
    assert algorithms == ["xml-exc-c14n#", method, "xmldsig#enveloped-signature", "xml-exc-c14n#", "xmlenc#sha256"]


def test_a_change_after_signing_breaks_the_signature() -> None:
    document = builders.tampered(builders.adfs(signer=builders.pair()))

    with pytest.raises(InvalidSignature):
        verified_root(document, builders.pair())


def test_a_document_without_a_signer_is_unsigned() -> None:
    assert etree.fromstring(builders.adfs()).find("ds:Signature", NS) is None


def test_equal_unsigned_documents_have_equal_bytes() -> None:
    assert builders.adfs() == builders.adfs()
    assert builders.adfs() != builders.adfs(entity_id="urn:federation:other")


def test_an_entity_id_of_ones_own_replaces_that_of_ad_fs() -> None:
    document = adfs_metadata("fs.example", signing=[], encryption=[], signer=None, entity_id="urn:federation:fs")

    assert etree.fromstring(document).get("entityID") == "urn:federation:fs"


def test_bytes_stand_in_the_document_as_they_are() -> None:
    root = etree.fromstring(builders.adfs(builders.NOT_BASE64, builders.pair()))

    assert certificates_of(root[-1], "signing") == ["no base64 at all!", text_of(builders.pair())]


def test_a_key_of_unspecified_use_has_no_use_attribute() -> None:
    key = key_descriptor(Use.UNSPECIFIED, builders.pair(), builders.pair(nth=1))

    assert not key.attrib
    assert len(key.findall("ds:KeyInfo/ds:X509Data/ds:X509Certificate", NS)) == 2
