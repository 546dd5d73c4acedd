"""What user realm discovery says of a domain, without credentials. Microsoft does not document it."""

from http import HTTPStatus
from urllib.parse import quote

from lxml.etree import _Element as Element

from exporter import metadata
from exporter.config.settings import Entra, TrustSource
from exporter.entra.api import Api, EntraError
from exporter.entra.clouds import places
from exporter.entra.parts import first_host, slots
from exporter.inquiry import DomainTrust, Slot, TrustReason
from exporter.metadata import DocumentError
from exporter.names import printable

_NOBODY = "fedmeta-exporter"
"""The user we ask for: only the domain behind it counts."""

_FIELDS = ("DomainName", "NameSpaceType", "Certificate", "AuthURL", "STSAuthURL")


async def ask(entra: Entra, domain: str, api: Api) -> DomainTrust:
    """Whether a domain is federated, with whom, and one certificate when there is one.

    Raises :class:`EntraError`.
    """
    url = f"{places(entra).login}/getuserrealm.srf?login={_NOBODY}@{quote(domain, safe='')}&xml=1"
    answer = await api.send(url, headers={"Accept": "text/xml, application/xml"}, is_json=False)
    if answer.status != HTTPStatus.OK:
        raise EntraError(TrustReason.HTTP_STATUS, answer.sentence)
    try:
        root = metadata.tree(answer.response.body)
    except DocumentError as error:
        detail = f"{answer.host} does not answer with XML: {printable(error.detail)}"
        raise EntraError(TrustReason.MALFORMED, detail) from error
    if _name(root) != "RealmInfo" or root.get("Success", "").lower() != "true":
        raise EntraError(TrustReason.MALFORMED, f"{answer.host} answers without a RealmInfo that is a success")
    fields = {name: _text(root, name) for name in _FIELDS}
    if (fields["DomainName"] or domain).lower() != domain:
        raise EntraError(TrustReason.MALFORMED, f"{answer.host} answers for another domain than {domain}")
    match fields["NameSpaceType"].lower():
        case "federated":
            certificates, unreadable = slots({Slot.UNNAMED: fields["Certificate"]})
            return DomainTrust(
                source=TrustSource.USER_REALM,
                federated=True,
                certificates=certificates,
                unreadable=unreadable,
                service=first_host(fields["AuthURL"], fields["STSAuthURL"]),
            )
        case "managed" | "unknown":
            return DomainTrust(TrustSource.USER_REALM, federated=False)
    raise EntraError(TrustReason.MALFORMED, f"{answer.host} answers without a NameSpaceType that is known")


def _text(root: Element, name: str) -> str:
    """The text of the first child of a name; empty where there is none."""
    # Each by itself, and not all of them: an answer may have tens of thousands.
    child = next(root.iterchildren(f"{{*}}{name}"), None)
    return "" if child is None else str(child.xpath("string()")).strip()


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
