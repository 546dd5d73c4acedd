"""What a configuration names outside of itself, and what in it has no use: for whoever asks before it is in force.

A file or a variable may come after the start, and secrets change: so loading a configuration asks for none of it.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from urllib.parse import urlsplit

from cryptography import x509

from exporter.config import fields
from exporter.config.document import Key, Problem, reason
from exporter.config.reader import Lines
from exporter.config.settings import INTERNET, SERVICE, Config, Entra, Module, Secret
from exporter.config.urls import MASK, secrets

_NO_ADDRESS = "neither an IP address nor a name: no name ends in digits alone"
_EXPRESSION = re.compile(r"^\^|\$$|\\.|(?:^|[^\w-])\.[*+]")
"""What a regular expression has, and a pattern hardly ever."""

_Keys = tuple[Key, ...]
"""Those that lead to a part of a configuration."""

_Told = tuple[_Keys, str]
"""Where a part is, and what is wrong with it."""


def lacking(
    config: Config, lines: Lines, *, read_file: Callable[[str], bytes], environment: Mapping[str, str]
) -> Iterator[Problem]:
    """What a look or an inquiry will fail for want of: files that cannot be read, variables not set."""
    for keys, secret in _secrets(config):
        for message in _unknown(secret, read_file, environment):
            yield lines.problem(message, *keys)
    for name, module in config.modules.items():
        tls = {"ca_file": module.tls.ca_file, "cert_file": module.tls.cert_file, "key_file": module.tls.key_file}
        for key, file in tls.items():
            for message in _unreadable(file, read_file, pem=key != "key_file") if file is not None else ():
                yield lines.problem(message, "modules", name, "tls_config", key)
    for keys, message in _leading_nowhere(config):
        yield lines.problem(message, *keys)


def doubtful(config: Config, lines: Lines, *, list_files: Callable[[str], Sequence[str]]) -> Iterator[Problem]:
    """What works, and not as it was meant; ``list_files`` gives the files of a pattern."""
    for keys, message in chain(_useless(config), _misnamed(config), _masked(config)):
        yield lines.problem(message, *keys)
    for index, pattern in enumerate(config.target_files):
        if not list_files(pattern):
            yield lines.problem("matches no file", "target_files", index)
    if not config.targets and not config.probe_allow:
        yield lines.problem("nothing is watched: there is no target, and /probe may look at nothing")


def _useless(config: Config) -> Iterator[_Told]:
    for name in config.modules.keys() - _modules_in_use(config) - {"default"}:
        yield ("modules", name), "has no use: no target names it, and /probe may not use it"
    policies = {target.policy.name for target in config.targets}
    for name in config.policies.keys() - policies - {"default"}:
        if not config.probe_allow:
            yield ("policies", name), "has no use: no target names it, and /probe may look at nothing"


def _misnamed(config: Config) -> Iterator[_Told]:
    for target in config.targets:
        for vantage in dict.fromkeys(look.vantage for look in target.looks):
            if vantage != INTERNET and vantage.strip().lower() == INTERNET:
                told = f"{vantage} is not the vantage {INTERNET}, in small letters, which sees what Entra ID sees"
                yield ("targets", target.name, ("vantage", "vantages")), told
    for keys, pattern in _patterns(config):
        if _EXPRESSION.search(pattern):
            yield keys, "seems to be a regular expression, and is a pattern, in which * alone stands for any text"


def _patterns(config: Config) -> Iterator[tuple[_Keys, str]]:
    """Every pattern of hosts or entities, with the keys that lead to it."""
    for index, pattern in enumerate(config.probe_allow):
        yield ("probe", "allow", index), pattern
    for target in config.targets:
        for index, pattern in enumerate(target.watch):
            yield ("targets", target.name, "entities", "watch", index), pattern


def _leading_nowhere(config: Config) -> Iterator[_Told]:
    """What no look or inquiry can get to."""
    for target in config.targets:
        for index, look in enumerate(look for look in target.looks if look.node != SERVICE):
            if fields.seems_ip_address(look.address or ""):
                yield ("targets", target.name, "nodes", index, "address"), f"{look.address} is {_NO_ADDRESS}"
    for keys, url in _urls(config):
        parts = urlsplit(url)
        if fields.seems_ip_address(parts.netloc):
            yield keys, f"leads to {parts.hostname}, which is {_NO_ADDRESS}"


def _masked(config: Config) -> Iterator[_Told]:
    """Where the configuration has in place of a secret what stands for one."""
    end = f"is {MASK}, as /config shows what may be secret: write what it stands for"
    for keys, secret in _secrets(config):
        if secret.text == MASK:
            yield keys, end
    for name, module in config.modules.items():
        for key, text in module.oauth2.endpoint_params.items() if module.oauth2 else ():
            if text == MASK:
                yield ("modules", name, "oauth2", "endpoint_params", key), end
    for keys, url in _urls(config):
        parts = urlsplit(url)
        if MASK in {*secrets(url), parts.username, parts.fragment}:
            yield keys, f"a part of it {end}"


def _urls(config: Config) -> Iterator[tuple[_Keys, str]]:
    """Every URL, with the keys that lead to it."""
    for name, module in config.modules.items():
        if module.oauth2:
            yield ("modules", name, "oauth2", "token_url"), module.oauth2.token_url
        if module.proxy_url:
            yield ("modules", name, "proxy_url"), module.proxy_url.text or ""
    for target in config.targets:
        yield ("targets", target.name, ("url", "host")), target.url
        for key in ("login_url", "graph_url"):
            url = target.entra and getattr(target.entra, key)
            if url:
                yield ("targets", target.name, "entra", key), url


def _modules_in_use(config: Config) -> set[str]:
    used = {look.module.name for target in config.targets for look in target.looks}
    used |= {target.entra.module.name for target in config.targets if target.entra}
    if config.probe_allow:
        used |= {name for name, module in config.modules.items() if module.serves_probe}
    return used


def _secrets(config: Config) -> Iterator[tuple[_Keys, Secret]]:
    """Every secret but those in URLs, with the keys that lead to it."""
    for name, module in config.modules.items():
        for keys, secret in _secrets_of_module(module):
            yield ("modules", name, *keys), secret
    for target in config.targets:
        for key, secret in _secrets_of_entra(target.entra):
            yield ("targets", target.name, "entra", key), secret


def _secrets_of_module(module: Module) -> Iterator[tuple[_Keys, Secret]]:
    if module.basic_auth:
        yield ("basic_auth", ("password", "password_file")), module.basic_auth.password
    if module.authorization:
        yield ("authorization", ("credentials", "credentials_file")), module.authorization.credentials
    if module.oauth2:
        yield ("oauth2", ("client_secret", "client_secret_file")), module.oauth2.client_secret
    for name, secret in module.http_headers.items():
        yield ("http_headers", name, "file"), secret


def _secrets_of_entra(entra: Entra | None) -> Iterator[tuple[Key, Secret]]:
    if entra is None:
        return
    for key in ("client_secret", "client_certificate", "federated_token"):
        secret: Secret | None = getattr(entra, key)
        if secret is not None:
            yield (f"{key}_file", f"{key}_env"), secret


def _unknown(secret: Secret, read_file: Callable[[str], bytes], environment: Mapping[str, str]) -> Iterator[str]:
    if secret.variable is not None and not environment.get(secret.variable):
        # A secret in the place of the name would be repeated.
        yield "the environment variable of this name is not set, or empty"
    if secret.file is not None:
        yield from _unreadable(secret.file, read_file, pem=False)


def _unreadable(file: str, read_file: Callable[[str], bytes], *, pem: bool) -> Iterator[str]:
    try:
        content = read_file(file)
    except OSError as error:
        yield f"{file} cannot be read: {reason(error)}"
        return
    if not content.strip():
        yield f"{file} is empty"
    elif pem and not _holds_certificate(content):
        yield f"{file} holds no certificate in PEM"


def _holds_certificate(content: bytes) -> bool:
    try:
        return bool(x509.load_pem_x509_certificates(content))
    except (ValueError, x509.InvalidVersion):
        return False
