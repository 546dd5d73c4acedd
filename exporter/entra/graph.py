"""What Microsoft Graph says of a domain: its ``internalDomainFederation``, with both slots."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from exporter.config.settings import Entra, TrustSource
from exporter.entra import grant
from exporter.entra.api import Answer, Api, EntraError
from exporter.entra.clouds import places
from exporter.entra.parts import first_host, slots
from exporter.inquiry import DomainTrust, Slot, TrustReason, UpdateResult
from exporter.metadata import times

PERMISSION = "Domain-InternalFederation.Read.All"
"""The least that the application must be allowed to do."""

_KNOWN_BY = {"signingCertificate", "nextSigningCertificate", "passiveSignInUri", "issuerUri"}
_RESULTS = {result.lower(): result for result in UpdateResult}


async def ask(entra: Entra, domain: str, api: Api) -> DomainTrust:
    """What is trusted for a domain (Microsoft Graph v1.0, "List internalDomainFederations").

    Raises :class:`EntraError`.
    """
    url = f"{places(entra).graph}/v1.0/domains/{quote(domain, safe='')}/federationConfiguration"
    answer = await _get(url, entra, api)
    if answer.status == HTTPStatus.UNAUTHORIZED:
        # The token may have been withdrawn before its end.
        answer = await _get(url, entra, api)
    match answer.status:
        case HTTPStatus.OK:
            return _trust(answer)
        case HTTPStatus.UNAUTHORIZED:
            detail = f"{answer.host} does not accept the token (HTTP 401){answer.words}"
            raise EntraError(TrustReason.UNAUTHORIZED, detail)
        # Another's refusal, such as a proxy's page, says nothing about the domain.
        case HTTPStatus.NOT_FOUND if "error" in answer.json_object():
            return DomainTrust(TrustSource.GRAPH, federated=False)
        case HTTPStatus.FORBIDDEN if "error" in answer.json_object():
            raise EntraError(
                TrustReason.PERMISSION,
                f"{answer.host} does not allow it (HTTP 403): the application needs the permission {PERMISSION}, "
                f"and admin consent to it{answer.words}",
            )
    raise EntraError(TrustReason.HTTP_STATUS, answer.sentence)


async def _get(url: str, entra: Entra, api: Api) -> Answer:
    token = await grant.token(entra, api)
    answer = await api.send(url, headers={"Authorization": f"Bearer {token}"}, secrets=(token,))
    if answer.status == HTTPStatus.UNAUTHORIZED:
        api.client.tokens.forget(token)
    return answer


def _trust(answer: Answer) -> DomainTrust:
    content = answer.json_object()
    # A collection of at most one is documented; one by itself, with and without "value" around it, is seen as well.
    value = content.get("value", content)
    match value if isinstance(value, list) else [value]:
        case []:
            return DomainTrust(TrustSource.GRAPH, federated=False)
        case [dict() as federation] if not _KNOWN_BY.isdisjoint(federation):
            pass
        case _:
            detail = f"{answer.host} does not answer with one internalDomainFederation{answer.words}"
            raise EntraError(TrustReason.MALFORMED, detail)
    certificates, unreadable = slots(
        {
            Slot.SIGNING: federation.get("signingCertificate"),
            Slot.NEXT: federation.get("nextSigningCertificate"),
        }
    )
    status = federation.get("signingCertificateUpdateStatus")
    update, updated = _update(status) if isinstance(status, dict) else (None, None)
    return DomainTrust(
        source=TrustSource.GRAPH,
        federated=True,
        certificates=certificates,
        unreadable=unreadable,
        # Not the issuerUri: with several domains to a farm it names the domain.
        service=first_host(*map(federation.get, ("passiveSignInUri", "activeSignInUri", "metadataExchangeUri"))),
        update=update,
        updated=updated,
    )


def _update(status: Mapping[str, Any]) -> tuple[UpdateResult | None, datetime | None]:
    """How Entra ID's last reading of the metadata went, and when it was."""
    result, last_run = status.get("certificateUpdateResult"), status.get("lastRunDateTime")
    update = _RESULTS.get(result.lower() if isinstance(result, str) else "", UpdateResult.OTHER) if result else None
    try:
        updated = times.moment(last_run if isinstance(last_run, str) else "")
    except (ValueError, OverflowError):
        return update, None
    # Year 1 is how .NET writes that there was none.
    return update, updated if updated.year > 1 else None
