import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from locks import LOCKS, offer_newer, pins


@pytest.fixture(scope="session")
def checkout() -> Path:
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def environ() -> Mapping[str, str]:
    """The machine's environment, with proxies and all, without what the running make, Python and coverage put there."""
    ours = ("PYTHON", "VIRTUAL_ENV", "COV", "MAKE", "MFLAGS")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


@pytest.fixture(scope="session")
def later(checkout: Path, environ: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment on a later day: pip is offered something newer of everything that the locks name."""
    folder = tmp_path_factory.mktemp("newer")
    offer_newer({pin.name for lock in LOCKS for pin in pins(checkout / lock)}, folder)
    return {**environ, "PIP_FIND_LINKS": f"{environ.get('PIP_FIND_LINKS', '')} {folder}".strip()}
