"""What the functions for Microsoft Graph PowerShell do that docs/runbooks.md has people paste, in Python.

No PowerShell runs here, so nothing proves that Windows reads them as we do. Each is translated, line by line, from
``TEXT``, and a test compares that with the page: who edits the page must come here too.
"""

import base64
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from aiohttp import ClientSession
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1
from tenant import SECRET, Tenant

TEXT = r"""
function Read-Certificate($base64) {
  $found = [pscustomobject]@{ Thumbprint = 'empty'; NotAfter = [datetime]::MinValue }
  if ($base64) {
    try {
      $parsed = [Security.Cryptography.X509Certificates.X509Certificate2]::new([Convert]::FromBase64String($base64))
      $found.Thumbprint = $parsed.Thumbprint
      $found.NotAfter = $parsed.NotAfter
    } catch {
      $found.Thumbprint = 'unreadable'
    }
  }
  $found
}

function Read-Slots($domain) {
  $trust = Get-MgDomainFederationConfiguration -DomainId $domain -ErrorAction Stop
  foreach ($slot in 'SigningCertificate', 'NextSigningCertificate') {
    $held = Read-Certificate $trust.$slot
    [pscustomobject]@{ Slot = $slot; Thumbprint = $held.Thumbprint; NotAfter = $held.NotAfter; Id = $trust.Id }
  }
}

function Write-Certificate($domain, $base64, $primary, $foreign) {
  $base64  = "$base64" -replace '\s'
  $new     = (Read-Certificate $base64).Thumbprint
  $primary = "$primary" -replace '[^0-9A-Fa-f]'
  $foreign = "$foreign" -replace '[^0-9A-Fa-f]'
  $slots   = @(Read-Slots $domain)
  $held    = @($slots.Thumbprint)
  if ($new -notmatch '^[0-9A-F]{40}$') { throw 'Nothing was written: this is not the base64 of a certificate.' }
  if ($primary -notmatch '^[0-9A-F]{40}$') { throw 'Nothing was written: this is not the thumbprint of the primary.' }
  if ($foreign -and $held -notcontains $foreign) { throw "Nothing was written: $domain does not hold the foreign one." }
  if ($foreign -eq $primary) { throw 'Nothing was written: the primary is not foreign.' }
  if ($held -notcontains $primary -and $new -ne $primary) {
    throw "Nothing was written: neither slot of $domain holds the primary. Write the primary first."
  }
  if ($held -contains $new -and -not $foreign) { return "$domain has this certificate already: nothing was written." }
  $free = $slots | Where-Object { $_.Thumbprint -ne $primary } |
    Sort-Object { $_.Thumbprint -ne $foreign }, NotAfter | Select-Object -First 1
  if (-not $free) { $free = $slots[1] }
  $kept = $slots | Where-Object { $_.Thumbprint -eq $primary } | Select-Object -First 1
  if ($kept -and $free.NotAfter -gt $kept.NotAfter -and $free.Thumbprint -ne $foreign) {
    throw "Nothing was written: $($free.Thumbprint) ends after $primary. Ask AD FS which of the two is the primary."
  }
  $write = @{ $free.Slot = $base64 }
  Update-MgDomainFederationConfiguration -DomainId $domain -InternalDomainFederationId $free.Id -ErrorAction Stop @write
  Read-Slots $domain | Format-Table Slot, Thumbprint, NotAfter
}

function Write-Both($domain, $base64, $base64next, $primary) {
  $primary = "$primary" -replace '[^0-9A-Fa-f]'
  $write   = @{ SigningCertificate = "$base64" -replace '\s'; NextSigningCertificate = "$base64next" -replace '\s' }
  $new     = @($write.Values | ForEach-Object { (Read-Certificate $_).Thumbprint })
  if ($new[0] -eq $new[1] -or @($new -match '^[0-9A-F]{40}$').Count -ne 2) {
    throw 'Nothing was written: this is not the base64 of two certificates.'
  }
  if ($new -notcontains $primary) { throw 'Nothing was written: neither of the two is the primary.' }
  $id = (Get-MgDomainFederationConfiguration -DomainId $domain -ErrorAction Stop).Id
  Update-MgDomainFederationConfiguration -DomainId $domain -InternalDomainFederationId $id -ErrorAction Stop @write
  Read-Slots $domain | Format-Table Slot, Thumbprint, NotAfter
}

function Show-Trust($thumbprint) {
  $thumbprint = "$thumbprint" -replace '[^0-9A-Fa-f]'
  if ($thumbprint -notmatch '^[0-9A-F]{40}$') { throw 'This is not the thumbprint of a certificate.' }
  $domains = Get-MgDomain -All -ErrorAction Stop | Where-Object { $_.AuthenticationType -eq 'Federated' -and $_.IsRoot }
  foreach ($domain in $domains) {
    [pscustomobject]@{ Domain = $domain.Id; Trusted = @(Read-Slots $domain.Id).Thumbprint -contains $thumbprint }
  }
}
""".lstrip()

MIN_VALUE = datetime.min.replace(tzinfo=UTC)


class ThrownError(Exception):
    """What ``throw`` says."""


class Read(NamedTuple):
    """What stands in a slot: a thumbprint, ``empty`` or ``unreadable``."""

    thumbprint: str
    not_after: datetime


class Slot(NamedTuple):
    """A slot of a domain."""

    name: str
    thumbprint: str
    not_after: datetime
    id: str


def read_certificate(text: str | None) -> Read:
    if not text:
        return Read("empty", MIN_VALUE)
    try:
        certificate = x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
    except ValueError:
        return Read("unreadable", MIN_VALUE)
    return Read(certificate.fingerprint(SHA1()).hex().upper(), certificate.not_valid_after_utc)  # noqa: S303 -- a thumbprint is one


def digits(text: str) -> str:
    return re.sub("[^0-9A-Fa-f]", "", text).upper()


def is_thumbprint(text: str) -> bool:
    return re.fullmatch("[0-9A-F]{40}", text) is not None


@dataclass(frozen=True)
class Shell:
    """A session that is signed in."""

    graph: ClientSession
    address: str

    async def trust(self, domain: str) -> Mapping[str, Any]:
        """What Get-MgDomainFederationConfiguration gives."""
        async with self.graph.get(f"{self.address}/domains/{domain}/federationConfiguration") as answer:
            answer.raise_for_status()
            (found,) = (await answer.json())["value"]
            return dict(found)

    async def update(self, domain: str, identifier: str, write: Mapping[str, str]) -> None:
        """What Update-MgDomainFederationConfiguration does."""
        fields = {f"{slot[0].lower()}{slot[1:]}": text for slot, text in write.items()}
        url = f"{self.address}/domains/{domain}/federationConfiguration/{identifier}"
        async with self.graph.patch(url, json=fields) as answer:
            answer.raise_for_status()

    async def read_slots(self, domain: str) -> Sequence[Slot]:
        trust = await self.trust(domain)
        return [
            Slot(name, *read_certificate(trust[f"{name[0].lower()}{name[1:]}"]), trust["id"])
            for name in ("SigningCertificate", "NextSigningCertificate")
        ]

    async def write_certificate(self, domain: str, text: str, primary: str, foreign: str = "") -> str | None:
        text = re.sub(r"\s", "", text)
        new = read_certificate(text).thumbprint
        primary, foreign = digits(primary), digits(foreign)
        slots = await self.read_slots(domain)
        held = [each.thumbprint for each in slots]
        for wrong, sentence in (
            (not is_thumbprint(new), "this is not the base64 of a certificate."),
            (not is_thumbprint(primary), "this is not the thumbprint of the primary."),
            (bool(foreign) and foreign not in held, f"{domain} does not hold the foreign one."),
            (foreign == primary, "the primary is not foreign."),
            (
                primary not in held and new != primary,
                f"neither slot of {domain} holds the primary. Write the primary first.",
            ),
        ):
            if wrong:
                raise ThrownError(f"Nothing was written: {sentence}")
        if new in held and not foreign:
            return f"{domain} has this certificate already: nothing was written."
        others = [each for each in slots if each.thumbprint != primary]
        free = min(others, key=lambda each: (each.thumbprint != foreign, each.not_after), default=slots[1])
        kept = next((each for each in slots if each.thumbprint == primary), None)
        if kept and free.not_after > kept.not_after and free.thumbprint != foreign:
            raise ThrownError(
                f"Nothing was written: {free.thumbprint} ends after {primary}."
                " Ask AD FS which of the two is the primary."
            )
        await self.update(domain, free.id, {free.name: text})
        return None

    async def write_both(self, domain: str, text: str, text_next: str, primary: str) -> None:
        primary = digits(primary)
        write = {"SigningCertificate": re.sub(r"\s", "", text), "NextSigningCertificate": re.sub(r"\s", "", text_next)}
        new = [read_certificate(each).thumbprint for each in write.values()]
        if new[0] == new[1] or len([each for each in new if is_thumbprint(each)]) != 2:
            raise ThrownError("Nothing was written: this is not the base64 of two certificates.")
        if primary not in new:
            raise ThrownError("Nothing was written: neither of the two is the primary.")
        trust = await self.trust(domain)
        await self.update(domain, trust["id"], write)

    async def show_trust(self, thumbprint: str) -> Mapping[str, bool]:
        thumbprint = digits(thumbprint)
        if not is_thumbprint(thumbprint):
            raise ThrownError("This is not the thumbprint of a certificate.")
        async with self.graph.get(f"{self.address}/domains") as answer:
            domains = (await answer.json())["value"]
        return {
            each["id"]: thumbprint in [slot.thumbprint for slot in await self.read_slots(each["id"])]
            for each in domains
            if each["authenticationType"] == "Federated" and each["isRoot"]
        }


@asynccontextmanager
async def signed_in(tenant: Tenant) -> AsyncIterator[Shell]:
    """A session of an administrator of a tenant."""
    form = {
        "grant_type": "client_credentials",
        "client_id": tenant.entra.client_id,
        "client_secret": SECRET,
        "scope": "https://graph.microsoft.com/.default",
    }
    async with ClientSession() as login:
        answer = await login.post(f"{tenant.entra.login_url}/{tenant.entra.tenant}/oauth2/v2.0/token", data=form)
        token = (await answer.json())["access_token"]
    async with ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        yield Shell(session, f"{tenant.entra.graph_url}/v1.0")
