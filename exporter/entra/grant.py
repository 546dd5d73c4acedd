"""The access token for Graph, by OAuth 2 client credentials (RFC 6749 section 4.4)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import quote

from exporter import fetch
from exporter.config.settings import Entra, Secret
from exporter.entra.api import Api, EntraError, told
from exporter.entra.assertion import assertion
from exporter.entra.clouds import places, scope
from exporter.inquiry import TrustReason
from exporter.model import Reason
from exporter.trust import host_of

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


async def token(entra: Entra, api: Api) -> str:
    """The token, asked for once and kept until shortly before its end.

    Raises :class:`EntraError`.
    """
    url = f"{places(entra).login}/{quote(entra.tenant, safe='')}/oauth2/v2.0/token"
    with told():
        # Before we wait for others: what is late then is not our credentials.
        secret = await _secret(entra, api.deadline)

    async def ask() -> fetch.Grant:
        return await _ask(entra, secret, url, api)

    client = (entra.client_id, entra.client_secret, entra.client_certificate, entra.federated_token)
    try:
        return await api.client.tokens.get((url, scope(entra), client), ask, deadline=api.deadline)
    except TimeoutError:
        detail = f"no token in time: another inquiry still asks {host_of(url)} for it"
        raise EntraError(TrustReason.TIMEOUT, detail) from None


async def _secret(entra: Entra, deadline: float) -> str:
    """What only the client has. Raises :class:`~exporter.fetch.FetchError`."""
    match entra:
        case Entra(client_secret=Secret() as secret):
            return await fetch.reveal(secret, "client_secret", deadline=deadline)
        case Entra(client_certificate=Secret() as certificate):
            return await fetch.reveal(certificate, "client_certificate", deadline=deadline, lines=True)
        case Entra(federated_token=Secret() as federated):
            return await fetch.reveal(federated, "federated_token", deadline=deadline)
    raise fetch.FetchError(Reason.CREDENTIALS, "no credentials are configured")


async def _ask(entra: Entra, secret: str, url: str, api: Api) -> fetch.Grant:
    form = {"grant_type": "client_credentials", "client_id": entra.client_id, "scope": scope(entra)}
    proof = _proof(entra, secret, url)
    answer = await api.send(
        url, form={**form, **proof}, secrets=[proof.get("client_secret") or proof["client_assertion"]]
    )
    try:
        return fetch.granted(answer.status, answer.response.body)
    except fetch.NotGranted as failure:
        if answer.status != HTTPStatus.OK and not failure.refused:
            raise EntraError(TrustReason.HTTP_STATUS, answer.sentence) from None
        reason = TrustReason.REFUSED if failure.refused else TrustReason.MALFORMED
        raise EntraError(reason, f"no token from {answer.host}: {failure.detail}{answer.message}") from None


def _proof(entra: Entra, secret: str, url: str) -> Mapping[str, str]:
    """What shows that we are the client. Raises :class:`EntraError`."""
    if entra.client_secret is not None:
        return {"client_secret": secret}
    word = secret
    if entra.client_certificate is not None:
        try:
            word = assertion(secret, client_id=entra.client_id, audience=url, now=datetime.now(UTC))
        except ValueError as error:
            raise EntraError(TrustReason.CREDENTIALS, f"client_certificate: {error}") from None
    return {"client_assertion_type": _ASSERTION_TYPE, "client_assertion": word}
