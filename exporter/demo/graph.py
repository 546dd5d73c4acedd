"""A stand-in of what tells which certificates a domain trusts: login, Microsoft Graph, user realm discovery."""

import base64
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from aiohttp import web
from lxml import etree
from lxml.builder import E

from exporter.inquiry import UpdateResult

_GRANT_TYPE = "client_credentials"
_SCOPE = "https://graph.microsoft.com/.default"
_LIFE = 3599
_CODES: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "InvalidAuthenticationToken",
    HTTPStatus.FORBIDDEN: "Authorization_RequestDenied",
    HTTPStatus.NOT_FOUND: "Request_ResourceNotFound",
    HTTPStatus.TOO_MANY_REQUESTS: "TooManyRequests",
    HTTPStatus.SERVICE_UNAVAILABLE: "ServiceUnavailable",
}


@dataclass(frozen=True, slots=True)
class _Federation:
    """How the people of a domain sign in elsewhere."""

    signing: bytes | None
    next_signing: bytes | None
    service: str
    result: UpdateResult | None
    updated: datetime | None


@dataclass(frozen=True, slots=True)
class _Failure:
    """What every question about a domain ends in."""

    status: int
    retry_after: str | None


class Directory:
    """A tenant with one application and with the domains that are put there.

    Shapes and errors are those that Microsoft documents for the client credentials flow and for Graph's
    ``internalDomainFederation``; user realm discovery, which is not documented, answers with the elements it is known
    to have.
    """

    def __init__(self, *, tenant: str, client_id: str, client_secret: str) -> None:
        self._tenant = tenant
        self._client_id = client_id
        self._client_secret = client_secret
        self._revoked = False
        self._tokens: set[str] = set()
        self._domains: dict[str, _Federation | _Failure] = {}
        """Without those that sign in at Entra ID itself."""

    def add_to(self, app: web.Application, prefix: str = "") -> None:
        """Lets an application answer for all three, under a prefix of their paths."""
        app.router.add_post(prefix + "/{tenant}/oauth2/v2.0/token", self._token)
        app.router.add_get(prefix + "/v1.0/domains/{domain}/federationConfiguration", self._configuration)
        app.router.add_get(prefix + "/getuserrealm.srf", self._realm)

    def federate(
        self,
        domain: str,
        *,
        signing: bytes | None,
        next_signing: bytes | None = None,
        service: str,
        result: UpdateResult | None = None,
        updated: datetime | None = None,
    ) -> None:
        """Sends a domain's people to a federation service, whose tokens count when one of these certificates signs.

        Certificates are DER; ``service`` is a host; ``result`` and ``updated`` are Entra ID's last reading of its
        metadata.
        """
        self._domains[domain] = _Federation(signing, next_signing, service, result, updated)

    def manage(self, domain: str) -> None:
        """Lets a domain's people sign in at Entra ID itself."""
        self._domains.pop(domain, None)

    def fail(self, domain: str, status: int, *, retry_after: str | None = None) -> None:
        """Answers questions about a domain with a status, until it is federated or managed again."""
        self._domains[domain] = _Failure(status, retry_after)

    def revoke(self) -> None:
        """Ends the client's secret and all tokens that it got."""
        self._revoked = True
        self._tokens.clear()

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        for wrong, status, error, number in (
            (request.match_info["tenant"] != self._tenant, HTTPStatus.BAD_REQUEST, "invalid_request", 90002),
            (form.get("grant_type") != _GRANT_TYPE, HTTPStatus.BAD_REQUEST, "unsupported_grant_type", 70003),
            (form.get("client_id") != self._client_id, HTTPStatus.BAD_REQUEST, "unauthorized_client", 700016),
            (self._revoked, HTTPStatus.UNAUTHORIZED, "invalid_client", 7000222),
            (form.get("client_secret") != self._client_secret, HTTPStatus.UNAUTHORIZED, "invalid_client", 7000215),
            (form.get("scope") != _SCOPE, HTTPStatus.BAD_REQUEST, "invalid_scope", 70011),
        ):
            if wrong:
                return _refusal(status, error, number)
        token = secrets.token_urlsafe(64)
        self._tokens.add(token)
        return web.json_response(
            {"token_type": "Bearer", "expires_in": _LIFE, "ext_expires_in": _LIFE, "access_token": token}
        )

    async def _configuration(self, request: web.Request) -> web.Response:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self._tokens:
            return _error(HTTPStatus.UNAUTHORIZED)
        domain = request.match_info["domain"]
        found = self._domains.get(domain)
        if found is None:
            return _error(HTTPStatus.NOT_FOUND)
        if isinstance(found, _Failure):
            return _error(found.status, found.retry_after)
        context = f"https://graph.microsoft.com/v1.0/$metadata#domains('{domain}')/federationConfiguration"
        return web.json_response({"@odata.context": context, "value": [_internal_domain_federation(domain, found)]})

    async def _realm(self, request: web.Request) -> web.Response:
        login = request.query.get("login", "")
        domain = login.rpartition("@")[2]
        federation = self._domains.get(domain)
        if isinstance(federation, _Failure):
            return web.Response(status=federation.status, headers=_waiting(federation.retry_after))
        info = E.RealmInfo(E.State("4"), E.UserState("1"), E.Login(login), Success="true")
        if federation is None:
            info.extend([E.NameSpaceType("Managed"), E.DomainName(domain), E.IsFederatedNS("false")])
        else:
            sign_in = f"https://{federation.service}/adfs"
            info.extend(
                [
                    E.NameSpaceType("Federated"),
                    E.DomainName(domain),
                    E.AuthURL(f"{sign_in}/ls/?username={login}&wa=wsignin1.0&wtrealm=urn:federation:MicrosoftOnline"),
                    E.IsFederatedNS("true"),
                    E.STSAuthURL(f"{sign_in}/services/trust/2005/usernamemixed"),
                    E.FederationBrandName(domain),
                    E.MEXURL(f"{sign_in}/services/trust/mex"),
                ]
            )
            if (certificate := _base64(federation.signing)) is not None:
                info.append(E.Certificate(certificate))
        return web.Response(body=etree.tostring(info), content_type="text/xml")


def _internal_domain_federation(domain: str, federation: _Federation) -> dict[str, Any]:
    sign_in = f"https://{federation.service}/adfs"
    status = {
        "certificateUpdateResult": federation.result,
        "lastRunDateTime": federation.updated and f"{federation.updated.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z",
    }
    return {
        "@odata.type": "#microsoft.graph.internalDomainFederation",
        "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, domain)),
        "displayName": domain,
        "issuerUri": f"http://{domain}/adfs/services/trust/",
        "metadataExchangeUri": f"{sign_in}/services/trust/mex",
        "signingCertificate": _base64(federation.signing),
        "passiveSignInUri": f"{sign_in}/ls/",
        "preferredAuthenticationProtocol": "wsFed",
        "activeSignInUri": f"{sign_in}/services/trust/2005/usernamemixed",
        "signOutUri": f"{sign_in}/ls/",
        "promptLoginBehavior": "nativeSupport",
        "isSignedAuthenticationRequestRequired": None,
        "nextSigningCertificate": _base64(federation.next_signing),
        "federatedIdpMfaBehavior": "acceptIfMfaDoneByFederatedIdp",
        "passwordResetUri": None,
        "signingCertificateUpdateStatus": None if federation.result is None else status,
    }


def _refusal(status: HTTPStatus, error: str, number: int) -> web.Response:
    """An error of the token endpoint (RFC 6749 section 5.2, with Microsoft's own numbers)."""
    trace, correlation, now = uuid.uuid4(), uuid.uuid4(), datetime.now(UTC)
    body = {
        "error": error,
        "error_description": f"AADSTS{number}: No token. Trace ID: {trace} Correlation ID: {correlation}",
        "error_codes": [number],
        "timestamp": f"{now:%Y-%m-%d %H:%M:%SZ}",
        "trace_id": str(trace),
        "correlation_id": str(correlation),
        "error_uri": f"https://login.microsoftonline.com/error?code={number}",
    }
    return web.json_response(body, status=status)


def _error(status: int, retry_after: str | None = None) -> web.Response:
    """An error of Graph."""
    request_id = str(uuid.uuid4())
    inner = {
        "date": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}",
        "request-id": request_id,
        "client-request-id": request_id,
    }
    error = {"code": _CODES.get(status, "UnknownError"), "message": f"Status {status}.", "innerError": inner}
    return web.json_response({"error": error}, status=status, headers=_waiting(retry_after))


def _waiting(retry_after: str | None) -> Mapping[str, str]:
    return {} if retry_after is None else {"Retry-After": retry_after}


def _base64(der: bytes | None) -> str | None:
    return None if der is None else base64.b64encode(der).decode()
