"""The page for people: every target, its states, what to do, and nothing that a document could smuggle in."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import builders
import pytest
from builders import DAY, ENTITY_ID, HOST, NOW, SECOND, beside, farm, pair, probed, watched
from lxml import etree

from exporter import trust
from exporter.action import action
from exporter.advice import TRUST_WORDS, WORDS
from exporter.config.settings import INTERNET, Entra, TrustSource
from exporter.demo.documents import KeyPair
from exporter.model import Document, Metadata, Observation, Reason, Role, Signature, SignatureState, Use
from exporter.page import page
from exporter.policy import PolicySettings, Profile
from exporter.probe import read_document
from exporter.record import Record, bare
from exporter.rollover import State
from exporter.trust import DomainRecord, DomainTrust, Inquiry, Slot, TrustReason, TrustState

HOSTILE = """"'><script>alert(1)</script>&amp;<b>"""
TARGET = watched("fs", f"https://{HOST}/federationmetadata/2007-06/federationmetadata.xml")


def shown(*records: Record, now: datetime = NOW) -> etree._Element:
    """The page as a browser reads it."""
    return etree.fromstring(page(records, now, version="1.2.3"), etree.HTMLParser())


def text_of(element: etree._Element) -> str:
    return "".join(element.itertext())


def rows(*records: Record, now: datetime = NOW) -> list[list[str]]:
    """The text of every cell, row by row, of what is said of the targets themselves."""
    return cells(shown(*records, now=now).xpath(".//tbody/tr[not(@class)]"))


def parts(*records: Record, now: datetime = NOW) -> list[list[str]]:
    """Likewise, of their looks, their domains, and all of it together."""
    return cells(shown(*records, now=now).xpath(".//tbody/tr[@class]"))


def cells(found: Sequence[etree._Element]) -> list[list[str]]:
    return [[text_of(cell) for cell in row] for row in found]


def names(*records: Record) -> list[str]:
    """The targets in the order in which they stand there."""
    return [text_of(name) for name in shown(*records).findall(".//td/strong")]


def looked(document: bytes, name: str = "fs", at: datetime = NOW, **fields: PolicySettings) -> Record:
    """A target whose only look got this document."""
    return probed(bare(replace(TARGET, name=name, **fields)), seen(read_document(document, ()), at))  # type: ignore[arg-type]  # any field


def of(metadata: Metadata) -> Record:
    """A target whose only look got a document that says this."""
    signature = Signature(SignatureState.UNSIGNED, None, "")
    return probed(bare(TARGET), seen(Document(metadata, signature, 1, "", b"")))


def seen(document: Document, at: datetime = NOW) -> Observation:
    return Observation(at, None, "", {}, 200, None, document)


def failed(record: Record, detail: str = "HTTP 503 Service Unavailable", at: datetime = NOW) -> Record:
    """The target after one more look, which fails."""
    return probed(record, Observation(at, Reason.HTTP_STATUS, detail, {}, 503, None, None))


def ending(days: float, name: str = "fs") -> Record:
    """A farm whose only certificate has so many days left."""
    return looked(builders.adfs(pair(not_after=NOW + days * DAY)), name)


def test_a_target_has_its_name_address_entity_state_days_and_advice() -> None:
    record = ending(3.25)
    ((target, state, days, todo),) = rows(record)
    assert target == f"fs{TARGET.url}http://{HOST}/adfs/services/trust"
    assert (state, days) == ("Successor missing", "3.2")
    assert "Update-AdfsCertificate -CertificateType Token-Signing" in todo
    link = shown(record).find(".//tbody//a")
    assert link is not None
    assert link.get("href") == TARGET.url


@pytest.mark.parametrize(
    ("metadata", "state", "css"),
    [
        (builders.metadata_of(builders.entity_of(builders.role_of(Role.IDP))), State.NONE, "critical"),
        (farm(builders.certificate(not_after=NOW)), State.EXPIRED, "critical"),
        (farm(builders.certificate(not_after=NOW + 4 * DAY)), State.MISSING, "critical"),
        (farm(builders.certificate(not_after=NOW + 10 * DAY)), State.OVERDUE, "warning"),
        (
            farm(
                builders.certificate(not_after=NOW + 18 * DAY),
                builders.certificate(not_before=NOW - DAY, not_after=NOW + 364 * DAY),
            ),
            State.PUBLISHED,
            "info",
        ),
        (farm(builders.certificate()), State.STEADY, "ok"),
    ],
)
def test_a_state_has_its_words_and_its_colour(metadata: Metadata, state: State, css: str) -> None:
    (badge,) = shown(of(metadata)).findall(".//tbody//span")
    assert badge.get("class") == f"state {css}"
    assert badge.text is not None
    assert badge.text == WORDS[state]


def test_a_target_that_nobody_looked_at_yet_says_so() -> None:
    assert rows(bare(TARGET)) == [[f"fs{TARGET.url}", "unknown", "", "Not looked at yet."]]


def test_a_target_that_was_never_read_says_so_and_why() -> None:
    ((_, state, days, todo),) = rows(failed(bare(TARGET)))
    assert (state, days) == ("unknown", "")
    assert todo == "Not readable: HTTP 503 Service Unavailable. It was never seen."


def test_what_is_stale_stays_with_its_date_and_counts_on() -> None:
    record = failed(looked(builders.adfs(pair(not_after=NOW + 3 * DAY))), at=NOW + DAY)
    ((_, state, days, todo),) = rows(record, now=NOW + DAY)
    assert (state, days) == ("Successor missing", "2.0")
    assert todo.startswith("Not readable: HTTP 503 Service Unavailable. What follows is as of 2026-06-01 12:00 UTC.")
    assert "Update-AdfsCertificate" in todo


def test_a_key_without_a_certificate_has_no_days() -> None:
    record = looked(builders.entity(builders.descriptor_of(Role.IDP, builders.key_name())))
    ((_, state, days, todo),) = rows(record)
    assert (state, days) == ("Steady", "")
    assert "No signing certificate is known" in todo


def test_the_worst_target_stands_first_and_what_cannot_be_read_is_as_bad_as_a_warning() -> None:
    records = (
        ending(200, "steady"),
        bare(replace(TARGET, name="new")),
        ending(12, "overdue"),
        ending(2, "missing"),
        failed(ending(200, "stale")),
        ending(-1, "expired"),
        ending(90, "steady, and ends first"),
        failed(ending(1, "missing and stale")),
    )
    assert names(*records) == [
        "expired",
        "missing and stale",
        "missing",
        "new",
        "stale",
        "overdue",
        "steady, and ends first",
        "steady",
    ]


def test_of_an_aggregate_the_five_worst_entities_are_named_and_the_others_counted() -> None:
    ends = [400, 9, 300, 4, -2, 20, 500, 31]
    record = looked(aggregate(ends))
    found = rows(record)
    assert [days for _, _, days, _ in found] == ["-2.0", "4.0", "9.0", "20.0", "31.0", ""]
    assert found[0][0] == f"fs{TARGET.url}https://idp-4.example/"
    assert [target for target, *_ in found[1:5]] == [f"https://idp-{index}.example/" for index in (3, 1, 5, 7)]
    assert found[-1][-1] == "… and 3 entities that are no worse."


def test_of_a_small_aggregate_every_entity_has_its_row() -> None:
    assert len(rows(looked(aggregate([1, 2, 3, 4, 5])))) == 5


def test_trouble_is_told_once_for_all_entities_of_an_aggregate() -> None:
    found = rows(failed(looked(aggregate([1, 2, 3]))))
    assert ["Not readable" in todo for *_, todo in found] == [True, False, False]


def test_a_document_in_which_nobody_has_a_role_says_so() -> None:
    record = of(builders.metadata_of(builders.entity_of()))
    assert rows(record) == [[f"fs{TARGET.url}", "unknown", "", "No entity in the document has a role to judge."]]
    assert rows(failed(record))[0][-1].startswith("Not readable: ")


def aggregate(ends: Sequence[float]) -> bytes:
    """An aggregate of identity providers that end in so many days."""
    return builders.aggregate(
        [
            builders.saml_metadata(
                f"https://idp-{index}.example/", keys=[(Use.SIGNING, pair(not_after=NOW + days * DAY))]
            )
            for index, days in enumerate(ends)
        ]
    )


def test_nothing_that_others_wrote_becomes_markup() -> None:
    document = builders.saml_metadata(HOSTILE)
    record = failed(looked(document), detail=HOSTILE)
    record = replace(record, target=watched(HOSTILE, f"https://{HOST}/{HOSTILE}"))
    tree = shown(record)
    assert tree.findall(".//script") == []
    assert tree.findall(".//b") == []
    (name, trouble) = tree.findall(".//td//strong")
    assert text_of(name) == HOSTILE
    assert text_of(trouble) == f"Not readable: {HOSTILE}"
    (link,) = tree.findall(".//tbody//a")
    assert link.get("href") == text_of(link) == record.target.url
    assert text_of(tree.findall(".//tbody//td/div")[1]) == HOSTILE


def test_an_address_that_is_no_page_is_no_link() -> None:
    record = bare(watched("fs", "file:///srv/metadata.xml"))
    assert shown(record).findall(".//tbody//a") == []
    assert "file:///srv/metadata.xml" in rows(record)[0][0]


def test_without_targets_the_page_says_so() -> None:
    assert rows() == []
    assert "No target is configured: only /probe answers." in text_of(shown())


def test_the_page_says_when_it_was_made_and_by_which_version_and_leads_to_the_rest() -> None:
    tree = shown(ending(200), now=NOW + 59 * SECOND)
    text = text_of(tree)
    assert "1 target(s) as of 2026-06-01 12:00 UTC." in text
    assert "fedmeta-exporter 1.2.3." in text
    assert {link.get("href") for link in tree.findall(".//body/p/a")} == {"/metrics", "/-/healthy", "/-/ready"}


def test_the_page_is_one_whole_document_that_follows_the_readers_colours() -> None:
    text = page([ending(200), bare(TARGET)], NOW, version="1.2.3")
    assert text.startswith("<!DOCTYPE html>\n")
    assert "color-scheme: light dark" in text
    assert '<html lang="en">' in text
    # Every element is closed where it should be: XML's parser is not as lenient as HTML's.
    body = text[text.index("<body>") : text.index("</html>")]
    etree.fromstring(body)


def test_a_policy_under_which_dates_do_not_count_is_heeded() -> None:
    record = looked(builders.adfs(pair(not_after=NOW - DAY)), policy=PolicySettings(profile=Profile.SAML, expiry=False))
    ((_, state, days, todo),) = rows(record)
    assert (state, days) == ("Steady", "-1.0")
    assert "by policy the dates of these certificates do not count" in todo


def test_an_entity_is_named_by_its_id() -> None:
    assert rows(looked(builders.saml_metadata()))[0][0].endswith(ENTITY_ID)


# --- looks, domains, all together

FARM = looked(builders.adfs(pair(), signer=pair()))
SIGNS = f"keys {pair().certificate.fingerprint[:8]} (signs)"
ROLLOVER = ["Rollover", "", ""]


def seen_from(record: Record, **looks: Observation | None) -> Record:
    """The target, looked at once more from each of these vantages; None: not yet."""
    found = beside(record, *(replace(record.target.look, vantage=vantage) for vantage in looks))
    for look, observation in zip(found.target.looks[1:], looks.values(), strict=True):
        found = found if observation is None else probed(found, observation, look=look)
    return found


def trusting(
    record: Record,
    *certificates: KeyPair,
    domain: str = "contoso.com",
    failing: TrustReason | None = None,
    detail: str = "",
    service: str = HOST,
) -> Record:
    """The target with a domain for which Entra ID trusts these certificates; then an inquiry may have failed."""
    slots = dict(zip((Slot.SIGNING, Slot.NEXT), (each.certificate for each in certificates), strict=False))
    known = DomainRecord(domain)
    if slots:
        answer = DomainTrust(TrustSource.GRAPH, federated=True, certificates=slots, service=service)
        known = trust.advance(known, Inquiry(NOW - DAY, None, "", answer))
    if failing is not None:
        known = trust.advance(known, Inquiry(NOW, failing, detail, trust=None))
    entra = Entra((*(record.target.entra.domains if record.target.entra else ()), domain))
    return replace(record, target=replace(record.target, entra=entra), domains=(*record.domains, known))


def refused(detail: str = "connection refused", at: datetime = NOW) -> Observation:
    return Observation(at, Reason.REFUSED, detail, {}, None, None, document=None)


def test_a_target_with_one_look_has_no_row_for_it() -> None:
    assert parts(FARM) == []


def test_every_look_has_its_row_with_place_state_and_keys() -> None:
    farm = seen_from(FARM, internet=refused(), intranet=None)
    assert parts(farm) == [
        ["service, from default", "Readable", "", SIGNS],
        ["service, from internet", "Not readable", "", "refused: connection refused"],
        ["service, from intranet", "Not looked at yet", "", ""],
    ]
    states = shown(farm).xpath(".//tr[contains(@class, 'small')]//span")
    assert [state.get("class") for state in states] == ["state ok", "state warning", "state warning"]


def test_looks_that_differ_are_told_since_when() -> None:
    rolled = read_document(builders.adfs(pair(), pair(nth=1), signer=pair()), ())
    (*_, differ) = parts(seen_from(FARM, internet=seen(rolled)))
    assert differ == [
        "",
        "Looks differ",
        "",
        "Looks get different keys, or documents that different keys signed, since 2026-06-01 12:00 UTC.",
    ]


def test_a_domain_has_its_name_state_advice_and_the_age_of_the_answer() -> None:
    (domain, state, days, todo), _ = parts(trusting(FARM, pair()))
    assert (domain, state, days) == ("contoso.com", TRUST_WORDS[TrustState.IN_SYNC], "")
    assert todo.startswith("Nothing to do in Entra ID, which trusts the primary for contoso.com.")
    assert todo.endswith("graph, 2026-05-31 12:00 UTC (24.0 h ago)")


def test_a_domain_says_why_there_is_no_newer_answer() -> None:
    (*_, todo), _ = parts(trusting(FARM, pair(), failing=TrustReason.PERMISSION, detail="403 Forbidden"))
    assert todo.endswith("(24.0 h ago); the last inquiry failed (permission): 403 Forbidden")


def test_each_domain_has_its_row_in_the_order_of_the_configuration() -> None:
    farm = trusting(trusting(FARM, pair(nth=1)), pair(), domain="fabrikam.com")
    assert [(domain, state) for domain, state, *_ in parts(farm)] == [
        ("contoso.com", "Broken"),
        ("fabrikam.com", "In sync"),
        ("Rollover", ""),
    ]


@pytest.mark.parametrize(
    ("farm", "css"),
    [
        (trusting(FARM, pair()), "ok"),
        (trusting(FARM, pair(), pair(nth=1)), "warning"),
        (trusting(FARM, pair(nth=1)), "critical"),
        (trusting(FARM, pair(), service="sts.fabrikam.example"), "warning"),
        (trusting(FARM), "info"),
    ],
    ids=["in sync", "in sync, and a foreign certificate", "broken", "not federated", "unknown"],
)
def test_a_trust_has_its_colour(farm: Record, css: str) -> None:
    (state,) = shown(farm).xpath(".//tr[@class='part']//span")
    assert state.get("class") == f"state {css}"


def test_the_action_table_is_asked_for_whoever_has_domains() -> None:
    farm = trusting(FARM, pair())
    _, row = parts(farm)
    assert row == [*ROLLOVER, action(farm.situation(NOW), farm.policy).text]
    assert parts(FARM) == []
    assert [name for name, *_ in parts(trusting(bare(TARGET), pair()))] == ["contoso.com"], "no document, no action"


def test_the_worst_of_rollover_trust_and_looks_decides_the_order() -> None:
    def named(name: str, days: float = 200) -> Record:
        return ending(days, name)

    fine = seen(read_document(builders.adfs(pair(not_after=NOW + 200 * DAY)), ()))
    other = pair(nth=1)
    records = (
        trusting(named("in sync"), pair()),
        named("steady, and ends first", 90),
        trusting(named("unknown")),
        named("overdue", 12),
        trusting(named("foreign"), pair(), other),
        seen_from(named("seen from everywhere", 150), internet=fine),
        seen_from(named("not from the internet"), internet=refused()),
        named("missing", 2),
        trusting(named("broken"), other),
    )
    assert names(*records) == [
        "broken",
        "missing",
        "foreign",
        "not from the internet",
        "overdue",
        "unknown",
        "steady, and ends first",
        "seen from everywhere",
        "in sync",
    ]


def test_nothing_that_others_wrote_about_looks_and_domains_becomes_markup() -> None:
    farm = seen_from(FARM, **{HOSTILE: refused(HOSTILE)})
    farm = trusting(farm, pair(), domain=HOSTILE, service=HOSTILE, failing=TrustReason.SERVER, detail=HOSTILE)
    tree = shown(farm)
    assert tree.findall(".//script") == []
    assert tree.findall(".//b") == []
    _, look, domain, _ = parts(farm)
    assert look[0] == f"service, from {HOSTILE}"
    assert look[-1] == f"refused: {HOSTILE}"
    assert domain[0] == HOSTILE
    assert f"sends the people of {HOSTILE} to {HOSTILE}," in domain[-1]
    assert domain[-1].endswith(HOSTILE)


def test_a_node_has_its_address_beside_its_name() -> None:
    node = replace(TARGET.look, node="wap1", address="10.0.0.11", vantage=INTERNET)
    assert parts(beside(FARM, node))[1][0] == "wap1 at 10.0.0.11, from internet"


def test_the_page_with_all_of_it_is_one_whole_document() -> None:
    text = page([trusting(seen_from(FARM, internet=refused()), pair())], NOW, version="1.2.3")
    etree.fromstring(text[text.index("<body>") : text.index("</html>")])
