"""From where a target is looked at: its vantages, and the nodes behind its service name."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

import yaml

from exporter.config import fields, urls
from exporter.config.document import Mistake, Place, Readers, attempt, block, each
from exporter.config.modules import Modules
from exporter.config.settings import SERVICE, Look, Module


def read_vantages(place: Place, modules: Modules) -> Mapping[str, Module | None]:
    """The modules of the vantages by their names, in order; None is the module of the target."""
    found = each(place, lambda place: None if place.is_empty else modules.named(place))
    if not found.places:
        raise Mistake("must not be empty")
    return {name: found.values.get(name) for name in found.places}


def read_nodes(place: Place) -> Mapping[str, str]:
    """The addresses of the nodes by their names, in order."""
    addresses: dict[str, str] = {}
    for item in place.items():
        for name, address in attempt(item, _node):
            if name in addresses:
                item.wrong(f"the name {name} is taken by another node")
            addresses[name] = address
    return addresses


def check_nodes(place: Place, url: str, modules: Iterable[Module]) -> None:
    """Collect a problem when the nodes of a target cannot be looked at; the URL is empty when it is not known."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        place.wrong("a file has no nodes")
    elif urls.is_ip_address(parts.hostname or ""):
        place.wrong("each node is asked for the service by its name, and the target's address holds none")
    if all(module.proxy_url is not None for module in modules):
        place.wrong("each node is looked at directly, and every vantage of the target has a proxy")


def looks_like(look: Look, modules: Mapping[str, Module], nodes: Mapping[str, str]) -> tuple[Look, ...]:
    """A look from each vantage in turn, then one at each node; modules are by vantage, addresses by node."""
    from_vantages = tuple(replace(look, vantage=vantage, module=module) for vantage, module in modules.items())
    direct = next((each for each in from_vantages if each.module.proxy_url is None), from_vantages[0])
    return (*from_vantages, *(replace(direct, node=name, address=address) for name, address in nodes.items()))


def _node(place: Place) -> tuple[str, str]:
    name = None
    if isinstance(place.node, yaml.MappingNode):
        found = block(place, NODE_KEYS)
        found.require(("address",))
        name, address = found.values.get("name"), found.values["address"]
    else:
        address = fields.address(place)
    if (name or address) == SERVICE:
        raise Mistake(f"a node needs another name than {SERVICE}, which is that of the service itself")
    return name or address, address


NODE_KEYS: Readers = {"name": fields.name, "address": fields.address}
"""Every key of a node that is a mapping."""
