"""Where each cloud's services are: these addresses are Microsoft's, letter by letter."""

import pytest

from exporter.config.settings import Cloud, Entra
from exporter.entra.clouds import Places, places, scope


@pytest.mark.parametrize(
    ("cloud", "login", "graph"),
    [
        (Cloud.GLOBAL, "https://login.microsoftonline.com", "https://graph.microsoft.com"),
        (Cloud.USGOV, "https://login.microsoftonline.us", "https://graph.microsoft.us"),
        (Cloud.DOD, "https://login.microsoftonline.us", "https://dod-graph.microsoft.us"),
        (Cloud.CHINA, "https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn"),
    ],
)
def test_each_cloud_has_its_own_places(cloud: Cloud, login: str, graph: str) -> None:
    entra = Entra(domains=("contoso.com",), cloud=cloud)

    assert places(entra) == Places(login, graph)
    assert scope(entra) == graph + "/.default"


def test_configured_places_come_first_and_the_scope_stays_the_clouds() -> None:
    entra = Entra(domains=(), login_url="https://login.test/a/", graph_url="http://graph.test:8080")

    assert places(entra) == Places("https://login.test/a", "http://graph.test:8080")
    assert scope(entra) == "https://graph.microsoft.com/.default"
