"""What stands in a ``ds:KeyInfo`` beside certificates: a ``ds:KeyValue`` (XML Signature 1.1, 4.5.2)."""

import base64

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ObjectIdentifier
from lxml.etree import _Element as Element

_DS = "{http://www.w3.org/2000/09/xmldsig#}"
_DS11 = "{http://www.w3.org/2009/xmldsig11#}"
_OID = "urn:oid:"


def key_value(element: Element) -> bytes | None:
    """The key of a KeyValue as SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7); None where it cannot be read."""
    try:
        return _public_key(element).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, LookupError, UnsupportedAlgorithm):
        return None


def _public_key(element: Element) -> rsa.RSAPublicKey | dsa.DSAPublicKey | ec.EllipticCurvePublicKey:
    if (found := element.find(_DS + "RSAKeyValue")) is not None:
        return rsa.RSAPublicNumbers(_number(found, "Exponent"), _number(found, "Modulus")).public_key()
    if (found := element.find(_DS + "DSAKeyValue")) is not None:
        parameters = dsa.DSAParameterNumbers(*(_number(found, name) for name in "PQG"))
        return dsa.DSAPublicNumbers(_number(found, "Y"), parameters).public_key()
    if (found := element.find(_DS11 + "ECKeyValue")) is not None:
        curve = found.find(_DS11 + "NamedCurve")
        oid = "" if curve is None else (curve.get("URI") or "")
        point = _octets(found.findtext(_DS11 + "PublicKey"))
        return ec.EllipticCurvePublicKey.from_encoded_point(
            ec.get_curve_for_oid(ObjectIdentifier(oid.removeprefix(_OID)))(), point
        )
    raise LookupError("no key that is known")


def _number(element: Element, name: str) -> int:
    """A CryptoBinary (XML Signature 4.1)."""
    return int.from_bytes(_octets(element.findtext(_DS + name)))


def _octets(text: str | None) -> bytes:
    return base64.b64decode("".join((text or "").split()), validate=True)
