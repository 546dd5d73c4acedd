"""One request to Microsoft, and what its failures mean."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Self

from exporter import fetch
from exporter.config.settings import Module
from exporter.entra.words import error_of, fit
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
class Answer:
    """What Microsoft answered, with any status but 429 and 5xx."""

    url: str
    response: fetch.Response
    secrets: Sequence[str] = field(repr=False)
    """What it was sent and must not be shown, in whatever it says."""
    content: object
    """What the JSON in it says; None where it is none. It is read once: the event loop waits for that."""
    is_json: bool
    """Whether it is documented to be JSON."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.response.status

    @property
    def host(self) -> str:
        """Who answered."""
        return host_of(self.url) or ""

    @property
    def sentence(self) -> str:
        """The answer in short: ``graph.microsoft.com answers HTTP 400 Bad Request; it says: Request_BadRequest: …``."""
        return f"{self.host} answers {self.response.status_line}{self.words}"

    @property
    def words(self) -> str:
        """Its own code and words for what went wrong, for the end of a sentence; empty where it has none."""
        if not isinstance(self.content, dict) and self.is_json and self.response.body:
            return "; its body is no JSON object"
        return self._said(": ".join(filter(None, error_of(self.content))))

    @property
    def message(self) -> str:
        """Its own words alone, where a sentence has the code already."""
        return self._said(error_of(self.content)[1])

    def json_object(self) -> dict[str, object]:
        """The JSON object in it. Raises :class:`EntraError` (MALFORMED)."""
        if not isinstance(self.content, dict):
            detail = f"{self.host} does not answer with a JSON object (HTTP {self.status})"
            raise EntraError(TrustReason.MALFORMED, detail)
        return self.content

    def _said(self, text: str) -> str:
        return text and f"; it says: {fit(text, self.secrets)}"


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
        self,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        secrets: Sequence[str] = (),
        is_json: bool = True,
    ) -> Answer:
        """The answer to a GET, or to a form by POST, with any status but 429 and 5xx.

        ``secrets`` are those in the form or the headers. Raises :class:`EntraError`.
        """
        with told():
            response = await fetch.exchange(
                url, self.module, client=self.client, deadline=self.deadline, form=form, headers=headers
            )
        answer = Answer(url, response, secrets, _content(response.body), is_json)
        throttled = answer.status == HTTPStatus.TOO_MANY_REQUESTS
        if throttled or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            reason = TrustReason.THROTTLED if throttled else TrustReason.SERVER
            wait = seconds_to_wait(response.headers.get("Retry-After", ""), datetime.now(UTC))
            raise EntraError(reason, answer.sentence, wait)
        return answer


def _content(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


@contextmanager
def told() -> Iterator[None]:
    """Turns a fetch's failure into :class:`EntraError`."""
    try:
        yield
    except fetch.FetchError as error:
        reason = _REASONS.get(error.reason, TrustReason.CONNECTION)
        raise EntraError(reason, error.detail) from error


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
