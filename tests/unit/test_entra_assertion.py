"""The signed word of a client, as who verifies it sees it."""

import base64
import hashlib
import json
from datetime import UTC, datetime

import builders
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from exporter.demo.documents import KeyPair
from exporter.entra.assertion import assertion

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
AUDIENCE = "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token"


@pytest.fixture(scope="module")
def pair() -> KeyPair:
    return builders.pair(key="rsa", subject="CN=fedmeta-exporter")


def made(pem: bytes) -> str:
    return assertion(pem.decode(), client_id="client", audience=AUDIENCE, now=NOW)


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def verify(token: str, pair: KeyPair) -> None:
    said, _, signature = token.rpartition(".")
    key = x509.load_der_x509_certificate(pair.der).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    key.verify(decoded(signature), said.encode(), pss, hashes.SHA256())


def test_the_certificates_public_key_verifies_it(pair: KeyPair) -> None:
    token = made(pair.pem())

    verify(token, pair)
    with pytest.raises(InvalidSignature):
        verify("x" + token, pair)
    assert "=" not in token


def test_it_says_who_speaks_to_whom_and_holds_for_ten_minutes(pair: KeyPair) -> None:
    header, claims = (json.loads(decoded(part)) for part in made(pair.pem()).split(".")[:2])

    thumbprint = base64.urlsafe_b64encode(hashlib.sha256(pair.der).digest()).rstrip(b"=").decode()
    assert header == {"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint}
    began = int(NOW.timestamp())
    assert {name: claims[name] for name in sorted(claims.keys() - {"jti"})} == {
        "aud": AUDIENCE,
        "exp": began + 600,
        "iat": began,
        "iss": "client",
        "nbf": began,
        "sub": "client",
    }


def test_no_two_are_the_same(pair: KeyPair) -> None:
    first, second = (json.loads(decoded(made(pair.pem()).split(".")[1]))["jti"] for _ in range(2))

    assert first != second


def test_the_certificate_is_the_one_of_the_key_wherever_it_stands(pair: KeyPair) -> None:
    key = pair.pem().removesuffix(pair.certificate_pem())
    authority = builders.authority().certificate_pem()

    for pem in (key + authority + pair.certificate_pem(), authority + pair.certificate_pem() + key):
        verify(made(pem), pair)


def locked(pair: KeyPair) -> bytes:
    return pair.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"password"),
    )


def test_what_cannot_sign_is_told_without_showing_it(pair: KeyPair) -> None:
    key = pair.pem().removesuffix(pair.certificate_pem())
    no_pair = "no PEM of a certificate and its private key, without a password"

    for pem, complaint in (
        (b"", no_pair),
        (b"hunter2", no_pair),
        (key, no_pair),
        (pair.certificate_pem(), no_pair),
        (locked(pair) + pair.certificate_pem(), no_pair),
        (key + builders.pair().certificate_pem(), "the certificate is not the private key's"),
        (builders.pair().pem(), "the private key is not RSA"),
    ):
        with pytest.raises(ValueError, match=f"^{complaint}$") as caught:
            made(pem)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
