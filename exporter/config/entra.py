"""How to learn what Entra ID trusts, as a target's configuration says it."""

from exporter.config import fields
from exporter.config.document import Place, Readers, block
from exporter.config.modules import Modules
from exporter.config.settings import Cloud, Entra, TrustSource

_SECRETS = {
    "client_secret": ("client_secret_file", "client_secret_env"),
    "client_certificate": ("client_certificate_file", "client_certificate_env"),
    "federated_token": ("federated_token_file",),
}
"""By the field of :class:`Entra`: where the secret may be."""
_CREDENTIALS = tuple(key for keys in _SECRETS.values() for key in keys)
_OF_GRAPH_ALONE = ("tenant", "client_id", *_CREDENTIALS, "graph_url")


def read_entra(place: Place, modules: Modules) -> Entra:
    """The block ``entra`` of a target."""
    found = block(place, entra_keys(modules), shy=True)
    values = {"domains": (), "module": modules.by_name["default"], **found.values}
    for field, keys in _SECRETS.items():
        for key in keys:
            if key in values:
                values[field] = values.pop(key)
    entra = Entra(**values)
    if found.faulty.isdisjoint(("interval", "module")):
        modules.check_interval(found, entra.interval, (entra.module,))
    if entra.source is TrustSource.USER_REALM:
        for key in _OF_GRAPH_ALONE:
            if key in found.places:
                found.at(key).wrong("has no use with source user_realm")
        found.require(("domains",))
    elif "source" not in found.faulty:
        found.require(("domains",), ("tenant",), ("client_id",), _CREDENTIALS)
    return entra


def entra_keys(modules: Modules) -> Readers:
    """Every key of the block."""
    return {
        "tenant": fields.tenant,
        "cloud": fields.one_of(Cloud),
        "domains": fields.domains,
        "source": fields.one_of(TrustSource),
        "client_id": fields.text,
        "client_secret_file": fields.secret_file,
        "client_secret_env": fields.secret_variable,
        "client_certificate_file": fields.secret_file,
        "client_certificate_env": fields.secret_variable,
        "federated_token_file": fields.secret_file,
        "interval": fields.positive_duration,
        "module": modules.named,
        "login_url": fields.service_url,
        "graph_url": fields.service_url,
    }
