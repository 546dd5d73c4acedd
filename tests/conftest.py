"""What tests of every layer share."""

from collections.abc import AsyncIterator
from pathlib import Path

import federation as local
import pytest
import trustme

from exporter import fetch


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """The certification authority that vouches for the local servers."""
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@pytest.fixture
async def federation(authority: trustme.CA, tmp_path: Path) -> AsyncIterator[local.Federation]:
    """``https://*.example.org`` on loopback."""
    async with local.federation(authority, tmp_path) as opened:
        yield opened


@pytest.fixture
async def client(federation: local.Federation) -> AsyncIterator[fetch.Client]:
    """A client that finds the federation by its names."""
    async with fetch.client(resolver=federation.names) as opened:
        yield opened
