"""The access token for Graph, by OAuth 2 client credentials (RFC 6749 section 4.4)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import quote

from exporter.config.settings import Entra, Secret
from exporter.entra.api import Api, EntraError, sentence, told
from exporter.entra.assertion import assertion
from exporter.entra.clouds import places, scope
from exporter.fetch import credentials
from exporter.fetch.failure import FetchError, until
from exporter.fetch.tokens import Grant, NotGranted, granted
from exporter.model import Reason
from exporter.trust import TrustReason, host_of

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


async def token(entra: Entra, api: Api) -> str:
    """The token, asked for once and kept until shortly before its end.

    Raises :class:`EntraError`.
    """
    url = f"{places(entra).login}/{quote(entra.tenant, safe='')}/oauth2/v2.0/token"

    async def ask() -> Grant:
        return await _ask(entra, url, api)

    client = (entra.client_id, entra.client_secret, entra.client_certificate, entra.federated_token)
    return await api.client.tokens.get((url, scope(entra), client), ask)


async def _ask(entra: Entra, url: str, api: Api) -> Grant:
    with told():
        async with until(api.deadline, Reason.CREDENTIALS, "the client's credentials could not be had in time"):
            proof = await _proof(entra, url)
    form = {"grant_type": "client_credentials", "client_id": entra.client_id, "scope": scope(entra), **proof}
    answer = await api.send(url, form=form)
    try:
        return granted(answer.status, answer.body)
    except NotGranted as failure:
        if answer.status != HTTPStatus.OK and not failure.refused:
            raise EntraError(TrustReason.HTTP_STATUS, sentence(url, answer)) from None
        reason = TrustReason.REFUSED if failure.refused else TrustReason.MALFORMED
        raise EntraError(reason, f"no token from {host_of(url)}: {failure.detail}") from None


async def _proof(entra: Entra, url: str) -> Mapping[str, str]:
    """What shows that we are the client. Raises :class:`FetchError`."""
    match entra:
        case Entra(client_secret=Secret() as secret):
            return {"client_secret": await credentials.reveal(secret, "client_secret")}
        case Entra(client_certificate=Secret() as certificate):
            pem = await credentials.content(certificate, "client_certificate")
            try:
                word = assertion(pem, client_id=entra.client_id, audience=url, now=datetime.now(UTC))
            except ValueError as error:
                raise FetchError(Reason.CREDENTIALS, f"client_certificate: {error}") from None
        case Entra(federated_token=Secret() as federated):
            word = await credentials.reveal(federated, "federated_token")
        case _:
            raise FetchError(Reason.CREDENTIALS, "no credentials are configured")
    return {"client_assertion_type": _ASSERTION_TYPE, "client_assertion": word}
