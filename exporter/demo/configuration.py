"""The configuration file by which whoever likes can look at the simulated farms too."""

from collections.abc import Mapping, Sequence

import yaml

from exporter.config.settings import SERVICE, Entra, Look, Target

_OUTSIDE = "outside"


def configuration(targets: Sequence[Target]) -> str:
    """The simulated targets as YAML; with these the exporter finds at them what the demo finds.

    A vantage has no address in a configuration. So one that reaches nothing in the simulation is here one that does not
    know the authority of the farms.
    """
    modules = {each.look.module.name: each.look.module for each in targets}
    described = {
        name: {"timeout": f"{each.timeout:g}s", "tls_config": {"ca_file": each.tls.ca_file}}
        for name, each in modules.items()
    }
    described[_OUTSIDE] = {"timeout": "5s"}
    return yaml.safe_dump({"modules": described, "targets": [_target(each) for each in targets]}, sort_keys=False)


def _target(target: Target) -> Mapping[str, object]:
    return {
        "name": target.name,
        "url": target.url,
        "interval": f"{target.look.interval:g}s",
        "vantages": {each.vantage: _module(each) for each in target.looks if each.node == SERVICE},
        "nodes": [{"name": each.node, "address": each.address} for each in target.looks if each.node != SERVICE],
        **({"entra": _entra(target.entra)} if target.entra else {}),
    }


def _module(look: Look) -> str:
    return look.module.name if look.address is None else _OUTSIDE


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
