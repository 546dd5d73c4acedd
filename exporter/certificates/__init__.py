"""What stands in a ``ds:X509Data``: text to DER and back, DER to :class:`~exporter.model.Certificate`, and keys."""

from exporter.certificates.keys import Data, Kinship, Named, named
from exporter.certificates.reading import UNKNOWN, CertificateError, load, quietly, read, weight
from exporter.certificates.text import FORMS, decode, ders

__all__ = [
    "FORMS",
    "UNKNOWN",
    "CertificateError",
    "Data",
    "Kinship",
    "Named",
    "decode",
    "ders",
    "load",
    "named",
    "quietly",
    "read",
    "weight",
]
