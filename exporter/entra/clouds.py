"""Where the services of each cloud are (Microsoft, "National clouds", also of Microsoft Graph)."""

from collections.abc import Mapping
from dataclasses import dataclass

from exporter.config.settings import Cloud, Entra


@dataclass(frozen=True, slots=True)
class Places:
    """Addresses without a slash at their end."""

    login: str
    """Gives tokens, and tells the user realm."""
    graph: str


CLOUDS: Mapping[Cloud, Places] = {
    Cloud.GLOBAL: Places("https://login.microsoftonline.com", "https://graph.microsoft.com"),
    Cloud.USGOV: Places("https://login.microsoftonline.us", "https://graph.microsoft.us"),
    Cloud.DOD: Places("https://login.microsoftonline.us", "https://dod-graph.microsoft.us"),
    Cloud.CHINA: Places("https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn"),
}


def places(entra: Entra) -> Places:
    """Where to ask: the configured places, or else the cloud's own."""
    own = CLOUDS[entra.cloud]
    return Places((entra.login_url or own.login).rstrip("/"), (entra.graph_url or own.graph).rstrip("/"))


def scope(entra: Entra) -> str:
    """All that the application may do in the cloud's Graph, wherever that is asked."""
    return f"{CLOUDS[entra.cloud].graph}/.default"
