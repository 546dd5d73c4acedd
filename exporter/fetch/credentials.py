"""What a module shows to the endpoint to be let in: headers, secrets, tokens."""

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from yarl import URL

from exporter.config.settings import Module, OAuth2, Secret
from exporter.fetch.failure import FetchError
from exporter.model import Reason

_EARLY = 60.0
"""Seconds before its end at which a token is replaced, at most a tenth of its life."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ERROR_CODE = re.compile(r"[a-z][a-z_]{0,39}")
_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Form:
    """A request to a token endpoint."""

    url: str
    authorization: str = field(repr=False)
    fields: Mapping[str, str]


Post = Callable[[Form], Awaitable[tuple[int, bytes]]]
"""Sends a form; gives the status and the body. Raises :class:`FetchError`."""


async def reveal(secret: Secret, name: str) -> str:
    """The text of a secret; a file's without the line break at its end.

    Raises :class:`FetchError` when it cannot be read or cannot stand in a header; ``name`` says which one it is.
    """
    if secret.file is None:
        text = secret.text or ""
    else:
        try:
            content = await asyncio.to_thread(Path(secret.file).read_bytes)
            text = content.decode().rstrip("\r\n")
        except OSError as error:
            raise FetchError(Reason.CREDENTIALS, f"{name}: cannot read {secret.file}: {error.strerror}") from error
        except UnicodeDecodeError:
            # Not "from": the error holds the secret's bytes.
            raise FetchError(Reason.CREDENTIALS, f"{name}: {secret.file} is not UTF-8") from None
    if _CONTROL.search(text):
        raise FetchError(Reason.CREDENTIALS, f"{name}: a line break or another control character in it")
    return text


async def headers(module: Module) -> dict[str, str]:
    """The headers that a module's endpoint gets and no other, but for an OAuth 2 token."""
    shown = {name: await reveal(value, f"http_headers.{name}") for name, value in module.http_headers.items()}
    if module.basic_auth is not None:
        password = await reveal(module.basic_auth.password, "basic_auth.password")
        shown["Authorization"] = _basic(module.basic_auth.username, password)
    if module.authorization is not None:
        credentials = await reveal(module.authorization.credentials, "authorization.credentials")
        shown["Authorization"] = f"{module.authorization.type} {credentials}"
    return shown


async def proxy(module: Module) -> URL | None:
    """The proxy to go through, its user and password in it."""
    if module.proxy_url is None:
        return None
    text = await reveal(module.proxy_url, "proxy_url")
    try:
        url = URL(text)
        f"{url.user}{url.password}".encode("latin-1")
    except ValueError:
        url = URL()
    if url.scheme != "http" or not url.host:
        raise FetchError(Reason.CREDENTIALS, "proxy_url: not the http URL of a proxy")
    return url


@dataclass(slots=True)
class _Grant:
    token: str | None = field(default=None, repr=False)
    until: float = 0.0
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class Tokens:
    """OAuth 2 tokens by the client credentials grant (RFC 6749 4.4), kept until shortly before they end."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._grants: dict[object, _Grant] = {}

    async def get(self, oauth2: OAuth2, post: Post) -> str:
        """The token for a client, asked for once however many want it at the same time.

        Raises :class:`FetchError` (CREDENTIALS) with the token endpoint's error code.
        """
        secret = await reveal(oauth2.client_secret, "oauth2.client_secret")
        key = (
            oauth2.token_url,
            oauth2.client_id,
            oauth2.scopes,
            tuple(oauth2.endpoint_params.items()),
            hashlib.sha256(secret.encode()).digest(),
        )
        grant = self._grants.setdefault(key, _Grant())
        async with grant.asking:
            if grant.token is None or self._clock() >= grant.until:
                grant.token = None
                grant.token, life = await _ask(oauth2, secret, post)
                grant.until = self._clock() + life - min(_EARLY, life / 10)
            return grant.token

    def forget(self, token: str) -> None:
        """Drops a token that an endpoint refused."""
        for grant in self._grants.values():
            if grant.token == token:
                grant.token = None


async def _ask(oauth2: OAuth2, secret: str, post: Post) -> tuple[str, float]:
    fields = {"grant_type": "client_credentials", **oauth2.endpoint_params}
    if oauth2.scopes:
        fields["scope"] = " ".join(oauth2.scopes)
    # RFC 6749 2.3.1: the one way that every token endpoint supports, both parts form-encoded.
    authorization = _basic(quote_plus(oauth2.client_id), quote_plus(secret))
    endpoint = f"no token from {URL(oauth2.token_url).host}"
    try:
        status, body = await post(Form(oauth2.token_url, authorization, fields))
    except FetchError as error:
        raise FetchError(Reason.CREDENTIALS, f"{endpoint}: {error.detail}") from error
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise FetchError(Reason.CREDENTIALS, f"{endpoint}: HTTP {status} without JSON")
    token = answer.get("access_token")
    if status != 200 or not isinstance(token, str) or not _TOKEN.fullmatch(token):  # noqa: PLR2004 -- HTTP OK
        raise FetchError(Reason.CREDENTIALS, f"{endpoint}: {_error_code(answer)} (HTTP {status})")
    if str(answer.get("token_type", "bearer")).lower() != "bearer":
        raise FetchError(Reason.CREDENTIALS, f"{endpoint}: it is no bearer token")
    return token, _life(answer)


def _error_code(answer: Mapping[str, Any]) -> str:
    code = answer.get("error")
    return code if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else "an answer without a token"


def _life(answer: Mapping[str, Any]) -> float:
    try:
        return float(answer.get("expires_in", 0))
    except (TypeError, ValueError):
        return 0.0


def _basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
