"""``xmlsec1``, which signs and verifies XML with nothing of ours: libxml2's canonical forms, OpenSSL's keys."""

import ssl
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from exporter.demo.documents import DS, MD, KeyPair

_IDS = (
    *("--id-attr:ID", f"{MD}:EntityDescriptor", "--id-attr:ID", f"{MD}:EntitiesDescriptor"),
    *("--id-attr:Id", "http://uri.etsi.org/01903/v1.3.2#:SignedProperties"),
)
"""What its references may name: it reads no schema."""
_ONLY_THAT_KEY = ("--enabled-key-data", "key-name,rsa,ecdsa")
"""Certificates in KeyInfo are left alone: it would judge their dates and issuers."""
_ROOTS_OWN = ("--node-xpath", f"/*/*[local-name() = 'Signature' and namespace-uri() = '{DS}']")


@dataclass(frozen=True, slots=True)
class XmlSec:
    """The program at this path."""

    path: str

    def verifies(self, document: bytes, certificate: bytes) -> bool:
        """Whether the signature below the root verifies by the key of a certificate (DER)."""
        with tempfile.TemporaryDirectory() as folder:
            (key := Path(folder) / "key.pem").write_text(ssl.DER_cert_to_PEM_cert(certificate))
            (file := Path(folder) / "document.xml").write_bytes(document)
            return self._run("--verify", "--pubkey-cert-pem", str(key), *_ONLY_THAT_KEY, str(file)).returncode == 0

    def signed(self, template: bytes, signer: KeyPair) -> bytes:
        """A document with the values that its signature leaves empty."""
        pem = signer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with tempfile.TemporaryDirectory() as folder:
            (key := Path(folder) / "key.pem").write_bytes(pem)
            (file := Path(folder) / "document.xml").write_bytes(template)
            ran = self._run("--sign", "--privkey-pem", str(key), *_ONLY_THAT_KEY, str(file))
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def _run(self, command: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        whole: Sequence[str] = (self.path, command, *_IDS, *_ROOTS_OWN, *arguments)
        return subprocess.run(whole, check=False, capture_output=True, timeout=60)  # noqa: S603 -- all of it is ours
