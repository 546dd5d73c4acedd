"""Key pairs minted on the spot, and documents of the shape AD FS publishes to carry their certificates."""

import base64
import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias
from uuid import NAMESPACE_URL, uuid5

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from lxml import etree
from lxml.builder import ElementMaker
from signxml.algorithms import CanonicalizationMethod, SignatureMethod
from signxml.signer import XMLSigner

from exporter import certificates
from exporter.model import Certificate, Use

MD = "urn:oasis:names:tc:SAML:2.0:metadata"
DS = "http://www.w3.org/2000/09/xmldsig#"
FED = "http://docs.oasis-open.org/wsfed/federation/200706"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
_AUTH = "http://docs.oasis-open.org/wsfed/authorization/200706"
_WSA = "http://www.w3.org/2005/08/addressing"
_MEX = "http://schemas.xmlsoap.org/ws/2004/09/mex"
_SAML = "urn:oasis:names:tc:SAML:2.0:assertion"

_SAML_PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
_WS_PROTOCOLS = f"http://docs.oasis-open.org/ws-sx/ws-trust/200512 http://schemas.xmlsoap.org/ws/2005/02/trust {FED}"
_BINDINGS = "urn:oasis:names:tc:SAML:2.0:bindings:"
_NAME_ID_FORMATS = (
    "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
    "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
)
_URI_NAMES = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
_TOKEN_TYPES = ("urn:oasis:names:tc:SAML:2.0:assertion", "urn:oasis:names:tc:SAML:1.0:assertion")

_md = ElementMaker(namespace=MD, nsmap={None: MD})
_typed = ElementMaker(namespace=MD, nsmap={None: MD, "xsi": XSI, "fed": FED})
_ds = ElementMaker(namespace=DS, nsmap={None: DS})
_fed = ElementMaker(namespace=FED, nsmap={"fed": FED})
_auth = ElementMaker(namespace=_AUTH, nsmap={"auth": _AUTH})
_wsa = ElementMaker(namespace=_WSA, nsmap={None: _WSA})
_mex = ElementMaker(namespace=_MEX, nsmap={None: _MEX})
_saml = ElementMaker(namespace=_SAML, nsmap={None: _SAML})

_SIGNS_CERTIFICATES = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)

_CLAIMS = {
    "http://schemas.xmlsoap.org/claims/": "CommonName EmailAddress Group UPN",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/": (
        "emailaddress givenname name upn surname privatepersonalidentifier nameidentifier denyonlysid"
    ),
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/": (
        "role authenticationmethod authenticationinstant windowsaccountname groupsid primarysid primarygroupsid"
        " denyonlyprimarysid denyonlyprimarygroupsid windowsdeviceclaim windowsuserclaim"
    ),
    "http://schemas.microsoft.com/2012/01/devicecontext/claims/": (
        "identifier registrationid displayname ostype osversion ismanaged isregistereduser"
    ),
    "http://schemas.microsoft.com/2012/01/requestcontext/claims/": (
        "client-request-id relyingpartytrustid x-ms-client-application x-ms-client-ip x-ms-client-user-agent"
        " x-ms-endpoint-absolute-path x-ms-forwarded-client-ip x-ms-proxy"
    ),
    "http://schemas.microsoft.com/2012/12/certificatecontext/field/": (
        "issuer issuername notbefore notafter subject subjectname serialnumber signaturealgorithm rawdata x509version"
    ),
}


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key and the certificate of its public half."""

    certificate: Certificate
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = field(repr=False, compare=False)

    @property
    def der(self) -> bytes:
        """The certificate's DER."""
        return self.certificate.der

    def certificate_pem(self) -> bytes:
        """The certificate as PEM."""
        return x509.load_der_x509_certificate(self.der).public_bytes(serialization.Encoding.PEM)

    def pem(self) -> bytes:
        """The unencrypted private key and the certificate as PEM: what a TLS server loads."""
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return key + self.certificate_pem()


KeyKind: TypeAlias = Literal["ec", "rsa"]
"""P-256 (made in no time) or RSA with 2048 bits (what AD FS has)."""

Published: TypeAlias = KeyPair | bytes
"""What stands in an X509Certificate: a pair's certificate, or these very bytes (ASCII) for a broken one."""


def mint(
    subject: str,
    *,
    not_before: datetime,
    not_after: datetime,
    issuer: KeyPair | None = None,
    key: KeyKind = "ec",
    authority: bool = False,
    dns_names: Sequence[str] = (),
) -> KeyPair:
    """A new key pair, its certificate signed with SHA-256.

    The subject is an RFC 4514 string. Without ``issuer`` the certificate is self-signed. Like those that
    AD FS generates it has no extensions, unless it is an ``authority`` that issues others, or
    ``dns_names`` (addresses too) make it a TLS server's (RFC 5280 section 4.2). X.509 knows whole
    seconds only: fractions are cut off.
    """
    private = ec.generate_private_key(ec.SECP256R1()) if key == "ec" else rsa.generate_private_key(65537, 2048)
    public = private.public_key()
    name = x509.Name.from_rfc4514_string(subject)
    issued_by = x509.load_der_x509_certificate(issuer.der) if issuer else None
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issued_by.subject if issued_by else name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )
    if authority:
        builder = (
            builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_SIGNS_CERTIFICATES, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )
    if dns_names:
        issuing_key = issuer.key.public_key() if issuer else public
        builder = (
            builder.add_extension(x509.SubjectAlternativeName(map(_general_name, dns_names)), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuing_key), critical=False)
        )
    minted = builder.sign(issuer.key if issuer else private, hashes.SHA256())
    certificate, _ = certificates.read(minted.public_bytes(serialization.Encoding.DER))
    return KeyPair(certificate, private)


def adfs_metadata(
    host: str,
    *,
    signing: Sequence[Published],
    encryption: Sequence[Published],
    signer: KeyPair | None,
    entity_id: str | None = None,
) -> bytes:
    """The metadata document of an AD FS farm with this service name, signed unless ``signer`` is None.

    Every signing and encryption certificate is repeated in the roles where AD FS repeats it; the claim
    types of a real farm make it tens of kilobytes. The ``ID`` is made from ``entity_id``, by default
    ``http://<host>/adfs/services/trust``, so equal documents have equal bytes but for their signatures
    and certificates. Claim types and endpoints are those that Microsoft documents for AD FS.
    """
    entity_id = entity_id or f"http://{host}/adfs/services/trust"
    root = _md.EntityDescriptor(
        {"ID": f"_{uuid5(NAMESPACE_URL, entity_id)}", "entityID": entity_id},
        _application_service(host, _keys(encryption=encryption)),
        _security_token_service(host, _keys(signing=signing)),
        _service_provider(host, _keys(encryption=encryption, signing=signing)),
        _identity_provider(host, _keys(encryption=encryption, signing=signing)),
    )
    return etree.tostring(sign(root, signer) if signer else root)


def key_descriptor(use: Use, *content: Published) -> etree._Element:
    """One KeyDescriptor with its certificates in one X509Data; no ``use`` attribute for an unspecified use."""
    attributes = {} if use is Use.UNSPECIFIED else {"use": use.value}
    return _md.KeyDescriptor(attributes, _key_info(*content))


def sign(root: etree._Element, signer: KeyPair) -> etree._Element:
    """The root with an enveloped signature over it as its first child; it needs an ``ID``.

    RSA-SHA256 or ECDSA-SHA256 by the signer's key, exclusive C14N, the signer's certificate in KeyInfo
    (SAML metadata section 3).
    """
    root.insert(0, etree.Element(f"{{{DS}}}Signature", {"Id": "placeholder"}, nsmap={"ds": DS}))
    is_rsa = isinstance(signer.key, rsa.RSAPrivateKey)
    signature = XMLSigner(
        signature_algorithm=SignatureMethod.RSA_SHA256 if is_rsa else SignatureMethod.ECDSA_SHA256,
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    return signature.sign(root, key=signer.key, key_info=_key_info(signer))


def _key_info(*content: Published) -> etree._Element:
    texts = (
        each.decode("ascii") if isinstance(each, bytes) else base64.b64encode(each.der).decode() for each in content
    )
    return _ds.KeyInfo(_ds.X509Data(*map(_ds.X509Certificate, texts)))


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _keys(*, encryption: Sequence[Published] = (), signing: Sequence[Published] = ()) -> Iterator[etree._Element]:
    for each in encryption:
        yield key_descriptor(Use.ENCRYPTION, each)
    for each in signing:
        yield key_descriptor(Use.SIGNING, each)


def _application_service(host: str, keys: Iterable[etree._Element]) -> etree._Element:
    trust = f"https://{host}/adfs/services/trust"
    scopes = (
        f"{trust}/2005/issuedtokenmixedasymmetricbasic256",
        f"{trust}/2005/issuedtokenmixedsymmetricbasic256",
        f"{trust}/13/issuedtokenmixedasymmetricbasic256",
        f"{trust}/13/issuedtokenmixedsymmetricbasic256",
        f"https://{host}/adfs/ls/",
        f"http://{host}/adfs/services/trust",
    )
    return _web_service(
        host,
        "ApplicationServiceType",
        *keys,
        _fed.ClaimTypesRequested(*_claim_types()),
        _fed.TargetScopes(*map(_endpoint, scopes)),
        _fed.ApplicationServiceEndpoint(_endpoint(scopes[0])),
        _fed.PassiveRequestorEndpoint(_endpoint(f"https://{host}/adfs/ls/")),
    )


def _security_token_service(host: str, keys: Iterable[etree._Element]) -> etree._Element:
    trust = f"https://{host}/adfs/services/trust"
    exchange = _mex.Metadata(
        _mex.MetadataSection({"Dialect": _MEX}, _mex.MetadataReference(_wsa.Address(f"{trust}/mex")))
    )
    return _web_service(
        host,
        "SecurityTokenServiceType",
        *keys,
        _fed.TokenTypesOffered(*(_fed.TokenType(Uri=uri) for uri in _TOKEN_TYPES)),
        _fed.ClaimTypesOffered(*_claim_types()),
        _fed.SecurityTokenServiceEndpoint(_endpoint(f"{trust}/2005/certificatemixed", _wsa.Metadata(exchange))),
        _fed.PassiveRequestorEndpoint(_endpoint(f"https://{host}/adfs/ls/")),
    )


def _web_service(host: str, kind: str, *content: etree._Element) -> etree._Element:
    attributes = {
        f"{{{XSI}}}type": f"fed:{kind}",
        "protocolSupportEnumeration": _WS_PROTOCOLS,
        "ServiceDisplayName": host,
    }
    return _typed.RoleDescriptor(attributes, *content)


def _service_provider(host: str, keys: Iterable[etree._Element]) -> etree._Element:
    consumers = (
        _md.AssertionConsumerService(Binding=_BINDINGS + binding, Location=f"https://{host}/adfs/ls/", index=str(index))
        for index, binding in enumerate(("HTTP-POST", "HTTP-Artifact", "HTTP-Redirect"))
    )
    return _md.SPSSODescriptor(
        {"WantAssertionsSigned": "true", "protocolSupportEnumeration": _SAML_PROTOCOL},
        *keys,
        *_single_logout(host),
        *map(_md.NameIDFormat, _NAME_ID_FORMATS),
        *consumers,
    )


def _identity_provider(host: str, keys: Iterable[etree._Element]) -> etree._Element:
    services = (
        _md.SingleSignOnService(Binding=_BINDINGS + binding, Location=f"https://{host}/adfs/ls/")
        for binding in ("HTTP-Redirect", "HTTP-POST")
    )
    attributes = (_saml.Attribute(Name=uri, NameFormat=_URI_NAMES, FriendlyName=name) for name, uri in _claims())
    return _md.IDPSSODescriptor(
        {"protocolSupportEnumeration": _SAML_PROTOCOL},
        *keys,
        *_single_logout(host),
        *map(_md.NameIDFormat, _NAME_ID_FORMATS),
        *services,
        *attributes,
    )


def _single_logout(host: str) -> Iterator[etree._Element]:
    for binding in ("HTTP-Redirect", "HTTP-POST"):
        yield _md.SingleLogoutService(Binding=_BINDINGS + binding, Location=f"https://{host}/adfs/ls/")


def _endpoint(address: str, *more: etree._Element) -> etree._Element:
    return _wsa.EndpointReference(_wsa.Address(address), *more)


def _claim_types() -> Iterator[etree._Element]:
    for name, uri in _claims():
        yield _auth.ClaimType(
            {"Uri": uri, "Optional": "true"}, _auth.DisplayName(name), _auth.Description(f"The claim {name}")
        )


def _claims() -> Iterator[tuple[str, str]]:
    for base, names in _CLAIMS.items():
        for name in names.split():
            yield name, base + name
