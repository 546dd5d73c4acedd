"""A client's own word for itself, signed: what stands in place of a secret (RFC 7523, RFC 7515)."""

import base64
import json
import uuid
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

_LIFE = timedelta(minutes=10)


def assertion(pem: str, *, client_id: str, audience: str, now: datetime) -> str:
    """A JSON Web Token, signed by PS256 with the RSA key in some PEM, that names the key's certificate in there too.

    The form is that of Microsoft's "certificate credentials"; it holds for ten minutes. Raises ValueError when there
    is no such pair; its text holds nothing of the PEM.
    """
    key, certificate = _pair(pem.encode())
    header = {"alg": "PS256", "typ": "JWT", "x5t#S256": _base64(certificate.fingerprint(hashes.SHA256()))}
    claims = {
        "aud": audience,
        "iss": client_id,
        "sub": client_id,
        "jti": str(uuid.uuid4()),
        "iat": int(now.timestamp()),
        "nbf": int(now.timestamp()),
        "exp": int((now + _LIFE).timestamp()),
    }
    said = f"{_base64(json.dumps(header).encode())}.{_base64(json.dumps(claims).encode())}"
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    return f"{said}.{_base64(key.sign(said.encode(), pss, hashes.SHA256()))}"


def _pair(pem: bytes) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    try:
        key = serialization.load_pem_private_key(pem, None)
        certificates = x509.load_pem_x509_certificates(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Not "from": the error may quote the key.
        raise ValueError("no PEM of a certificate and its private key, without a password") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("the private key is not RSA")  # noqa: TRY004 -- the content is wrong, not the argument
    for certificate in certificates:
        if certificate.public_key() == key.public_key():
            return key, certificate
    raise ValueError("the certificate is not the private key's")


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
