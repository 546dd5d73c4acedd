"""What Entra ID says of one domain, by Microsoft Graph or by user realm discovery."""

from exporter import fetch
from exporter.config.settings import Entra, TrustSource
from exporter.entra import graph, realm
from exporter.entra.api import Api, EntraError
from exporter.inquiry import DomainTrust

__all__ = ["EntraError", "ask"]


async def ask(entra: Entra, domain: str, *, client: fetch.Client) -> DomainTrust:
    """What Entra ID trusts for a domain, within the timeout of the module.

    Raises :class:`EntraError`.
    """
    api = Api.open(entra.module, client)
    if entra.source is TrustSource.USER_REALM:
        return await realm.ask(entra, domain, api)
    return await graph.ask(entra, domain, api)
