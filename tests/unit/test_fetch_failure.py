"""Errors that no local server can be made to raise, and their reasons."""

import errno
import ssl
import traceback
from dataclasses import fields

import aiohttp
import pytest

from exporter.fetch.failure import FetchError, chain, translated
from exporter.fetch.progress import Host, Progress, peer_not_after
from exporter.fetch.tls import glance
from exporter.model import Phase, Reason


def a_look(phase: Phase = Phase.CONNECT) -> Progress:
    host = Host("idp.test", address=("192.0.2.1", 443), server_name="idp.test")
    progress = Progress(clock=lambda: 0.0, host=host)
    progress.enter(phase)
    return progress


def verification(code: int, message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, message
    return error


@pytest.mark.parametrize(
    ("error", "reason", "detail"),
    [
        (
            TimeoutError(errno.ETIMEDOUT, "Connection timed out"),
            Reason.TIMEOUT,
            "the system gave up waiting for 192.0.2.1 port 443; stuck in connect",
        ),
        (
            OSError(errno.EHOSTUNREACH, "No route to host"),
            Reason.UNREACHABLE,
            "no way to idp.test at 192.0.2.1 port 443: No route to host",
        ),
        (
            OSError("Multiple exceptions: [Errno 113] No way, [Errno 101] No net"),
            Reason.UNREACHABLE,
            "no way to idp.test at 192.0.2.1 port 443: Multiple exceptions: [Errno 113] No way, [Errno 101] No net",
        ),
        (
            OSError("Multiple exceptions: [Errno 101] Network is unreachable, [Errno 111] Connect call failed"),
            Reason.REFUSED,
            "idp.test refuses connections at 192.0.2.1 port 443",
        ),
        *(
            (
                OSError(number, "Nothing left"),
                Reason.UNREACHABLE,
                "no way to idp.test at 192.0.2.1 port 443: Nothing left, on the exporter's own machine",
            )
            for number in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
        ),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), Reason.RESET, "idp.test closed or reset the connection"),
        (
            verification(9, "certificate is not yet valid"),
            Reason.TLS,
            "the TLS certificate of idp.test does not verify: certificate is not yet valid",
        ),
        (
            verification(18, "self-signed certificate"),
            Reason.TLS_UNTRUSTED,
            "the TLS certificate of idp.test does not verify: self-signed certificate",
        ),
        (ssl.SSLError(1, "Handshake given up"), Reason.TLS, "no TLS with idp.test: handshake given up"),
    ],
)
def test_an_error_of_the_system_has_its_reason(error: OSError, reason: Reason, detail: str) -> None:
    with pytest.raises(FetchError) as caught, translated(a_look()):
        raise error

    assert (caught.value.reason, caught.value.detail) == (reason, detail)


@pytest.mark.parametrize(
    "error",
    [OSError(errno.EIO, "Input/output error"), aiohttp.ClientError("odd"), OSError("odd"), KeyError("odd")],
)
def test_what_is_no_failure_of_the_network_passes(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, translated(a_look(Phase.PROCESSING)):
        raise error

    assert caught.value is error


def test_nothing_of_one_host_is_left_at_the_next() -> None:
    progress = a_look()
    for each in fields(Host):
        setattr(progress.host, each.name, object())
    progress.go("next.test")
    assert progress.host == Host("next.test")


async def test_where_no_address_was_tried_there_is_no_second_look() -> None:
    assert await glance(Progress(clock=lambda: 0.0)) is None


async def test_a_second_look_that_fails_shows_nothing() -> None:
    progress = a_look()
    progress.host.address = ("127.0.0.1", 1)

    assert await glance(progress) is None


def test_before_the_handshake_is_complete_no_certificate_is_seen() -> None:
    context = ssl.create_default_context()
    connection = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="idp.test")

    assert peer_not_after(connection) is None


def held(error: BaseException) -> list[str]:
    """The functions whose frames an error holds."""
    return [each.name for each in traceback.extract_tb(error.__traceback__)]


def refused_by_aiohttp() -> None:
    raise aiohttp.ClientPayloadError("no more")


def translate() -> None:
    with translated(a_look(Phase.TRANSFER)):
        refused_by_aiohttp()


def test_what_is_translated_holds_no_frame_of_whoever_raised_it() -> None:
    with pytest.raises(FetchError) as caught:
        translate()
    assert isinstance(caught.value.__context__, aiohttp.ClientPayloadError)
    assert held(caught.value.__context__) == []


def test_an_error_that_was_being_handled_keeps_its_frames() -> None:
    mistake = KeyError("ours")
    try:
        raise mistake
    except KeyError:
        with pytest.raises(FetchError):
            translate()
    assert held(mistake) == ["test_an_error_that_was_being_handled_keeps_its_frames"]


def test_errors_that_are_behind_each_other_are_told_once() -> None:
    one, other = OSError(), OSError()
    one.__cause__, other.__context__ = other, one
    assert list(chain(one)) == [one, other]
