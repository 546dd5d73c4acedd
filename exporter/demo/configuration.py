"""The configuration file by which whoever likes can look at the simulated farms too."""

from collections.abc import Mapping, Sequence

import yaml

from exporter.config.settings import SERVICE, Entra, Module, Target


def configuration(targets: Sequence[Target]) -> str:
    """The simulated targets as YAML; with these the exporter finds at them what the demo finds."""
    modules = {look.module.name: _module(look.module) for each in targets for look in each.looks}
    return yaml.safe_dump({"modules": modules, "targets": [_target(each) for each in targets]}, sort_keys=False)


def _target(target: Target) -> Mapping[str, object]:
    return {
        "name": target.name,
        "url": target.url,
        "interval": f"{target.look.interval:g}s",
        "vantages": {each.vantage: each.module.name for each in target.looks if each.node == SERVICE},
        "nodes": [{"name": each.node, "address": each.address} for each in target.looks if each.node != SERVICE],
        **({"entra": _entra(target.entra)} if target.entra else {}),
    }


def _module(module: Module) -> Mapping[str, object]:
    return {
        "timeout": f"{module.timeout:g}s",
        "tls_config": {"ca_file": module.tls.ca_file},
        **({"proxy_url": module.proxy_url.text} if module.proxy_url else {}),
    }


def _entra(entra: Entra) -> Mapping[str, object]:
    return {
        "tenant": entra.tenant,
        "domains": list(entra.domains),
        "client_id": entra.client_id,
        "client_secret_file": entra.client_secret.file if entra.client_secret else None,
        "interval": f"{entra.interval:g}s",
        "module": entra.module.name,
        "login_url": entra.login_url,
        "graph_url": entra.graph_url,
    }
