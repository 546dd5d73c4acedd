"""What a configuration names outside of itself, and what in it has no use: for whoever asks before it is in force.

A file or a variable may come after the start, and secrets change: so loading a configuration asks for none of it.
"""

from collections.abc import Callable, Iterator, Mapping

from cryptography import x509

from exporter.config import fields
from exporter.config.document import reason
from exporter.config.settings import INTERNET, Config, Entra, Module, Secret


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
        for look in target.looks:
            if look.address is not None and fields.seems_ip_address(look.address):
                yield (
                    f"target {target.name}: node {look.node} has the address {look.address}, which is neither an IP"
                    " address nor a name: no name ends in digits alone"
                )


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
