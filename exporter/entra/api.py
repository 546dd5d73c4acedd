"""One request to Microsoft, and what its failures mean."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Self

from exporter import fetch
from exporter.config.settings import Module
from exporter.inquiry import TrustReason
from exporter.model import Reason
from exporter.trust import host_of

_LONGEST_WAIT = 86400.0
_REASONS = {
    Reason.CREDENTIALS: TrustReason.CREDENTIALS,
    Reason.TIMEOUT: TrustReason.TIMEOUT,
    Reason.TOO_LARGE: TrustReason.MALFORMED,
    Reason.ENCODING: TrustReason.MALFORMED,
}


class EntraError(Exception):
    """No answer that could be used. ``detail`` is a sentence for a person and holds no secret."""

    def __init__(self, reason: TrustReason, detail: str, retry_after: float | None = None) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
        self.retry_after = retry_after
        """Seconds that the other side wants us to wait, at most a day; None: it does not say."""


@dataclass(frozen=True, slots=True)
class Api:
    """The way to Microsoft for one inquiry, with one deadline."""

    module: Module
    client: fetch.Client
    deadline: float
    """A moment of the running loop's clock."""

    @classmethod
    def open(cls, module: Module, client: fetch.Client) -> Self:
        """The way there for as long as the module's timeout."""
        return cls(module, client, asyncio.get_running_loop().time() + module.timeout)

    async def send(
        self, url: str, *, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> fetch.Response:
        """The answer to a GET, or to a form by POST, with any status but 429 and 5xx.

        Raises :class:`EntraError`.
        """
        with told():
            answer = await fetch.exchange(
                url, self.module, client=self.client, deadline=self.deadline, form=form, headers=headers
            )
        throttled = answer.status == HTTPStatus.TOO_MANY_REQUESTS
        if throttled or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            reason = TrustReason.THROTTLED if throttled else TrustReason.SERVER
            wait = seconds_to_wait(answer.headers.get("Retry-After", ""), datetime.now(UTC))
            raise EntraError(reason, sentence(url, answer), wait)
        return answer


@contextmanager
def told() -> Iterator[None]:
    """Turns a fetch's failure into :class:`EntraError`."""
    try:
        yield
    except fetch.FetchError as error:
        reason = _REASONS.get(error.reason, TrustReason.CONNECTION)
        raise EntraError(reason, error.detail) from error


def sentence(url: str, answer: fetch.Response) -> str:
    """``graph.microsoft.com answers HTTP 400 Bad Request``."""
    return f"{host_of(url)} answers {answer.status_line}"


def seconds_to_wait(retry_after: str, now: datetime) -> float | None:
    """What a Retry-After says, a number of seconds or a date (RFC 9110 10.2.3), cut to a day; None: nothing."""
    if retry_after.isdecimal() and retry_after.isascii():
        return min(float(retry_after), _LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return None
    wait = moment.replace(tzinfo=moment.tzinfo or UTC) - now
    return min(max(wait.total_seconds(), 0.0), _LONGEST_WAIT)


def json_object(url: str, answer: fetch.Response) -> dict[str, object]:
    """The JSON object in an answer. Raises :class:`EntraError` (MALFORMED)."""
    try:
        content = json.loads(answer.body)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise EntraError(TrustReason.MALFORMED, f"{host_of(url)} does not answer with a JSON object")
    return content
