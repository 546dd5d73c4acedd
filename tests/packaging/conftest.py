import os
from collections.abc import Mapping
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def checkout() -> Path:
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def environ() -> Mapping[str, str]:
    """The machine's environment, with proxies and all, without what the running make, Python and coverage put there."""
    ours = ("PYTHON", "VIRTUAL_ENV", "COV", "MAKE", "MFLAGS")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}
