"""Single values of the configuration: what is written at a place, checked and resolved.

Every reader raises Mistake with a sentence that follows the place's path and does not repeat what is written there.
"""

import glob
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from exporter.config import units, urls
from exporter.config.document import Mistake, Place, attempt, did_you_mean, items, mistaken_sign, reason
from exporter.config.settings import Origin, Secret
from exporter.names import LONGEST
from exporter.policy import ADFS_METADATA_PATH

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")

_TRUE = {"true", "yes", "on"}
_FALSE = {"false", "no", "off"}
_HOST = re.compile(r"[A-Za-z0-9_-]++(?:\.[A-Za-z0-9_-]++)*+\.?")
_LONGEST_LABEL = 63
"""Characters that stand between two dots of a name at most (RFC 1035 2.3.4)."""
_ENCODED = "xn--"
# As in DNS, and the last part is not all digits: no IP address is a domain name.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{1,253}}$)(?:{_LABEL}\.)+(?![0-9]+$){_LABEL}")
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPACE_OR_CONTROL = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEX = re.compile(r"[0-9a-f]*")
DOCUMENT_SCHEMES = (
    "begin with https://, http:// or file:///, as in file:///srv/metadata.xml or file:///C:/fed/metadata.xml"
)
"""How an address of a document begins, as the end of a sentence."""
WEB_SCHEMES = "begin with http:// or https://"
"""How the address of somebody who answers begins, likewise."""
NOT_IN_HOST = "/?#\\@"
"""What parts of an address stand around its host."""
_MOST_NAMES = 5
"""Names that are told where none is near the unknown one."""
_FOLDERS = (".", "..")
"""Names that stand for a folder, in paths and in the addresses of pages (RFC 3986 3.3)."""
_SHA1_DIGITS = 40
_SHA256_DIGITS = 64


def text(place: Place) -> str:
    """Any text on one line."""
    return place.text()


def name(place: Place) -> str:
    """What a target or a node is called, as labels show it."""
    found = place.text()
    if len(found) > LONGEST:
        raise Mistake(f"must have at most {LONGEST} characters")
    return found


def target_name(place: Place) -> str:
    """What a target is called, as its page's address holds it too."""
    found = name(place)
    if found in _FOLDERS:
        raise Mistake("must be another name: a browser takes it for a folder, and opens no page of this name")
    return found


def texts(place: Place) -> tuple[str, ...]:
    """A list of texts."""
    return items(place, text)


def secret(place: Place) -> Secret:
    """A secret in place."""
    return Secret(text=place.text())


def secret_file(place: Place) -> Secret:
    """A secret in a file."""
    return Secret(file=path(place))


def secret_variable(place: Place) -> Secret:
    """A secret in an environment variable, which is read when it is used."""
    name = place.text()
    if not _VARIABLE.fullmatch(name):
        raise Mistake("must be the name of an environment variable")
    return Secret(variable=name)


def path(place: Place) -> str:
    """A file's path, from the configuration file's folder when it is relative."""
    return str(place.source.folder / place.text())


def path_pattern(place: Place) -> str:
    """A pattern of paths for :mod:`glob`, from the same folder."""
    return str(Path(glob.escape(str(place.source.folder))) / place.text())


def boolean(place: Place) -> bool:
    """YAML 1.1's true and false, with yes, no, on and off; not in quotes."""
    word = place.text().lower() if place.node.tag == "tag:yaml.org,2002:bool" else ""
    if word not in _TRUE | _FALSE:
        raise Mistake("must be true or false")
    return word in _TRUE


def true_false_or_unknown(place: Place) -> bool | None:
    """True, False, or None for ``unknown``."""
    if isinstance(place.node, yaml.ScalarNode) and place.node.value == "unknown":
        return None
    try:
        return boolean(place)
    except Mistake:
        raise Mistake("must be true, false or unknown") from None


def one_of(words: type[E]) -> Callable[[Place], E]:
    """A reader of one of a closed list of words."""

    def read(place: Place) -> E:
        word = place.text()
        if word not in list(words):
            raise Mistake(f"must be one of {', '.join(words)}")
        return words(word)

    return read


def named(kind: str, known: Mapping[str, T]) -> Callable[[Place], T]:
    """A reader of the name of something that stands elsewhere; gives the thing itself."""

    def read(place: Place) -> T:
        name = place.text()
        if name not in known:
            there = f"; known: {', '.join(known)}" if len(known) <= _MOST_NAMES else ""
            raise Mistake(f"no {kind} has this name{did_you_mean(name, known) or there}")
        return known[name]

    return read


def positive_duration(place: Place) -> float:
    """Seconds, more than none."""
    seconds = _measured(units.duration, place)
    if not seconds:
        raise Mistake("must be greater than 0")
    return seconds


def days(place: Place) -> float:
    """Days of a duration."""
    return _measured(units.duration, place) / units.DAY


def positive_size(place: Place) -> int:
    """Bytes, at least one."""
    size = _measured(units.size, place)
    if not size:
        raise Mistake("must be greater than 0")
    return size


def target_url(place: Place) -> str:
    """Where a document is: http, https or file."""
    return checked_target_url(place.text())


def checked_target_url(url: str) -> str:
    """The URL itself when a document can be fetched from it."""
    parts = _split(url)
    if parts.scheme == "file":
        file = unquote(parts.path)
        last = file.rpartition("/")[2]
        if (
            parts.netloc not in {"", "localhost"}
            or not file.startswith("/")
            or not last
            or last in _FOLDERS
            or "\0" in file
        ):
            raise Mistake("must name a file, as in file:///srv/metadata.xml")
        return url
    _check_web_address(parts, f"must {DOCUMENT_SCHEMES}")
    return url


def adfs_url(place: Place) -> str:
    """Where AD FS publishes, by the name of the federation service."""
    return checked_adfs_url(place.text())


def checked_adfs_url(host: str) -> str:
    """Where AD FS publishes, for a host with or without a port."""
    if not set(host).isdisjoint(NOT_IN_HOST):
        raise Mistake("must be a host name, with or without a port; a whole address stands under url")
    _check_web_address(_split(f"https://{host}"), "must be a host name")
    return f"https://{host}{ADFS_METADATA_PATH}"


def address(place: Place) -> str:
    """Where a host is, as in a URL: ``host`` or ``host:port``, an IPv6 address in brackets."""
    written = place.text()
    if not set(written).isdisjoint(NOT_IN_HOST):
        raise Mistake("must be an address or a host name, with or without a port")
    where = _in_url(written)
    _check_web_address(_split(f"https://{where}"), "must be an address or a host name")
    return where


def domains(place: Place) -> tuple[str, ...]:
    """A list of domain names, each once, in lower case."""
    taken: set[str] = set()

    def read(item: Place) -> str:
        name = item.text().lower()
        if not _DOMAIN.fullmatch(name):
            raise Mistake("must be a domain name, such as contoso.com")
        if name in taken:
            raise Mistake("stands in the list already")
        taken.add(name)
        return name

    if not place.items():
        raise Mistake("must not be empty")
    return items(place, read)


def tenant(place: Place) -> str:
    """The name or id of an Entra ID tenant."""
    name = place.text()
    if not _TENANT.fullmatch(name):
        raise Mistake("must be the name or the id of a tenant, such as contoso.onmicrosoft.com")
    return name


def service_url(place: Place) -> str:
    """Where somebody answers, such as an issuer of tokens: http or https."""
    return checked_service_url(place.text())


def checked_service_url(url: str) -> str:
    """The URL itself when somebody can answer there."""
    parts = _split(url)
    if "@" in parts.netloc:
        raise Mistake("must not hold a user name or a password")
    _check_web_address(parts, f"must {WEB_SCHEMES}")
    return url


def proxy_url(place: Place) -> Secret:
    """A proxy's address; unlike other addresses it may hold a user name and a password."""
    url = place.text()
    parts = _split(url)
    _check_web_address(parts._replace(netloc=parts.netloc.rpartition("@")[2]), f"must {WEB_SCHEMES}")
    return Secret(text=url)


def authorization_type(place: Place) -> str:
    """The scheme of an Authorization header (RFC 9110 section 11.1)."""
    word = place.text()
    if not _TOKEN.fullmatch(word):
        raise Mistake("must be one word, such as Bearer")
    if word.lower() == "basic":
        raise Mistake("must not be Basic: basic_auth is for that")
    return word


def seems_ip_address(address: str) -> bool:
    """Whether a host, with or without a port, ends in digits as no name does, and is no IP address (RFC 1123 2.1)."""
    name = urlsplit(f"//{address}").hostname or ""
    return name.rstrip(".").rpartition(".")[2].isdecimal() and not urls.is_ip_address(name)


def is_header_name(name: str) -> bool:
    """Whether HTTP can carry a header of this name (RFC 9110 section 5.1)."""
    return _TOKEN.fullmatch(name) is not None


def host_patterns(place: Place) -> tuple[str, ...]:
    """A list of patterns of host names, which are compared in lower case."""
    return items(place, _host_pattern)


def origins(place: Place) -> tuple[Origin, ...]:
    """A list of hosts that credentials are for."""
    if not place.items():
        raise Mistake("must not be empty")
    return items(place, _origin)


def fingerprint(place: Place) -> str:
    """A SHA-256 fingerprint in lower-case hex, however it was grouped."""
    digits = re.sub(r"[\s:]", "", place.text()).lower()
    if len(digits) == _SHA1_DIGITS and _HEX.fullmatch(digits):
        raise Mistake(
            "must be a SHA-256 fingerprint of 64 hex digits; 40 digits are a SHA-1 thumbprint, which AD FS prints:"
            " take the SHA-256 of the same certificate"
        )
    if len(digits) != _SHA256_DIGITS or not _HEX.fullmatch(digits):
        raise Mistake("must be a SHA-256 fingerprint of 64 hex digits")
    return digits


def signers(place: Place) -> tuple[bytes, ...]:
    """DER of all certificates in a file or a list of files."""
    if isinstance(place.node, yaml.SequenceNode):
        return tuple(
            der for file in place.items() for certificates in attempt(file, _certificates) for der in certificates
        )
    return _certificates(place)


def _host_pattern(place: Place) -> str:
    pattern = place.text().lower()
    address = pattern.removeprefix("[").removesuffix("]")
    if urls.is_ip_address(address):
        # As a pattern its brackets would be one of several characters.
        return address
    if not set(pattern).isdisjoint("/@ ") or pattern.count(":") == 1:
        raise Mistake("must be a pattern of host names, such as *.contoso.com")
    return pattern


def _origin(place: Place) -> Origin:
    written = place.text().lower()
    where = _in_url(written)
    parts = _split(where if "://" in where else f"https://{where}")
    if parts.path or parts.query or parts.fragment:
        raise Mistake("must be a host with or without a port, and with http:// before it where that is meant")
    name = parts.netloc.removeprefix("*.")
    if "*" in name or (name != parts.netloc and "." not in (parts.hostname or "").removeprefix("*.")):
        raise Mistake("must name a host, or a domain as in *.contoso.com: credentials are not for everybody")
    _check_web_address(parts._replace(netloc=name), f"must {WEB_SCHEMES}")
    host = Origin.of(f"{parts.scheme}://{name}")
    return host if name == parts.netloc else host._replace(host=f"*.{host.host}")


def _in_url(host: str) -> str:
    """A host as it stands in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host and urls.is_ip_address(host) else host


def _certificates(place: Place) -> tuple[bytes, ...]:
    try:
        content = place.source.read_file(path(place))
    except OSError as error:
        raise Mistake(f"cannot be read: {reason(error)}") from None
    try:
        if b"-----BEGIN" in content:
            certificates = x509.load_pem_x509_certificates(content)
        else:
            certificates = [x509.load_der_x509_certificate(content)]
    except (ValueError, x509.InvalidVersion):
        raise Mistake("holds no certificate, neither PEM nor DER") from None
    return tuple(certificate.public_bytes(Encoding.DER) for certificate in certificates)


N = TypeVar("N", int, float)


def _measured(unit: Callable[[str], N], place: Place) -> N:
    written = place.text()
    try:
        return unit(written)
    except ValueError as error:
        raise Mistake(str(error)) from None


def _split(url: str) -> SplitResult:
    if _SPACE_OR_CONTROL.search(url):
        sign = mistaken_sign(url)
        raise Mistake(f"must not contain white space or control characters{sign and f'; {sign}'}")
    try:
        return urlsplit(url)
    except ValueError:
        raise Mistake("is no valid address") from None


def _check_web_address(parts: SplitResult, wrong_scheme: str) -> None:
    if parts.scheme not in {"http", "https"}:
        raise Mistake(wrong_scheme)
    if "@" in parts.netloc:
        raise Mistake("must not hold a user name or a password; a module has keys for them")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise Mistake("must have a port from 1 to 65535, or none")
    _check_host(parts.hostname or "")


def _check_host(name: str) -> None:
    if sign := mistaken_sign(name):
        # By the rules for names in other scripts they would be a name that nobody has.
        raise Mistake(f"must name a host; {sign}")
    if ":" in name:
        if not urls.is_ip_address(name):
            raise Mistake("must name a host")
        return
    if max(map(len, name.split("."))) > _LONGEST_LABEL:
        raise Mistake(f"must name a host, of which no part between dots is longer than {_LONGEST_LABEL} characters")
    try:
        encoded = urls.dns_name(name)
    except ValueError:
        raise Mistake("must name a host") from None
    if not _HOST.fullmatch(encoded):
        raise Mistake("must name a host")
    for label in encoded.split("."):
        if label.startswith(_ENCODED) and not _is_punycode(label.removeprefix(_ENCODED)):
            raise Mistake(f"must name a host, and {label} is broken punycode")


def _is_punycode(text: str) -> bool:
    """Whether it stands for something that ASCII has not (RFC 3492, RFC 5890 2.3.2.1)."""
    try:
        decoded = text.encode().decode("punycode")
    except UnicodeError:
        return False
    return not decoded.isascii() and decoded.isprintable()
