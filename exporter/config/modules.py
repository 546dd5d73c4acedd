"""Modules of the configuration: how a document is fetched."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import yaml

from exporter.config import fields
from exporter.config.document import Block, Place, Readers, block, each
from exporter.config.settings import Authorization, BasicAuth, IpProtocol, Module, OAuth2, Origin, Secret, Tls

_CREDENTIALS = ("basic_auth", "authorization", "oauth2")
_OWN_HEADERS = {
    "accept-encoding",
    "connection",
    "content-length",
    "host",
    "if-modified-since",
    "if-none-match",
    "proxy-authorization",
    "transfer-encoding",
}


@dataclass(frozen=True, slots=True)
class Modules:
    """All modules, for what refers to them."""

    by_name: Mapping[str, Module]
    """Always has ``default``."""
    faulty: Collection[str] = ()
    """The names of those with a mistake, from which no other one follows."""

    def named(self, place: Place) -> Module:
        """The module whose name is at a place."""
        return fields.named("module", self.by_name)(place)

    def check_hosts(self, place: Place, url: str, modules: Iterable[Module]) -> None:
        """Collect a problem for every module whose credentials are for other hosts than that of a target's URL."""
        if urlsplit(url).scheme not in {"http", "https"}:
            return
        for module in {module.name: module for module in modules}.values():
            if module.hosts and module.name not in self.faulty and not module.is_for(url):
                place.wrong(
                    f"the credentials of module {module.name} are not for this host: add {Origin.of(url)} to its hosts,"
                    " or name another module"
                )

    def check_interval(self, found: Block, interval: float, modules: Iterable[Module]) -> None:
        """Collect a problem for every module that may take longer than the interval of a block."""
        for module in {module.name: module for module in modules}.values():
            if module.name not in self.faulty and module.timeout > interval:
                found.at("interval").wrong(
                    f"an interval of {interval:g} s is shorter than module {module.name}'s timeout"
                    f" of {module.timeout:g} s"
                )


def read_module(place: Place) -> Module:
    """A module, still without the name that is its key."""
    found = block(place, _MODULE_KEYS)
    found.at_most_one(_CREDENTIALS)
    values = dict(found.values)
    module = Module(tls=values.pop("tls_config", Tls()), **values)
    if found.faulty.isdisjoint((*_CREDENTIALS, "http_headers", "tls_config", "probe", "hosts")):
        if module.hosts and not module.has_credentials:
            found.at("hosts").wrong("has no use: the module has no credentials, which alone are for certain hosts")
        if module.probe and module.has_credentials and not module.hosts:
            found.at("probe").wrong(
                "would show the module's credentials to any host that a visitor names: hosts must say whom they are for"
            )
    return module


def _tls(place: Place) -> Tls:
    found = block(place, _TLS_KEYS)
    if ("cert_file" in found.places) != ("key_file" in found.places):
        place.wrong("needs both cert_file and key_file, or neither")
    return Tls(**found.values)


def _basic_auth(place: Place) -> BasicAuth:
    found = block(place, _BASIC_AUTH_KEYS, shy=True)
    found.require(("username",), ("password", "password_file"))
    return BasicAuth(found.values["username"], _secret(found, "password"))


def _authorization(place: Place) -> Authorization:
    found = block(place, _AUTHORIZATION_KEYS, shy=True)
    found.require(("credentials", "credentials_file"))
    return Authorization(found.values.get("type", "Bearer"), _secret(found, "credentials"))


def _oauth2(place: Place) -> OAuth2:
    found = block(place, _OAUTH2_KEYS, shy=True)
    found.require(("client_id",), ("client_secret", "client_secret_file"), ("token_url",))
    return OAuth2(
        client_id=found.values["client_id"],
        client_secret=_secret(found, "client_secret"),
        token_url=found.values["token_url"],
        scopes=found.values.get("scopes", ()),
        endpoint_params=found.values.get("endpoint_params", {}),
    )


def _endpoint_params(place: Place) -> Mapping[str, str]:
    return each(place, fields.text).values


def _secret(found: Block, key: str) -> Secret:
    secret: Secret = found.values.get(key) or found.values[f"{key}_file"]
    return secret


def _http_headers(place: Place) -> Mapping[str, Secret]:
    found = each(place, _http_header)
    lower: set[str] = set()
    for name, at in found.places.items():
        if not fields.is_header_name(name):
            at.wrong("is not the name of a header")
        elif name.lower() == "authorization":
            at.wrong(f"one of {', '.join(_CREDENTIALS)} is for this header")
        elif name.lower() in _OWN_HEADERS:
            at.wrong("the exporter sets this header itself")
        elif name.lower() in lower:
            at.wrong("written twice: upper and lower case are the same in a header's name")
        lower.add(name.lower())
    return found.values


def _http_header(place: Place) -> Secret:
    if not isinstance(place.node, yaml.MappingNode):
        return fields.secret(place)
    found = block(place, _HTTP_HEADER_KEYS, shy=True)
    found.require(("file",))
    secret: Secret = found.values["file"]
    return secret


_MODULE_KEYS: Readers = {
    "timeout": fields.positive_duration,
    "tls_config": _tls,
    "basic_auth": _basic_auth,
    "authorization": _authorization,
    "oauth2": _oauth2,
    "http_headers": _http_headers,
    "proxy_url": fields.proxy_url,
    "preferred_ip_protocol": fields.one_of(IpProtocol),
    "ip_protocol_fallback": fields.boolean,
    "follow_redirects": fields.boolean,
    "body_size_limit": fields.positive_size,
    "probe": fields.boolean,
    "hosts": fields.origins,
}
_TLS_KEYS: Readers = {
    "ca_file": fields.path,
    "cert_file": fields.path,
    "key_file": fields.path,
    "server_name": fields.text,
    "insecure_skip_verify": fields.boolean,
}
_BASIC_AUTH_KEYS: Readers = {
    "username": fields.text,
    "password": fields.secret,
    "password_file": fields.secret_file,
}
_AUTHORIZATION_KEYS: Readers = {
    "type": fields.authorization_type,
    "credentials": fields.secret,
    "credentials_file": fields.secret_file,
}
_OAUTH2_KEYS: Readers = {
    "client_id": fields.text,
    "client_secret": fields.secret,
    "client_secret_file": fields.secret_file,
    "token_url": fields.service_url,
    "scopes": fields.texts,
    "endpoint_params": _endpoint_params,
}
_HTTP_HEADER_KEYS: Readers = {"file": fields.secret_file}

MODULE_BLOCKS: Mapping[str, Readers] = {
    "modules.<name>": _MODULE_KEYS,
    "modules.<name>.tls_config": _TLS_KEYS,
    "modules.<name>.basic_auth": _BASIC_AUTH_KEYS,
    "modules.<name>.authorization": _AUTHORIZATION_KEYS,
    "modules.<name>.oauth2": _OAUTH2_KEYS,
    "modules.<name>.http_headers.<name>": _HTTP_HEADER_KEYS,
}
"""Every key that a module may have, by its block."""
