"""Whatever Microsoft answers is an answer or a documented failure, and what is shown of it is short and printable."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from builders import NOW, probed
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lxml import etree
from scrapes import FARM, adfs_entity, certificate, document, good, told

from exporter import fetch
from exporter.config.settings import Entra, Secret, TrustSource
from exporter.exposition.render import Renderer
from exporter.findings import standing
from exporter.inquiry import LONGEST_SERVICE, DomainTrust, Inquiry, Slot, TrustReason
from exporter.page import Asked, target
from exporter.record import bare
from exporter.report import report
from exporter.rounds import ask
from exporter.state.text import trust_of, trust_text

DOMAIN = "contoso.com"
GRAPH = Entra((DOMAIN,), tenant="contoso.onmicrosoft.com", client_id="client", client_secret=Secret("hunter2 & co"))
REALM = Entra((DOMAIN,), source=TrustSource.USER_REALM)
LONGEST_DETAIL = 600
"""Characters: a sentence of ours around 300 of theirs."""
MOST = 20_000
"""Bytes that an answer adds to a scrape, and to the page, at most."""

ANY = st.characters(exclude_categories=())
"""Halves of pairs too, which JSON can name and UTF-8 cannot hold."""
HOSTS = st.text(ANY, max_size=20) | st.integers(0, 100_000).map("a".__mul__) | st.integers(0, 50_000).map("a.".__mul__)
TEXTS = (
    st.text(ANY, max_size=20)
    | HOSTS.map("https://{}.x/".format)
    | HOSTS
    | st.sampled_from(["AAAA", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-06-01T00:00:00Z"])
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.just(10**4000),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(ANY, max_size=8), inner, max_size=3),
    max_leaves=8,
)


def some(*keys: str, **known: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object that may have any of these keys, with any values or of these kinds."""
    return st.fixed_dictionaries({}, optional={**dict.fromkeys(keys, VALUES), **known})


ERRORS = some("error_description", "error_codes", error=some("code", "message") | VALUES | st.just("invalid_client"))
FEDERATIONS = some(
    "signingCertificate",
    "nextSigningCertificate",
    "passiveSignInUri",
    "activeSignInUri",
    "issuerUri",
    signingCertificateUpdateStatus=some("certificateUpdateResult", "lastRunDateTime") | VALUES,
)
ANSWERS = FEDERATIONS | st.builds(lambda each: {"value": [each]}, FEDERATIONS) | ERRORS | VALUES
GRANT = {"access_token": "granted", "expires_in": 3600, "token_type": "Bearer"}
GRANTS = st.just(GRANT) | some("expires_in", "token_type", access_token=st.just("granted")) | ERRORS
STATUS = st.sampled_from([200, 200, 200, 400, 401, 403, 404, 429, 503])
DEEP = b'{"value": ' + b"[" * 60_000


def asked(entra: Entra, answers: Mapping[str, tuple[int, bytes]]) -> Inquiry:
    """One inquiry, by what each address that has a word in it answers."""

    async def exchange(url: str, *_: object, **__: object) -> fetch.Response:
        status, body = next(answers[word] for word in answers if word in url)
        return fetch.Response(status, {}, body)

    async def inquiry() -> Inquiry:
        async with fetch.client(clock=time.monotonic) as client:
            return await ask(entra, DOMAIN, client=client, now=NOW)

    with patch("exporter.fetch.exchange", exchange):
        return asyncio.run(inquiry())


def surfaces(inquiry: Inquiry | None, entra: Entra) -> tuple[bytes, bytes]:
    """A scrape and the page after an inquiry."""
    record = probed(
        bare(replace(FARM, entra=entra)),
        good(document(adfs_entity(certificate("a"), encryption=certificate("b"))), NOW),
    )
    record = told(record, DOMAIN, inquiry) if inquiry else record
    there = standing(record, NOW)
    assert all(line.isprintable() for line in report(there, NOW).split("\n"))
    return (
        Renderer(limit=5).render([record], NOW, openmetrics=False),
        target(there, NOW, Asked(), version="1").encode(),
    )


def holds(inquiry: Inquiry, entra: Entra) -> None:
    """Fails where an inquiry is no answer and no documented failure, or what is shown of it is not fit for it."""
    assert inquiry.reason is not TrustReason.INTERNAL
    assert inquiry.detail.isprintable()
    assert len(inquiry.detail) <= LONGEST_DETAIL
    if inquiry.trust is not None:
        fit(inquiry.trust)
        assert trust_of(trust_text(inquiry.trust), entra.source) == inquiry.trust
    for now_is, before in zip(surfaces(inquiry, entra), surfaces(None, entra), strict=True):
        assert now_is.decode()
        assert len(now_is) < len(before) + MOST


def fit(trust: DomainTrust) -> None:
    assert trust.service is None or trust.service.isprintable()
    assert len(trust.service or "") <= LONGEST_SERVICE


unhurried = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@unhurried
@example({"value": [{"signingCertificate": "\ud800", "passiveSignInUri": "https://\ud800.x/"}]}, 200, GRANT)
@example({"value": [{"signingCertificate": "AAAA", "passiveSignInUri": f"https://{'a.' * 400_000}x/"}]}, 200, GRANT)
@example({"error": {"code": "\ud800", "message": "\udc00abc" * 1000}}, 403, GRANT)
@example({}, 200, {"error": "invalid_client", "error_codes": [10**4000]})
@given(ANSWERS, STATUS, GRANTS)
def test_whatever_graph_and_the_token_endpoint_answer_is_an_answer_or_a_documented_failure_and_fit_to_be_shown(
    content: object, status: int, grant: object
) -> None:
    answers = {"/token": (200, json.dumps(grant).encode()), "/domains/": (status, json.dumps(content).encode())}
    holds(asked(GRAPH, answers), GRAPH)


@unhurried
@example(DEEP, DEEP)
@example(json.dumps(GRANT).encode("utf-16"), "<a\u200c></b>".encode())
@given(st.binary(max_size=50) | st.just(json.dumps(GRANT).encode("utf-16")), st.binary(max_size=50) | st.just(DEEP))
def test_whatever_bytes_come_in_place_of_json_or_xml_are_a_documented_failure(grant: bytes, content: bytes) -> None:
    holds(asked(GRAPH, {"/token": (200, grant), "/domains/": (200, content)}), GRAPH)
    holds(asked(REALM, {"getuserrealm": (200, content)}), REALM)


XML = st.text(
    st.characters(exclude_categories=["Cs"], min_codepoint=32, exclude_characters="\ufffe\uffff"), max_size=20
)


@unhurried
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["DomainName", "NameSpaceType", "Certificate", "AuthURL", "STSAuthURL", "Else"]),
            st.sampled_from(["Federated", DOMAIN, "AAAA"]) | XML | HOSTS.map("https://{}.x/".format),
        ),
        max_size=6,
    ),
    STATUS,
)
def test_whatever_the_user_realm_says_is_an_answer_or_a_documented_failure_and_fit_to_be_shown(
    fields: list[tuple[str, str]], status: int
) -> None:
    root = etree.Element("RealmInfo", Success="true")
    for name, text in fields:
        etree.SubElement(root, name).text = "".join(each for each in text if each.isprintable() and each < "\ud800")

    holds(asked(REALM, {"getuserrealm": (status, etree.tostring(root))}), REALM)


@given(HOSTS)
def test_a_state_file_with_such_a_service_is_healed_where_it_is_read(service: str) -> None:
    text = json.dumps({**json.loads(trust_text(DomainTrust(TrustSource.GRAPH, federated=True))), "service": service})

    healed = trust_of(text, TrustSource.GRAPH)

    fit(healed)
    assert (healed.service == service) == (service.isprintable() and len(service) <= LONGEST_SERVICE)
    holds(Inquiry(NOW, None, "", healed), GRAPH)


def test_a_certificate_that_is_too_long_is_none_and_takes_no_time() -> None:
    body = json.dumps({"value": [{"signingCertificate": "A" * 900_000, "nextSigningCertificate": "AAAA"}]}).encode()

    began = time.process_time()
    inquiry = asked(GRAPH, {"/token": (200, json.dumps(GRANT).encode()), "/domains/": (200, body)})

    assert time.process_time() - began < 1
    assert inquiry.trust is not None
    assert inquiry.trust.unreadable == (Slot.SIGNING, Slot.NEXT)


def test_an_answer_as_large_as_may_be_with_as_many_fields_as_it_can_hold_is_read_in_little_time() -> None:
    many = b"<AuthURL/>" * 10_000
    body = b'<RealmInfo Success="true"><NameSpaceType>Managed</NameSpaceType>' + many + b"</RealmInfo>"

    began = time.process_time()
    inquiry = asked(REALM, {"getuserrealm": (200, body)})

    assert time.process_time() - began < 0.5
    assert inquiry.trust == DomainTrust(TrustSource.USER_REALM, federated=False)
