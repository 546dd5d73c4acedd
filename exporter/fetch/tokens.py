"""OAuth 2 access tokens (RFC 6749): asked for once, kept until shortly before they end."""

import asyncio
import json
import math
import re
from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

_EARLY = 60.0
"""Seconds before its end at which a token is replaced, at most a tenth of its life."""
_ERROR_CODE = re.compile(r"[a-z][a-z_]{0,39}")
_NUMBERS = 10**9
"""Above all that Microsoft has for an error: they have up to seven digits."""
_LONGEST = 2**13
"""Characters of a token at most: few servers read a longer line of a head, and texts are searched for all of it."""
_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Grant:
    """A token, and for how long it may be used."""

    token: str = field(repr=False)
    life: float
    """Seconds; 0 where the endpoint does not say."""


class NotGranted(Exception):  # noqa: N818 -- what the other side did, not an error of ours
    """A token endpoint's answer without a token. ``detail`` says why, and holds nothing of its free text."""

    def __init__(self, detail: str, *, refused: bool) -> None:
        super().__init__(detail)
        self.detail = detail
        self.refused = refused
        """Whether the endpoint says so itself, with an error code (RFC 6749 section 5.2)."""


def granted(status: int, body: bytes) -> Grant:
    """The token in a token endpoint's answer (RFC 6749 section 5).

    Raises :class:`NotGranted`.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise NotGranted(f"HTTP {status} without JSON", refused=False)
    token = answer.get("access_token")
    if status != HTTPStatus.OK or not isinstance(token, str) or not _TOKEN.fullmatch(token):
        codes = ", ".join(_codes(answer))
        raise NotGranted(f"{codes or 'an answer without a token'} (HTTP {status})", refused=bool(codes))
    if len(token) > _LONGEST:
        raise NotGranted(f"the token has more than {_LONGEST} characters", refused=False)
    kind = answer.get("token_type", "bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise NotGranted("it is no bearer token", refused=False)
    return Grant(token, _life(answer))


@dataclass(slots=True)
class _Kept:
    token: str | None = field(default=None, repr=False)
    until: float = 0.0
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class Tokens:
    """All tokens in use, each under the key of whoever asked for it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: dict[Hashable, _Kept] = {}

    async def get(self, key: Hashable, ask: Callable[[], Awaitable[Grant]], *, deadline: float | None = None) -> str:
        """The token under a key, asked for once however many want it at the same time.

        ``deadline``, a moment of the running loop's clock, ends the wait while somebody else asks; None: nothing does.
        Raises what ``ask`` raises, and TimeoutError.
        """
        kept = self._kept.setdefault(key, _Kept())
        async with asyncio.timeout_at(deadline):
            await kept.asking.acquire()
        try:
            if kept.token is None or self._clock() >= kept.until:
                kept.token = None
                grant = await ask()
                kept.token = grant.token
                kept.until = self._clock() + grant.life - min(_EARLY, grant.life / 10)
            return kept.token
        finally:
            kept.asking.release()

    def forget(self, token: str) -> None:
        """Drops a token that was refused."""
        for kept in self._kept.values():
            if kept.token == token:
                kept.token = None


def _codes(answer: Mapping[str, Any]) -> Iterator[str]:
    """The error code, and the number that Microsoft's endpoints add to say what is behind it."""
    code, numbers = answer.get("error"), answer.get("error_codes")
    if isinstance(code, str) and _ERROR_CODE.fullmatch(code):
        yield code
        if isinstance(numbers, list) and numbers and isinstance(numbers[0], int) and 0 <= numbers[0] < _NUMBERS:
            yield f"AADSTS{numbers[0]:d}"


def _life(answer: Mapping[str, Any]) -> float:
    try:
        life = float(answer.get("expires_in", 0))
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return life if math.isfinite(life) else 0.0
