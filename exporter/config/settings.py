"""The configuration as the rest of the program sees it: frozen, complete, resolved."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from exporter.config import urls
from exporter.policy import PolicySettings


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret: in place, in a file or in an environment variable, read anew at every use; ``repr`` shows none."""

    text: str | None = field(default=None, repr=False)
    file: str | None = field(default=None, repr=False)
    variable: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """HTTP basic authentication (RFC 7617)."""

    username: str
    password: Secret


@dataclass(frozen=True, slots=True)
class Authorization:
    """An Authorization header: scheme and credentials (RFC 6750 for Bearer)."""

    type: str
    credentials: Secret


@dataclass(frozen=True, slots=True)
class OAuth2:
    """A token by the client credentials grant (RFC 6749 section 4.4)."""

    client_id: str
    client_secret: Secret
    token_url: str
    scopes: tuple[str, ...] = ()
    endpoint_params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tls:
    """How the endpoint's TLS is checked, and how we show who we are. Files are PEM."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    server_name: str | None = None
    insecure_skip_verify: bool = False


class IpProtocol(StrEnum):
    """Which of a host's addresses are tried first."""

    ANY = "any"
    IP4 = "ip4"
    IP6 = "ip6"


class Origin(NamedTuple):
    """Whom credentials are for: a scheme, a host and a port (RFC 6454); ``*.`` before the host means all below it."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Self:
        """That of an http or https URL which names a host that DNS can hold."""
        parts = urlsplit(url)
        # As DNS has it, so that either form of an internationalised name is the same.
        return cls(parts.scheme, urls.dns_name(parts.hostname or ""), parts.port or _PORTS[parts.scheme])

    def covers(self, other: "Origin") -> bool:
        """Whether the other is this one, or below it."""
        below = self.host.startswith("*.") and other.host.endswith(self.host[1:])
        return (below or self.host == other.host) and (self.scheme, self.port) == (other.scheme, other.port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")


_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Module:
    """How a document is fetched."""

    name: str = "default"
    timeout: float = 10.0
    """Seconds for the whole probe."""
    tls: Tls = field(default_factory=Tls)
    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    oauth2: OAuth2 | None = None
    http_headers: Mapping[str, Secret] = field(default_factory=dict)
    """Values may be secret, so all of them are kept as secrets."""
    proxy_url: Secret | None = None
    """May hold a password."""
    preferred_ip_protocol: IpProtocol = IpProtocol.ANY
    ip_protocol_fallback: bool = True
    """Whether the other addresses are tried when there is none of the preferred kind."""
    follow_redirects: bool = True
    body_size_limit: int = 16 * 2**20
    """Bytes of the decompressed body."""
    probe: bool | None = None
    """Whether ``/probe`` may use it; None: if it has no credentials, for a proxy neither."""
    hosts: tuple[Origin, ...] = ()
    """Whom its credentials are for; empty: the hosts of the targets that name it, and no other for ``/probe``."""

    @property
    def has_credentials(self) -> bool:
        """Whether it shows the endpoint anything that may be secret; a proxy's password goes to the proxy alone."""
        return bool(
            self.basic_auth or self.authorization or self.oauth2 or self.http_headers or self.tls.cert_file is not None
        )

    @property
    def has_proxy_credentials(self) -> bool:
        """Whether it has a user or a password for its proxy: who may use it can send that proxy anywhere."""
        return self.proxy_url is not None and "@" in urlsplit(self.proxy_url.text or "").netloc

    @property
    def serves_probe(self) -> bool:
        """Whether ``/probe`` may use it at all."""
        return not (self.has_credentials or self.has_proxy_credentials) if self.probe is None else self.probe

    def is_for(self, url: str) -> bool:
        """Whether its hosts name that of a URL."""
        return any(each.covers(Origin.of(url)) for each in self.hosts)


class Cloud(StrEnum):
    """A cloud of Microsoft's, each with its own Entra ID (Microsoft, "National clouds")."""

    GLOBAL = "global"
    USGOV = "usgov"
    DOD = "dod"
    CHINA = "china"


class TrustSource(StrEnum):
    """Where we learn what Entra ID trusts."""

    GRAPH = "graph"
    """Microsoft Graph, which knows all of it and asks for credentials."""
    USER_REALM = "user_realm"
    """User realm discovery: undocumented, without credentials, and knows little."""


@dataclass(frozen=True, slots=True)
class Entra:
    """How to learn what Entra ID trusts for the domains that sign in through a target."""

    domains: tuple[str, ...]
    """In lower case. Each has a trust of its own."""
    source: TrustSource = TrustSource.GRAPH
    cloud: Cloud = Cloud.GLOBAL
    tenant: str = ""
    """Its name or id; empty with user realm discovery."""
    client_id: str = ""
    client_secret: Secret | None = None
    client_certificate: Secret | None = None
    """PEM of a certificate and its private key."""
    federated_token: Secret | None = None
    """A token of another issuer that stands for the client (workload identity)."""
    interval: float = 3600.0
    """Seconds between two inquiries."""
    module: Module = field(default_factory=Module)
    """How to get there: only its timeout, proxy, authorities and choice of addresses count."""
    login_url: str | None = None
    """Another place than the cloud's own to ask for tokens, and for the user realm."""
    graph_url: str | None = None
    """Another place than the cloud's own to ask Graph."""


SERVICE = "service"
"""The ``node`` of a look at the service name itself."""

INTERNET = "internet"
"""The ``vantage`` that sees what Entra ID and partners see."""


class Place(NamedTuple):
    """What tells a look from all others of its target: which host it leads to, and from where."""

    node: str
    vantage: str


@dataclass(frozen=True, slots=True)
class Look:
    """One way to get a target's document: from one vantage, at the service name or at one node behind it."""

    url: str
    module: Module = field(default_factory=Module)
    interval: float = 300.0
    """Seconds between two probes."""
    node: str = SERVICE
    """Which host behind the service name answers."""
    vantage: str = "default"
    address: str | None = None
    """Where that host is, as ``host`` or ``host:port``; None: wherever the name of the service leads."""

    @property
    def place(self) -> Place:
        """The host and the vantage."""
        return Place(self.node, self.vantage)


@dataclass(frozen=True, slots=True)
class Target:
    """What we watch: a federation service, or whoever else publishes one document."""

    name: str
    looks: tuple[Look, ...]
    """At least one, no two of them with the same place. The first gets the document that is judged; then come the other
    vantages, then the nodes."""
    policy: PolicySettings = field(default_factory=PolicySettings)
    entity_id: str | None = None
    """The entity that must be in the document; None: the one first seen."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """The operator's own labels, on ``fedmeta_target_info``."""
    watch: tuple[str, ...] = ()
    """Patterns (``*``, ``?``, ``[]``) of the entityIDs of an aggregate that get series of their own."""
    entra: Entra | None = None

    @property
    def look(self) -> Look:
        """The look whose document is judged."""
        return self.looks[0]

    @property
    def url(self) -> str:
        """Where the judged document is published."""
        return self.look.url


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration."""

    targets: tuple[Target, ...] = ()
    modules: Mapping[str, Module] = field(default_factory=dict)
    """By name; always has ``default``."""
    policies: Mapping[str, PolicySettings] = field(default_factory=dict)
    """By name; always has ``default``."""
    probe_allow: tuple[str, ...] = ()
    """Patterns of the hosts that ``/probe`` may look at; empty: none."""
    target_files: tuple[str, ...] = ()
    """Patterns (:mod:`glob`) of the target files: what they match, and its content, is to be watched for changes."""
