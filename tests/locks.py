"""What the lock files say, and an index that offers something newer of everything in them."""

import base64
import hashlib
import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

RUNTIME = "requirements.lock"
BUILD = "requirements-build.lock"
DEVELOPMENT = "requirements-dev.lock"
LOCKS = (RUNTIME, BUILD, DEVELOPMENT)

# Above whatever an index may get; some projects count by the year.
NEWER = "99999"


def pins(lock: Path) -> tuple[Requirement, ...]:
    return tuple(Requirement(line) for line in re.findall(r"^[a-z0-9][^\\\n]*", lock.read_text(), re.MULTILINE))


def locked(lock: Path, machine: Mapping[str, str] | None = None) -> dict[str, str]:
    """The version of each distribution that a machine with these marker values gets; without them this machine."""
    versions: dict[str, str] = {}
    for pin in pins(lock):
        if pin.marker is None or pin.marker.evaluate(machine):
            (version,) = pin.specifier
            assert versions.setdefault(canonicalize_name(pin.name), version.version) == version.version
    return versions


def offer_newer(names: Iterable[str], folder: Path) -> None:
    """Fill the folder with a newer wheel of each distribution: well-formed and without any content."""
    for name in names:
        stem = f"{name.replace('-', '_')}-{NEWER}"
        files = {
            f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {NEWER}\n",
            f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = [f"{path},{_sealed(text)}" for path, text in files.items()]
        with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
            for path, text in files.items():
                wheel.writestr(path, text)
            wheel.writestr(f"{stem}.dist-info/RECORD", "\n".join([*record, f"{stem}.dist-info/RECORD,,"]) + "\n")


def _sealed(text: str) -> str:
    """Hash and length as a wheel's RECORD has them."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    return f"sha256={digest},{len(text)}"
