"""The configuration in force as YAML, with nothing secret in it."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from exporter.config import units
from exporter.config.settings import SERVICE, Config, Entra, Module, OAuth2, Secret, Target, Tls
from exporter.config.urls import MASK, shown
from exporter.policy import PolicySettings

_HEAD = f"""\
# The configuration in force, with the defaults that files leave out. Targets of target files are among the others.
# {MASK} stands for what may be secret, and a fingerprint (SHA-256) for the certificate of each signer.
"""

_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""The one in C takes a sixth of the time."""

Block = dict[str, Any]
"""A block of YAML."""


def written(config: Config) -> str:
    """The configuration in force as YAML: each target with all that holds for it, whichever block or file says so.

    Secrets are ``***``, and so is what :func:`~exporter.config.urls.shown` masks of URLs; the files and variables in
    which secrets are have their names.
    """
    blocks = _block(
        targets=[_target(each) for each in config.targets],
        modules={name: _module(each) for name, each in config.modules.items()},
        policies={name: _policy(each) for name, each in config.policies.items()},
        probe=_block(allow=list(config.probe_allow)),
    )
    text: str = yaml.dump(blocks, Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=1000)
    return _HEAD + text


def _target(target: Target) -> Block:
    look, policy = target.look, target.policy
    # A node is looked at from one of them, with its module.
    vantages = {each.vantage: each.module.name for each in target.looks}
    one = len(vantages) == 1
    return _block(
        name=target.name,
        url=shown(target.url),
        interval=units.as_duration(look.interval),
        module=look.module.name if one else None,
        vantage=look.vantage if one else None,
        vantages=None if one else vantages,
        nodes=[{"name": each.node, "address": each.address} for each in target.looks if each.node != SERVICE],
        policy=_policy(policy) if policy.is_in_place else policy.name,
        labels=dict(target.labels),
        entity_id=target.entity_id,
        entities=_block(watch=list(target.watch)),
        entra=_entra(target.entra) if target.entra else None,
    )


def _entra(entra: Entra) -> Block:
    return _block(
        source=entra.source.value,
        domains=list(entra.domains),
        cloud=entra.cloud.value,
        tenant=entra.tenant,
        client_id=entra.client_id,
        **_secret("client_secret", entra.client_secret),
        **_secret("client_certificate", entra.client_certificate),
        **_secret("federated_token", entra.federated_token),
        interval=units.as_duration(entra.interval),
        module=entra.module.name,
        login_url=entra.login_url and shown(entra.login_url),
        graph_url=entra.graph_url and shown(entra.graph_url),
    )


def _module(module: Module) -> Block:
    basic, bearer, proxy = module.basic_auth, module.authorization, module.proxy_url
    return _block(
        timeout=units.as_duration(module.timeout),
        tls_config=_tls(module.tls),
        basic_auth=basic and {"username": basic.username, **_secret("password", basic.password)},
        authorization=bearer and {"type": bearer.type, **_secret("credentials", bearer.credentials)},
        oauth2=module.oauth2 and _oauth2(module.oauth2),
        http_headers={name: _header(each) for name, each in module.http_headers.items()},
        proxy_url=proxy and shown(proxy.text or ""),
        preferred_ip_protocol=module.preferred_ip_protocol.value,
        ip_protocol_fallback=module.ip_protocol_fallback,
        follow_redirects=module.follow_redirects,
        body_size_limit=units.as_size(module.body_size_limit),
        probe=module.serves_probe,
        hosts=[str(each) for each in module.hosts],
    )


def _tls(tls: Tls) -> Block:
    return _block(
        ca_file=_path(tls.ca_file),
        cert_file=_path(tls.cert_file),
        key_file=_path(tls.key_file),
        server_name=tls.server_name,
        insecure_skip_verify=tls.insecure_skip_verify,
    )


def _oauth2(oauth2: OAuth2) -> Block:
    return _block(
        client_id=oauth2.client_id,
        **_secret("client_secret", oauth2.client_secret),
        token_url=shown(oauth2.token_url),
        scopes=list(oauth2.scopes),
        # Some of them are secrets, and nobody can know which.
        endpoint_params=dict.fromkeys(oauth2.endpoint_params, MASK),
    )


def _header(secret: Secret) -> str | Block:
    return MASK if secret.file is None else {"file": _path(secret.file)}


def _policy(policy: PolicySettings) -> Block:
    rollover = policy.auto_certificate_rollover
    return _block(
        profile=policy.profile and policy.profile.value,
        auto_certificate_rollover="unknown" if rollover is None else rollover,
        thresholds={name: units.as_duration(days * units.DAY) for name, days in policy.thresholds.items()},
        signer=[sha256(each).hexdigest() for each in policy.signers],
        expiry=policy.expiry,
        primary=policy.primary,
    )


def _secret(key: str, secret: Secret | None) -> Block:
    """Where a secret is, under the key that says so."""
    if secret is None:
        return {}
    if secret.file is not None:
        return {f"{key}_file": _path(secret.file)}
    return {key: MASK} if secret.variable is None else {f"{key}_env": secret.variable}


def _path(path: str | None) -> str | None:
    """A file's path from wherever the text is read; it is kept as from the folder that the exporter runs in."""
    return path and str(Path(path).absolute())


def _block(**values: object) -> Block:
    """A block of those keys that say anything."""
    return {key: value for key, value in values.items() if value not in (None, "", [], {})}
