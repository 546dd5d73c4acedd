"""Which signatures count, which certificate verified them, and what is never accepted."""

import base64
import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pytest
from builders import (
    DAY,
    NOT_BASE64,
    NOT_DER,
    NOW,
    adfs,
    aggregate,
    authority,
    descriptor_of,
    entity,
    key,
    pair,
    saml_metadata,
    tampered,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signxml.algorithms import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
)
from signxml.signer import XMLSigner
from signxml.verifier import XMLVerifier

from exporter import canonical, certificates, metadata, signature
from exporter.canonical import cost
from exporter.demo.documents import KeyPair
from exporter.model import Role, Signature, SignatureState

DS = "{http://www.w3.org/2000/09/xmldsig#}"
EXCLUSIVE = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
XML_1_0, XML_1_1 = CanonicalizationMethod.CANONICAL_XML_1_0, CanonicalizationMethod.CANONICAL_XML_1_1
WITH_COMMENTS = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0_WITH_COMMENTS

PUBLISHED = pair()
STRANGER = pair(subject="CN=stranger")
RSA = pair(subject="CN=signer", key="rsa")


def verdict(document: bytes, *signers: KeyPair) -> Signature:
    return signature.verify(metadata.tree(document), [signer.der for signer in signers])


def assert_unchecked(verdict: Signature) -> None:
    assert (verdict.state, verdict.fingerprint) == (SignatureState.UNCHECKED, None)
    assert "no certificate in KeyInfo" in verdict.detail
    assert len(verdict.detail) <= 200


def assert_invalid(verdict: Signature, words: str, fingerprint: str | None = PUBLISHED.certificate.fingerprint) -> None:
    assert verdict.state is SignatureState.INVALID
    assert verdict.fingerprint == fingerprint
    assert words in verdict.detail
    assert len(verdict.detail) <= 200


class _Signer(XMLSigner):
    def check_deprecated_methods(self) -> None:
        """Signs with SHA-1 too, as others did for long."""


def signed(
    document: bytes,
    *,
    by: KeyPair = PUBLISHED,
    method: SignatureMethod = SignatureMethod.ECDSA_SHA256,
    form: CanonicalizationMethod = EXCLUSIVE,
    references: Sequence[str] | None = ("#_entity",),
) -> bytes:
    """A document signed in some way that other software has; KeyInfo holds the certificate."""
    root = etree.fromstring(document)
    root.insert(0, etree.Element(f"{DS}Signature", Id="placeholder", nsmap={"ds": DS[1:-1]}))
    signer = _Signer(signature_algorithm=method, c14n_algorithm=form)
    certificate = x509.load_der_x509_certificate(by.der)
    done = signer.sign(root, key=by.key, cert=[certificate], reference_uri=list(references) if references else None)
    return etree.tostring(done)


def edited(document: bytes, edit: Callable[[etree._Element], object]) -> bytes:
    """A document whose signature an editor got at."""
    root = etree.fromstring(document)
    edit(root)
    return etree.tostring(root)


def without_key_info(document: bytes) -> bytes:
    def remove(root: etree._Element) -> None:
        for info in root.iterfind(f"{DS}Signature/{DS}KeyInfo"):
            root[0].remove(info)

    return edited(document, remove)


def with_key_info(document: bytes, *texts: bytes) -> bytes:
    """The document with other texts in the X509Data of its signature, which no signature covers."""

    def replace(root: etree._Element) -> None:
        (data,) = root.iterfind(f"{DS}Signature/{DS}KeyInfo/{DS}X509Data")
        data[:] = []
        for text in texts:
            etree.SubElement(data, f"{DS}X509Certificate").text = text.decode()

    return edited(document, replace)


def renewed(old: KeyPair, *, nth: int = 1, starts: datetime = NOW) -> KeyPair:
    """Another certificate of the same key, valid for a day."""
    name = x509.Name.from_rfc4514_string("CN=renewed")
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(old.key.public_key())
        .serial_number(nth)
        .not_valid_before(starts)
        .not_valid_after(starts + DAY)
    )
    der = builder.sign(old.key, hashes.SHA256()).public_bytes(Encoding.DER)
    return KeyPair(certificates.read(der)[0], old.key)


def signed_in_place(root: str, attributes: str = "", *, form: CanonicalizationMethod, canonical: str) -> bytes:
    """A document with Signature in the default namespace, signed without software that canonicalises SignedInfo.

    ``root`` and ``attributes`` are what stands in the tags of the root and of Signature; ``canonical`` is what stands
    in that of SignedInfo in its canonical form.
    """
    whole = etree.fromstring(f"<EntityDescriptor {root}><IDPSSODescriptor/></EntityDescriptor>")
    digest = base64.b64encode(hashlib.sha256(etree.tostring(whole, method="c14n")).digest()).decode()
    enveloped = SignatureConstructionMethod.enveloped.value
    inside = (
        f'<CanonicalizationMethod Algorithm="{form.value}"></CanonicalizationMethod>'
        f'<SignatureMethod Algorithm="{SignatureMethod.ECDSA_SHA256.value}"></SignatureMethod>'
        f'<Reference URI="#_entity"><Transforms><Transform Algorithm="{enveloped}"></Transform>'
        f'<Transform Algorithm="{CanonicalizationMethod.CANONICAL_XML_1_0.value}"></Transform></Transforms>'
        f'<DigestMethod Algorithm="{DigestAlgorithm.SHA256.value}"></DigestMethod>'
        f"<DigestValue>{digest}</DigestValue></Reference></SignedInfo>"
    )
    assert isinstance(PUBLISHED.key, ec.EllipticCurvePrivateKey)
    made = PUBLISHED.key.sign(f"<SignedInfo {canonical}>{inside}".encode(), ec.ECDSA(hashes.SHA256()))
    value = base64.b64encode(b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(made))).decode()
    certificate = base64.b64encode(PUBLISHED.der).decode()
    return (
        f'<EntityDescriptor {root}><Signature xmlns="{DS[1:-1]}"{attributes}><SignedInfo>{inside}'
        f"<SignatureValue>{value}</SignatureValue><KeyInfo><X509Data><X509Certificate>{certificate}</X509Certificate>"
        "</X509Data></KeyInfo></Signature><IDPSSODescriptor/></EntityDescriptor>"
    ).encode()


# --- what verifies


def test_a_document_without_signature_is_unsigned() -> None:
    assert verdict(adfs()) == Signature(SignatureState.UNSIGNED, None, "")


def test_a_signature_inside_is_not_the_documents_own() -> None:
    assert verdict(aggregate([saml_metadata(signer=PUBLISHED)])).state is SignatureState.UNSIGNED


def test_a_farms_own_signature_is_valid_by_its_certificate() -> None:
    expected = Signature(SignatureState.VALID, PUBLISHED.certificate.fingerprint, "")
    assert verdict(adfs(PUBLISHED, signer=PUBLISHED)) == expected


def test_it_is_valid_by_a_certificate_that_is_not_published_and_may_be_expired() -> None:
    expired = pair(not_before=NOW - 4000 * DAY, not_after=NOW - 3000 * DAY)
    expected = Signature(SignatureState.VALID, expired.certificate.fingerprint, "")
    assert verdict(adfs(PUBLISHED, signer=expired)) == expected


def test_it_is_trusted_when_its_key_is_a_signers() -> None:
    expected = Signature(SignatureState.TRUSTED, PUBLISHED.certificate.fingerprint, "")
    document = adfs(signer=PUBLISHED)
    assert verdict(document, PUBLISHED) == expected
    assert verdict(document, STRANGER, PUBLISHED) == expected
    assert verdict(document, renewed(PUBLISHED)) == expected


def test_it_is_only_valid_when_its_key_is_no_signers() -> None:
    expected = Signature(SignatureState.VALID, PUBLISHED.certificate.fingerprint, "")
    assert verdict(adfs(signer=PUBLISHED), STRANGER) == expected


def test_a_signer_verifies_what_the_certificate_in_key_info_does_not() -> None:
    document = with_key_info(adfs(signer=PUBLISHED), base64.b64encode(STRANGER.der))
    assert_invalid(verdict(document), "verification failed", STRANGER.certificate.fingerprint)
    assert verdict(document, PUBLISHED) == Signature(SignatureState.TRUSTED, PUBLISHED.certificate.fingerprint, "")


def test_every_certificate_in_key_info_is_tried() -> None:
    chain = [NOT_BASE64, NOT_DER, base64.b64encode(authority().der), base64.b64encode(PUBLISHED.der)]
    document = with_key_info(adfs(signer=PUBLISHED), *chain)
    assert verdict(document) == Signature(SignatureState.VALID, PUBLISHED.certificate.fingerprint, "")


def assert_more_keys(verdict: Signature) -> None:
    assert (verdict.state, verdict.fingerprint) == (SignatureState.UNCHECKED, None)
    assert "none of the first 8 keys" in verdict.detail


@pytest.mark.parametrize("others", [8, 63, 64, 100])
def test_where_more_keys_may_have_signed_than_are_tried_it_is_unchecked(others: int) -> None:
    texts = [base64.b64encode(pair(nth=number).der) for number in range(1, others + 1)]
    document = with_key_info(adfs(signer=PUBLISHED), *texts, base64.b64encode(PUBLISHED.der))
    assert_more_keys(verdict(document))
    assert_more_keys(verdict(document, STRANGER))
    assert verdict(document, PUBLISHED).state is SignatureState.TRUSTED


def test_eight_keys_of_which_none_signed_make_it_invalid() -> None:
    texts = [base64.b64encode(pair(nth=number).der) for number in range(1, 9)]
    document = with_key_info(adfs(signer=PUBLISHED), *texts, *texts)
    assert_invalid(verdict(document), "verification failed", pair(nth=1).certificate.fingerprint)


@pytest.mark.parametrize("published", [9, 65])
def test_without_key_info_where_more_are_published_than_are_tried_it_is_unchecked(published: int) -> None:
    others = [pair(nth=number) for number in range(1, published + 1)]
    document = without_key_info(adfs(*others, signer=PUBLISHED))
    assert_more_keys(verdict(document))
    assert_more_keys(verdict(document, STRANGER))


def test_certificates_that_cannot_be_read_are_not_read_without_end() -> None:
    document = adfs(PUBLISHED, signer=STRANGER)
    known = base64.b64encode(STRANGER.der)
    assert verdict(with_key_info(document, *[NOT_DER] * 63, known)).state is SignatureState.VALID
    assert_more_keys(verdict(with_key_info(document, *[NOT_DER] * 64, known)))


def test_of_many_published_keys_the_one_that_signed_before_is_tried_first() -> None:
    others = [pair(nth=number) for number in range(1, 101)]
    root = metadata.tree(without_key_info(adfs(*others, signer=others[-1])))
    assert_more_keys(signature.verify(root, []))
    last = others[-1].certificate.fingerprint
    assert signature.verify(root, [], last=last) == Signature(SignatureState.VALID, last, "")


def test_without_key_info_the_published_signing_certificates_are_tried() -> None:
    document = without_key_info(adfs(pair(nth=1), PUBLISHED, signer=PUBLISHED))
    assert verdict(document) == Signature(SignatureState.VALID, PUBLISHED.certificate.fingerprint, "")
    assert verdict(document, PUBLISHED).state is SignatureState.TRUSTED


def test_a_chain_beside_a_published_key_is_not_tried() -> None:
    leaf = pair(subject="CN=leaf", issuer=authority())
    descriptor = descriptor_of(Role.IDP, key(authority(), leaf))
    by_leaf, by_authority = (without_key_info(entity(descriptor, signer=each)) for each in (leaf, authority()))
    assert verdict(by_leaf) == Signature(SignatureState.VALID, leaf.certificate.fingerprint, "")
    assert_unchecked(verdict(by_authority))


def test_no_member_of_an_aggregate_signs_the_whole() -> None:
    document = without_key_info(aggregate([saml_metadata(), saml_metadata("urn:other")], signer=PUBLISHED))
    assert_unchecked(verdict(document))
    assert verdict(document, PUBLISHED).state is SignatureState.TRUSTED


@pytest.mark.parametrize(
    "members",
    [
        [saml_metadata()],
        [saml_metadata(), saml_metadata()],
        [saml_metadata(), entity(entity_id=None)],
        [aggregate([saml_metadata()]).replace(b"_aggregate", b"_inner")],
    ],
    ids=["once", "twice", "beside one without a name", "nested"],
)
def test_the_only_entity_of_a_group_signs_the_whole(members: list[bytes]) -> None:
    document = aggregate(members, signer=PUBLISHED)
    for signed in (document, without_key_info(document)):
        assert verdict(signed) == Signature(SignatureState.VALID, PUBLISHED.certificate.fingerprint, "")


def test_nobody_publishes_where_there_is_no_entity() -> None:
    assert_unchecked(verdict(without_key_info(entity(entity_id=None, signer=PUBLISHED))))
    assert_unchecked(verdict(without_key_info(aggregate([entity(entity_id=None)], signer=PUBLISHED))))


def test_a_key_that_nobody_gave_leaves_a_signature_unchecked() -> None:
    document = adfs(PUBLISHED, signer=STRANGER)
    assert_unchecked(verdict(without_key_info(document)))
    assert_unchecked(verdict(with_key_info(document, NOT_BASE64, NOT_DER)))

    def name_it(root: etree._Element) -> None:
        (info,) = root.iterfind(f"{DS}Signature/{DS}KeyInfo")
        info[:] = []
        etree.SubElement(info, f"{DS}KeyName").text = "federation signer 2026"

    assert_unchecked(verdict(edited(document, name_it)))
    assert verdict(without_key_info(document), STRANGER).state is SignatureState.TRUSTED
    assert_invalid(verdict(without_key_info(document), RSA, pair(nth=9)), "does not match specified", None)


def test_a_bare_key_is_one_that_nobody_gave() -> None:
    root = etree.fromstring(saml_metadata())
    root.insert(0, etree.Element(f"{DS}Signature", Id="placeholder"))
    signer = XMLSigner(signature_algorithm=SignatureMethod.ECDSA_SHA256, c14n_algorithm=EXCLUSIVE)
    document = etree.tostring(signer.sign(root, key=STRANGER.key, reference_uri="#_entity"))
    assert b"KeyValue" in document
    assert_unchecked(verdict(document))
    assert verdict(document, STRANGER).fingerprint == STRANGER.certificate.fingerprint


def test_a_published_key_that_signed_another_text_makes_a_signature_invalid_without_key_info() -> None:
    document = without_key_info(tampered(adfs(pair(nth=1), PUBLISHED, signer=PUBLISHED)))
    assert_invalid(verdict(document), "Digest mismatch")


# --- whose certificate it is


@pytest.mark.parametrize("change", [bytes, tampered], ids=["valid", "invalid"])
@pytest.mark.parametrize("order", [1, -1])
def test_of_published_certificates_with_its_key_it_is_the_one_that_ends_last(
    change: Callable[[bytes], bytes], order: int
) -> None:
    old, new = renewed(PUBLISHED, nth=2, starts=NOW + 900 * DAY), renewed(PUBLISHED, nth=3, starts=NOW + 901 * DAY)
    document = change(adfs(*(PUBLISHED, old, new, STRANGER)[::order], signer=PUBLISHED))
    known = [with_key_info(document, base64.b64encode(each.der)) for each in (PUBLISHED, old, new, renewed(PUBLISHED))]
    found = {verdict(each) for each in (document, *known)}
    assert {each.fingerprint for each in found} == {new.certificate.fingerprint}
    assert len(found) == 1


def test_a_certificate_that_is_not_published_is_the_signers_or_the_one_in_key_info() -> None:
    other = renewed(STRANGER)
    document = with_key_info(adfs(PUBLISHED, signer=STRANGER), base64.b64encode(other.der))
    assert verdict(document) == Signature(SignatureState.VALID, other.certificate.fingerprint, "")
    assert verdict(document, STRANGER) == Signature(SignatureState.TRUSTED, STRANGER.certificate.fingerprint, "")


def test_of_many_in_key_info_the_one_that_signed_is_named_where_the_text_is_another() -> None:
    chain = [base64.b64encode(each.der) for each in (STRANGER, PUBLISHED)]
    assert_invalid(verdict(with_key_info(tampered(adfs(signer=PUBLISHED)), *chain)), "Digest mismatch")


# --- what it costs


@pytest.mark.parametrize("key_info", [True, False])
def test_eight_keys_are_tried_on_one_canonical_form(key_info: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 -- a case of the table
    tried, canonical = [], []
    try_one, canonicalise = XMLVerifier._verify_signature_with_pubkey, XMLVerifier._c14n  # noqa: SLF001 -- what is counted

    def trying(self: XMLVerifier, **named: Any) -> object:  # noqa: ANN401 -- the library's own
        tried.append(named)
        return try_one(self, **named)

    def canonicalising(self: XMLVerifier, nodes: etree._Element, *rest: Any) -> bytes:  # noqa: ANN401 -- the library's own
        canonical.append(nodes.tag)
        return bytes(canonicalise(self, nodes, *rest))

    monkeypatch.setattr(XMLVerifier, "_verify_signature_with_pubkey", trying)
    monkeypatch.setattr(XMLVerifier, "_c14n", canonicalising)
    others = [pair(nth=number) for number in range(1, 20)]
    document = adfs(*others, signer=others[3])
    texts = [base64.b64encode(each.der) for each in others]
    document = with_key_info(document, *texts) if key_info else without_key_info(document)

    assert verdict(document, STRANGER).state is SignatureState.VALID
    assert (len(tried), canonical) == (5, [f"{DS}SignedInfo", etree.fromstring(document).tag])
    tried.clear()
    canonical.clear()
    assert_more_keys(verdict(document, *[pair(subject="CN=x", nth=number) for number in range(7)]))
    assert (len(tried), canonical) == (8, [f"{DS}SignedInfo"])


def test_every_signer_that_is_given_is_tried() -> None:
    signers = [pair(subject="CN=x", nth=number) for number in range(12)]
    assert verdict(without_key_info(adfs(signer=signers[-1])), *signers).state is SignatureState.TRUSTED


@pytest.mark.parametrize(
    "method", [SignatureMethod.RSA_SHA1, SignatureMethod.RSA_SHA512, SignatureMethod.SHA256_RSA_MGF1]
)
def test_old_and_new_methods_verify(method: SignatureMethod) -> None:
    found = verdict(signed(saml_metadata(), by=RSA, method=method))
    assert found == Signature(SignatureState.VALID, RSA.certificate.fingerprint, "")


@pytest.mark.parametrize("form", [form for form in CanonicalizationMethod if "WITH_COMMENTS" not in form.name])
def test_every_canonical_form_verifies(form: CanonicalizationMethod) -> None:
    assert verdict(signed(saml_metadata(), form=form)).state is SignatureState.VALID


def test_an_empty_reference_covers_the_root() -> None:
    document = signed(saml_metadata().replace(b' ID="_entity"', b""), references=None)
    assert b'URI=""' in document
    assert verdict(document).state is SignatureState.VALID
    assert_invalid(verdict(tampered(document)), "Digest mismatch")


def test_more_may_be_signed_besides_the_root_and_must_verify_as_well() -> None:
    part = saml_metadata().replace(b"<IDPSSODescriptor", b'<IDPSSODescriptor ID="_part"')
    document = signed(part, references=["#_entity", "#_part"])
    assert verdict(document).state is SignatureState.VALID
    root = etree.fromstring(document)
    value = list(root.iter(f"{DS}DigestValue"))[1]
    assert value.text
    value.text = base64.b64encode(bytes(32)).decode()
    assert_invalid(verdict(etree.tostring(root)), "")


# --- comments


def test_comments_do_not_count_under_a_form_without_them() -> None:
    document = signed(saml_metadata())
    assert verdict(document.replace(b"<IDP", b"<!-- later --><IDP")).state is SignatureState.VALID


def test_comments_do_not_count_under_a_form_with_them_as_the_standard_says() -> None:
    document = signed(saml_metadata(), form=WITH_COMMENTS)
    assert verdict(document.replace(b"<IDP", b"<!-- later --><IDP")).state is SignatureState.VALID


def test_a_signature_that_counts_comments_is_not_as_the_standard_says() -> None:
    document = signed(saml_metadata().replace(b"<IDP", b"<!-- signed --><IDP"), form=WITH_COMMENTS)
    assert_invalid(verdict(document), "Digest mismatch")


# --- what would cost too much


def assert_too_dear(verdict: Signature) -> None:
    assert (verdict.state, verdict.fingerprint) == (SignatureState.UNCHECKED, None)
    assert "would cost too much" in verdict.detail


@pytest.mark.parametrize("form", [XML_1_0, EXCLUSIVE])
def test_a_signature_whose_canonical_form_is_too_dear_is_unchecked(
    form: CanonicalizationMethod, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = signed(saml_metadata(), form=form)
    root = metadata.tree(document)
    inclusive, exclusive = (cost(root, inclusive=each, prefixes=0) for each in (True, False))
    assert inclusive > exclusive
    costs = inclusive if form is XML_1_0 else exclusive
    monkeypatch.setattr(canonical, "DEAREST", costs)
    assert verdict(document, PUBLISHED).state is SignatureState.TRUSTED
    monkeypatch.setattr(canonical, "DEAREST", costs - 1)
    assert_too_dear(verdict(document, PUBLISHED))
    assert_too_dear(verdict(document))


def test_a_larger_document_may_cost_more(monkeypatch: pytest.MonkeyPatch) -> None:
    root = metadata.tree(adfs(signer=PUBLISHED))
    monkeypatch.setattr(canonical, "DEAREST", cost(root, inclusive=False, prefixes=0) // 2)
    assert_too_dear(signature.verify(root, [], size=canonical.SIZE))
    assert signature.verify(root, [], size=3 * canonical.SIZE).state is SignatureState.VALID


def test_each_reference_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    part = saml_metadata().replace(b"<IDPSSODescriptor", b'<IDPSSODescriptor ID="_part"')
    document = signed(part, references=["#_entity", "#_part"])
    root = metadata.tree(document)
    monkeypatch.setattr(canonical, "DEAREST", 2 * cost(root, inclusive=False, prefixes=0))
    assert verdict(document).state is SignatureState.VALID
    monkeypatch.setattr(canonical, "DEAREST", 2 * cost(root, inclusive=False, prefixes=0) - 2)
    assert_too_dear(verdict(document))


def test_a_list_of_prefixes_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(root: etree._Element) -> None:
        (transform,) = list(root.iter(f"{DS}Transform"))[1:]
        etree.SubElement(transform, f"{{{EXCLUSIVE.value}}}InclusiveNamespaces", PrefixList=" ".join(["n"] * 99))

    document = edited(adfs(signer=PUBLISHED), ask)
    assert verdict(document).state is SignatureState.INVALID
    root = metadata.tree(document)
    monkeypatch.setattr(canonical, "DEAREST", cost(root, inclusive=False, prefixes=99) - 1)
    assert_too_dear(verdict(document))


def test_a_reference_without_a_canonical_form_has_an_inclusive_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def remove(root: etree._Element) -> None:
        (transform,) = list(root.iter(f"{DS}Transform"))[1:]
        transform.getparent().remove(transform)  # type: ignore[union-attr] # it has one

    document = edited(adfs(signer=PUBLISHED), remove)
    monkeypatch.setattr(canonical, "DEAREST", cost(metadata.tree(document), inclusive=True, prefixes=0) - 1)
    assert_too_dear(verdict(document))


def test_a_signed_info_of_hundreds_of_parts_is_not_looked_at() -> None:
    def fill(root: etree._Element) -> None:
        (info,) = root.iter(f"{DS}SignedInfo")
        info.extend(etree.Element(f"{DS}Other") for _ in range(256))

    assert_too_dear(verdict(edited(adfs(signer=PUBLISHED), fill), PUBLISHED))


# --- SignedInfo in its own context


ROOT = 'xmlns="urn:oasis:names:tc:SAML:2.0:metadata" ID="_entity" entityID="urn:a"'
PLAIN = f'xmlns="{DS[1:-1]}"'


@pytest.mark.parametrize(
    ("root", "attributes", "form", "canonical"),
    [
        (ROOT, "", XML_1_0, PLAIN),
        (ROOT, "", EXCLUSIVE, PLAIN),
        (f'{ROOT} xmlns:a="urn:a"', ' xmlns:b="urn:b"', XML_1_0, f'{PLAIN} xmlns:a="urn:a" xmlns:b="urn:b"'),
        (f'{ROOT} xmlns:a="urn:a"', ' xmlns:a="urn:b"', XML_1_0, f'{PLAIN} xmlns:a="urn:b"'),
        (f'{ROOT} xmlns:a="urn:a"', "", EXCLUSIVE, PLAIN),
        (f'{ROOT} xml:lang="de" xml:id="x"', ' xml:lang="en"', XML_1_0, f'{PLAIN} xml:id="x" xml:lang="en"'),
        (f'{ROOT} xml:lang="de" xml:id="x"', ' xml:lang="en"', XML_1_1, f'{PLAIN} xml:lang="en"'),
        (f'{ROOT} xml:lang="de"', "", EXCLUSIVE, PLAIN),
    ],
)
def test_signed_info_has_the_namespaces_of_its_place_and_no_others(
    root: str, attributes: str, form: CanonicalizationMethod, canonical: str
) -> None:
    document = signed_in_place(root, attributes, form=form, canonical=canonical)
    assert verdict(document).state is SignatureState.VALID
    assert_invalid(verdict(tampered(document)), "Digest mismatch")
    assert_invalid(verdict(signed_in_place(root, form=form, canonical="")), "verification failed")


# --- what does not


def test_a_changed_document_is_invalid_and_says_whose_signature_it_was() -> None:
    assert_invalid(verdict(tampered(adfs(signer=PUBLISHED))), "Digest mismatch")
    assert_invalid(verdict(tampered(adfs(signer=PUBLISHED)), PUBLISHED), "Digest mismatch")


def test_a_signature_over_another_element_does_not_cover_the_root() -> None:
    genuine = etree.fromstring(saml_metadata("urn:genuine", signer=PUBLISHED))
    forged = etree.fromstring(saml_metadata("urn:forged").replace(b"_entity", b"_forged"))
    forged.insert(0, genuine[0])
    forged.append(genuine)
    assert_invalid(verdict(etree.tostring(forged)), "does not cover the root")


def test_an_id_that_two_elements_have_covers_neither() -> None:
    genuine = etree.fromstring(saml_metadata("urn:genuine", signer=PUBLISHED))
    for attribute in ("ID", "Id", "id", "{urn:x}ID"):
        forged = etree.fromstring(saml_metadata("urn:forged"))
        own = etree.fromstring(etree.tostring(genuine))
        forged.insert(0, own[0])
        del own.attrib["ID"]
        own.set(attribute, "_entity")
        forged.append(own)
        assert_invalid(verdict(etree.tostring(forged)), "not unique")


@pytest.mark.parametrize("uri", ["#_other", "#None", "#", "#xpointer(/)", "https://idp.example/", None])
def test_a_reference_elsewhere_does_not_cover_the_root(uri: str | None) -> None:
    def refer(root: etree._Element) -> None:
        (reference,) = root.iter(f"{DS}Reference")
        del reference.attrib["URI"]
        if uri is not None:
            reference.set("URI", uri)
        del root.attrib["ID"]

    assert_invalid(verdict(edited(adfs(signer=PUBLISHED), refer)), "does not cover the root")


def test_a_root_that_is_covered_twice_is_not_understood() -> None:
    def repeat(root: etree._Element) -> None:
        (reference,) = root.iter(f"{DS}Reference")
        reference.addnext(etree.fromstring(etree.tostring(reference)))

    assert_invalid(verdict(edited(adfs(signer=PUBLISHED), repeat)), "does not cover the root")


def test_many_references_are_not_followed() -> None:
    def repeat(root: etree._Element) -> None:
        (reference,) = root.iter(f"{DS}Reference")
        for _ in range(10):
            reference.addnext(etree.fromstring(etree.tostring(reference)))

    assert_invalid(verdict(edited(adfs(signer=PUBLISHED), repeat)), "too many references")


def test_a_second_signed_info_does_not_lend_its_references() -> None:
    def lend(root: etree._Element) -> None:
        (info,) = root.iter(f"{DS}SignedInfo")
        second = etree.fromstring(etree.tostring(info))
        (reference,) = info.iter(f"{DS}Reference")
        reference.set("URI", "#_elsewhere")
        info.addnext(second)

    assert_invalid(verdict(edited(adfs(signer=PUBLISHED), lend)), "SignedInfo")


@pytest.mark.parametrize(
    "algorithm",
    [
        "http://www.w3.org/TR/1999/REC-xpath-19991116",
        "http://www.w3.org/TR/1999/REC-xslt-19991116",
        "http://www.w3.org/2000/09/xmldsig#base64",
        "",
    ],
)
def test_other_transforms_are_refused(algorithm: str) -> None:
    def transform(root: etree._Element) -> None:
        (transforms,) = root.iter(f"{DS}Transforms")
        etree.SubElement(transforms, f"{DS}Transform", Algorithm=algorithm)

    assert_invalid(verdict(edited(adfs(signer=PUBLISHED), transform)), "transform")


@pytest.mark.parametrize(
    "algorithm", ["http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", "urn:no-such-method", "http://x#rsa-md5"]
)
def test_shared_secrets_and_unknown_methods_are_refused(algorithm: str) -> None:
    def method(root: etree._Element) -> None:
        (element,) = root.iter(f"{DS}SignatureMethod")
        element.set("Algorithm", algorithm)

    assert_invalid(verdict(edited(adfs(signer=PUBLISHED), method)), "")
    assert_unchecked(verdict(without_key_info(edited(adfs(signer=PUBLISHED), method))))


@pytest.mark.parametrize("value", ["", "AAAA", "no base64"])
def test_a_template_or_a_broken_value_is_invalid(value: str) -> None:
    def empty(root: etree._Element) -> None:
        (element,) = root.iter(f"{DS}SignatureValue")
        element.text = value

    assert_invalid(verdict(edited(adfs(signer=PUBLISHED), empty)), "")


def test_an_empty_signature_is_unchecked_unless_signers_are_given() -> None:
    def empty(root: etree._Element) -> None:
        root[0].clear()

    document = edited(adfs(signer=PUBLISHED), empty)
    assert_unchecked(verdict(document))
    assert_invalid(verdict(document, PUBLISHED), "SignedInfo", None)


# --- manners


def test_the_tree_stays_as_it_is() -> None:
    body = signed(saml_metadata().replace(b"<IDP", b"<!-- signed --><IDP"), form=WITH_COMMENTS)
    root = metadata.tree(body)
    before = etree.tostring(root)
    signature.verify(root, [STRANGER.der])
    assert etree.tostring(root) == before


def test_signers_that_are_no_certificates_trust_nothing() -> None:
    root = metadata.tree(adfs(signer=PUBLISHED))
    assert signature.verify(root, [b"", b"junk"]).state is SignatureState.VALID


def test_a_key_kept_from_the_signature_of_another_method_is_invalid() -> None:
    document = with_key_info(signed(saml_metadata()), base64.b64encode(RSA.der))
    assert_invalid(verdict(document), "", RSA.certificate.fingerprint)


def test_a_serial_number_below_one_verifies_without_a_warning() -> None:
    odd = renewed(PUBLISHED).der.replace(bytes.fromhex("a003020102020101"), bytes.fromhex("a0030201020201ff"), 1)
    document = with_key_info(adfs(signer=PUBLISHED), base64.b64encode(odd))
    assert verdict(document).state is SignatureState.VALID
