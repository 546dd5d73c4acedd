"""By which colour a target is shown: by the word that says on every surface how bad it stands."""

from exporter.report import UNKNOWN, mark

__all__ = ["UNKNOWN", "mark"]
