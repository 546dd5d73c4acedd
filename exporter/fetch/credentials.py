"""What a module shows to the endpoint to be let in: headers, secrets, tokens."""

import base64
import hashlib
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from urllib.parse import quote_plus, urlsplit

from yarl import URL

from exporter import regular
from exporter.config import urls
from exporter.config.settings import Module, OAuth2, Secret
from exporter.fetch.failure import FetchError
from exporter.fetch.tokens import Grant, NotGranted, Tokens, granted
from exporter.model import Reason
from exporter.reading import reading

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SHORTEST_SECRET = 4
"""Characters; what is shorter, such as ``1`` or ``en``, would stand in most words."""

Post = Callable[[str, Mapping[str, str], Mapping[str, str]], Awaitable[tuple[int, bytes]]]
"""Sends a form to a URL with some headers; gives the status and the body. Raises :class:`FetchError`."""


async def reveal(secret: Secret, name: str) -> str:
    """The text of a secret that is to stand in a header or a form; ``name`` says which one it is.

    Raises :class:`FetchError` when it cannot be read or cannot stand there.
    """
    text = await content(secret, name)
    if _CONTROL.search(text):
        raise FetchError(Reason.CREDENTIALS, f"{name}: a line break or another control character in it")
    return text


async def content(secret: Secret, name: str) -> str:
    """The text of a secret, which may have several lines, without the line break at the end of a file or variable.

    Raises :class:`FetchError` when it cannot be read.
    """
    if secret.variable is not None:
        # Not by the name that is configured: somebody may have written the secret itself there.
        source, raw = "its environment variable", os.fsencode(os.environ.get(secret.variable, ""))
        if not raw:
            raise FetchError(Reason.CREDENTIALS, f"{name}: {source} is not set, or empty")
    elif secret.file is not None:
        try:
            source, raw = secret.file, await reading(("secret", secret.file), partial(regular.content, secret.file))
        except OSError as error:
            raise FetchError(Reason.CREDENTIALS, f"{name}: cannot read {secret.file}: {error.strerror}") from error
    else:
        return secret.text or ""
    try:
        # With the mark that Windows' editors and PowerShell put in front, which is none of the secret.
        return raw.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        # Not "from": the error holds the secret's bytes.
        raise FetchError(Reason.CREDENTIALS, f"{name}: {source} is not UTF-8") from None


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


def secrets(url: str, own_headers: Mapping[str, str], proxy: URL | None) -> tuple[str, ...]:
    """What must not be shown of what a request to a URL says, and of what it says to the proxy."""
    found = [*urls.secrets(url)]
    for name, value in own_headers.items():
        kind, _, proof = value.partition(" ") if name == "Authorization" else ("", "", value)
        found.append(proof)
        if kind == "Basic":
            found.append(base64.b64decode(proof).decode().partition(":")[2])
    if proxy is not None:
        found += filter(None, (proxy.user, proxy.password))
    return tuple(each for each in found if len(each) >= _SHORTEST_SECRET)


async def proxy(module: Module) -> URL | None:
    """The proxy to go through, its user and password in it."""
    if module.proxy_url is None:
        return None
    text = await reveal(module.proxy_url, "proxy_url")
    try:
        url = URL(text)
        f"{url.user}{url.password}".encode("latin-1")
        host = url.host
    except ValueError:
        url, host = URL(), None
    if url.scheme != "http" or not host:
        raise FetchError(Reason.CREDENTIALS, "proxy_url: not the http URL of a proxy")
    return url


async def token(oauth2: OAuth2, tokens: Tokens, post: Post) -> str:
    """The access token by a module's client credentials grant (RFC 6749 section 4.4).

    Raises :class:`FetchError` (CREDENTIALS) with the token endpoint's error code.
    """
    secret = await reveal(oauth2.client_secret, "oauth2.client_secret")

    async def ask() -> Grant:
        return await _ask(oauth2, secret, post)

    key = (
        oauth2.token_url,
        oauth2.client_id,
        oauth2.scopes,
        tuple(oauth2.endpoint_params.items()),
        hashlib.sha256(secret.encode()).digest(),
    )
    return await tokens.get(key, ask)


async def _ask(oauth2: OAuth2, secret: str, post: Post) -> Grant:
    form = {"grant_type": "client_credentials", **oauth2.endpoint_params}
    if oauth2.scopes:
        form["scope"] = " ".join(oauth2.scopes)
    # RFC 6749 2.3.1: the one way that every token endpoint supports, both parts form-encoded.
    authorization = _basic(quote_plus(oauth2.client_id), quote_plus(secret))
    try:
        return granted(*await post(oauth2.token_url, form, {"Authorization": authorization}))
    except (FetchError, NotGranted) as error:
        detail = f"no token from {urlsplit(oauth2.token_url).hostname}: {error.detail}"
        raise FetchError(Reason.CREDENTIALS, detail) from error


def _basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
