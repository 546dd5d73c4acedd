"""Where real documents are, which belong to their publishers and stay outside of this repository."""

import os
from pathlib import Path

FOLDER = Path(os.environ.get("FEDMETA_CORPUS") or Path(__file__).parents[2] / "shared" / "corpus")
