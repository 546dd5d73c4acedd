"""TLS as a module wants it."""

import asyncio
import ssl
from datetime import datetime
from functools import partial
from pathlib import Path

from exporter import regular
from exporter.config.settings import Tls
from exporter.fetch.failure import FetchError
from exporter.fetch.progress import Context, Progress, peer_not_after
from exporter.model import Reason
from exporter.reading import reading

_Stamp = tuple[tuple[int, int, int], ...]


class Contexts:
    """TLS contexts, kept until one of their files changes: to make one costs twenty milliseconds."""

    def __init__(self) -> None:
        self._kept: dict[Tls, tuple[_Stamp, Context]] = {}

    async def get(self, tls: Tls) -> Context:
        """The context for some settings. Raises :class:`FetchError` when a file cannot be used."""
        if tls in self._kept and not _files(tls):
            return self._kept[tls][1]
        return await reading((self, tls), partial(self._get, tls))

    def _get(self, tls: Tls) -> Context:
        stamp = tuple(_stamp(file) for file in _files(tls))
        kept = self._kept.get(tls)
        if kept is None or kept[0] != stamp:
            kept = self._kept[tls] = (stamp, _context(tls))
        return kept[1]


async def glance(progress: Progress) -> datetime | None:
    """When the certificate of the fetch's endpoint ends, by a second handshake that verifies nothing.

    Python shows no certificate that failed to verify. Nothing is sent over this connection, no client certificate
    either. Through a proxy the answer is None.
    """
    if progress.proxied or not progress.host.address:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    host, port = progress.host.address[:2]
    try:
        _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=progress.host.server_name)
    except OSError:
        return None
    not_after = peer_not_after(writer.get_extra_info("ssl_object"))
    writer.transport.abort()
    return not_after


def _context(tls: Tls) -> Context:
    context = Context(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif tls.ca_file is None:
        context.load_default_certs()
    else:
        try:
            context.load_verify_locations(tls.ca_file)
        except OSError as error:
            raise FetchError(Reason.CREDENTIALS, f"no certification authority in {tls.ca_file}") from error
    if tls.cert_file is not None:
        try:
            # Without a password of ours OpenSSL would ask for one at the terminal.
            context.load_cert_chain(tls.cert_file, tls.key_file, password="")
        except OSError as error:
            files = " and ".join(file for file in (tls.cert_file, tls.key_file) if file is not None)
            raise FetchError(Reason.CREDENTIALS, f"no usable client certificate and key in {files}") from error
    return context


def _files(tls: Tls) -> list[str]:
    return [file for file in (tls.ca_file, tls.cert_file, tls.key_file) if file is not None]


def _stamp(file: str) -> tuple[int, int, int]:
    try:
        status = Path(file).stat()
        # OpenSSL opens it by itself.
        regular.check(status)
    except OSError as error:
        raise FetchError(Reason.CREDENTIALS, f"cannot read {file}: {error.strerror}") from error
    return status.st_mtime_ns, status.st_size, status.st_ino
