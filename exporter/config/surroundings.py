"""What a configuration names outside of itself, and what in it has no use: for whoever asks before it is in force.

A file or a variable may come after the start, and secrets change: so loading a configuration asks for none of it.
"""

from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlsplit

from cryptography import x509

from exporter.config import fields
from exporter.config.document import reason
from exporter.config.settings import INTERNET, Config, Entra, Module, Secret
from exporter.config.urls import MASK, secrets

_NO_ADDRESS = "neither an IP address nor a name: no name ends in digits alone"


def lacking(config: Config, *, read_file: Callable[[str], bytes], environment: Mapping[str, str]) -> Iterator[str]:
    """What a look or an inquiry will fail for want of, as sentences: files that cannot be read, variables not set."""
    for module in config.modules.values():
        tls = {"ca_file": module.tls.ca_file, "cert_file": module.tls.cert_file, "key_file": module.tls.key_file}
        for key, file in tls.items():
            if file is not None:
                yield from _unreadable(f"module {module.name}: {key}", file, read_file, pem=key != "key_file")
        for key, secret in _secrets_of_module(module):
            yield from _unknown(f"module {module.name}: {key}", secret, read_file, environment)
    for target in config.targets:
        for key, secret in _secrets_of_entra(target.entra):
            yield from _unknown(f"target {target.name}: {key}", secret, read_file, environment)
    yield from _leading_nowhere(config)


def doubtful(config: Config) -> Iterator[str]:
    """What works, and not as it was meant, as sentences."""
    for name in config.modules.keys() - _modules_in_use(config) - {"default"}:
        yield f"module {name} has no use: no target names it, and /probe may not use it"
    policies = {target.policy.name for target in config.targets}
    for name in config.policies.keys() - policies - {"default"}:
        if not config.probe_allow:
            yield f"policy {name} has no use: no target names it, and /probe may look at nothing"
    for target in config.targets:
        for vantage in dict.fromkeys(look.vantage for look in target.looks):
            if vantage != INTERNET and vantage.strip().lower() == INTERNET:
                yield (
                    f"target {target.name}: the vantage {vantage} is not the one called {INTERNET}, in small letters,"
                    " which sees what Entra ID sees"
                )
    for what in _masked(config):
        yield f"{what} is {MASK}, as /config shows what may be secret: write what it stands for"


def _leading_nowhere(config: Config) -> Iterator[str]:
    """What no look or inquiry can get to, as sentences."""
    for target in config.targets:
        for look in target.looks:
            if look.address is not None and fields.seems_ip_address(look.address):
                yield f"target {target.name}: node {look.node} has the address {look.address}, which is {_NO_ADDRESS}"
    for what, url in _urls(config):
        parts = urlsplit(url)
        if fields.seems_ip_address(parts.netloc):
            yield f"{what} leads to {parts.hostname}, which is {_NO_ADDRESS}"


def _masked(config: Config) -> Iterator[str]:
    """Where the configuration has in place of a secret what stands for one."""
    for module in config.modules.values():
        in_place = {key.removesuffix("_file"): secret.text for key, secret in _secrets_of_module(module)}
        if module.oauth2:
            in_place |= {f"oauth2.endpoint_params.{name}": text for name, text in module.oauth2.endpoint_params.items()}
        yield from (f"module {module.name}: {key}" for key, text in in_place.items() if text == MASK)
    for what, url in _urls(config):
        parts = urlsplit(url)
        if MASK in {*secrets(url), parts.username, parts.fragment}:
            yield f"a part of {what}"


def _urls(config: Config) -> Iterator[tuple[str, str]]:
    """Every URL, with whose it is."""
    for module in config.modules.values():
        if module.oauth2:
            yield f"module {module.name}: oauth2.token_url", module.oauth2.token_url
        if module.proxy_url:
            yield f"module {module.name}: proxy_url", module.proxy_url.text or ""
    for target in config.targets:
        yield f"target {target.name}: url", target.url
        for key in ("login_url", "graph_url"):
            url = target.entra and getattr(target.entra, key)
            if url:
                yield f"target {target.name}: entra.{key}", url


def _modules_in_use(config: Config) -> set[str]:
    used = {look.module.name for target in config.targets for look in target.looks}
    used |= {target.entra.module.name for target in config.targets if target.entra}
    if config.probe_allow:
        used |= {name for name, module in config.modules.items() if module.serves_probe}
    return used


def _secrets_of_module(module: Module) -> Iterator[tuple[str, Secret]]:
    if module.basic_auth:
        yield "basic_auth.password_file", module.basic_auth.password
    if module.authorization:
        yield "authorization.credentials_file", module.authorization.credentials
    if module.oauth2:
        yield "oauth2.client_secret_file", module.oauth2.client_secret
    for name, secret in module.http_headers.items():
        yield f"http_headers.{name}", secret


def _secrets_of_entra(entra: Entra | None) -> Iterator[tuple[str, Secret]]:
    if entra is None:
        return
    for key in ("client_secret", "client_certificate", "federated_token"):
        secret: Secret | None = getattr(entra, key)
        if secret is not None:
            yield f"entra.{key}", secret


def _unknown(
    what: str, secret: Secret, read_file: Callable[[str], bytes], environment: Mapping[str, str]
) -> Iterator[str]:
    if secret.variable is not None and not environment.get(secret.variable):
        yield f"{what}: the environment variable {secret.variable} is not set, or empty"
    if secret.file is not None:
        yield from _unreadable(what, secret.file, read_file, pem=False)


def _unreadable(what: str, file: str, read_file: Callable[[str], bytes], *, pem: bool) -> Iterator[str]:
    try:
        content = read_file(file)
    except OSError as error:
        yield f"{what}: {file} cannot be read: {reason(error)}"
        return
    if not content.strip():
        yield f"{what}: {file} is empty"
    elif pem and not _holds_certificate(content):
        yield f"{what}: {file} holds no certificate in PEM"


def _holds_certificate(content: bytes) -> bool:
    try:
        return bool(x509.load_pem_x509_certificates(content))
    except (ValueError, x509.InvalidVersion):
        return False
